//! The laws of a pipe, under any order of events: no byte lost, none doubled, none early, none out of order.

use proptest::prelude::*;
use shakedown_faults::toxic::{
    BUFFER, Chance, DELAY_BUFFER, Direction, End, Next, Pipe, Rules, Settled, Toxic,
};
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::{Bandwidth, Span};

const WAY: Way = Way::Both;

fn pipe() -> Pipe {
    Pipe::new(Direction::Upstream, Chance::new(Streams::new(42), 0, Direction::Upstream))
}

fn latency(delay: Span, jitter: Span) -> Toxic {
    Toxic::Latency { delay, jitter, way: WAY }
}

fn bandwidth(bytes_per_second: u64) -> Toxic {
    Toxic::Bandwidth { rate: Bandwidth::bytes_per_second(bytes_per_second), way: WAY }
}

/// A pipe, its rules and a clock, with everything that came out.
struct Bench {
    pipe: Pipe,
    rules: Rules,
    now: Span,
    written: Vec<u8>,
    writes: Vec<(Span, usize)>,
    ended: Option<(Span, End)>,
    reset: bool,
}

impl Bench {
    fn new() -> Self {
        let (written, writes) = (Vec::new(), Vec::new());
        let (rules, now) = (Rules::default(), Span::ZERO);
        Self { pipe: pipe(), rules, now, written, writes, ended: None, reset: false }
    }

    fn under(toxic: Toxic) -> Self {
        let mut bench = Self::new();
        bench.inject(1, toxic);
        bench
    }

    fn inject(&mut self, id: u32, toxic: Toxic) {
        if let Ok(rules) = self.rules.with(id, toxic) {
            self.change(rules);
        }
    }

    fn heal(&mut self, id: u32) {
        if let Some((rules, _)) = self.rules.without(id) {
            self.change(rules);
        }
    }

    fn change(&mut self, rules: Rules) {
        self.rules = rules;
        self.reset |= matches!(self.pipe.settle(self.now, &self.rules), Settled::Reset(_));
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = self.pipe.room(&self.rules).min(bytes.len());
        self.pipe.take(&bytes[..room], self.now, &self.rules);
    }

    /// Writes all that may be written up to a moment, waking exactly when the pipe asks for it.
    fn run_until(&mut self, moment: Span) {
        loop {
            match self.pipe.next(self.now, &self.rules) {
                Next::Write(bytes) => {
                    let count = bytes.len();
                    self.written.extend(bytes);
                    self.writes.push((self.now, count));
                    self.pipe.sent(count, self.now, &self.rules);
                }
                Next::End(end) => {
                    self.ended = Some((self.now, end));
                    self.pipe.ended(self.now, &self.rules);
                }
                Next::At(at) if at <= moment => {
                    assert!(at > self.now, "a moment in the past makes a busy loop");
                    self.now = at;
                }
                Next::At(_) | Next::Held | Next::Idle => break,
            }
        }
        self.now = self.now.max(moment);
    }

    fn evidence(&self, id: u32) -> shakedown_faults::toxic::Evidence {
        let rule = self.rules.iter().find(|rule| rule.id == id).expect("the toxic holds");
        rule.tally.evidence(rule.toxic)
    }
}

#[test]
fn delays_never_add_up_over_queued_chunks() {
    let mut bench = Bench::under(latency(Span::millis(100), Span::ZERO));
    for step in 0..200 {
        bench.run_until(Span::millis(step));
        bench.take(&[step as u8]);
    }
    bench.run_until(Span::secs(10));
    let late = bench.writes.iter().enumerate().map(|(step, (at, _))| at.minus(Span::millis(step as u64)));
    assert!(late.clone().count() == 200 && late.into_iter().all(|late| late == Span::millis(100)));
    let evidence = bench.evidence(1);
    assert_eq!((evidence.chunks_delayed, evidence.mean_delay), (200, Span::millis(100)));
    assert!(evidence.bit());
}

#[test]
fn two_latencies_add() {
    let mut bench = Bench::under(latency(Span::millis(30), Span::ZERO));
    bench.inject(2, latency(Span::millis(12), Span::ZERO));
    bench.take(b"x");
    bench.run_until(Span::secs(1));
    assert_eq!(bench.writes, [(Span::millis(42), 1)]);
}

#[test]
fn a_healed_latency_holds_nothing_back_and_a_living_one_still_does() {
    let mut bench = Bench::under(latency(Span::millis(500), Span::ZERO));
    bench.inject(2, latency(Span::millis(20), Span::ZERO));
    bench.take(b"x");
    bench.run_until(Span::millis(10));
    bench.heal(1);
    bench.run_until(Span::secs(1));
    assert_eq!(bench.writes, [(Span::millis(20), 1)]);
}

#[test]
fn an_end_is_as_late_as_bytes_are() {
    let mut bench = Bench::under(latency(Span::millis(50), Span::ZERO));
    bench.take(b"last words");
    bench.run_until(Span::millis(10));
    bench.pipe.take_end(End::Finished, bench.now, &bench.rules);
    bench.run_until(Span::secs(1));
    assert_eq!(bench.writes, [(Span::millis(50), 10)]);
    assert_eq!(bench.ended, Some((Span::millis(60), End::Finished)));
    assert!(bench.pipe.is_done());
}

#[test]
fn a_partition_holds_bytes_ends_and_what_was_under_way() {
    let mut bench = Bench::under(latency(Span::millis(50), Span::ZERO));
    bench.take(b"under way");
    bench.inject(2, Toxic::Partition { way: WAY });
    bench.take(b" and after");
    bench.pipe.take_end(End::Reset, bench.now, &bench.rules);
    bench.run_until(Span::secs(5));
    assert_eq!((bench.writes.len(), bench.ended), (0, None));
    assert_eq!(bench.evidence(2).bytes_held, 19);
    bench.heal(2);
    bench.run_until(Span::secs(5));
    assert_eq!(
        (bench.written.as_slice(), bench.ended),
        (b"under way and after".as_slice(), Some((Span::secs(5), End::Reset)))
    );
}

#[test]
fn a_blackhole_resets_at_heal_those_that_lost_something_and_nobody_else() {
    let toxic = Toxic::Blackhole { way: WAY };
    let mut idle = Bench::under(toxic);
    idle.heal(1);
    assert!(!idle.reset);

    let mut losing = Bench::under(toxic);
    losing.take(b"gone");
    losing.run_until(Span::secs(1));
    assert_eq!((losing.written.len(), losing.evidence(1).bytes_swallowed), (0, 4));
    losing.inject(2, latency(Span::millis(1), Span::ZERO));
    assert!(!losing.reset, "only the heal of what took the bytes resets");
    losing.heal(1);
    assert!(losing.reset);
}

#[test]
fn an_end_that_was_swallowed_is_something_lost() {
    let mut bench = Bench::under(Toxic::Blackhole { way: WAY });
    bench.pipe.take_end(End::Finished, bench.now, &bench.rules);
    bench.run_until(Span::secs(1));
    assert_eq!(bench.ended, None);
    bench.heal(1);
    assert!(bench.reset);
}

#[test]
fn a_limit_paces_evenly_and_counts_what_waited() {
    let mut bench = Bench::under(bandwidth(1_000_000));
    bench.take(&[7; 50_000]);
    bench.run_until(Span::secs(1));
    assert_eq!(bench.written.len(), 50_000);
    let (last, _) = bench.writes[bench.writes.len() - 1];
    assert!(last >= Span::millis(50) && last < Span::millis(51), "{last}");
    let gaps = bench.writes.windows(2).map(|pair| pair[1].0.minus(pair[0].0));
    assert!(gaps.max() <= Some(Span::millis(5)), "{:?}", bench.writes);
    let evidence = bench.evidence(1);
    assert!(evidence.bit() && evidence.bytes_paced == 50_000, "{evidence}");
}

#[test]
fn rate_zero_stalls_until_it_heals() {
    let mut bench = Bench::under(bandwidth(0));
    bench.take(b"x");
    bench.run_until(Span::secs(100));
    assert_eq!(bench.written.len(), 0);
    bench.heal(1);
    bench.run_until(Span::secs(101));
    assert_eq!(bench.writes, [(Span::secs(100), 1)]);
}

#[test]
fn what_is_kept_is_bounded_in_bytes_and_in_chunks() {
    for (toxic, most) in [
        (Toxic::Partition { way: WAY }, BUFFER),
        (bandwidth(1), BUFFER),
        (latency(Span::secs(3_600), Span::ZERO), DELAY_BUFFER),
    ] {
        for size in [1, 1_000, BUFFER] {
            let mut bench = Bench::under(toxic);
            let chunk = vec![0; size];
            let mut chunks = 0;
            while bench.pipe.room(&bench.rules) > 0 {
                bench.take(&chunk);
                chunks += 1;
            }
            assert!(bench.pipe.kept() <= most, "{toxic:?} keeps {}", bench.pipe.kept());
            assert!(chunks <= most / 100, "{chunks} chunks of {size} bytes under {toxic:?}");
        }
    }
}

#[test]
fn a_sink_that_takes_nothing_gets_no_deep_buffer() {
    let mut bench = Bench::under(latency(Span::millis(1), Span::ZERO));
    bench.pipe.block(true);
    assert_eq!(bench.pipe.room(&bench.rules), BUFFER);
    bench.pipe.block(false);
    assert_eq!(bench.pipe.room(&bench.rules), DELAY_BUFFER);
}

/// The same seed gives the same fates. The figures are those of the streams that `Chance` pins, for the first three
/// chunks of the first connection.
#[test]
fn the_same_seed_gives_the_same_fates() {
    let mut bench = Bench::under(latency(Span::millis(100), Span::millis(20)));
    for start in [0, 1_000, 2_000] {
        bench.run_until(Span::millis(start));
        bench.take(b"x");
    }
    bench.run_until(Span::secs(10));
    let moments: Vec<u64> = bench.writes.iter().map(|(at, _)| at.as_nanos()).collect();
    assert_eq!(moments, [108_345_081, 1_117_882_501, 2_112_496_382]);
}

/// What may happen to a connection from which nothing may be lost.
#[derive(Clone, Debug)]
enum Event {
    Take(usize),
    Wait(u64),
    Inject(u32, Toxic),
    Heal(u32),
    Block(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let lossless = prop_oneof![
        (0u64..50_000_000, 0u64..50_000_000)
            .prop_map(|(delay, jitter)| latency(Span::nanos(delay), Span::nanos(jitter))),
        (0u64..2_000_000).prop_map(bandwidth),
        Just(Toxic::Partition { way: WAY }),
        Just(Toxic::Blackhole { way: Way::Downstream }),
        Just(Toxic::Refuse),
    ];
    prop_oneof![
        3 => (1usize..20_000).prop_map(Event::Take),
        3 => (0u64..30_000_000).prop_map(Event::Wait),
        2 => (0u32..4, lossless).prop_map(|(id, toxic)| Event::Inject(id, toxic)),
        2 => (0u32..4).prop_map(Event::Heal),
        1 => any::<bool>().prop_map(Event::Block),
    ]
}

proptest! {
    /// Whatever lossless toxics come, change and go: every byte comes out once and in order, and once all are healed
    /// nothing is kept back.
    #[test]
    fn no_byte_is_lost_doubled_or_reordered(events in prop::collection::vec(event(), 1..80)) {
        let mut bench = Bench::new();
        let mut sent = Vec::new();
        for event in events {
            match event {
                Event::Take(count) => {
                    let count = count.min(bench.pipe.room(&bench.rules));
                    let bytes: Vec<u8> = (sent.len()..sent.len() + count).map(|place| (place % 251) as u8).collect();
                    bench.take(&bytes);
                    sent.extend(bytes);
                }
                Event::Wait(nanos) => {
                    let until = bench.now.plus(Span::nanos(nanos));
                    bench.run_until(until);
                }
                Event::Inject(id, toxic) => bench.inject(id, toxic),
                Event::Heal(id) => bench.heal(id),
                Event::Block(blocked) => bench.pipe.block(blocked),
            }
            prop_assert!(!bench.reset);
            prop_assert_eq!(bench.written.len() + bench.pipe.kept(), sent.len());
            prop_assert!(bench.pipe.kept() <= DELAY_BUFFER);
        }
        for id in 0..4 {
            bench.heal(id);
        }
        bench.pipe.take_end(End::Finished, bench.now, &bench.rules);
        let healed_at = bench.now;
        bench.run_until(healed_at);
        prop_assert!(bench.written == sent);
        prop_assert_eq!(bench.ended, Some((healed_at, End::Finished)));
    }

    /// Under one latency that stays, no chunk leaves before its own deadline, nor later than the latest deadline of those
    /// before it.
    #[test]
    fn no_chunk_is_early_and_none_later_than_order_asks(
        delay in 0u64..100_000_000,
        jitter in 0u64..100_000_000,
        gaps in prop::collection::vec(0u64..40_000_000, 1..40),
    ) {
        let mut bench = Bench::under(latency(Span::nanos(delay), Span::nanos(jitter)));
        let mut came = Vec::new();
        for gap in gaps {
            let until = bench.now.plus(Span::nanos(gap));
            bench.run_until(until);
            came.push(bench.now);
            bench.take(&[0]);
        }
        bench.run_until(Span::secs(1_000));
        prop_assert_eq!(bench.writes.len(), came.len());
        let mut latest = Span::ZERO;
        for ((left, _), came) in bench.writes.iter().zip(came) {
            prop_assert!(*left >= came.plus(Span::nanos(delay)).minus(Span::nanos(jitter)));
            latest = latest.max(came.plus(Span::nanos(delay + jitter)));
            prop_assert!(*left <= latest);
        }
    }
}
