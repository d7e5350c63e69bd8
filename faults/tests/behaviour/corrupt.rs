//! Corruption: bytes are changed, and none are added or taken away.

use crate::chain::Chain;
use crate::script::{Step, compare, ratio, send};
use shakedown_faults::toxic::Toxic;
use shakedown_scenarios::toxic::{Damage, Grain};
use shakedown_scenarios::units::Span;

#[test]
fn the_same_bytes_are_changed_in_the_same_way_on_paper_and_on_the_wire() {
    for damage in [Damage::FlipBit, Damage::Zero, Damage::Random] {
        let toxic = Toxic::Corrupt { probability: ratio(0.1), per: Grain::Byte, damage };
        let steps = [Step::Inject(1, toxic), send(vec![0x55; 2_000]), Step::Wait(20)];
        compare(&steps, |seen, direction| {
            let changed = seen.bytes.iter().filter(|byte| **byte != 0x55).count();
            assert_eq!(seen.bytes.len(), 2_000);
            assert!(seen.bit && (130..270).contains(&changed), "{changed} of 2,000 {direction:?}");
        });
    }
}

#[test]
fn corruption_changes_as_many_bytes_as_it_says_and_no_length() {
    let clean = vec![0x55; 60_000];
    for (damage, is) in [
        (Damage::FlipBit, (|byte| (byte ^ 0x55_u8).count_ones() == 1) as fn(u8) -> bool),
        (Damage::Zero, |byte| byte == 0),
        (Damage::Random, |byte| byte != 0x55),
    ] {
        let mut chain = Chain::under(Toxic::Corrupt { probability: ratio(0.01), per: Grain::Byte, damage });
        chain.take(&clean);
        chain.run_until(Span::millis(1));
        let changed: Vec<u8> = chain.written.iter().copied().filter(|byte| *byte != 0x55).collect();
        assert_eq!(chain.written.len(), clean.len());
        assert!((500..700).contains(&changed.len()), "{} of 60,000 changed", changed.len());
        assert!(changed.iter().all(|byte| is(*byte)), "{damage:?}");
        assert_eq!(chain.evidence(1).bytes_changed, changed.len() as u64);
    }
    let per = Grain::Chunk;
    let mut chain = Chain::under(Toxic::Corrupt { probability: ratio(1.0), per, damage: Damage::FlipBit });
    chain.take(&clean);
    chain.run_until(Span::millis(1));
    assert_eq!(chain.written.iter().filter(|byte| **byte != 0x55).count(), 1);
}
