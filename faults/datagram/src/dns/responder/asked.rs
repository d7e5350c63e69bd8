//! One query on its way: waiting as long as faults say, asking another resolver if need be.

use shakedown_scenarios::units::Span;

use super::forward;
use super::shared::{Shared, count};
use crate::dns::answer::{Answer, What};
use crate::dns::evidence::DnsTally;
use crate::dns::fault::DnsFault;
use crate::dns::respond::Transport;
use crate::injections::Eye;

/// Does what was decided; the bytes to send, if any. It ends at once when there is nobody to obey any more.
pub(super) async fn carry_out(
    shared: &Shared,
    eye: &mut Eye<DnsFault, DnsTally>,
    query: &[u8],
    answer: Answer,
    transport: Transport,
) -> Option<Vec<u8>> {
    if !wait(shared, eye, &answer).await {
        return None;
    }
    match answer.what {
        What::Silence => {
            count(&shared.counts.silent);
            None
        }
        What::Reply(bytes) => Some(bytes),
        What::Forward { ttl_zero } => Some(forward::ask(shared, query, transport, ttl_zero).await),
    }
}

/// Waits for as long as the faults that it is owed to hold; false if there is nobody to obey any more.
async fn wait(shared: &Shared, eye: &mut Eye<DnsFault, DnsTally>, answer: &Answer) -> bool {
    // Silence is the same at once.
    if answer.after.is_empty() || answer.what == What::Silence {
        return true;
    }
    let came = shared.clock.now();
    loop {
        let holding = eye.look();
        let owed = answer.after.iter().filter(|slowness| holding.since(slowness.since).is_some());
        let due = owed.fold(came, |moment, slowness| moment.plus(slowness.time));
        if due <= shared.clock.now() {
            break;
        }
        tokio::select! {
            changed = eye.changed() => if !changed { return false },
            () = shared.alarm.until(due) => {}
        }
    }
    tell(eye, answer, shared.clock.now().minus(came));
    true
}

/// Tells each of them its share of the wait.
fn tell(eye: &mut Eye<DnsFault, DnsTally>, answer: &Answer, lasted: Span) {
    let holding = eye.look();
    let planned = answer.after.iter().fold(Span::ZERO, |sum, slowness| sum.plus(slowness.time));
    for slowness in &answer.after {
        if let Some(rule) = holding.since(slowness.since) {
            // The others' shares are as long as planned: only what is left can be said of this one.
            rule.tally.slowed(lasted.minus(planned.minus(slowness.time)));
        }
    }
}
