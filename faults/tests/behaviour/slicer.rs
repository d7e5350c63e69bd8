//! A slicer: big chunks become small ones.

use crate::chain::Chain;
use crate::script::{Step, compare, send};
use shakedown_faults::toxic::Toxic;
use shakedown_scenarios::units::{Size, Span};

#[test]
fn one_chunk_comes_in_pieces() {
    let toxic =
        Toxic::Slicer { average: Size::bytes(100), variation: Size::bytes(0), delay: Span::millis(20) };
    compare(&[Step::Inject(1, toxic), send(vec![7; 500]), Step::Wait(200)], |seen, direction| {
        let moments: Vec<_> =
            seen.pieces.iter().map(|(came, length)| (came.as_nanos() / 1_000_000, *length)).collect();
        assert_eq!(moments, [(0, 100), (20, 100), (40, 100), (60, 100), (80, 100)], "{direction:?}");
        assert!(seen.bytes == [7; 500] && seen.bit);
    });
}

#[test]
fn a_slicer_cuts_chunks_and_pauses_between_the_pieces() {
    let toxic =
        Toxic::Slicer { average: Size::bytes(100), variation: Size::bytes(20), delay: Span::millis(2) };
    let mut chain = Chain::under(toxic);
    chain.take(&[7; 1_000]);
    chain.run_until(Span::secs(1));
    assert_eq!(chain.written, [7; 1_000]);
    assert!((9..=12).contains(&chain.writes.len()), "{:?}", chain.writes);
    let (sizes, last) = chain.writes.split_at(chain.writes.len() - 1);
    assert!(
        sizes.iter().all(|(_, size)| (80..=120).contains(size)) && last[0].1 <= 120,
        "{:?}",
        chain.writes
    );
    assert!(chain.writes.windows(2).all(|pair| pair[1].0.minus(pair[0].0) == Span::millis(2)));
    chain.take(&[7; 1_000]);
    chain.heal(1);
    let before = chain.writes.len();
    chain.run_until(Span::secs(2));
    assert_eq!(chain.writes.len(), before + 1, "what was cut and not sent yet goes in one piece");
}
