//! Stopping, resuming and ending processes, each seen to have happened.

use rustix::process::Signal;
use shakedown_scenarios::units::Span;

use super::family::look;
use super::handle::Handle;
use super::{Identity, Kin, ProcessError, check_touchable, has_ended, lives, state};
use crate::clock::{Clock, pause};

/// How long a signal may take to show. SIGSTOP and SIGKILL act when the process next runs, which on a busy machine can
/// take a while; one in uninterruptible sleep can take for ever.
const SEEN_WITHIN: Span = Span::millis(1500);

/// Between two looks at `/proc`.
const LOOK_EVERY: Span = Span::millis(1);

/// So many looks in a row must find nobody: while the table is read, a process can start another one and end, so that
/// one look sees neither.
const QUIET_LOOKS: u32 = 3;

/// What became of the processes that were to be signalled.
#[derive(Debug, Default)]
#[must_use = "some of them may not have been reached"]
pub struct Signalled {
    /// They are seen to be in the wanted state.
    pub done: Vec<Identity>,
    /// They were gone already, or went meanwhile.
    pub gone: Vec<Identity>,
    /// They could not be signalled, or are not seen to be in the wanted state.
    pub failed: Vec<(Identity, ProcessError)>,
}

/// Stops processes with SIGSTOP, and waits until each is seen to stand. Blocks for 1.5 s at the most.
///
/// # Errors
/// If one of them is never touched; then none was.
pub fn stop(identities: &[Identity]) -> Result<Signalled, ProcessError> {
    signal(identities, Signal::STOP, stands)
}

/// Lets stopped processes go on with SIGCONT, and waits until each is seen not to stand. Blocks for 1.5 s at the most.
///
/// # Errors
/// If one of them is never touched; then none was.
pub fn resume(identities: &[Identity]) -> Result<Signalled, ProcessError> {
    signal(identities, Signal::CONT, |identity| !stands(identity))
}

/// Ends processes with SIGKILL, and waits until each is seen to have ended. Blocks for 1.5 s at the most.
///
/// # Errors
/// If one of them is never touched; then none was.
pub fn kill(identities: &[Identity]) -> Result<Signalled, ProcessError> {
    signal(identities, Signal::KILL, |identity| !lives(identity))
}

/// Asks processes to end with SIGTERM, and waits for nothing.
///
/// # Errors
/// If one of them is never touched; then none was.
pub fn terminate(identities: &[Identity]) -> Result<Signalled, ProcessError> {
    signal(identities, Signal::TERM, |_| true)
}

/// Stops all that belong together, again and again until a look finds none that still runs: a process that is about to
/// be stopped may just have started another one. What stood already is not among the `done`.
///
/// # Errors
/// If a root is never touched.
pub fn stop_all(of: &Kin<'_>) -> Result<Signalled, ProcessError> {
    check_touchable(of.roots)?;
    until_none_left(of, |found| !stands(found), stop)
}

/// Lets all that belong together go on, again and again until a look finds none that stands.
///
/// # Errors
/// If a root is never touched.
pub fn resume_all(of: &Kin<'_>) -> Result<Signalled, ProcessError> {
    check_touchable(of.roots)?;
    until_none_left(of, stands, resume)
}

/// Ends all that belong together with SIGKILL, again and again until a look finds none.
///
/// # Errors
/// If a root is never touched.
pub fn kill_all(of: &Kin<'_>) -> Result<Signalled, ProcessError> {
    check_touchable(of.roots)?;
    until_none_left(of, |_| true, kill)
}

fn until_none_left(
    of: &Kin<'_>,
    is_left: impl Fn(&Identity) -> bool,
    act: impl Fn(&[Identity]) -> Result<Signalled, ProcessError>,
) -> Result<Signalled, ProcessError> {
    let clock = Clock::start();
    let mut total = Signalled::default();
    let mut quiet_looks = 0;
    loop {
        let look = look(of);
        let late = clock.now() > SEEN_WITHIN;
        let mut left = look.kin;
        left.retain(&is_left);
        if left.is_empty() {
            quiet_looks = if look.someone_is_being_born { 0 } else { quiet_looks + 1 };
            if quiet_looks == QUIET_LOOKS || late {
                return Ok(total);
            }
            pause(LOOK_EVERY);
            continue;
        }
        quiet_looks = 0;
        let round = act(&left)?;
        total.done.extend(round.done);
        total.gone.extend(round.gone);
        // Whoever failed is found again by the next look, until the time is over.
        if late {
            total.failed.extend(round.failed);
            return Ok(total);
        }
    }
}

fn signal(
    identities: &[Identity],
    signal: Signal,
    is_done: impl Fn(&Identity) -> bool,
) -> Result<Signalled, ProcessError> {
    check_touchable(identities)?;
    let mut result = Signalled::default();
    // All are signalled before any is waited for, so that a family stands within one instant.
    let mut reached = Vec::new();
    for identity in identities {
        match Handle::open(identity).and_then(|handle| handle.map_or(Ok(false), |it| it.signal(signal))) {
            Ok(true) => reached.push(identity),
            Ok(false) => result.gone.push(identity.clone()),
            Err(error) => result.failed.push((identity.clone(), error)),
        }
    }
    let clock = Clock::start();
    for identity in reached {
        while !is_done(identity) && clock.now() < SEEN_WITHIN {
            pause(LOOK_EVERY);
        }
        file(identity, is_done(identity), &mut result);
    }
    Ok(result)
}

fn file(identity: &Identity, done: bool, result: &mut Signalled) {
    if done {
        result.done.push(identity.clone());
    } else if lives(identity) {
        result
            .failed
            .push((identity.clone(), ProcessError::Unmoved { pid: identity.pid, state: state(identity) }));
    } else {
        result.gone.push(identity.clone());
    }
}

/// Whether a process is stopped.
fn stands(identity: &Identity) -> bool {
    state(identity).is_some_and(|state| matches!(state, 'T' | 't') || has_ended(state))
}
