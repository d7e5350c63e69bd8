//! What counting costs: a pair of an allocation and its end, alone and while another thread does the same.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use shakedown_vitals::Counting;

static ONE_SHARD: Counting<System, 1> = Counting::around(System);
static SHARDS: Counting = Counting::system();

fn pair(heap: &impl GlobalAlloc) {
    let layout = Layout::new::<[u8; 64]>();
    // SAFETY: freed once, with the same layout.
    unsafe { heap.dealloc(black_box(heap.alloc(black_box(layout))), layout) };
}

fn compare(c: &mut Criterion, group: &str) {
    let mut group = c.benchmark_group(group);
    group.bench_function("system", |b| b.iter(|| pair(&System)));
    group.bench_function("one shard", |b| b.iter(|| pair(&ONE_SHARD)));
    group.bench_function("sixteen shards", |b| b.iter(|| pair(&SHARDS)));
    group.finish();
}

fn cost(c: &mut Criterion) {
    compare(c, "alone");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                pair(&ONE_SHARD);
                pair(&SHARDS);
            }
        });
        compare(c, "beside another thread");
        over.store(true, Ordering::Relaxed);
    });
}

criterion_group!(benches, cost);
criterion_main!(benches);
