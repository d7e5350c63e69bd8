//! Harness and guardian die, at every step and in every order.

use std::fs;

use libtest_mimic::Trial;
use shakedown_faults::ledger::{Ledger, LedgerError, Undo};
use shakedown_faults::process;
use shakedown_faults::recover::recover;
use shakedown_faults::undo::{Outcome, undo};

use crate::parts::{SCRIPT, Step};
use crate::stage::{SOON, Stage, state, wait_until};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for step in SCRIPT {
        if step != Step::LedgerCreated {
            let name = format!("a_harness_killed_after_{step:?}_leaves_nothing");
            trials.push(Trial::test(name, move || {
                harness_killed(step);
                Ok(())
            }));
        }
        let name = format!("with_the_guardian_killed_too_after_{step:?}_recover_restores");
        trials.push(Trial::test(name, move || {
            both_killed(step);
            Ok(())
        }));
    }
    trials.extend([
        trial("a_harness_that_hangs_does_not_keep_its_faults", a_harness_that_hangs_does_not_keep_its_faults),
        trial(
            "signals_that_end_a_run_do_not_end_its_guardian",
            signals_that_end_a_run_do_not_end_its_guardian,
        ),
        trial("a_guardian_survives_its_harness_whole_group", a_guardian_survives_its_harness_whole_group),
        trial("a_guardian_holds_nothing_but_its_own_files", a_guardian_holds_nothing_but_its_own_files),
        trial("a_deleted_run_folder_is_undone_all_the_same", a_deleted_run_folder_is_undone_all_the_same),
        trial("recover_ends_what_a_deleted_ledger_named", recover_ends_what_a_deleted_ledger_named),
        trial("recover_leaves_living_runs_alone", recover_leaves_living_runs_alone),
        trial("undoing_twice_is_the_same_as_once", undoing_twice_is_the_same_as_once),
        trial("what_held_before_a_reboot_is_void", what_held_before_a_reboot_is_void),
        trial("a_torn_ledger_is_undone", a_torn_ledger_is_undone),
        trial(
            "a_damaged_ledger_is_undone_as_far_as_it_goes_and_told",
            a_damaged_ledger_is_undone_as_far_as_it_goes_and_told,
        ),
        trial("two_runs_side_by_side_do_not_touch_each_other", two_runs_side_by_side_do_not_touch_each_other),
    ]);
    trials
}

fn harness_killed(step: Step) {
    let stage = Stage::new(&format!("killed-{step:?}"));
    let mut scene = stage.play(step);
    scene.harness.kill();
    stage.wait_until_clean();
    assert!(Ledger::read(&stage.ledger()).unwrap().finished);
    wait_until("the guardian's end", SOON, || state(scene.guardian.pid).is_none());
}

fn both_killed(step: Step) {
    let stage = Stage::new(&format!("both-{step:?}"));
    let mut scene = stage.play(step);
    if step != Step::LedgerCreated {
        let _ = process::kill(std::slice::from_ref(&scene.guardian)).unwrap();
    }
    scene.harness.kill();
    scene.harness.0.wait().unwrap();
    let open = stage.registry.open_ledgers().unwrap();
    assert!(open.len() == 1 && !open[0].owner_lives);
    let recovered = recover(&stage.registry).unwrap();
    assert!(recovered.len() == 1 && recovered[0].is_settled(), "{recovered:?}");
    assert!(stage.is_clean() && stage.is_settled());
    assert_eq!(recover(&stage.registry).unwrap().len(), 0, "recovering twice finds nothing");
}

/// This test is the harness here, and hangs: it stops a process for a tenth of a second and never heals it.
fn a_harness_that_hangs_does_not_keep_its_faults() {
    let stage = Stage::new("hangs");
    let victim = stage.victim();
    let mut ledger = Ledger::create(stage.folder.path(), &stage.run, &stage.registry).unwrap();
    let program = std::env::current_exe().unwrap();
    let mut guardian = shakedown_faults::guardian::Guardian::start(&program, ledger.path()).unwrap();
    let hold = shakedown_scenarios::units::Span::millis(100);
    let identities = vec![victim.clone()];
    let entry =
        ledger.open(Undo::Resume { identities: identities.clone(), marker: None }, Some(hold)).unwrap();
    guardian.opened(entry, hold).unwrap();
    let _ = process::stop(&identities).unwrap();
    wait_until("the guardian acting in our place", SOON, || state(victim.pid) != Some('T'));
    assert!(guardian.alive());
    wait_until("its line", SOON, || {
        let reading = Ledger::read(ledger.path()).unwrap();
        reading.entries[0].closed_by.as_deref() == Some("guardian")
    });
    // A harness that wakes up again closes its entry once more, which harms nobody.
    ledger.close(entry).unwrap();
    ledger.finish().unwrap();
    guardian.finish().unwrap();
    assert!(stage.log().contains("overdue") && stage.log().contains("in order"), "{}", stage.log());
}

fn signals_that_end_a_run_do_not_end_its_guardian() {
    use nix::sys::signal::{Signal, kill};
    let stage = Stage::new("signals");
    let mut scene = stage.play(Step::Stopped);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGPIPE] {
        kill(nix::unistd::Pid::from_raw(scene.guardian.pid), signal).unwrap();
    }
    scene.harness.kill();
    stage.wait_until_clean();
}

/// Whoever kills a harness with all of its process group, as a terminal or a CI job does, spares the guardian.
fn a_guardian_survives_its_harness_whole_group() {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::{Pid, getpgid, getsid};
    let stage = Stage::new("group");
    let scene = stage.play(Step::Stopped);
    let guardian = Pid::from_raw(scene.guardian.pid);
    assert_eq!((getpgid(Some(guardian)), getsid(Some(guardian))), (Ok(guardian), Ok(guardian)));
    killpg(Pid::from_raw(scene.harness.0.id() as i32), Signal::SIGKILL).unwrap();
    stage.wait_until_clean();
}

fn a_guardian_holds_nothing_but_its_own_files() {
    use std::os::fd::AsRawFd;
    // A descriptor that exec does not close, as a careless library may leave one.
    let careless = fs::File::open("/dev/zero").unwrap();
    nix::fcntl::fcntl(&careless, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let stage = Stage::new("descriptors");
    let mut ledger = Ledger::create(stage.folder.path(), &stage.run, &stage.registry).unwrap();
    let program = std::env::current_exe().unwrap();
    let guardian = shakedown_faults::guardian::Guardian::start(&program, ledger.path()).unwrap();
    let links = fs::read_dir(format!("/proc/{}/fd", guardian.identity().pid)).unwrap().flatten();
    let held: Vec<String> =
        links.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect();
    assert!(careless.as_raw_fd() > 2 && held.iter().all(|name| name != "/dev/zero"), "{held:?}");
    let environment = fs::read(format!("/proc/{}/environ", guardian.identity().pid)).unwrap();
    assert_eq!(environment, b"SHAKEDOWN_GUARDIAN=1\0", "it depends on no variable of ours");
    ledger.finish().unwrap();
    guardian.finish().unwrap();
}

fn a_deleted_run_folder_is_undone_all_the_same() {
    let stage = Stage::new("deleted");
    let mut scene = stage.play(Step::Stopped);
    fs::remove_file(stage.ledger()).unwrap();
    scene.harness.kill();
    stage.wait_until_clean();
}

fn recover_ends_what_a_deleted_ledger_named() {
    let stage = Stage::new("lost");
    let mut scene = stage.play(Step::TreeStarted);
    let _ = process::kill(std::slice::from_ref(&scene.guardian)).unwrap();
    fs::remove_file(stage.ledger()).unwrap();
    scene.harness.kill();
    scene.harness.0.wait().unwrap();
    let recovered = recover(&stage.registry).unwrap();
    assert!(!recovered[0].is_settled(), "what the ledger said is not known, and that is told");
    assert!(matches!(recovered[0].trouble, Some(LedgerError::Io { .. })), "{recovered:?}");
    assert!(stage.is_clean() && stage.is_settled());
}

fn recover_leaves_living_runs_alone() {
    let stage = Stage::new("living");
    let scene = stage.play(Step::Stopped);
    assert_eq!(recover(&stage.registry).unwrap().len(), 0);
    assert!(!stage.is_clean() && !stage.is_settled());
    drop(scene);
    stage.wait_until_clean();
}

fn undoing_twice_is_the_same_as_once() {
    let stage = Stage::new("twice");
    let victim = stage.victim();
    let _ = process::stop(std::slice::from_ref(&victim)).unwrap();
    let resume = Undo::Resume { identities: vec![victim.clone()], marker: None };
    assert!(matches!(undo(&resume), Outcome::Undone(_)));
    assert!(matches!(undo(&resume), Outcome::Void(_)) && process::lives(&victim));
    let end = Undo::End { identity: victim.clone() };
    assert!(matches!(undo(&end), Outcome::Undone(_)) && !process::lives(&victim));
    assert!(matches!(undo(&end), Outcome::Void(_)));
    assert!(matches!(undo(&Undo::Marked { marker: stage.run.clone() }), Outcome::Void(_)));
    assert!(matches!(undo(&Undo::Link { name: "shop-db".to_owned() }), Outcome::Void(_)));
}

fn what_held_before_a_reboot_is_void() {
    let stage = Stage::new("reboot");
    let victim = stage.victim();
    let before =
        process::Identity { boot: "00000000-0000-0000-0000-000000000000".to_owned(), ..victim.clone() };
    let _ = process::stop(std::slice::from_ref(&victim)).unwrap();
    let resume = Undo::Resume { identities: vec![before.clone()], marker: None };
    assert!(matches!(undo(&resume), Outcome::Void(_)));
    assert!(matches!(undo(&Undo::End { identity: before }), Outcome::Void(_)));
    assert_eq!(state(victim.pid), Some('T'), "who has the number now was not touched");
}

fn a_torn_ledger_is_undone() {
    let stage = Stage::new("torn");
    let mut scene = stage.play(Step::Stopped);
    let bytes = fs::read(stage.ledger()).unwrap();
    let torn = br#"{"crc":"0123"#;
    fs::write(stage.ledger(), [&bytes[..], torn].concat()).unwrap();
    let _ = process::kill(std::slice::from_ref(&scene.guardian)).unwrap();
    scene.harness.kill();
    scene.harness.0.wait().unwrap();
    let recovered = recover(&stage.registry).unwrap();
    assert!(recovered[0].is_settled(), "{recovered:?}");
    assert!(stage.is_clean() && stage.is_settled());
}

fn a_damaged_ledger_is_undone_as_far_as_it_goes_and_told() {
    let stage = Stage::new("damaged");
    let mut scene = stage.play(Step::Stopped);
    let text = fs::read_to_string(stage.ledger()).unwrap();
    // The line that says how the stop is undone; the one about the marker stays whole.
    fs::write(stage.ledger(), text.replace("Resume", "Resumf")).unwrap();
    scene.harness.kill();
    wait_until("the guardian's end", SOON, || state(scene.guardian.pid).is_none());
    assert!(stage.log().contains("damaged"), "{}", stage.log());
    assert!(!stage.is_settled(), "it stays in the registry, so that nobody starts over it");
    let _ = process::resume(&[stage.victim()]).unwrap();
    assert!(stage.is_clean());
}

fn two_runs_side_by_side_do_not_touch_each_other() {
    let (one, two) = (Stage::new("one"), Stage::new("two"));
    let (mut first, second) = (one.play(Step::Pressing), two.play(Step::Stopped));
    first.harness.kill();
    one.wait_until_clean();
    assert!(!two.is_clean() && state(two.victim.0.id() as i32) == Some('T'));
    drop(second);
    two.wait_until_clean();
}
