//! `shakedown proxy` as people and scripts start it: flags, exit codes, signals, its log.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// A proxy that serves, ended with its test.
struct Served {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    api: SocketAddr,
}

fn proxy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shakedown"));
    command.arg("proxy").args(arguments).env_remove("LOG_LEVEL");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What one says that does not begin to serve.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = proxy(arguments).output().unwrap();
    (status.code(), [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat())
}

impl Served {
    fn start(arguments: &[&str]) -> Self {
        Self::of(&mut proxy(arguments))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        let Some(api) = address.and_then(|text| text.parse().ok()) else {
            let _ = child.kill();
            panic!("it does not serve: {line}{:?}", child.wait_with_output());
        };
        Self { child, out: Some(out), api }
    }

    /// The status and the body of an answer.
    fn ask(&self, what: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.api).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let length = body.len();
        let head =
            format!("{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}");
        stream.write_all(format!("{head}\r\n{headers}\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    #[track_caller]
    fn json(&self, what: &str, body: &str) -> Value {
        let (status, answer) = self.ask(what, "", body);
        assert!((200..300).contains(&status), "{what} {body}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    fn proxy(&self, name: &str) -> SocketAddr {
        let made = self.json("POST /proxies", &json!({ "name": name, "upstream": "up:1" }).to_string());
        made["listen"].as_str().unwrap().parse().unwrap()
    }

    /// Asks it to end, and gives how it did.
    fn end(&mut self, signal: Signal) -> ExitStatus {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
        let end = now() + LONG;
        while now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        panic!("{signal} did not end it");
    }

    /// The lines of its log. It must have ended.
    fn log(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
fn now() -> Instant {
    Instant::now()
}

fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

#[test]
fn a_taken_port_is_told() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, text) = refused(&["--port", &holder.local_addr().unwrap().port().to_string()]);
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("name a free port with `--port`") && text.contains("in use"), "{text}");
}

#[test]
fn two_do_not_share_a_port_and_the_first_goes_on() {
    let mut first = Served::start(&["--port", "0"]);
    let (code, text) = refused(&["--port", &first.api.port().to_string()]);
    assert_eq!(code, Some(64), "{text}");
    assert_eq!(first.json("GET /proxies", ""), json!({}));
    assert_eq!(first.end(Signal::SIGTERM).code(), Some(0));
}

#[test]
fn others_reach_it_only_with_a_token() {
    let (code, text) = refused(&["--host", "0.0.0.0", "--port", "0"]);
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("which others can reach") && text.contains("--token-file FILE"), "{text}");
}

#[test]
fn a_token_is_asked_for_and_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let mut command = proxy(&["--port", "0", "--token-file", file.to_str().unwrap()]);
    let mut served = Served::of(command.env("LOG_LEVEL", "debug"));
    let token = std::fs::read_to_string(file).unwrap().trim().to_owned();
    assert_eq!(served.ask("GET /proxies", "", "").0, 401);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let body = r#"{"name":"p","upstream":"postgres://me:hunter2@db:5432"}"#;
    assert_eq!(served.ask("POST /proxies", &bearer, body).0, 201);
    let wrong = r#"{"name":"q","upstream":"db:1","listen":"nonsense"}"#;
    assert_eq!(served.ask("POST /proxies?password=hunter2", &bearer, wrong).0, 500);
    assert!(served.end(Signal::SIGTERM).success());
    let mut said = served.log();
    served.out.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("\"upstream\":\"db:5432\"") && said.contains("Failed request"), "{said}");
    assert!(!said.contains(&token) && !said.contains("hunter2"), "{said}");
}

#[test]
fn signals_end_it_in_order_and_nothing_is_left_listening() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut served = Served::start(&["--port", "0"]);
        let proxies = ["a", "b"].map(|name| served.proxy(name));
        let mut live = TcpStream::connect(proxies[0]).unwrap();
        assert_eq!(served.end(signal).code(), Some(0), "{signal}");
        let mut said = String::new();
        served.out.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.ends_with("ended; all proxies are closed\n"), "{said}");
        assert!([served.api, proxies[0], proxies[1]].into_iter().all(is_refused));
        live.set_read_timeout(Some(LONG)).unwrap();
        assert_eq!(live.read(&mut [0]).unwrap_or(0), 0, "its connections are ended too");
    }
}

#[test]
fn a_config_that_is_wrong_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("toxiproxy.json");
    let path = config.to_str().unwrap();
    let check = |text: &str, says: &str| {
        std::fs::write(&config, text).unwrap();
        let (code, said) = refused(&["--port", "0", "--config", path]);
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(path) && said.contains(says), "`{says}` is missing in: {said}");
    };
    check(r#"[{"name":"a","upstream":"x:1"},{"name":"b"}]"#, "missing required field: upstream at proxy 2");
    check("[{\"name\":\"a\",\n\"upstream\":}]", "at line 2 column 12");
    let toxic =
        r#"[{"name":"a","upstream":"x:1","toxics":[{"type":"latency","attributes":{"latency":-1}}]}]"#;
    check(toxic, "latency is -1; allowed are 0 to 86400000 at proxy 1");
    let (code, said) = refused(&["--port", "0", "--config", folder.path().join("none").to_str().unwrap()]);
    assert!(code == Some(64) && said.contains("read the config"), "{said}");
}

#[test]
fn flags_may_be_written_as_go_writes_them() {
    let flags = ["-host=127.0.0.1", "-port", "0", "-seed=-1", "-proxy-metrics", "-runtime-metrics=true"];
    let served = Served::start(&flags);
    assert_eq!(served.json("GET /v1", "")["seed"], u64::MAX);
    let (status, page) = served.ask("GET /metrics", "", "");
    assert_eq!(status, 200);
    for name in ["toxiproxy_proxy_sent_bytes_total", "process_start_time_seconds", "process_open_fds"] {
        assert!(page.contains(&format!("# TYPE {name} ")), "{page}");
    }
    let (code, said) = refused(&["-version"]);
    assert!(code == Some(0) && said.starts_with("toxiproxy-server version 2."), "{said}");
    let (code, said) = refused(&["--help"]);
    // Help is a template to the library that prints it, and names in braces could be taken for its own.
    for path in
        ["/v1/proxies/{name}/toxics/{toxic} ", "/v1/partitions/{name} ", "/v1/links/{name}/faults/{fault} "]
    {
        assert!(code == Some(0) && said.contains(path), "`{path}` is missing in: {said}");
    }
    let (code, said) = refused(&["-nonsense"]);
    assert!(code == Some(64) && said.contains("--nonsense"), "{said}");
}

/// The messages of a log, and that each line is whole.
fn messages(log: &str) -> Vec<String> {
    let line = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
    let lines: Vec<Value> = log.lines().map(line).collect();
    for line in &lines {
        assert!(line["time"].as_str().unwrap().ends_with('Z') && line["level"].is_string(), "{line}");
    }
    lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

fn log_of_a_day(level: impl AsRef<OsStr>) -> String {
    let mut served = Served::of(proxy(&["--port", "0"]).env("LOG_LEVEL", level));
    served.proxy("p");
    served.json("POST /proxies/p/toxics", r#"{"type":"latency","attributes":{"latency":7}}"#);
    served.json("PATCH /proxies/p/toxics/latency_downstream", r#"{"attributes":{"latency":8}}"#);
    served.json("POST /proxies/p", r#"{"enabled":false}"#);
    served.json("DELETE /proxies/p/toxics/latency_downstream", "");
    served.json("DELETE /proxies/p", "");
    assert!(served.end(Signal::SIGINT).success());
    served.log()
}

#[test]
fn its_log_has_a_line_for_each_proxy_and_toxic_that_comes_changes_or_goes() {
    let log = log_of_a_day("");
    let expected = [
        "Created proxy",
        "Added toxic",
        "Updated toxic",
        "Terminated proxy",
        "Updated proxy",
        "Removed toxic",
        "Deleted proxy",
    ];
    assert_eq!(messages(&log), expected);
    let toxic: Value = serde_json::from_str(log.lines().nth(2).unwrap()).unwrap();
    let shown =
        ["level", "proxy", "name", "type", "stream", "toxicity"].map(|name| toxic[name].as_str().unwrap());
    assert_eq!(shown, ["info", "p", "latency_downstream", "latency", "downstream", "1"]);
    assert_eq!(log_of_a_day("error"), "");
    let all = messages(&log_of_a_day("debug"));
    assert_eq!(all.iter().filter(|message| *message == "Answered request").count(), 6, "{all:?}");
    assert_eq!(messages(&log_of_a_day("loud"))[0], "Unknown LOG_LEVEL, info is taken");
}

#[test]
fn nobody_reading_it_is_no_reason_to_stop() {
    // Standard output is read to its first line, standard error not at all: neither of their readers is there any more.
    let mut served = Served::start(&["--port", "0"]);
    drop((served.out.take(), served.child.stderr.take()));
    served.proxy("p");
    assert_eq!(served.json("GET /proxies", "").as_object().unwrap().len(), 1);
    assert_eq!(served.end(Signal::SIGTERM).code(), Some(0));
}

#[test]
fn a_log_that_is_full_holds_up_nobody() {
    let mut served = Served::start(&["--port", "0"]);
    served.proxy("p");
    // Far more than a pipe and the lines that may wait for it hold.
    let toxics: Vec<Value> = (0..200)
        .map(|number| json!({ "name": number.to_string(), "toxic": { "Latency": { "delay": "1ms" } } }))
        .collect();
    for _ in 0..20 {
        served.json("PUT /v1/proxies/p", &json!({ "toxics": toxics }).to_string());
    }
    assert_eq!(served.end(Signal::SIGTERM).code(), Some(0));
}
