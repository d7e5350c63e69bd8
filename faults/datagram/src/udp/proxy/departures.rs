//! Sending what was under way when its time has come.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::shared::{Parcel, Shared};
use crate::injections::Eye;
use crate::udp::evidence::UdpTally;
use crate::udp::fault::UdpFault;
use crate::udp::flow::UdpHolding;
use crate::udp::queue::Arrived;

/// So many are sent before others get their turn, so that a flood delays neither a heal nor another task.
const BATCH: usize = 64;

/// Sends until there is nobody to obey any more.
pub(super) async fn run(shared: Arc<Shared>, mut eye: Eye<UdpFault, UdpTally>) {
    loop {
        let holding = Arc::clone(eye.look());
        bring_in_line(&shared, &holding);
        let arrived = take(&shared);
        for one in &arrived {
            tally(&holding, one);
            shared.deliver(&one.item);
        }
        if arrived.len() == BATCH {
            tokio::task::yield_now().await;
        }
        let next = shared.queue().next();
        tokio::select! {
            biased;
            changed = eye.changed() => if !changed { return },
            () = shared.hurry.notified() => {}
            () = shared.until(next) => {}
        }
    }
}

fn take(shared: &Shared) -> Vec<Arrived<Parcel>> {
    let now = shared.clock.now();
    let mut queue = shared.queue();
    let arrived = std::iter::from_fn(|| queue.pop(now)).take(BATCH).collect();
    shared.holds_back.store(queue.holds_back(), Relaxed);
    arrived
}

/// What waits for a fault that was healed goes on.
fn bring_in_line(shared: &Shared, holding: &UdpHolding) {
    let newer = shared.in_line.load(Relaxed) != holding.version();
    if !newer && !shared.out_of_line.load(Relaxed) {
        return;
    }
    let now = shared.clock.now();
    let mut queue = shared.queue();
    // Both change under the queue's lock only, so that nothing slips in between.
    shared.in_line.store(holding.version(), Relaxed);
    shared.out_of_line.store(false, Relaxed);
    queue.keep(|since| holding.since(since).is_some(), now);
    shared.holds_back.store(queue.holds_back(), Relaxed);
}

fn tally(holding: &UdpHolding, arrived: &Arrived<Parcel>) {
    for waited in &arrived.waited {
        if let Some(rule) = holding.since(waited.since) {
            rule.tally.waited(waited.lasted, waited.overtakers);
        }
    }
}
