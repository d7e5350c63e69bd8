//! A control plane of one test, and a client that shows every byte of an answer.

#![allow(dead_code, reason = "each file uses its own part")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use shakedown_proxy::engine::Faults;
use shakedown_proxy::news::Log;
use shakedown_proxy::server::{Options, Patience, Server};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A control plane that ends with its test.
pub struct Api {
    pub address: SocketAddr,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Longer than anything takes here.
pub const LONG: Duration = Duration::from_secs(20);

pub fn options() -> Options {
    Options {
        host: "localhost".to_owned(),
        port: 0,
        config: None,
        seed: 42,
        proxy_metrics: true,
        runtime_metrics: true,
        token_file: None,
        patience: Patience::default(),
        log: Log::default(),
    }
}

impl Api {
    pub fn start() -> Self {
        Self::with(&options())
    }

    pub fn with(options: &Options) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(Server::open(Faults, options)).unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, runtime: Some(runtime), stop: Some(stop) }
    }

    /// Why it cannot begin, with all causes.
    pub fn refused(options: &Options) -> String {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let error: Box<dyn std::error::Error> =
            runtime.block_on(Server::open(Faults, options)).unwrap_err().into();
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    /// Asks, with a body or none: `api.ask("POST /proxies", "{}")`.
    pub fn ask(&self, what: &str, body: &str) -> Answer {
        self.ask_with(what, "", body)
    }

    /// Asks with more headers, each with its end of line.
    pub fn ask_with(&self, what: &str, headers: &str, body: &str) -> Answer {
        let host = self.address;
        let length = body.len();
        self.raw(&format!(
            "{what} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    /// Sends bytes, and reads the one answer to them.
    pub fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let method = request.split(' ').next().unwrap();
        Answer::read(&mut stream, method != "HEAD")
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// Asks and compares status and body, with the ports of this machine written as `PORT`.
    #[track_caller]
    pub fn check(&self, what: &str, body: &str, status: u16, expected: &str) -> Answer {
        let answer = self.ask(what, body);
        assert_eq!(
            (answer.status, without_ports(&answer.body).as_str()),
            (status, expected),
            "{what} {body}"
        );
        answer
    }

    /// Asks for what must succeed.
    #[track_caller]
    pub fn json(&self, what: &str, body: &str) -> Value {
        let answer = self.ask(what, body);
        assert!((200..300).contains(&answer.status), "{what} {body}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// Makes a proxy and gives its address.
    #[track_caller]
    pub fn proxy(&self, name: &str, upstream: &str) -> SocketAddr {
        let body = format!(r#"{{"name":"{name}","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
        self.json("POST /proxies", &body)["listen"].as_str().unwrap().parse().unwrap()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

impl Answer {
    pub fn read(stream: &mut TcpStream, has_body: bool) -> Self {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut byte).unwrap();
            assert_eq!(read, 1, "the connection ended: {:?}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let mut answer = Self { status, headers, body: String::new() };
        let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if has_body {
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            answer.body = String::from_utf8(body).unwrap();
        }
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// With `PORT` for every port of 127.0.0.1.
pub fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("127.0.0.1:PORT");
        out.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    out
}
