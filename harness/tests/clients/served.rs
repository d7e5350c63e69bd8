//! `shakedown proxy` as people start it, and an API client that owes nothing to the clients under test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::LONG;

/// A fault proxy in a process of its own, ended with this.
pub struct Served {
    child: Child,
    /// Kept open: it writes there when it ends.
    _out: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

impl Served {
    pub fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shakedown"));
        command.args(["proxy", "--port", "0", "--seed", "42"]).stdin(Stdio::null()).stdout(Stdio::piped());
        // What goes wrong is told; each toxic that comes and goes is not.
        let mut child = command.env("LOG_LEVEL", "error").spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split(',').next());
        let address = address.and_then(|address| address.parse().ok());
        Self { child, _out: out, address: address.unwrap_or_else(|| panic!("no address: {line}")) }
    }

    /// All proxies by their names.
    pub fn proxies(&self) -> serde_json::Map<String, Value> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let head = format!("GET /proxies HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    /// Asks it to end, as service managers do, and sees that it ends well.
    pub fn end(mut self) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
