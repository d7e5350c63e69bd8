//! Loss: what was lost is sent again, and all behind it waits.

use crate::chain::Chain;
use crate::script::{Step, compare, ratio, send};
use shakedown_faults::toxic::Toxic;
use shakedown_scenarios::units::Span;

#[test]
fn what_is_lost_comes_later_and_in_order() {
    let toxic = Toxic::Loss {
        bad: ratio(0.5),
        good: ratio(0.5),
        loss_in_bad: ratio(0.6),
        loss_in_good: ratio(0.1),
        rto: Span::millis(20),
    };
    let mut steps = vec![Step::Inject(1, toxic)];
    for chunk in ["0", "1", "2", "3", "4", "5", "6", "7"] {
        steps.extend([send(chunk), Step::Wait(20)]);
    }
    steps.push(Step::Wait(2_000));
    compare(&steps, |seen, direction| {
        assert!(seen.bytes == b"01234567" && seen.bit, "{seen:?} {direction:?}");
    });
}

#[test]
fn losses_stall_what_follows_and_come_in_bursts() {
    let mut chain = Chain::under(Toxic::Loss {
        bad: ratio(0.05),
        good: ratio(0.3),
        loss_in_bad: ratio(1.0),
        loss_in_good: ratio(0.0),
        rto: Span::millis(200),
    });
    let mut late = Vec::new();
    for step in 0..2_000_u64 {
        let came = Span::secs(step * 60);
        chain.run_until(came);
        chain.take(b"x");
        chain.run_until(came.plus(Span::secs(59)));
        late.push(chain.writes[chain.writes.len() - 1].0.minus(came).as_nanos() / 1_000_000);
    }
    let lost = late.iter().filter(|late| **late > 0).count();
    // The bad state holds p/(p+r) of the draws; each loss draws again.
    assert!((100..300).contains(&lost), "{lost}");
    let doubled = [200, 600, 1_400, 3_000, 6_200, 12_600];
    assert!(late.iter().all(|late| *late == 0 || doubled.contains(late)), "{late:?}");
}
