//! Whole chunks: sent twice, cut short, in another order.

use crate::chain::Chain;
use crate::script::Finish::Finished;
use crate::script::{Expected, Step, play, ratio, send};
use shakedown_faults::toxic::{End, Toxic};
use shakedown_scenarios::units::Span;

#[test]
fn each_chunk_may_be_doubled_cut_short_or_swapped() {
    let probability = ratio(1.0);
    let cases: [(Toxic, &[u8], usize, u64, u64); 3] = [
        (Toxic::Duplicate { probability }, b"1111111122222222", 4, 0, 40),
        (Toxic::Truncate { probability }, b"1122", 2, 0, 40),
        // The second one waits for another itself, 50 ms at the most, and the first one for it.
        (Toxic::Reorder { probability }, b"22221111", 2, 70, 70),
    ];
    for (toxic, bytes, pieces, first, end) in cases {
        let steps = [
            Step::Inject(1, toxic),
            send("1111"),
            Step::Wait(20),
            send("2222"),
            Step::Wait(20),
            Step::Finish,
            Step::Wait(100),
        ];
        play(&steps, &Expected { bytes, at: &[(0, first)], pieces, end: Some((end, Finished)), bit: true });
    }
}

#[test]
fn chunks_can_be_doubled_swapped_and_cut_short() {
    let after = |toxic: Toxic| {
        let mut chain = Chain::under(toxic);
        chain.take(b"1111");
        chain.take(b"2222");
        chain.end(End::Finished);
        chain.run_until(Span::secs(1));
        assert!(chain.evidence(1).bit() && chain.ended.is_some());
        String::from_utf8(chain.written).unwrap()
    };
    let probability = ratio(1.0);
    assert_eq!(after(Toxic::Duplicate { probability }), "1111111122222222");
    assert_eq!(after(Toxic::Truncate { probability }), "1122");
    assert_eq!(after(Toxic::Reorder { probability }), "22221111");
}
