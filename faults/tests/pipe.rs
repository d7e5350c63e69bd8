//! The laws of a pipe, under any order of events: no byte lost, none doubled, none early, none out of order.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped here has failed the test")]

use proptest::prelude::*;
use shakedown_faults::toxic::{
    Aim, BUFFER, DELAY_BUFFER, Direction, End, Evidence, Injection, Met, Next, Over, Pipe, Rules, Toxic,
};
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::{Blackhole, Damage, Ending, Grain, Side};
use shakedown_scenarios::units::{Bandwidth, Ratio, Size, Span};

const WAY: Way = Way::Both;

fn latency(delay: Span, jitter: Span) -> Toxic {
    Toxic::jittery(delay, jitter)
}

fn bandwidth(bytes_per_second: u64) -> Toxic {
    Toxic::bandwidth(Bandwidth::bytes_per_second(bytes_per_second))
}

fn blackhole() -> Toxic {
    Toxic::Blackhole { mode: Blackhole::Drop }
}

fn ratio(value: f64) -> Ratio {
    Ratio::new(value).unwrap()
}

/// A pipe, its rules and a clock, with everything that came out.
struct Bench {
    pipe: Pipe,
    rules: Rules,
    now: Span,
    written: Vec<u8>,
    writes: Vec<(Span, usize)>,
    ended: Option<(Span, End)>,
    over: Option<Over>,
    number: u64,
}

impl Bench {
    fn new() -> Self {
        Self::numbered(0)
    }

    /// With the connection of this number.
    fn numbered(number: u64) -> Self {
        let (written, writes) = (Vec::new(), Vec::new());
        let (pipe, rules, now) = (Pipe::new(Direction::Upstream), Rules::default(), Span::ZERO);
        Self { pipe, rules, now, written, writes, ended: None, over: None, number }
    }

    fn under(toxic: Toxic) -> Self {
        let mut bench = Self::new();
        bench.inject(1, toxic);
        bench
    }

    fn inject(&mut self, id: u32, toxic: Toxic) {
        self.aim(id, toxic, Aim::at(WAY));
    }

    /// The name of its stream of chance is the one that `Chance`'s own vectors have.
    fn aim(&mut self, id: u32, toxic: Toxic, aim: Aim) {
        let injection = Injection { name: "slow".to_owned(), toxic, aim };
        if let Ok(rules) = self.rules.with(id, injection, 0) {
            self.change(rules);
        }
    }

    fn update(&mut self, id: u32, toxic: Toxic) {
        let injection = Injection { name: "slow".to_owned(), toxic, aim: Aim::at(WAY) };
        self.change(self.rules.updated(id, injection).unwrap());
    }

    fn heal(&mut self, id: u32) {
        if let Some((rules, _)) = self.rules.without(id) {
            self.change(rules);
        }
    }

    fn change(&mut self, rules: Rules) {
        self.rules = rules;
        let met = Met { streams: Streams::new(42), number: self.number, client: [127, 0, 0, 1].into() };
        let over = self.pipe.settle(self.now, &self.rules, &met);
        self.over = self.over.or(over);
    }

    fn take(&mut self, bytes: &[u8]) {
        let (room, _) = self.pipe.room(self.now, true);
        self.pipe.take(bytes[..room.min(bytes.len())].to_vec(), self.now);
    }

    fn end(&mut self, end: End) {
        self.pipe.take_end(end, self.now);
    }

    /// Writes all that may be written up to a moment, waking exactly when the pipe asks for it.
    fn run_until(&mut self, moment: Span) {
        loop {
            match self.pipe.next(self.now) {
                Next::Write(bytes) => {
                    let count = bytes.len();
                    self.written.extend(bytes);
                    self.writes.push((self.now, count));
                    self.pipe.sent(count, self.now);
                }
                Next::End(end) => {
                    self.ended = Some((self.now, end));
                    self.pipe.ended(self.now);
                }
                Next::At(at) if at <= moment => {
                    assert!(at > self.now, "a moment in the past makes a busy loop");
                    self.now = at;
                }
                Next::Over(over) => {
                    self.over = self.over.or(Some(over));
                    break;
                }
                Next::At(_) | Next::Held | Next::Idle => break,
            }
        }
        self.now = self.now.max(moment);
        self.over = self.over.or(self.pipe.time_is_up(self.now));
    }

    fn evidence(&self, id: u32) -> Evidence {
        let rule = self.rules.get(id).expect("the toxic holds");
        rule.tally.evidence(rule.toxic())
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
    bench.end(End::Finished);
    bench.run_until(Span::secs(1));
    assert_eq!(bench.writes, [(Span::millis(50), 10)]);
    assert_eq!(bench.ended, Some((Span::millis(60), End::Finished)));
    assert!(bench.pipe.is_done());
}

#[test]
fn a_partition_holds_bytes_ends_and_what_was_under_way() {
    let mut bench = Bench::under(latency(Span::millis(50), Span::ZERO));
    bench.take(b"under way");
    bench.inject(2, Toxic::Partition {});
    bench.take(b" and after");
    bench.end(End::Reset);
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
    let mut idle = Bench::under(blackhole());
    idle.heal(1);
    assert_eq!(idle.over, None);

    let mut losing = Bench::under(blackhole());
    losing.take(b"gone");
    losing.run_until(Span::secs(1));
    assert_eq!((losing.written.len(), losing.evidence(1).bytes_swallowed), (0, 4));
    losing.inject(2, latency(Span::millis(1), Span::ZERO));
    assert_eq!(losing.over, None, "only the heal of what took the bytes resets");
    losing.heal(1);
    assert_eq!(losing.over, Some(Over::RESET));
}

#[test]
fn an_end_that_was_swallowed_is_something_lost() {
    let mut bench = Bench::under(blackhole());
    bench.end(End::Finished);
    bench.run_until(Span::secs(1));
    assert_eq!(bench.ended, None);
    bench.heal(1);
    assert_eq!(bench.over, Some(Over::RESET));
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
        (Toxic::Partition {}, BUFFER),
        (bandwidth(1), BUFFER),
        (latency(Span::secs(3_600), Span::ZERO), DELAY_BUFFER),
    ] {
        for size in [1, 1_000, BUFFER] {
            let mut bench = Bench::under(toxic.clone());
            let chunk = vec![0; size];
            let mut chunks = 0;
            while bench.pipe.room(bench.now, true).0 > 0 {
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
    for _ in 0..2 {
        bench.take(&[0; BUFFER]);
    }
    assert_eq!(bench.pipe.kept(), 2 * BUFFER);
    assert_eq!(bench.pipe.room(bench.now, false), (0, None), "the link has no memory left for it");
    bench.pipe.block(true);
    assert_eq!(bench.pipe.room(bench.now, true), (0, None));
    bench.pipe.block(false);
    assert_eq!(bench.pipe.room(bench.now, true), (BUFFER, None));
}

/// The same seed gives the same fates. The figures are those of the streams that `Chance` pins, for the first three
/// chunks of the first connection.
#[test]
fn safety_13_the_same_seed_gives_the_same_fates() {
    let mut bench = Bench::under(latency(Span::millis(100), Span::millis(20)));
    for start in [0, 1_000, 2_000] {
        bench.run_until(Span::millis(start));
        bench.take(b"x");
    }
    bench.run_until(Span::secs(10));
    let moments: Vec<u64> = bench.writes.iter().map(|(at, _)| at.as_nanos()).collect();
    assert_eq!(moments, [111_903_813, 1_087_781_460, 2_104_963_413]);
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
        (1u64..50_000_000, 0u64..50_000_000)
            .prop_map(|(delay, jitter)| latency(Span::nanos(delay), Span::nanos(jitter))),
        (0u64..2_000_000).prop_map(bandwidth),
        Just(Toxic::Partition {}),
        Just(Toxic::Refuse {}),
        Just(Toxic::Noop {}),
        (1u64..5_000, 0u64..1_000_000).prop_map(|(average, nanos)| Toxic::Slicer {
            average: Size::bytes(average),
            variation: Size::bytes(average / 2),
            delay: Span::nanos(nanos),
        }),
        (1u64..20_000_000, 1u64..30_000_000).prop_map(|(hold, more)| Toxic::Stall {
            every: Span::nanos(hold + more),
            hold: Span::nanos(hold)
        }),
        (1u64..20_000_000)
            .prop_map(|nanos| Toxic::Coalesce { window: Span::nanos(nanos), size: Toxic::COALESCED }),
        (1u64..1_000_000)
            .prop_map(|rate| Toxic::SlowRead { rate: Bandwidth::bytes_per_second(rate), window: None }),
        Just(Toxic::Loss {
            bad: ratio(0.3),
            good: ratio(0.5),
            loss_in_bad: ratio(0.5),
            loss_in_good: ratio(0.1),
            rto: Span::millis(10),
        }),
        Just(Toxic::Blackhole { mode: Blackhole::Hold }),
    ];
    prop_oneof![
        3 => (1usize..20_000).prop_map(Event::Take),
        3 => (0u64..30_000_000).prop_map(Event::Wait),
        2 => (0u32..4, lossless).prop_map(|(id, toxic)| Event::Inject(id, toxic)),
        2 => (0u32..4).prop_map(Event::Heal),
        1 => any::<bool>().prop_map(Event::Block),
    ]
}

#[test]
fn stalls_come_again_and_again_and_lose_nothing() {
    let mut bench = Bench::under(Toxic::Stall { every: Span::millis(100), hold: Span::millis(30) });
    for step in 0..20 {
        bench.run_until(Span::millis(step * 10));
        bench.take(b"x");
    }
    bench.run_until(Span::secs(1));
    let left: Vec<u64> = bench.writes.iter().map(|(at, _)| at.as_nanos() / 1_000_000).collect();
    let expected = [30, 30, 30, 30, 40, 50, 60, 70, 80, 90, 130, 130, 130, 130, 140, 150, 160, 170, 180, 190];
    assert_eq!(left, expected);
    assert!(bench.evidence(1).bit());
}

#[test]
fn a_slicer_cuts_chunks_and_pauses_between_the_pieces() {
    let toxic =
        Toxic::Slicer { average: Size::bytes(100), variation: Size::bytes(20), delay: Span::millis(2) };
    let mut bench = Bench::under(toxic);
    bench.take(&[7; 1_000]);
    bench.run_until(Span::secs(1));
    assert_eq!(bench.written, [7; 1_000]);
    assert!((9..=12).contains(&bench.writes.len()), "{:?}", bench.writes);
    let (sizes, last) = bench.writes.split_at(bench.writes.len() - 1);
    assert!(
        sizes.iter().all(|(_, size)| (80..=120).contains(size)) && last[0].1 <= 120,
        "{:?}",
        bench.writes
    );
    assert!(bench.writes.windows(2).all(|pair| pair[1].0.minus(pair[0].0) == Span::millis(2)));
    bench.take(&[7; 1_000]);
    bench.heal(1);
    let before = bench.writes.len();
    bench.run_until(Span::secs(2));
    assert_eq!(bench.writes.len(), before + 1, "what was cut and not sent yet goes in one piece");
}

#[test]
fn small_chunks_wait_for_each_other_and_no_longer_than_they_may() {
    let mut bench = Bench::under(Toxic::Coalesce { window: Span::millis(40), size: Size::bytes(10) });
    bench.take(b"abc");
    bench.run_until(Span::millis(10));
    bench.take(b"defg");
    bench.run_until(Span::millis(30));
    assert!(bench.writes.is_empty());
    bench.run_until(Span::millis(50));
    assert_eq!(bench.writes, [(Span::millis(40), 7)]);
    bench.take(b"0123456789ab");
    bench.run_until(Span::millis(50));
    assert_eq!(bench.writes[1..], [(Span::millis(50), 12)], "enough is enough");
    bench.take(b"last");
    bench.end(End::Finished);
    bench.run_until(Span::millis(50));
    assert_eq!(bench.ended, Some((Span::millis(50), End::Finished)), "an end waits for nobody");
}

#[test]
fn what_is_gathered_keeps_to_the_limits_of_others() {
    for (limit, most) in [
        (Toxic::LimitData { bytes: Size::bytes(5), then: Ending::Stall }, 5),
        (Toxic::bandwidth(Bandwidth::bytes_per_second(1_000)), 20),
    ] {
        let mut bench = Bench::under(Toxic::Coalesce { window: Span::millis(10), size: Size::bytes(100) });
        bench.inject(2, limit.clone());
        for _ in 0..50 {
            bench.take(b"xx");
        }
        bench.run_until(Span::millis(20));
        assert!(bench.written.len() <= most, "{limit:?}: {}", bench.written.len());
    }
}

#[test]
fn a_toxic_whose_new_form_goes_another_way_lets_this_one_go() {
    let mut bench = Bench::under(latency(Span::millis(500), Span::ZERO));
    let toxic = latency(Span::millis(500), Span::ZERO);
    let injection = Injection { name: "slow".to_owned(), toxic, aim: Aim::at(Way::Downstream) };
    bench.change(bench.rules.updated(1, injection).unwrap());
    bench.take(b"x");
    bench.run_until(Span::secs(1));
    assert_eq!(bench.writes, [(Span::ZERO, 1)]);
}

#[test]
fn an_update_draws_once_whom_it_hits() {
    let hit = (0..1_000).filter(|number| {
        let mut bench = Bench::numbered(*number);
        bench.inject(1, latency(Span::millis(1), Span::ZERO));
        let toxic = latency(Span::millis(1), Span::ZERO);
        let aim = Aim { toxicity: ratio(0.5), ..Aim::default() };
        bench.change(bench.rules.updated(1, Injection { name: "slow".to_owned(), toxic, aim }).unwrap());
        !bench.pipe.is_clear()
    });
    let hit = hit.count();
    assert!((440..560).contains(&hit), "{hit} of 1,000 at 50 %");
}

#[test]
fn a_limit_of_bytes_passes_just_these_and_then_ends() {
    for (then, over) in
        [(Ending::Close, Some(Over::Closed)), (Ending::Reset, Some(Over::RESET)), (Ending::Stall, None)]
    {
        let limit = |bytes| Toxic::LimitData { bytes: Size::bytes(bytes), then };
        let mut bench = Bench::under(limit(100));
        bench.take(&[1; 60]);
        bench.run_until(Span::millis(1));
        assert_eq!((bench.written.len(), bench.over), (60, None));
        bench.update(1, limit(90));
        bench.take(&[1; 60]);
        bench.run_until(Span::millis(2));
        assert_eq!((bench.written.len(), bench.over), (90, over), "an update keeps what has passed");
        assert_eq!(bench.evidence(1).bit(), over.is_some());
    }
}

#[test]
fn a_limit_of_time_ends_idle_connections_too() {
    let mut bench = Bench::under(Toxic::LimitTime { after: Span::secs(2), then: Ending::Close });
    assert_eq!(bench.pipe.deadline(), Some((Span::secs(2), Over::Closed)));
    bench.run_until(Span::millis(1_999));
    assert_eq!(bench.over, None);
    bench.run_until(Span::secs(2));
    assert_eq!(bench.over, Some(Over::Closed));
    assert!(bench.evidence(1).bit());
}

#[test]
fn a_timeout_counts_from_its_begin_whatever_is_sent() {
    let mut bench = Bench::under(Toxic::Timeout { after: Span::millis(500) });
    for step in 1..50 {
        bench.run_until(Span::millis(step * 10));
        bench.take(b"chatter");
    }
    assert_eq!((bench.over, bench.written.len()), (None, 0));
    bench.run_until(Span::millis(500));
    assert_eq!(bench.over, Some(Over::Closed));
    let mut removed = Bench::under(Toxic::Timeout { after: Span::ZERO });
    removed.run_until(Span::secs(9));
    assert_eq!(removed.over, None);
    removed.heal(1);
    assert_eq!(removed.over, Some(Over::Closed), "its heal closes connections, as in Toxiproxy");
}

#[test]
fn a_reset_has_its_time_and_its_side() {
    let reset = Toxic::Reset { after: Span::millis(30), side: Side::Client };
    let mut bench = Bench::under(reset);
    bench.run_until(Span::millis(29));
    assert_eq!(bench.over, None);
    bench.run_until(Span::millis(30));
    assert_eq!(bench.over, Some(Over::Reset(Side::Client)));
}

#[test]
fn ends_can_be_late_or_lost_while_bytes_are_not() {
    let mut late = Bench::under(Toxic::SlowClose { delay: Span::millis(300) });
    late.take(b"bytes");
    late.end(End::Finished);
    late.run_until(Span::secs(1));
    assert_eq!(
        (late.writes.as_slice(), late.ended),
        ([(Span::ZERO, 5)].as_slice(), Some((Span::millis(300), End::Finished)))
    );
    assert!(late.evidence(1).bit());
    let mut lost = Bench::under(Toxic::DropEnd {});
    lost.take(b"bytes");
    lost.end(End::Finished);
    lost.run_until(Span::secs(1));
    assert_eq!((lost.written.as_slice(), lost.ended), (b"bytes".as_slice(), None));
    assert!(lost.evidence(1).bit());
}

#[test]
fn corruption_changes_as_many_bytes_as_it_says_and_no_length() {
    let clean = vec![0x55; 60_000];
    for (damage, is) in [
        (Damage::FlipBit, (|byte| (byte ^ 0x55_u8).count_ones() == 1) as fn(u8) -> bool),
        (Damage::Zero, |byte| byte == 0),
        (Damage::Random, |byte| byte != 0x55),
    ] {
        let mut bench = Bench::under(Toxic::Corrupt { probability: ratio(0.01), per: Grain::Byte, damage });
        bench.take(&clean);
        bench.run_until(Span::millis(1));
        let changed: Vec<u8> = bench.written.iter().copied().filter(|byte| *byte != 0x55).collect();
        assert_eq!(bench.written.len(), clean.len());
        assert!((500..700).contains(&changed.len()), "{} of 60,000 changed", changed.len());
        assert!(changed.iter().all(|byte| is(*byte)), "{damage:?}");
        assert_eq!(bench.evidence(1).bytes_changed, changed.len() as u64);
    }
    let per = Grain::Chunk;
    let mut bench = Bench::under(Toxic::Corrupt { probability: ratio(1.0), per, damage: Damage::FlipBit });
    bench.take(&clean);
    bench.run_until(Span::millis(1));
    assert_eq!(bench.written.iter().filter(|byte| **byte != 0x55).count(), 1);
}

#[test]
fn chunks_can_be_doubled_swapped_and_cut_short() {
    let after = |toxic: Toxic| {
        let mut bench = Bench::under(toxic);
        bench.take(b"1111");
        bench.take(b"2222");
        bench.end(End::Finished);
        bench.run_until(Span::secs(1));
        assert!(bench.evidence(1).bit() && bench.ended.is_some());
        String::from_utf8(bench.written).unwrap()
    };
    let probability = ratio(1.0);
    assert_eq!(after(Toxic::Duplicate { probability }), "1111111122222222");
    assert_eq!(after(Toxic::Truncate { probability }), "1122");
    assert_eq!(after(Toxic::Reorder { probability }), "22221111");
}

#[test]
fn losses_stall_what_follows_and_come_in_bursts() {
    let mut bench = Bench::under(Toxic::Loss {
        bad: ratio(0.05),
        good: ratio(0.3),
        loss_in_bad: ratio(1.0),
        loss_in_good: ratio(0.0),
        rto: Span::millis(200),
    });
    let mut late = Vec::new();
    for step in 0..2_000_u64 {
        let came = Span::secs(step * 60);
        bench.run_until(came);
        bench.take(b"x");
        bench.run_until(came.plus(Span::secs(59)));
        late.push(bench.writes[bench.writes.len() - 1].0.minus(came).as_nanos() / 1_000_000);
    }
    let lost = late.iter().filter(|late| **late > 0).count();
    // The bad state holds p/(p+r) of the draws; each loss draws again.
    assert!((100..300).contains(&lost), "{lost}");
    let doubled = [200, 600, 1_400, 3_000, 6_200, 12_600];
    assert!(late.iter().all(|late| *late == 0 || doubled.contains(late)), "{late:?}");
}

#[test]
fn a_slow_reader_reads_no_faster_than_it_may() {
    let toxic =
        Toxic::SlowRead { rate: Bandwidth::bytes_per_second(10_000), window: Some(Size::bytes(4_096)) };
    let mut bench = Bench::under(toxic);
    assert_eq!(bench.pipe.window(), Some(Size::bytes(4_096)));
    let mut read = 0;
    while bench.now < Span::secs(2) {
        match bench.pipe.room(bench.now, true) {
            (0, Some(again)) => bench.run_until(again),
            (room, _) => {
                bench.take(&vec![0; room]);
                read += room;
            }
        }
    }
    assert!((19_000..=20_200).contains(&read), "{read}");
}

#[test]
fn what_is_aimed_at_some_connections_leaves_the_others_alone() {
    let hits = |number, aim: Aim| {
        let mut bench = Bench::numbered(number);
        bench.aim(1, latency(Span::millis(1), Span::ZERO), aim);
        !bench.pipe.is_clear()
    };
    let every_third = Aim { nth: 3, ..Aim::default() };
    assert_eq!(
        [0, 1, 2, 3, 5].map(|number| hits(number, every_third.clone())),
        [false, false, true, false, true]
    );
    let first = Aim { first: Some(2), ..Aim::default() };
    assert_eq!([0, 1, 2].map(|number| hits(number, first.clone())), [true, true, false]);
    let strangers = Aim { clients: vec!["10.0.0.0/8".parse().unwrap()], ..Aim::default() };
    assert!(!hits(0, strangers));
    let third = Aim { toxicity: ratio(0.3), ..Aim::default() };
    let hit = (0..1_000).filter(|number| hits(*number, third.clone())).count();
    assert!((250..350).contains(&hit), "{hit} of 1,000 at 30 %");
    assert!(!hits(0, Aim::at(Way::Downstream)) && hits(0, Aim::at(Way::Upstream)));
}

#[test]
fn what_begins_after_some_bytes_spares_just_these() {
    let mut bench = Bench::new();
    bench.aim(1, blackhole(), Aim { after_bytes: Size::bytes(10), ..Aim::default() });
    bench.take(b"123456");
    bench.take(b"7890gone");
    bench.take(b"gone too");
    bench.run_until(Span::millis(1));
    assert_eq!(bench.written, b"1234567890");
    assert_eq!(bench.evidence(1).bytes_swallowed, 12);
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
                    let count = count.min(bench.pipe.room(bench.now, true).0);
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
            prop_assert_eq!(bench.over, None);
            prop_assert_eq!(bench.written.len() + bench.pipe.kept(), sent.len());
            prop_assert!(bench.pipe.kept() <= DELAY_BUFFER);
        }
        for id in 0..4 {
            bench.heal(id);
        }
        bench.end(End::Finished);
        let healed_at = bench.now;
        bench.run_until(healed_at);
        prop_assert!(bench.written == sent);
        prop_assert_eq!(bench.ended, Some((healed_at, End::Finished)));
    }

    /// Under one latency that stays, no chunk leaves before its own deadline, nor later than the latest deadline of those
    /// before it.
    #[test]
    fn no_chunk_is_early_and_none_later_than_order_asks(
        delay in 1u64..100_000_000,
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
