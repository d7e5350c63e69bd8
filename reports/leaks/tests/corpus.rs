//! A small corpus, judged on every test run: floors below what the whole one reaches, on seeds that nothing was tuned
//! on. The whole one is `cargo run --release -p shakedown-leaks --example corpus`.

#[path = "../examples/corpus/chance.rs"]
mod chance;
#[path = "../examples/corpus/kinds.rs"]
mod kinds;
#[path = "../examples/corpus/trace.rs"]
#[expect(dead_code, reason = "the whole corpus draws more")]
mod trace;

use chance::Chance;
use kinds::{Draw, HEALTHY, LEAKY};
use shakedown_leaks::{Finding, Verdict, Watch, detect};
use trace::{Noise, Setting, Trace};

const SEEDS: std::ops::Range<u64> = 2_000..2_003;
const SAMPLES: f64 = 3_000.0;

fn findings(kinds: &[(&'static str, Draw)]) -> Vec<(&'static str, Trace, Finding)> {
    let traces = kinds
        .iter()
        .flat_map(|(name, draw)| SEEDS.map(move |seed| (*name, draw(&mut Chance::new(seed, name), SAMPLES))));
    traces
        .map(|(name, trace)| {
            let finding = detect(&trace.times, &trace.values);
            (name, trace, finding)
        })
        .collect()
}

fn names<'a>(some: impl Iterator<Item = &'a (&'static str, Trace, Finding)>) -> Vec<&'static str> {
    some.map(|it| it.0).collect()
}

#[test]
fn healthy_traces_are_no_leaks() {
    let all = findings(&HEALTHY);
    let wrong = names(all.iter().filter(|it| it.2.verdict == Verdict::Leak));
    assert!(wrong.len() * 100 <= all.len() * 3, "{} of {}: {wrong:?}", wrong.len(), all.len());
    let unsure = names(all.iter().filter(|it| it.2.verdict == Verdict::Inconclusive));
    assert!(unsure.len() * 100 <= all.len() * 3, "{} of {}: {unsure:?}", unsure.len(), all.len());
}

#[test]
fn leaky_traces_are_found_and_measured() {
    let all = findings(&LEAKY);
    let missed = names(all.iter().filter(|it| it.2.verdict != Verdict::Leak));
    assert!(missed.len() * 100 <= all.len() * 5, "{} of {}: {missed:?}", missed.len(), all.len());
    let covers = |it: &&(&str, Trace, Finding)| {
        it.2.slope_ci.is_some_and(|[low, high]| (low..=high).contains(&it.1.slope))
    };
    let found = || all.iter().filter(|it| it.2.verdict == Verdict::Leak);
    let covered = found().filter(covers).count();
    assert!(covered * 10 >= found().count() * 9, "{covered} of {}", found().count());
}

#[test]
fn watched_leaks_are_certain_before_the_end_and_healthy_traces_hardly_ever() {
    let certain = |kinds: &[(&'static str, Draw)]| {
        let is_certain = |(name, draw): &&(&'static str, Draw)| {
            let trace = draw(&mut Chance::new(2_000, name), SAMPLES);
            let mut watch = Watch::planned(trace.times[trace.times.len() - 1] - trace.times[0]);
            trace.times.iter().zip(&trace.values).any(|(time, value)| {
                watch.push(*time, *value);
                watch.look().is_some_and(|look| look.certain)
            })
        };
        kinds.iter().filter(is_certain).map(|it| it.0).collect::<Vec<_>>()
    };
    let (healthy, leaky) = (certain(&HEALTHY), certain(&LEAKY));
    assert!(healthy.len() <= 3, "{healthy:?}");
    assert!(leaky.len() >= 22, "{} of {}", leaky.len(), LEAKY.len());
}

#[test]
fn wandering_noise_is_no_leak_and_hides_none_of_eight_deviations() {
    const TRACES: u64 = 40;
    for (name, noise) in [("ar", Noise::Ar(0.99)), ("ou", Noise::Wander(0.02))] {
        let leaks = |growth: f64| {
            let is_leak = |seed: u64| {
                let mut chance = Chance::new(3_000 + seed, name);
                let setting = Setting::new(&mut chance, 6.0, 5.0);
                let course = setting.course(|u| growth * u);
                let trace = setting.trace(&mut chance, noise, &course);
                detect(&trace.times, &trace.values).verdict == Verdict::Leak
            };
            (0..TRACES).filter(|seed| is_leak(*seed)).count()
        };
        let (false_alarms, found) = (leaks(0.0), leaks(8.0));
        assert!(false_alarms <= 2, "{name}: {false_alarms} of {TRACES}");
        assert!(found >= 34, "{name}: {found} of {TRACES}");
    }
}
