//! The laws of a way, under any order of events: no byte lost, none doubled, none out of order.

use proptest::prelude::*;
use shakedown_faults::toxic::{DELAY_BUFFER, End, Toxic};
use shakedown_scenarios::toxic::Blackhole;
use shakedown_scenarios::units::{Bandwidth, Size, Span};

use crate::chain::Chain;
use crate::script::{bandwidth, latency, ratio};

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

proptest! {
    /// Whatever lossless toxics come, change and go: every byte comes out once and in order, and once all are healed
    /// nothing is kept back.
    #[test]
    fn no_byte_is_lost_doubled_or_reordered(events in prop::collection::vec(event(), 1..80)) {
        let mut chain = Chain::new();
        let mut sent = Vec::new();
        for event in events {
            match event {
                Event::Take(count) => {
                    let count = count.min(chain.pipe.room(chain.now, true).0);
                    let bytes: Vec<u8> = (sent.len()..sent.len() + count).map(|place| (place % 251) as u8).collect();
                    chain.take(&bytes);
                    sent.extend(bytes);
                }
                Event::Wait(nanos) => {
                    let until = chain.now.plus(Span::nanos(nanos));
                    chain.run_until(until);
                }
                Event::Inject(id, toxic) => chain.inject(id, toxic),
                Event::Heal(id) => chain.heal(id),
                Event::Block(blocked) => chain.pipe.block(blocked),
            }
            prop_assert_eq!(chain.over, None);
            prop_assert_eq!(chain.written.len() + chain.pipe.kept(), sent.len());
            prop_assert!(chain.pipe.kept() <= DELAY_BUFFER);
        }
        for id in 0..4 {
            chain.heal(id);
        }
        chain.end(End::Finished);
        let healed_at = chain.now;
        chain.run_until(healed_at);
        prop_assert!(chain.written == sent);
        prop_assert_eq!(chain.ended, Some((healed_at, End::Finished)));
    }
}
