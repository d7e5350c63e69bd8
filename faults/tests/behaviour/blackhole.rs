//! A blackhole: bytes vanish, and who lost some is reset when it heals; or they get stuck.

use crate::chain::Chain;
use crate::script::Finish::{Finished, Reset};
use crate::script::{Expected, Step, latency, play, send};
use shakedown_faults::toxic::{Over, Toxic};
use shakedown_scenarios::toxic::Blackhole;
use shakedown_scenarios::units::Span;

const BLACKHOLE: Toxic = Toxic::Blackhole { mode: Blackhole::Drop };

#[test]
fn it_swallows_and_resets_at_heal() {
    let steps = [Step::Inject(1, BLACKHOLE), send("gone"), Step::Wait(50), Step::Heal(1), Step::Wait(20)];
    play(&steps, &Expected { end: Some((50, Reset)), ..Expected::default() });
}

#[test]
fn who_lost_nothing_is_left_alone() {
    let steps = [
        send("before"),
        Step::Wait(20),
        Step::Inject(1, BLACKHOLE),
        Step::Wait(20),
        Step::Heal(1),
        send(" after"),
        Step::Wait(20),
        Step::Finish,
        Step::Wait(20),
    ];
    let end = Some((60, Finished));
    play(&steps, &Expected { bytes: b"before after", at: &[(6, 40)], pieces: 2, end, bit: false });
}

#[test]
fn an_end_that_was_swallowed_is_something_lost() {
    let steps = [Step::Inject(1, BLACKHOLE), Step::Finish, Step::Wait(60)];
    play(&steps, &Expected::default());
    let healed = [&steps[..], &[Step::Heal(1), Step::Wait(20)]].concat();
    play(&healed, &Expected { end: Some((60, Reset)), ..Expected::default() });
}

#[test]
fn one_that_holds_loses_nothing() {
    let holding = Toxic::Blackhole { mode: Blackhole::Hold };
    let steps = [Step::Inject(1, holding), send("stuck"), Step::Wait(60), Step::Heal(1), Step::Wait(20)];
    play(&steps, &Expected { bytes: b"stuck", at: &[(0, 60)], pieces: 1, ..Expected::default() });
}

#[test]
fn one_that_holds_is_proven_by_what_waits_unread_and_by_nothing_else() {
    let holding = Toxic::Blackhole { mode: Blackhole::Hold };
    let mut steps = vec![Step::Inject(1, holding), Step::Wait(30)];
    play(&steps, &Expected { bit: false, ..Expected::default() });
    steps.extend([send("stuck"), Step::Wait(30)]);
    play(&steps, &Expected::default());
}

#[test]
fn what_waits_unread_is_counted_once() {
    let mut chain = Chain::under(Toxic::Blackhole { mode: Blackhole::Hold });
    for (waits, counted) in [(0, 0), (5, 5), (5, 5), (9, 9)] {
        chain.pipe.waits_unread(waits);
        assert_eq!(chain.evidence(1).bytes_held, counted);
    }
    // A partition reads what comes and counts that itself.
    let mut chain = Chain::under(Toxic::Partition {});
    assert!(!chain.pipe.leaves_unread());
    chain.pipe.waits_unread(5);
    assert_eq!(chain.evidence(1).bytes_held, 0);
}

#[test]
fn a_blackhole_resets_at_heal_those_that_lost_something_and_nobody_else() {
    let mut idle = Chain::under(BLACKHOLE);
    idle.heal(1);
    assert_eq!(idle.over, None);

    let mut losing = Chain::under(BLACKHOLE);
    losing.take(b"gone");
    losing.run_until(Span::secs(1));
    assert_eq!((losing.written.len(), losing.evidence(1).bytes_swallowed), (0, 4));
    losing.inject(2, latency(Span::millis(1), Span::ZERO));
    assert_eq!(losing.over, None, "only the heal of what took the bytes resets");
    losing.heal(1);
    assert_eq!(losing.over, Some(Over::RESET));
}
