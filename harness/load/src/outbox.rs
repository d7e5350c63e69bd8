//! Windows on their way to the harness: pacing never waits for a reader.

use std::collections::VecDeque;
use std::time::Duration;

use shakedown_reports::journal::Window;
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// How many windows wait for a slow reader before the oldest is given up: two minutes, 8 MiB.
pub(crate) const KEPT_MAX: usize = 120;
/// How long the end of a load waits for its reader.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// A bounded queue in front of a channel.
#[derive(Debug)]
pub(crate) struct Outbox {
    sender: Sender<Window>,
    kept: VecDeque<Window>,
    lost: u64,
}

impl Outbox {
    /// An outbox before this channel.
    pub(crate) const fn new(sender: Sender<Window>) -> Self {
        Self { sender, kept: VecDeque::new(), lost: 0 }
    }

    /// Sends a window, or keeps it for later.
    pub(crate) fn send(&mut self, window: Window) {
        self.kept.push_back(window);
        self.flush();
        while self.kept.len() > KEPT_MAX {
            self.kept.pop_front();
            self.lost += 1;
        }
    }

    /// Sends what was kept, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(window) = self.kept.pop_front() {
            if let Err(TrySendError::Full(window) | TrySendError::Closed(window)) =
                self.sender.try_send(window)
            {
                self.kept.push_front(window);
                return;
            }
        }
    }

    /// Sends what was kept, waiting for the reader a little; returns how many windows were lost in all.
    pub(crate) async fn finish(mut self) -> u64 {
        let sends = async {
            while let Some(window) = self.kept.front() {
                if self.sender.send(window.clone()).await.is_err() {
                    return;
                }
                self.kept.pop_front();
            }
        };
        // Whether it ended in time shows in what is left.
        let _ = tokio::time::timeout(LAST_WAIT, sends).await;
        self.lost + self.kept.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::recorder::Recorder;

    fn windows(count: usize) -> Vec<Window> {
        let mut recorder = Recorder::new("browse", &[]);
        (0..count).map(|_| recorder.close_first(0)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_everything_in_order_in_the_end() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        windows(50).into_iter().for_each(|window| outbox.send(window));
        let reads = async {
            let mut seconds = Vec::new();
            while let Some(window) = receiver.recv().await {
                seconds.push(window.second);
            }
            seconds
        };
        let (lost, seconds) = tokio::join!(outbox.finish(), reads);
        assert_eq!((lost, seconds), (0, (0..50).collect()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_never_reads_loses_the_oldest_and_the_loss_is_counted() {
        let (sender, _receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        windows(KEPT_MAX + 11).into_iter().for_each(|window| outbox.send(window));
        assert_eq!((outbox.lost, outbox.kept.len()), (10, KEPT_MAX));
        assert_eq!(outbox.finish().await, 10 + KEPT_MAX as u64, "all but the one in the channel");
    }

    #[tokio::test]
    async fn a_reader_that_is_gone_does_not_hold_the_end_up() {
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        let mut outbox = Outbox::new(sender);
        windows(3).into_iter().for_each(|window| outbox.send(window));
        assert_eq!(outbox.finish().await, 3);
    }
}
