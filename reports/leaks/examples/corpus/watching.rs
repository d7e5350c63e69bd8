//! Watching traces while they grow: who is certain, and when.

use shakedown_leaks::{Watch, detect};

use crate::chance::Chance;
use crate::kinds::{Draw, HEALTHY, LEAKY};
use crate::score::{Options, part};
use crate::trace::Trace;

/// The part of the trace after which its leak was certain.
fn certain_at(mut watch: Watch, trace: &Trace) -> Option<f64> {
    let length = trace.times[trace.times.len() - 1] - trace.times[0];
    trace.times.iter().zip(&trace.values).find_map(|(time, value)| {
        watch.push(*time, *value);
        watch.look().filter(|look| look.certain).map(|look| look.length_s / length)
    })
}

/// What became of all traces of a group.
#[derive(Default)]
struct Sum {
    all: u32,
    parts: Vec<f64>,
}

// === impl Sum ===

impl Sum {
    fn share(&self) -> f64 {
        part(self.parts.len() as u32, self.all)
    }

    fn median(&mut self) -> f64 {
        self.parts.sort_by(f64::total_cmp);
        self.parts.get(self.parts.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Each trace, watched with its length known and without: how often it was certain at any look, and after how much.
pub fn watch(options: &Options) {
    println!(
        "{:32} {:>8} {:>6} {:>8} {:>6}",
        "watched, certain at any look", "planned", "after", "open", "after"
    );
    for (word, group) in [("healthy", &HEALTHY[..]), ("leaky", &LEAKY[..])] {
        let (mut planned, mut open) = (Sum::default(), Sum::default());
        for (name, draw) in group.iter().filter(|(name, _)| name.contains(&options.only)) {
            let (mut with, mut without) = kind(options, name, *draw);
            println!(
                "{name:32} {:>8} {:>6.2} {:>8} {:>6.2}",
                with.parts.len(),
                with.median(),
                without.parts.len(),
                without.median()
            );
            for (sum, of) in [(&mut planned, with), (&mut open, without)] {
                sum.all += of.all;
                sum.parts.extend(of.parts);
            }
        }
        println!(
            "{:32} {:>8.3} {:>6.2} {:>8.3} {:>6.2}\n",
            format!("all {word}"),
            planned.share(),
            planned.median(),
            open.share(),
            open.median()
        );
    }
}

fn kind(options: &Options, name: &str, draw: Draw) -> (Sum, Sum) {
    let (mut with, mut without) = (Sum::default(), Sum::default());
    for seed in options.seeds.clone() {
        let trace = draw(&mut Chance::new(seed, name), options.samples);
        let length = trace.times[trace.times.len() - 1] - trace.times[0];
        for (sum, watch) in [(&mut with, Watch::planned(length)), (&mut without, Watch::new())] {
            sum.all += 1;
            sum.parts.extend(certain_at(watch, &trace));
        }
        if options.list && !trace.leaky && certain_at(Watch::planned(length), &trace).is_some() {
            println!("  seed {seed}: {:?}", detect(&trace.times, &trace.values).verdict);
        }
    }
    (with, without)
}
