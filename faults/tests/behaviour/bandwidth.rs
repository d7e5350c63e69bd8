//! A limit on bytes a second: even, counted, and never above it.

use crate::chain::Chain;
use crate::script::{Expected, Step, bandwidth, compare, play, send};
use shakedown_scenarios::units::Span;

#[test]
fn it_is_never_above_the_limit() {
    let steps = [Step::Inject(1, bandwidth(200_000)), send(vec![7; 20_000]), Step::Wait(200)];
    compare(&steps, |seen, direction| {
        assert_eq!(seen.bytes, [7; 20_000]);
        let last = seen.came(19_999).unwrap();
        assert!(last >= Span::millis(100) && last < Span::millis(102), "{last} {direction:?}");
        assert!(seen.bit && seen.pieces.len() > 10, "{:?}", seen.pieces);
    });
}

#[test]
fn rate_zero_stalls_until_it_heals() {
    let steps = [Step::Inject(1, bandwidth(0)), send("x"), Step::Wait(100)];
    play(&steps, &Expected { bit: false, ..Expected::default() });
    let healed = [&steps[..], &[Step::Heal(1), Step::Wait(10)]].concat();
    play(&healed, &Expected { bytes: b"x", at: &[(0, 100)], pieces: 1, ..Expected::default() });
}

#[test]
fn a_limit_paces_evenly_and_counts_what_waited() {
    let mut chain = Chain::under(bandwidth(1_000_000));
    chain.take(&[7; 50_000]);
    chain.run_until(Span::secs(1));
    assert_eq!(chain.written.len(), 50_000);
    let (last, _) = chain.writes[chain.writes.len() - 1];
    assert!(last >= Span::millis(50) && last < Span::millis(51), "{last}");
    let gaps = chain.writes.windows(2).map(|pair| pair[1].0.minus(pair[0].0));
    assert!(gaps.max() <= Some(Span::millis(5)), "{:?}", chain.writes);
    let evidence = chain.evidence(1);
    assert!(evidence.bit() && evidence.bytes_paced == 50_000, "{evidence}");
}
