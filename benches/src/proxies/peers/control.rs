//! Telling our proxy what to do: a line to it, a line back.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout};
use std::time::Duration;

use anyhow::Context as _;

use super::group::Group;

/// The pipes of our proxy's process. It ends when they do.
#[derive(Debug)]
pub(crate) struct Control {
    say: ChildStdin,
    hear: BufReader<ChildStdout>,
}

// === impl Control ===

impl Control {
    pub(super) fn of(group: &mut Group) -> Option<Self> {
        let (say, hear) = (group.child.stdin.take()?, group.child.stdout.take()?);
        Some(Self { say, hear: BufReader::new(hear) })
    }

    /// The first line it says.
    pub(super) fn address(&mut self) -> anyhow::Result<SocketAddr> {
        let line = self.line()?;
        line.parse().with_context(|| format!("expected our proxy's address, found `{line}`"))
    }

    /// Makes a toxic hold, such as `latency 100ms`; how long the call took in the proxy.
    pub(crate) fn inject(&mut self, toxic: &str) -> anyhow::Result<Duration> {
        self.ask(&format!("inject {toxic}"))
    }

    /// Ends all toxics; how long that took in the proxy.
    pub(crate) fn heal(&mut self) -> anyhow::Result<Duration> {
        self.ask("heal")
    }

    fn ask(&mut self, what: &str) -> anyhow::Result<Duration> {
        writeln!(self.say, "{what}").context("our proxy does not listen to its control")?;
        let line = self.line()?;
        let nanos = line.strip_prefix("ok ").and_then(|nanos| nanos.parse().ok());
        nanos
            .map(Duration::from_nanos)
            .with_context(|| format!("our proxy was told to {what} and said: {line}"))
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.hear.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}
