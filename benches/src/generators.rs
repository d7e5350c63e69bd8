//! Load generators side by side: ours and others take turns at the same server, each as a process of its own.
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
use serde_json::Value;

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

/// What is asked of a generator.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Where it goes.
    pub address: SocketAddr,
    /// Connections, all open at once.
    pub connections: u32,
    /// For how long; whole seconds.
    pub duration: Duration,
    /// Requests a second; `None`: each connection asks again at once.
    pub rate: Option<f64>,
}

/// A generator that others wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// <https://github.com/wg/wrk>
    Wrk,
    /// <https://nghttp2.org/documentation/h2load.1.html>, over HTTP/1.1
    H2load,
    /// <https://github.com/rakyll/hey>
    Hey,
    /// <https://github.com/hatoo/oha>, latencies corrected where it keeps a rate
    Oha,
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

// === impl Peer ===

impl Peer {
    /// The generator of this name, if it is known, installed, and able to keep a rate where one `is_paced`.
    ///
    /// # Errors
    ///
    /// What is missing, for people.
    pub fn found(name: &str, is_paced: bool) -> Result<Self, &'static str> {
        let peer = match name {
            "wrk" if is_paced => return Err("it keeps no rate"),
            "wrk" => Self::Wrk,
            "h2load" => Self::H2load,
            "hey" => Self::Hey,
            "oha" => Self::Oha,
            _ => return Err("expected wrk, h2load, hey or oha"),
        };
        let missing = "it is not installed (Debian: wrk, nghttp2-client, hey; cargo install oha)";
        machine::find(name).map(|_| peer).ok_or(missing)
    }

    /// What starts it with one thread, where that can be said.
    #[must_use]
    pub fn command(self, order: &Order) -> Command {
        let seconds = order.duration.as_secs().max(1);
        let (connections, url) = (order.connections.to_string(), format!("http://{}/", order.address));
        // Both divide a rate among their connections.
        let each = order.rate.map(|rate| (rate / f64::from(order.connections.max(1))).to_string());
        let (program, lasting, pace) = match self {
            Self::Wrk => ("wrk", vec!["--threads=1".to_owned(), format!("--duration={seconds}s")], None),
            Self::H2load => {
                let lasting = ["--h1".to_owned(), "--threads=1".to_owned(), format!("--duration={seconds}")];
                ("h2load", lasting.to_vec(), each.map(|each| format!("--rps={each}")))
            }
            Self::Hey => {
                let lasting = ["-cpus=1".to_owned(), format!("-z={seconds}s")];
                ("hey", lasting.to_vec(), each.map(|each| format!("-q={each}")))
            }
            Self::Oha => {
                let lasting = ["--no-tui", "--output-format=json", "-w", "--latency-correction"];
                let lasting = lasting.map(str::to_owned).into_iter().chain([format!("-z={seconds}s")]);
                ("oha", lasting.collect(), order.rate.map(|rate| format!("-q={rate}")))
            }
        };
        let mut command = Command::new(program);
        command.args(lasting).args(["-c", &connections]).args(pace).arg(url);
        command
    }

    /// How many right answers it says it got. Where it tells of errors, nothing can be compared.
    #[must_use]
    pub fn answered(self, output: &str) -> Option<u64> {
        match self {
            Self::Wrk => answered_of_wrk(output),
            Self::H2load => answered_of_h2load(output),
            Self::Hey => answered_of_hey(output),
            Self::Oha => answered_of_oha(output),
        }
    }

    /// The latencies it tells at p99 and p99.9 and the largest, in milliseconds; `None` where it does not tell them, or
    /// counts them from when a request was sent.
    #[must_use]
    pub fn latencies(self, output: &str) -> Option<[f64; 3]> {
        let told: Value = serde_json::from_str(output).ok().filter(|_| self == Self::Oha)?;
        let seconds = ["/latencyPercentiles/p99", "/latencyPercentiles/p99.9", "/summary/slowest"]
            .map(|place| told.pointer(place)?.as_f64());
        let [Some(p99), Some(p999), Some(max)] = seconds else {
            return None;
        };
        Some([p99 * 1e3, p999 * 1e3, max * 1e3])
    }
}

/// `123456 requests in 5.00s, 19.3MB read`
fn answered_of_wrk(output: &str) -> Option<u64> {
    let has_errors = output.contains("Socket errors") || output.contains("Non-2xx");
    let line = output.lines().find(|line| line.contains(" requests in "))?;
    let count = line.split_whitespace().next()?.parse().ok()?;
    (!has_errors).then_some(count)
}

/// `requests: 9 total, 9 started, 9 done, 9 succeeded, 0 failed, 0 errored, 0 timeout`
fn answered_of_h2load(output: &str) -> Option<u64> {
    let line = output.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| line.split(", ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    let wrong: u64 = count(" failed")?;
    count(" succeeded").filter(|_| wrong == 0)
}

/// `[200]`, a tab, `10000 responses`, and no other line of a status or an error
fn answered_of_hey(output: &str) -> Option<u64> {
    let (_, statuses) = output.split_once("Status code distribution:")?;
    let mut lines = statuses.lines().map(str::trim).filter(|line| !line.is_empty());
    let count = lines.next()?.strip_prefix("[200]")?.trim().strip_suffix(" responses")?.parse().ok()?;
    lines.next().is_none().then_some(count)
}

/// `"statusCodeDistribution": {"200": 9}`, and no error but those of requests that its end cut short
fn answered_of_oha(output: &str) -> Option<u64> {
    let told: Value = serde_json::from_str(output).ok()?;
    let statuses = told.get("statusCodeDistribution")?.as_object()?;
    let errors = told.get("errorDistribution")?.as_object()?;
    let is_clean = statuses.len() == 1 && errors.keys().all(|error| error == "aborted due to deadline");
    statuses.get("200")?.as_u64().filter(|_| is_clean)
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
        assert_eq!(answered_of_wrk(said), Some(300_871));
        assert_eq!(
            answered_of_wrk(&format!("{said}  Socket errors: connect 0, read 1, write 0, timeout 0\n")),
            None
        );
        assert_eq!(answered_of_wrk(""), None);
    }

    #[test]
    fn what_h2load_says_is_understood() {
        let said = |failed: u64| {
            format!(
                "finished in 2.01s, 10741.00 req/s, 2.00MB/s\nrequests: 21482 total, 21546 started, 21482 done, 21480 \
                 succeeded, {failed} failed, 0 errored, 0 timeout\nstatus codes: 21482 2xx, 0 3xx, 0 4xx, 0 5xx\n"
            )
        };
        assert_eq!(answered_of_h2load(&said(0)), Some(21_480));
        assert_eq!((answered_of_h2load(&said(2)), answered_of_h2load("")), (None, None));
    }

    #[test]
    fn what_hey_says_is_understood() {
        let said = "  resp read:\t0.0007 secs\n\nStatus code distribution:\n  [200]\t10000 responses\n\n\n\n";
        assert_eq!(answered_of_hey(said), Some(10_000));
        let wrong = format!("{}\nError distribution:\n  [3]\tEOF\n", said.trim_end());
        assert_eq!((answered_of_hey(&wrong), answered_of_hey("")), (None, None));
    }

    #[test]
    fn what_oha_says_is_understood() {
        let said = |errors: &str| {
            format!(
                r#"{{"summary": {{"slowest": 1.5}}, "latencyPercentiles": {{"p50": 0.1, "p99": 0.813, "p99.9": 0.983}},
                    "statusCodeDistribution": {{"200": 10000}}, "errorDistribution": {{{errors}}}}}"#
            )
        };
        assert_eq!(answered_of_oha(&said("")), Some(10_000));
        assert_eq!(answered_of_oha(&said(r#""aborted due to deadline": 64"#)), Some(10_000));
        assert_eq!((answered_of_oha(&said(r#""Connection refused": 1"#)), answered_of_oha("")), (None, None));
        assert_eq!(Peer::Oha.latencies(&said("")), Some([813.0, 983.0, 1_500.0]));
        assert_eq!((Peer::Oha.latencies("{}"), Peer::Hey.latencies(&said(""))), (None, None));
    }
}
