//! Counting what was right.

use std::ops::Range;
use std::time::Instant;

use shakedown_leaks::{Finding, Verdict, detect};

use crate::chance::Chance;
use crate::kinds::{HEALTHY, LEAKY};
use crate::trace::{Noise, Setting, Trace};

/// What is judged.
pub struct Options {
    /// One trace of each kind for each seed.
    pub seeds: Range<u64>,
    /// At most so many samples a trace.
    pub samples: f64,
    /// Only kinds whose name has this in it.
    pub only: String,
    /// Print what was wrong.
    pub list: bool,
    /// And why.
    pub explain: bool,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    all: u32,
    leak: u32,
    no_leak: u32,
    covered: u32,
}

// === impl Tally ===

impl Tally {
    fn count(&mut self, trace: &Trace, finding: &Finding) {
        self.all += 1;
        self.leak += u32::from(finding.verdict == Verdict::Leak);
        self.no_leak += u32::from(finding.verdict == Verdict::NoLeak);
        let covers = finding.slope_ci.is_some_and(|[low, high]| (low..=high).contains(&trace.slope));
        self.covered += u32::from(finding.verdict == Verdict::Leak && covers);
    }

    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.leak += other.leak;
        self.no_leak += other.no_leak;
        self.covered += other.covered;
    }
}

/// A share.
pub fn part(count: u32, all: u32) -> f64 {
    f64::from(count) / f64::from(all.max(1))
}

/// A table of every kind, and precision, recall and coverage over all.
pub fn kinds(options: &Options) {
    println!("{:32} {:>6} {:>6} {:>8} {:>8}", "kind", "leak", "noleak", "unknown", "covered");
    let (mut healthy, mut leaky) = (Tally::default(), Tally::default());
    for (group, sum) in [(&HEALTHY[..], &mut healthy), (&LEAKY[..], &mut leaky)] {
        for (name, draw) in group.iter().filter(|(name, _)| name.contains(&options.only)) {
            let mut tally = Tally::default();
            for seed in options.seeds.clone() {
                let trace = draw(&mut Chance::new(seed, name), options.samples);
                let finding = detect(&trace.times, &trace.values);
                tally.count(&trace, &finding);
                let right = trace.leaky == (finding.verdict == Verdict::Leak);
                let covers = finding.slope_ci.is_some_and(|[low, high]| (low..=high).contains(&trace.slope));
                if !right || (trace.leaky && !covers) {
                    let label = format!("  seed {seed}, truth {:.4}", trace.slope);
                    list(options, &label, &trace.times, &trace.values, &finding);
                }
            }
            sum.add(tally);
            let unknown = tally.all - tally.leak - tally.no_leak;
            let covered =
                if tally.leak > 0 { format!("{:.2}", part(tally.covered, tally.leak)) } else { "-".into() };
            println!("{name:32} {:>6} {:>6} {unknown:>8} {covered:>8}", tally.leak, tally.no_leak);
        }
        println!();
    }
    let precision = part(leaky.leak, leaky.leak + healthy.leak);
    let recall = part(leaky.leak, leaky.all);
    println!(
        "precision {precision:.4} (balanced {:.4}), recall {recall:.4}, coverage {:.4}, healthy noleak {:.4}, healthy unknown {:.4}",
        recall / (recall + part(healthy.leak, healthy.all)),
        part(leaky.covered, leaky.leak),
        part(healthy.no_leak, healthy.all),
        part(healthy.all - healthy.no_leak - healthy.leak, healthy.all)
    );
}

/// Prints what was wrong, and why, if that was asked for.
fn list(options: &Options, label: &str, times: &[f64], values: &[f64], finding: &Finding) {
    if options.list {
        let hours = (times[times.len() - 1] - times[0]) / 3_600.0;
        println!("{label}: {} samples, {hours:.1} h, {}", times.len(), brief(finding));
    }
    if options.explain {
        println!("    {}", shakedown_leaks::explain(times, values));
    }
}

fn brief(finding: &Finding) -> String {
    format!(
        "{} p={:.3} slope {:.4?} ci {:.4?} onset {:?} {:?}",
        finding.verdict.word(),
        finding.confidence,
        finding.slope_per_hour.unwrap_or(f64::NAN),
        finding.slope_ci.unwrap_or([f64::NAN; 2]),
        finding.onset_s,
        finding.why
    )
}

/// Wandering noise: how often it is called a leak, and how often growth of 8 standard deviations in it is found.
pub fn noise(options: &Options) {
    println!("{:32} {:>8} {:>8} {:>8} {:>8}", "noise", "false", "power 8", "power 5", "covered");
    let sizes = [600.0, 1_500.0, 3_600.0, 14_400.0];
    let count = (options.seeds.end - options.seeds.start) * 10;
    for (name, noise) in [
        ("AR(.99)", Noise::Ar(0.99)),
        ("OU, tau 2 %", Noise::Wander(0.02)),
        ("AR(.9)", Noise::Ar(0.9)),
        ("OU, tau 5 %", Noise::Wander(0.05)),
    ] {
        for samples in sizes {
            let of = |growth: f64| {
                let mut tally = Tally::default();
                for seed in 0..count {
                    let mut chance = Chance::new(options.seeds.start * 10 + seed, name);
                    let setting = Setting::new(&mut chance, samples / 3_600.0 * 5.0, 5.0);
                    let course = setting.course(|u| growth * u);
                    let trace = setting.trace(&mut chance, noise, &course).leaking(&setting, growth);
                    tally.count(&trace, &detect(&trace.times, &trace.values));
                }
                tally
            };
            let (none, eight, five) = (of(0.0), of(8.0), of(5.0));
            println!(
                "{:32} {:>8.3} {:>8.3} {:>8.3} {:>8.3}",
                format!("{name}, {samples} samples"),
                part(none.leak, none.all),
                part(eight.leak, eight.all),
                part(five.leak, five.all),
                part(eight.covered, eight.leak)
            );
        }
    }
}

/// Healthy traces looked at again and again while they grow: how many are called a leak at any look.
pub fn prefixes(options: &Options) {
    println!("{:32} {:>8}", "healthy, ten looks", "false");
    let (mut wrong, mut all) = (0, 0);
    for (name, draw) in HEALTHY.iter().filter(|(name, _)| name.contains(&options.only)) {
        let (mut here, mut looks) = (0, [0; 11]);
        for seed in options.seeds.clone() {
            let trace = draw(&mut Chance::new(seed, name), options.samples);
            let mut any = false;
            for look in 1..=10 {
                let (times, values) = trace.prefix(f64::from(look) / 10.0);
                let finding = detect(times, values);
                if finding.verdict == Verdict::Leak {
                    any = true;
                    looks[look as usize] += 1;
                    list(options, &format!("  seed {seed}, look {look}"), times, values, &finding);
                }
            }
            here += u32::from(any);
            all += 1;
        }
        wrong += here;
        println!("{name:32} {here:>8}  {:?}", &looks[1..]);
    }
    println!("{:32} {:>8.3}", "any look", part(wrong, all));
}

/// How long a trace takes.
pub fn times() {
    for (count, runs) in [(10_000, 20), (172_800, 5)] {
        let mut chance = Chance::new(1, "times");
        let setting = Setting::new(&mut chance, f64::from(count) / 3_600.0, 1.0);
        let course = setting.course(|u| 10.0 * u);
        let trace = setting.trace(&mut chance, Noise::White, &course);
        let mut best = f64::MAX;
        for _ in 0..runs {
            #[expect(clippy::disallowed_methods, reason = "it measures itself; nothing is judged by it")]
            let start = Instant::now();
            let finding = detect(&trace.times, &trace.values);
            assert_ne!(finding.verdict, Verdict::NoLeak);
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{count} samples: {:.2} ms", best * 1e3);
    }
}
