//! What the pure parts of a proxy cost for each chunk: deciding, queueing, and counting bytes against a limit.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shakedown_faults::toxic::{Bucket, Chance, Chunk, Direction, Next, Pipe, Rules, Toxic};
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::{Bandwidth, Span};

const CHUNK: usize = 4 << 10;

fn latency(jitter: Span) -> Toxic {
    Toxic::Latency { delay: Span::millis(1), jitter, way: Way::Upstream }
}

fn limit() -> Toxic {
    Toxic::Bandwidth { rate: Bandwidth::bytes_per_second(1 << 40), way: Way::Upstream }
}

fn chance() -> Chance {
    Chance::new(Streams::new(1), 0, Direction::Upstream)
}

fn deciding(criterion: &mut Criterion) {
    let chunk = Chunk { len: CHUNK, direction: Direction::Upstream };
    let toxics = [
        ("latency", latency(Span::ZERO)),
        ("latency with jitter", latency(Span::micros(500))),
        ("bandwidth", limit()),
    ];
    for (name, toxic) in toxics {
        let mut chance = chance();
        criterion.bench_function(&format!("decide about a chunk, {name}"), |bencher| {
            bencher.iter(|| black_box(&toxic).decide(black_box(chunk), &mut chance));
        });
    }
}

fn piping(criterion: &mut Criterion) {
    let rules = |toxics: &[Toxic]| {
        toxics.iter().zip(1..).fold(Rules::default(), |rules, (toxic, id)| {
            rules.with(id, *toxic).expect("every number is used once")
        })
    };
    let cases = [
        ("no toxic", rules(&[])),
        ("latency", rules(&[latency(Span::ZERO)])),
        ("latency with jitter", rules(&[latency(Span::micros(500))])),
        ("bandwidth", rules(&[limit()])),
        ("latency and bandwidth", rules(&[latency(Span::ZERO), limit()])),
    ];
    let mut group = criterion.benchmark_group("take, next and sent of 4 KiB");
    group.throughput(Throughput::Bytes(CHUNK as u64));
    for (name, rules) in cases {
        let mut pipe = Pipe::new(Direction::Upstream, chance());
        let bytes = [0; CHUNK];
        let mut now = Span::ZERO;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let _ = pipe.settle(now, &rules);
                pipe.take(&bytes, now, &rules);
                now = now.plus(Span::millis(2));
                let count = match pipe.next(now, &rules) {
                    Next::Write(bytes) => black_box(bytes).len(),
                    other => unreachable!("all is due two milliseconds later: {other:?}"),
                };
                pipe.sent(count, now, &rules);
            });
        });
    }
}

fn limiting(criterion: &mut Criterion) {
    let mut bucket = Bucket::new(Bandwidth::bytes_per_second(100_000_000), Span::ZERO);
    let mut now = Span::ZERO;
    criterion.bench_function("ready_at, allowance and sent of a bucket", |bencher| {
        bencher.iter(|| {
            now = black_box(bucket.ready_at(CHUNK, now)).expect("the rate is above zero").max(now);
            let allowed = bucket.allowance(now).min(CHUNK);
            bucket.sent(black_box(allowed), now);
        });
    });
}

criterion_group!(benches, deciding, piping, limiting);
criterion_main!(benches);
