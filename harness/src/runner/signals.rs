//! Signals that ask for an end. A closed terminal (SIGHUP) asks as politely as Ctrl-C does.

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Happening;

const WATCHED: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Turns each of the watched signals into a happening, as often as it comes.
pub fn watch(tasks: &mut JoinSet<()>, happenings: &mpsc::Sender<Happening>) -> io::Result<()> {
    for watched in WATCHED {
        let number = watched as i32;
        let mut stream = signal(SignalKind::from_raw(number))?;
        let happenings = happenings.clone();
        tasks.spawn(async move {
            while stream.recv().await.is_some() {
                if happenings.send(Happening::Signal(number)).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}
