//! The proxies that are measured, and how each is started: as its documentation has it, one worker each.

mod control;
mod group;
mod others;

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use nix::sched::{sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::clock::{now, pause};
use super::machine::{find, pin};
use control::Control;
use group::Group;
use others::Link;

/// What stands between a client and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Peer {
    /// Nothing.
    Direct,
    /// The proxy of this project.
    Ours,
    /// HAProxy in TCP mode.
    Haproxy,
    /// The same, told to move bytes within the kernel.
    Splice,
    /// nginx with its stream module.
    Nginx,
    /// socat, which has a process for each connection.
    Socat,
}

/// Where peers are started.
#[derive(Debug)]
pub struct Yard {
    folder: TempDir,
    ours: PathBuf,
    workers: usize,
}

/// A peer that runs, or none. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    /// Where clients connect to.
    pub address: SocketAddr,
    group: Option<Group>,
    control: Option<Control>,
}

/// How long a peer may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);

// === impl Peer ===

impl Peer {
    /// As it is called on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Ours => "ours",
            Self::Haproxy => "haproxy",
            Self::Splice => "splice",
            Self::Nginx => "nginx",
            Self::Socat => "socat",
        }
    }

    /// Why it cannot be measured here; `None` if it can.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        let name = self.program()?;
        find(name).is_none().then(|| format!("{}: {name} is not installed", self.name()))
    }

    /// What it says of itself, in a line; figures of a program without its version say little.
    #[must_use]
    pub fn version(self) -> Option<String> {
        let flag = if self == Self::Socat { "-V" } else { "-v" };
        let said = Command::new(find(self.program()?)?).arg(flag).output().ok()?;
        let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        text.lines()
            .find(|line| line.contains("version"))
            .map(|line| format!("{}: {}", self.name(), line.trim()))
    }

    const fn program(self) -> Option<&'static str> {
        match self {
            Self::Direct | Self::Ours => None,
            Self::Haproxy | Self::Splice => Some("haproxy"),
            Self::Nginx => Some("nginx"),
            Self::Socat => Some("socat"),
        }
    }
}

// === impl Yard ===

impl Yard {
    /// A yard in a temporary folder, which goes with it. `ours` is the program that runs our proxy.
    ///
    /// # Errors
    /// If there is no room for a temporary folder.
    pub fn new(ours: PathBuf, workers: usize) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("shakedown-proxies-").tempdir()?;
        Ok(Self { folder, ours, workers })
    }

    /// Starts a peer before `upstream`, and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started or does not listen within five seconds; what it said is told.
    pub fn start(&self, peer: Peer, upstream: SocketAddr) -> anyhow::Result<Running> {
        match peer {
            Peer::Direct => Ok(Running { address: upstream, group: None, control: None }),
            Peer::Ours => self.start_ours(upstream),
            _ => self.start_other(peer, upstream).with_context(|| format!("{} does not run", peer.name())),
        }
    }

    /// The same with all threads of the peer on one core.
    pub(super) fn start_on(&self, core: usize, peer: Peer, upstream: SocketAddr) -> anyhow::Result<Running> {
        // A process is born with the cores of the thread that starts it.
        let before = sched_getaffinity(Pid::from_raw(0))?;
        pin(core)?;
        let running = self.start(peer, upstream);
        sched_setaffinity(Pid::from_raw(0), &before)?;
        running
    }

    fn start_ours(&self, upstream: SocketAddr) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.ours);
        command.args(["--listen", "127.0.0.1:0", "--upstream", &upstream.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = Group::start(&mut command).with_context(|| format!("starting {:?}", self.ours))?;
        let mut control = Control::of(&mut group).context("our proxy was started without pipes")?;
        let address = control.address()?;
        Ok(Running { address, group: Some(group), control: Some(control) })
    }

    fn start_other(&self, peer: Peer, upstream: SocketAddr) -> anyhow::Result<Running> {
        let address = free_address()?;
        let log = self.folder.path().join(format!("{}.log", peer.name()));
        let program = peer.program().and_then(find).context("it is not installed")?;
        let link = Link { listen: address, upstream, workers: self.workers };
        let mut command = Command::new(program);
        command.args(link.arguments(peer, self.folder.path())?);
        command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let mut group = Group::start(&mut command)?;
        wait_until_listening(&mut group, address, &log)?;
        Ok(Running { address, group: Some(group), control: None })
    }
}

// === impl Running ===

impl Running {
    /// CPU time that all its processes have used; `None` where there is no peer.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        Some(self.group.as_ref()?.cpu())
    }

    /// Memory of all its processes in bytes, each page they share counted once.
    pub(super) fn memory(&self) -> Option<u64> {
        Some(self.group.as_ref()?.memory())
    }

    /// The most memory that it ever had resident, in bytes.
    pub(super) fn memory_peak(&self) -> Option<u64> {
        Some(self.group.as_ref()?.memory_peak())
    }

    /// How it is told what to do; only ours can be.
    pub(super) fn control(&mut self) -> anyhow::Result<&mut Control> {
        self.control.as_mut().context("only our own proxy can be told to do something")
    }
}

/// The program `proxy` beside this one. Cargo built only what it was asked to run, so it is asked for that one, too.
///
/// # Errors
/// If it does not build, or is not there.
pub fn our_program() -> anyhow::Result<PathBuf> {
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--bin", "proxy"]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        anyhow::ensure!(command.status()?.success(), "our own proxy does not build");
    }
    let program = std::env::current_exe()?.with_file_name("proxy");
    anyhow::ensure!(
        program.is_file(),
        "{} is missing: build it with `cargo build --release -p {} --bin proxy`",
        program.display(),
        env!("CARGO_PKG_NAME")
    );
    Ok(program)
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Looks at the kernel's list of sockets, since a connect would already be a connection that the peer has to serve.
fn wait_until_listening(group: &mut Group, address: SocketAddr, log: &Path) -> anyhow::Result<()> {
    let give_up = now() + LISTENS_WITHIN;
    while now() < give_up {
        let listens = procfs::net::tcp()?
            .iter()
            .any(|socket| socket.local_address == address && socket.state == procfs::net::TcpState::Listen);
        if listens {
            return Ok(());
        }
        if let Some(status) = group.ended()? {
            anyhow::bail!("it ended with {status} and said: {}", fs::read_to_string(log)?.trim());
        }
        pause(Duration::from_millis(2));
    }
    anyhow::bail!("it does not listen on {address}; it said: {}", fs::read_to_string(log)?.trim())
}
