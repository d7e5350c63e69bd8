//! Real processes: found, stopped, resumed, ended, and never the wrong one.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use shakedown_faults::process::{self, Identity, Kin, ProcessError, Refusal};

/// A process that is ended with its test.
struct Victim(Child);

impl Victim {
    /// Sleeps far longer than a test and far shorter than for ever.
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("sleep");
        command.arg("60").stdin(Stdio::null());
        prepare(&mut command);
        Self(command.spawn().unwrap())
    }

    fn identity(&self) -> Identity {
        process::identify(self.0.id() as i32).unwrap()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn of(identity: &Identity) -> &[Identity] {
    std::slice::from_ref(identity)
}

#[test]
fn a_process_is_stopped_and_resumed_as_often_as_asked() {
    let victim = Victim::start();
    let identity = victim.identity();
    for _ in 0..20 {
        for _ in 0..2 {
            let stopped = process::stop(of(&identity)).unwrap();
            assert_eq!((stopped.done, process::state(&identity)), (vec![identity.clone()], Some('T')));
        }
        for _ in 0..2 {
            let resumed = process::resume(of(&identity)).unwrap();
            assert_eq!(resumed.done, of(&identity));
            assert!(process::lives(&identity) && process::state(&identity) != Some('T'));
        }
    }
}

#[test]
fn a_process_that_is_ended_is_seen_to_be_gone_even_if_nobody_waits_for_it() {
    let mut victim = Victim::start();
    let identity = victim.identity();
    assert_eq!(process::kill(of(&identity)).unwrap().done, of(&identity));
    assert!(!process::lives(&identity));
    assert_eq!(victim.0.wait().unwrap().signal(), Some(9));
    assert_eq!(process::state(&identity), None);
    assert_eq!(process::kill(of(&identity)).unwrap().gone, [identity]);
}

#[test]
fn a_stopped_process_can_be_ended() {
    let victim = Victim::start();
    let identity = victim.identity();
    assert_eq!(process::stop(of(&identity)).unwrap().done.len(), 1);
    assert_eq!(process::kill(of(&identity)).unwrap().done.len(), 1);
}

#[test]
fn another_process_under_the_same_number_is_never_touched() {
    let victim = Victim::start();
    let now = victim.identity();
    let earlier = Identity { start_ticks: now.start_ticks - 1, ..now.clone() };
    let another_boot = Identity { boot: "00000000-0000-0000-0000-000000000000".to_owned(), ..now.clone() };
    for gone in [earlier, another_boot] {
        assert_eq!(process::state(&gone), None);
        assert_eq!(process::tree(&gone), []);
        assert_eq!(process::stop(of(&gone)).unwrap().gone, of(&gone));
        assert_eq!(process::kill(of(&gone)).unwrap().gone, of(&gone));
        let kin = Kin { roots: of(&gone), groups: true, marker: None };
        assert!(process::kill_all(&kin).unwrap().done.is_empty());
    }
    assert!(matches!(process::state(&now), Some('S' | 'R' | 'D')));
}

#[test]
fn the_first_process_ourselves_and_our_ancestors_are_refused_with_the_reason() {
    let myself = process::myself().unwrap();
    let with = |pid| Identity { pid, ..myself.clone() };
    let parent = std::os::unix::process::parent_id() as i32;
    let cases = [
        (with(1), Refusal::Init),
        (with(0), Refusal::NotOne),
        (with(-1), Refusal::NotOne),
        (myself.clone(), Refusal::Itself),
        (with(parent), Refusal::Ancestor),
    ];
    let victim = Victim::start();
    for (identity, reason) in cases {
        let both = [victim.identity(), identity];
        for act in [process::stop, process::resume, process::kill, process::terminate] {
            let error = act(&both).unwrap_err();
            assert!(matches!(error, ProcessError::Refused { why, .. } if why == reason), "{error}");
        }
    }
    assert!(process::lives(&victim.identity()) && process::state(&victim.identity()) != Some('T'));
}

#[test]
fn marked_processes_are_found_and_others_are_not() {
    let marker = process::run_marker(&format!("test-{}", std::process::id()));
    let (name, value) = marker.split_once('=').unwrap();
    let marked = Victim::start_with(|command| {
        command.env(name, value);
    });
    // A value that only begins alike is another run.
    let _other = Victim::start_with(|command| {
        command.env(name, format!("{value}0"));
    });
    wait_until(|| process::marked(&marker) == [marked.identity()]);
    let kin = Kin { roots: &[], groups: false, marker: Some(&marker) };
    assert_eq!(process::kill_all(&kin).unwrap().done, [marked.identity()]);
    assert_eq!(process::marked(&marker), []);
}

#[test]
fn members_of_a_group_are_found_after_their_leader_ended() {
    let mut leader = Victim::start_with(|command| {
        command.process_group(0);
    });
    let root = leader.identity();
    let member = Victim::start_with(|command| {
        command.process_group(root.pid);
    });
    leader.0.kill().unwrap();
    leader.0.wait().unwrap();
    let kin = Kin { roots: of(&root), groups: true, marker: None };
    assert_eq!(process::kin(&kin), [member.identity()]);
    assert_eq!(process::tree(&root), [], "by descent alone it is nobody's");
}

#[test]
fn stopping_a_tree_catches_those_that_are_started_meanwhile() {
    // A process that keeps starting others while it is being stopped: `find` runs `true` for every file it meets.
    let mut busy = Command::new("find");
    busy.args(["/proc", "/usr", "-exec", "true", ";"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let busy = Victim(busy.spawn().unwrap());
    let root = busy.identity();
    for _ in 0..20 {
        let of_root = Kin { roots: of(&root), groups: false, marker: None };
        let stopped = process::stop_all(&of_root).unwrap();
        assert!(stopped.failed.is_empty(), "{stopped:?}");
        assert!(process::tree(&root).iter().all(|one| process::state(one) == Some('T')));
        let resumed = process::resume_all(&of_root).unwrap();
        assert!(resumed.failed.is_empty(), "{resumed:?}");
    }
    assert!(process::lives(&root), "the tree must have been busy all the time");
}

#[test]
fn a_number_that_nobody_has_is_an_error() {
    assert!(matches!(process::identify(i32::MAX), Err(ProcessError::Gone { pid: i32::MAX })));
}

#[expect(clippy::disallowed_methods, reason = "waits for a state in /proc, which nothing announces")]
fn wait_until(holds: impl Fn() -> bool) {
    let patience = 10_000;
    assert!((0..patience).any(|_| holds() || {
        std::thread::sleep(std::time::Duration::from_millis(1));
        false
    }));
}
