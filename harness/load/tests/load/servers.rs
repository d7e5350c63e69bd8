//! Real servers from Debian's packages, each in a temporary directory and on a free port, ended whatever happens.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use crate::support::PATIENCE;

/// A server that runs until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    _dir: TempDir,
}

/// Where a program is, if it is installed.
pub fn installed(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(Path::new);
    folders.map(|folder| folder.join(program)).into_iter().find(|path| path.is_file())
}

/// Names a test that could not run here, with its reason, for the closing lines of the test command.
pub fn skipped(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
    if let Some(file) = std::env::var_os("SHAKEDOWN_SKIPS") {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{test}\t{reason}").unwrap();
    }
}

/// A Redis without persistence; `None`, and a word of it, where none is installed.
pub async fn redis_server(test: &str, more: &[&str]) -> Option<Server> {
    let Some(program) = installed("redis-server") else {
        skipped(test, "redis-server is not installed");
        return None;
    };
    let dir = tempfile::Builder::new().prefix("shakedown-test-").tempdir().unwrap();
    let address = free_port().await;
    let mut command = Command::new(program);
    command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--save", ""]);
    command.args(["--appendonly", "no", "--dir"]).arg(dir.path()).args(more);
    Some(Server::ready(command, dir, address).await)
}

/// A port that was free just now.
async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

// === impl Server ===

impl Server {
    /// Starts a server and waits until it takes connections.
    async fn ready(mut command: Command, dir: TempDir, address: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { address, child, _dir: dir };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended at once: {ended:?}");
            assert!(Instant::now() < end, "the server does not take connections");
            sleep_until(Instant::now() + Duration::from_millis(20)).await;
        }
        server
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
