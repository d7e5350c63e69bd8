//! What the pure parts of a load cost: due times and windows.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use shakedown_load::arrivals::DueTimes;
use shakedown_load::recorder::histogram;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{Arrivals, Spacing, Stage};

fn due_times(criterion: &mut Criterion) {
    let rate = |hertz| Rate::per_second(hertz).expect("a rate within its range");
    let stage = |hertz, secs| Stage { rate: rate(hertz), over: Span::secs(secs) };
    let stages = |spacing| Arrivals::Stages { spacing, stages: vec![stage(100.0, 10), stage(9_000.0, 100)] };
    let shapes = [
        ("constant", Arrivals::Constant(rate(5_000.0))),
        ("poisson", Arrivals::Poisson(rate(5_000.0))),
        ("even ramp", stages(Spacing::Even)),
        ("random ramp", stages(Spacing::Random)),
    ];
    for (name, arrivals) in shapes {
        let dues = || DueTimes::new(&arrivals, Streams::new(1).arrivals("bench"), Span::secs(86_400));
        criterion.bench_function(&format!("10,000 due times, {name}"), |bencher| {
            bencher.iter(|| dues().take(10_000).fold(0, |last, due| last ^ black_box(due)));
        });
    }
}

fn windows(criterion: &mut Criterion) {
    let mut latency = histogram();
    criterion.bench_function("record a latency", |bencher| {
        let mut micros = 1;
        bencher.iter(|| {
            micros = micros * 48_271 % 2_147_483_647;
            latency.saturating_record(black_box(micros % 1_000_000));
        });
    });
    criterion.bench_function("copy and empty a second's histogram", |bencher| {
        bencher.iter(|| {
            let copy = black_box(&latency).clone();
            latency.reset();
            copy
        });
    });
}

criterion_group!(benches, due_times, windows);
criterion_main!(benches);
