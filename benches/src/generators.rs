//! Load generators side by side: ours and wrk take turns at the same server, each as a process of its own.
//!
//! What a generator costs is all that its process used from start to end, as the kernel tells whoever waits for it. What
//! it did is what it says itself.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use procfs::process::Process;

use crate::proxies::machine;

/// What a generator did, and what it cost.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Requests answered rightly.
    pub answered: u64,
    /// How long it ran.
    pub lasted: Duration,
    /// CPU time of the whole process.
    pub cpu: Duration,
    /// The most resident memory, in bytes.
    pub rss_max: u64,
    /// Resident memory at the end less that after a quarter of the time, in bytes.
    pub rss_grown: i64,
}

/// An nginx that answers everything with a few bytes; it ends with this value.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a generator's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

// === impl Turn ===

impl Turn {
    /// CPU seconds for a hundred thousand requests.
    #[must_use]
    pub fn cpu_per_100k(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e5 / self.answered.max(1) as f64
    }

    /// Requests a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.lasted.as_secs_f64()
    }
}

/// Runs a generator to its end. `answered` reads from its output how many requests were answered.
///
/// # Errors
///
/// If it cannot be started, fails, or says nothing that `answered` understands.
#[expect(clippy::disallowed_methods, reason = "a measurement measures time")]
pub fn turn(command: &mut Command, answered: impl Fn(&str) -> Option<u64>) -> anyhow::Result<Turn> {
    let name = command.get_program().to_string_lossy().into_owned();
    let before = cpu_of_children()?;
    let began = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| name.clone())?;
    let memory = watched(&mut child);
    let mut output = String::new();
    // What a generator says fits a pipe's buffer many times over, so that it never waits for us.
    let read = child.stdout.take().context("its output")?.read_to_string(&mut output);
    let status = child.wait()?;
    read?;
    let (lasted, cpu) = (began.elapsed(), cpu_of_children()?.saturating_sub(before));
    anyhow::ensure!(status.success(), "{name} ended with {status}: {output}");
    let answered = answered(&output).with_context(|| format!("{name} said: {output}"))?;
    let at = |share: usize| memory.get(memory.len() * share / 4).copied().unwrap_or(0) as i64;
    let last = memory.last().copied().unwrap_or(0);
    let rss_max = memory.iter().copied().max().unwrap_or(0);
    Ok(Turn { answered, lasted, cpu, rss_max, rss_grown: last as i64 - at(1) })
}

/// Resident memory of a child, in bytes, look by look until it ends.
fn watched(child: &mut Child) -> Vec<u64> {
    let mut looks = Vec::new();
    let Ok(process) = i32::try_from(child.id()).map_err(drop).and_then(|pid| Process::new(pid).map_err(drop))
    else {
        return looks;
    };
    let page = procfs::page_size();
    while matches!(child.try_wait(), Ok(None)) {
        if let Ok(memory) = process.statm()
            && memory.resident > 0
        {
            looks.push(memory.resident * page);
        }
        thread::park_timeout(LOOK);
    }
    looks
}

/// CPU time of all children that were waited for.
fn cpu_of_children() -> anyhow::Result<Duration> {
    let usage: Usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: nix::sys::time::TimeVal| {
        let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    Ok(micros(usage.user_time()) + micros(usage.system_time()))
}

/// What wrk says it did: `123456 requests in 5.00s, 19.3MB read`. Where it tells of errors, nothing can be compared.
#[must_use]
pub fn requests_of_wrk(output: &str) -> Option<u64> {
    let has_errors = output.contains("Socket errors") || output.contains("Non-2xx");
    let line = output.lines().find(|line| line.contains(" requests in "))?;
    let count = line.split_whitespace().next()?.parse().ok()?;
    (!has_errors).then_some(count)
}

// === impl Nginx ===

impl Nginx {
    /// Starts one process of it, in a folder of its own, on a free port.
    ///
    /// # Errors
    ///
    /// If it is not installed, or does not listen in time.
    pub fn start() -> anyhow::Result<Self> {
        let program = machine::find("nginx").context("nginx is not installed (Debian: nginx-light)")?;
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration(address))?;
        let child = Command::new(program)
            .args([
                Path::new("-p"),
                folder.path(),
                Path::new("-c"),
                &file,
                Path::new("-e"),
                Path::new("error.log"),
            ])
            .stdin(Stdio::null())
            .spawn()?;
        let server = Self { child, address, _folder: folder };
        server.wait()?;
        Ok(server)
    }

    #[expect(clippy::disallowed_methods, reason = "the wait for a server has an end")]
    fn wait(&self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            anyhow::ensure!(Instant::now() < until, "nginx does not listen on {}", self.address);
            thread::park_timeout(LOOK);
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // One process without a master: nothing is left of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(address: SocketAddr) -> String {
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  keepalive_requests 1000000000;\n  client_body_temp_path body;\n  \
         proxy_temp_path proxy;\n  fastcgi_temp_path fastcgi;\n  uwsgi_temp_path uwsgi;\n  scgi_temp_path scgi;\n  \
         server {{ listen {address} backlog=4096; location / {{ return 200 \"hello\\n\"; }} }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let said = "Running 5s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  \
                    300871 requests in 5.00s, 44.76MB read\nRequests/sec:  60168.77\n";
        assert_eq!(requests_of_wrk(said), Some(300_871));
        assert_eq!(
            requests_of_wrk(&format!("{said}  Socket errors: connect 0, read 1, write 0, timeout 0\n")),
            None
        );
        assert_eq!(requests_of_wrk(""), None);
    }
}
