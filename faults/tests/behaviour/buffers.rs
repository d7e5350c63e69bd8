//! What is kept is bounded, in bytes and in what it costs to keep them.

use shakedown_faults::toxic::{BUFFER, DELAY_BUFFER, Toxic};
use shakedown_scenarios::units::Span;

use crate::chain::Chain;
use crate::script::{bandwidth, latency};

#[test]
fn what_is_kept_is_bounded_in_bytes_and_in_chunks() {
    for (toxic, most) in [
        (Toxic::Partition {}, BUFFER),
        (bandwidth(1), BUFFER),
        (latency(Span::secs(3_600), Span::ZERO), DELAY_BUFFER),
    ] {
        for size in [1, 1_000, BUFFER] {
            let mut chain = Chain::under(toxic.clone());
            let chunk = vec![0; size];
            let mut chunks = 0;
            while chain.pipe.room(chain.now, true).0 > 0 {
                chain.take(&chunk);
                chunks += 1;
            }
            assert!(chain.pipe.kept() <= most, "{toxic:?} keeps {}", chain.pipe.kept());
            assert!(chunks <= most / 100, "{chunks} chunks of {size} bytes under {toxic:?}");
        }
    }
}

#[test]
fn a_sink_that_takes_nothing_gets_no_deep_buffer() {
    let mut chain = Chain::under(latency(Span::millis(1), Span::ZERO));
    for _ in 0..2 {
        chain.take(&[0; BUFFER]);
    }
    assert_eq!(chain.pipe.kept(), 2 * BUFFER);
    assert_eq!(chain.pipe.room(chain.now, false), (0, None), "the link has no memory left for it");
    chain.pipe.block(true);
    assert_eq!(chain.pipe.room(chain.now, true), (0, None));
    chain.pipe.block(false);
    assert_eq!(chain.pipe.room(chain.now, true), (BUFFER, None));
}
