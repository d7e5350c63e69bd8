//! Targets: their starts, exits and restarts.

use super::finding::{Restart, TargetFinding};
use crate::journal::What;

/// Exits that are listed one by one; a crash loop of two days has many more.
const RESTARTS_MAX: usize = 100;

/// One target while the journal is read.
#[derive(Debug, Default)]
pub struct TargetFold {
    found: TargetFinding,
    /// The exit that waits for a new process to be ready.
    down: Option<Restart>,
}

// === impl TargetFold ===

impl TargetFold {
    pub fn new(name: &str) -> Self {
        Self { found: TargetFinding { name: name.into(), ..TargetFinding::default() }, down: None }
    }

    /// Takes an event of this target in.
    pub fn take(&mut self, at_us: i64, what: &What) {
        let at = at_us as f64 / 1e6;
        match what {
            What::TargetStarted { .. } => self.found.starts += 1,
            What::TargetReady { after_us, .. } => self.ready(at, *after_us),
            What::TargetExited { status, expected, .. } => self.exited(at, status, *expected),
            What::TargetFailed { why, .. } => self.found.failed = Some(why.clone()),
            _ => {}
        }
    }

    /// Concludes.
    pub fn finish(mut self) -> TargetFinding {
        self.found.down_at_end = self.down.is_some();
        if let Some(down) = self.down.take() {
            self.list(down);
        }
        self.found
    }

    fn ready(&mut self, at: f64, after_us: u64) {
        self.found.ready_after.get_or_insert(after_us as f64 / 1e6);
        if let Some(mut down) = self.down.take() {
            let took = at - down.exited;
            self.found.longest_restart =
                Some(self.found.longest_restart.map_or(took, |longest| longest.max(took)));
            down.ready = Some(at);
            self.list(down);
        }
    }

    fn exited(&mut self, at: f64, status: &str, expected: bool) {
        self.found.exits += 1;
        self.found.unexpected += u64::from(!expected);
        let exit = Restart { exited: at, status: status.into(), expected, ready: None };
        // An exit before it was ready again: the first one tells since when it is down.
        match self.down.take() {
            Some(first) => {
                self.list(exit);
                self.down = Some(first);
            }
            None => self.down = Some(exit),
        }
    }

    fn list(&mut self, exit: Restart) {
        if self.found.restarts.len() < RESTARTS_MAX {
            self.found.restarts.push(exit);
        } else {
            self.found.left_out += 1;
        }
    }
}
