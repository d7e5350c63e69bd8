//! The proxies that are measured, and how each is started: as its documentation has it, one worker each.

mod control;
mod group;

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::clock::{now, pause};
use control::Control;
use group::Group;

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

/// Where Debian and others keep nginx's stream module, where it is not part of the program.
const STREAM_MODULES: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "/usr/lib64/nginx/modules/ngx_stream_module.so",
    "/usr/share/nginx/modules/ngx_stream_module.so",
];

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
        let program = self.program()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        // An ordinary user's path does not lead to where Debian keeps servers.
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let found = folders.map(|folder| folder.join(program)).any(|file| file.is_file());
        (!found).then(|| format!("{program} is not installed"))
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
        command.args(["--workers", &self.workers.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = Group::start(&mut command).with_context(|| format!("starting {:?}", self.ours))?;
        let mut control = Control::of(&mut group).context("our proxy was started without pipes")?;
        let address = control.address()?;
        Ok(Running { address, group: Some(group), control: Some(control) })
    }

    fn start_other(&self, peer: Peer, upstream: SocketAddr) -> anyhow::Result<Running> {
        let address = free_address()?;
        let log = self.folder.path().join(format!("{}.log", peer.name()));
        let mut command = match peer {
            Peer::Nginx => self.nginx(address, upstream)?,
            Peer::Socat => socat(address, upstream),
            _ => self.haproxy(peer, address, upstream)?,
        };
        command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let mut group = Group::start(&mut command)?;
        wait_until_listening(&mut group, address, &log)?;
        Ok(Running { address, group: Some(group), control: None })
    }

    fn haproxy(&self, peer: Peer, listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<Command> {
        let splice = if peer == Peer::Splice { "option splice-auto" } else { "" };
        let text = format!(
            "global\n  nbthread {}\n  maxconn 9000\n\
             defaults\n  mode tcp\n  {splice}\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n\
             listen link\n  bind {listen}\n  server upstream {upstream}\n",
            self.workers
        );
        let file = self.write("haproxy.cfg", &text)?;
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(file);
        Ok(command)
    }

    fn nginx(&self, listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<Command> {
        let folder = self.folder.path();
        let module = STREAM_MODULES.iter().find(|file| Path::new(file).is_file());
        let module = module.map(|file| format!("load_module {file};\n")).unwrap_or_default();
        // Root's workers would become somebody who may not write here.
        let user = if fs::metadata(folder)?.uid() == 0 { "user root;\n" } else { "" };
        let text = format!(
            "{module}{user}daemon off;\nworker_processes {};\nworker_rlimit_nofile 20000;\n\
             pid nginx.pid;\nerror_log error.log;\nevents {{ worker_connections 19000; }}\n\
             stream {{ server {{ listen {listen} backlog=4096; proxy_pass {upstream}; proxy_timeout 1h; }} }}\n",
            self.workers
        );
        let file = self.write("nginx.conf", &text)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(file).arg("-e").arg(folder.join("error.log"));
        Ok(command)
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let file = self.folder.path().join(name);
        fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(file)
    }
}

fn socat(listen: SocketAddr, upstream: SocketAddr) -> Command {
    let mut command = Command::new("socat");
    command.arg(format!(
        "TCP-LISTEN:{},bind={},reuseaddr,fork,backlog=1024,nodelay",
        listen.port(),
        listen.ip()
    ));
    command.arg(format!("TCP:{upstream},nodelay"));
    command
}

// === impl Running ===

impl Running {
    /// CPU time that all its processes have used; `None` where there is no peer.
    pub(super) fn cpu(&self) -> Option<Duration> {
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

/// Binds the calling thread to a core.
pub(super) fn pin(core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores).context("binding a thread to a core")
}

/// The last core that this process may use: interrupts tend to come to the first.
pub(super) fn last_core() -> anyhow::Result<usize> {
    let cores = sched_getaffinity(Pid::from_raw(0))?;
    let usable = (0..CpuSet::count()).rev().find(|core| cores.is_set(*core).unwrap_or(false));
    usable.context("this process may use no core at all")
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
