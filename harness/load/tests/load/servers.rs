//! Real servers from Debian's packages, each in a temporary directory and on a free port, ended whatever happens.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::unistd::{User, geteuid};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

use crate::skips::skipped;
use crate::support::PATIENCE;

/// A server that runs until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    /// Where it speaks in the clear, if it speaks TLS at its address; of an nginx where it speaks HTTP/2 in the clear.
    pub clear: SocketAddr,
    child: Child,
    dir: Option<TempDir>,
}

/// Where a program is, if it is installed.
pub fn installed(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(Path::new);
    folders.map(|folder| folder.join(program)).into_iter().find(|path| path.is_file())
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
    let mut server = Server::spawn(command, address);
    server.wait_until(|| std::net::TcpStream::connect(address).is_ok()).await;
    server.dir = Some(dir);
    Some(server)
}

/// An nginx with these locations, which speaks HTTP/1.1 at its address and HTTP/2 in the clear at another; `None`, and a word of it,
/// where none is installed.
pub async fn nginx_server(test: &str, locations: &str) -> Option<Server> {
    let (address, clear) = (free_port().await, free_port().await);
    let servers = format!("server {{ listen {address}; listen {clear} http2; {locations} }}");
    let mut server = nginx(test, address, |_| servers).await?;
    server.clear = clear;
    Some(server)
}

/// An nginx that speaks HTTP/1.1 and HTTP/2 over TLS as `shop.local` at its address, and HTTP/2 in the clear at another; with the
/// certificate to trust. `None`, and a word of it, where none is installed.
pub async fn nginx_over_tls(test: &str) -> Option<(Server, PathBuf)> {
    let (address, clear) = (free_port().await, free_port().await);
    let made = rcgen::generate_simple_self_signed(["shop.local".to_owned()]).unwrap();
    let mut server = nginx(test, address, |dir| {
        std::fs::write(dir.join("ca.pem"), made.cert.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let (ca, key) = (dir.join("ca.pem"), dir.join("key.pem"));
        format!(
            r#"keepalive_requests 100;
            server {{
                listen {address} ssl http2; listen {clear} http2; server_name shop.local;
                ssl_certificate {}; ssl_certificate_key {};
                default_type application/json;
                location /items/ {{ return 200 '{{"name": "item", "protocol": "$server_protocol", "row": "$http_x_user/$arg_user"}}'; }}
            }}"#,
            ca.display(),
            key.display()
        )
    })
    .await?;
    server.clear = clear;
    let ca = server.dir.as_ref().unwrap().path().join("ca.pem");
    Some((server, ca))
}

/// An nginx with these servers, which may have files in its folder.
async fn nginx(test: &str, address: SocketAddr, servers: impl FnOnce(&Path) -> String) -> Option<Server> {
    let Some(program) = installed("nginx") else {
        skipped(test, "nginx is not installed");
        return None;
    };
    let dir = tempfile::Builder::new().prefix("shakedown-test-").tempdir().unwrap();
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders: String = folders.iter().map(|of| format!("{of}_temp_path {of};\n")).collect();
    let servers = servers(dir.path());
    let text = format!(
        "daemon off; pid nginx.pid; error_log stderr crit; events {{}}\n\
         http {{ access_log off; {folders} {servers} }}\n"
    );
    std::fs::write(dir.path().join("nginx.conf"), text).unwrap();
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(dir.path());
    let mut server = Server::spawn(command, address);
    server.wait_until(|| std::net::TcpStream::connect(address).is_ok()).await;
    server.dir = Some(dir);
    Some(server)
}

/// A PostgreSQL with an empty database `postgres` and a superuser of that name; `None`, and a word of it, where none is
/// installed. `password` is asked for by SCRAM-SHA-256; without one everybody is trusted.
pub async fn postgres_server(test: &str, password: Option<&str>, more: &[&str]) -> Option<Server> {
    postgres_server_with(test, password, more, &[]).await
}

/// The same with these files in its folder of data, which only it may read.
pub async fn postgres_server_with(
    test: &str,
    password: Option<&str>,
    more: &[&str],
    files: &[(&str, String)],
) -> Option<Server> {
    let Some(programs) = postgres_programs() else {
        skipped(test, "postgresql is not installed");
        return None;
    };
    let dir = tempfile::Builder::new().prefix("shakedown-test-").tempdir().unwrap();
    let owner = owner();
    let program = |name: &str| {
        let mut command = Command::new(programs.join(name));
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(owner) = &owner {
            command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
        }
        command
    };
    if let Some(owner) = &owner {
        chown(dir.path(), Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
    }
    let mut initdb = program("initdb");
    initdb.args(["-D", "data", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"]);
    if let Some(password) = password {
        std::fs::write(dir.path().join("password"), password).unwrap();
        initdb.args(["-A", "scram-sha-256", "--pwfile", "password"]);
    } else {
        initdb.args(["-A", "trust"]);
    }
    // It may read the password: the folder is its own.
    assert!(initdb.status().unwrap().success(), "initdb failed");
    for (name, text) in files {
        let file = dir.path().join("data").join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        if let Some(owner) = &owner {
            chown(&file, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
        }
    }
    let address = free_port().await;
    let port = address.port().to_string();
    let mut command = program("postgres");
    command.args(["-D", "data", "-p", &port, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
    command.args(["-c", "unix_socket_directories="]).args(more);
    let is_ready =
        || program("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &port]).status().unwrap().success();
    let mut server = Server::spawn(command, address);
    server.wait_until(is_ready).await;
    server.dir = Some(dir);
    Some(server)
}

/// The folder of PostgreSQL's programs; Debian has one for each version, off the path.
fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").is_file());
    folders.sort();
    folders.pop()
}

/// PostgreSQL does not run as root: then it runs as the user whom its package made.
fn owner() -> Option<User> {
    let user = || User::from_name("postgres").unwrap().expect("the package `postgresql` makes this user");
    geteuid().is_root().then(user)
}

/// A port that was free just now.
async fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

// === impl Server ===

impl Server {
    fn spawn(mut command: Command, address: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { address, clear: address, child, dir: None }
    }

    /// Waits until it is ready.
    async fn wait_until(&mut self, is_ready: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_ready() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended at once: {ended:?}");
            assert!(Instant::now() < end, "the server does not become ready");
            sleep_until(Instant::now() + Duration::from_millis(20)).await;
        }
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
