//! What the pure parts of a proxy cost for each chunk: deciding and queueing, and counting bytes against a limit.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shakedown_faults::toxic::{Bucket, Direction, Injection, Met, Next, Pipe, Rules, Toxic};
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::{Bandwidth, Span};

const CHUNK: usize = 4 << 10;

fn latency(jitter: Span) -> Toxic {
    Toxic::jittery(Span::millis(1), jitter)
}

fn limit() -> Toxic {
    Toxic::bandwidth(Bandwidth::bytes_per_second(1 << 40))
}

fn piping(criterion: &mut Criterion) {
    let rules = |toxics: &[Toxic]| {
        toxics.iter().zip(1..).fold(Rules::default(), |rules, (toxic, id)| {
            let injection = Injection::new(toxic.clone(), Way::Upstream);
            rules.with(id, injection, 0).expect("every number is used once")
        })
    };
    let cases = [
        ("no toxic that matters", rules(&[Toxic::Noop {}])),
        ("latency", rules(&[latency(Span::ZERO)])),
        ("latency with jitter", rules(&[latency(Span::micros(500))])),
        ("bandwidth", rules(&[limit()])),
        ("latency and bandwidth", rules(&[latency(Span::ZERO), limit()])),
    ];
    let mut group = criterion.benchmark_group("take, next and sent of 4 KiB");
    group.throughput(Throughput::Bytes(CHUNK as u64));
    for (name, rules) in cases {
        let met = Met { streams: Streams::new(1), number: 0, client: [127, 0, 0, 1].into() };
        let mut pipe = Pipe::new(Direction::Upstream);
        let bytes = [0; CHUNK];
        let mut now = Span::ZERO;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let _ = pipe.settle(now, &rules, &met);
                pipe.take(bytes.to_vec(), now);
                now = now.plus(Span::millis(2));
                let count = match pipe.next(now) {
                    Next::Write(bytes) => black_box(bytes).len(),
                    other => unreachable!("all is due two milliseconds later: {other:?}"),
                };
                pipe.sent(count, now);
            });
        });
    }
}

fn limiting(criterion: &mut Criterion) {
    let mut bucket = Bucket::new(Bandwidth::bytes_per_second(100_000_000), Toxic::BURST, Span::ZERO);
    let mut now = Span::ZERO;
    criterion.bench_function("ready_at, allowance and sent of a bucket", |bencher| {
        bencher.iter(|| {
            now = black_box(bucket.ready_at(CHUNK, now)).expect("the rate is above zero").max(now);
            let allowed = bucket.allowance(now).min(CHUNK);
            bucket.sent(black_box(allowed), now);
        });
    });
}

criterion_group!(benches, piping, limiting);
criterion_main!(benches);
