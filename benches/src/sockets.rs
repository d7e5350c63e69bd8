//! What many idle sockets cost: a load of WebSockets as a process of its own, against a server in the measuring one.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procfs::WithCurrentSystemInfo as _;
use procfs::process::Process;
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::websocket::{Sending, WebSocketMessage, WebSocketWorkload};
use shakedown_scenarios::workload::{Arrivals, Destination, Workload};
use tokio::net::TcpListener;
use tokio::task::spawn_local;

/// What a load of sockets cost, from when it is steady to its end.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The most resident memory of the process, in bytes.
    pub rss: u64,
    /// CPU time a second, in cores.
    pub cores: f64,
}

/// How long sockets may take to be open, and the load to be steady.
const WARM_UP: Duration = Duration::from_secs(6);
/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Lets this process have as many descriptors as the system allows it.
///
/// # Errors
///
/// If the system does not tell or take the limit.
pub fn raise_descriptors() -> anyhow::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// Answers every message with itself.
///
/// # Errors
///
/// If no connection can be taken.
pub async fn echo(listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn_local(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// So many sockets, used in turn: a few bytes on each, and their echo.
#[must_use]
pub fn workload(sockets: u32, rate: Rate) -> Workload {
    Workload::WebSocket(WebSocketWorkload {
        to: Destination::Target("target".to_owned()),
        arrivals: Arrivals::Constant(rate),
        timeout: Span::secs(10),
        sockets,
        tls: None,
        path: "/".to_owned(),
        headers: Vec::new(),
        messages: vec![WebSocketMessage {
            send: Sending::Text("hello {n}".to_owned()),
            expect: Some("hello {n}".to_owned()),
            weight: 1,
            keys: 1 << 62,
        }],
    })
}

/// Runs a load as a process of its own, and tells what it cost and what it says at its end.
///
/// # Errors
///
/// If it cannot be started, fails, or ends before it is steady.
#[expect(clippy::disallowed_methods, reason = "a measurement measures time")]
pub fn cost(command: &mut Command, address: SocketAddr) -> anyhow::Result<(Cost, String)> {
    let mut child = command.arg(address.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let process = Process::new(i32::try_from(child.id())?)?;
    let began = Instant::now();
    let (mut first, mut last, mut rss) = (None, None, 0);
    while child.try_wait()?.is_none() {
        if began.elapsed() >= WARM_UP
            && let Ok(stat) = process.stat()
            && stat.rss > 0
        {
            let ticks = stat.utime + stat.stime;
            let seen = (Instant::now(), ticks);
            rss = stat.rss_bytes().get().max(rss);
            first.get_or_insert(seen);
            last = Some(seen);
        }
        thread::park_timeout(LOOK);
    }
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "the load ended with {}", output.status);
    let (first, last) = first.zip(last).context("the load ended before it was steady")?;
    let cpu = (last.1 - first.1) as f64 / procfs::ticks_per_second() as f64;
    let cores = cpu / last.0.duration_since(first.0).as_secs_f64().max(LOOK.as_secs_f64());
    Ok((Cost { rss, cores }, String::from_utf8(output.stdout)?))
}
