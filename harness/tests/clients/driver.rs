//! Starts a driver, and looks at a proxy each time it asks for that.
//!
//! It gets three addresses: of the API, of a server that echoes, and of one that echoes in capitals. To ask it writes
//! `see WHAT LISTEN` or `see TOXIC STREAM LISTEN`, and goes on when it reads `seen`. All else that it writes is shown if
//! it fails.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::peers::{shout, telling_echo};
use crate::served::Served;
use crate::sight;

/// Longer than a driver takes from one question to the next, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

struct Driver {
    child: Child,
    answers: ChildStdin,
    /// What it writes, line by line.
    lines: Receiver<String>,
    said: String,
}

/// Runs a driver to its end, and gives what was looked at, in order and without addresses.
#[track_caller]
pub fn drive(command: Command) -> Vec<String> {
    let proxy = Served::start();
    let (upstream, got) = telling_echo();
    let mut driver = Driver::start(command, [proxy.address, upstream, shout()]);
    let mut seen = Vec::new();
    while let Some(question) = driver.question() {
        let (sight, listen) =
            question.rsplit_once(' ').unwrap_or_else(|| panic!("an odd question: {question}"));
        if let Err(wrong) = sight::look(&proxy, &got, sight, listen) {
            panic!("{sight} at {listen}: {wrong}\n{}", driver.said);
        }
        seen.push(sight.to_owned());
        // One that has ended is told below.
        let _ = driver.answers.write_all(b"seen\n");
    }
    let status = driver.child.wait().unwrap();
    assert!(status.success(), "{status}, after {seen:?}\n{}", driver.said);
    assert!(proxy.proxies().is_empty(), "left: {:?}", proxy.proxies());
    proxy.end();
    seen
}

// === impl Driver ===

impl Driver {
    fn start(mut command: Command, addresses: [SocketAddr; 3]) -> Self {
        command.args(addresses.map(|address| address.to_string()));
        // Whatever leads out of this machine, nobody has to ask it for the way to here.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (answers, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (lines, sent) = mpsc::channel();
        let told = lines.clone();
        thread::spawn(move || {
            let mut text = String::new();
            let _ = err.unwrap().read_to_string(&mut text);
            text.lines().for_each(|line| drop(told.send(line.to_owned())));
        });
        thread::spawn(move || {
            BufReader::new(out.unwrap())
                .lines()
                .map_while(Result::ok)
                .for_each(|line| drop(lines.send(line)));
        });
        Self { child, answers: answers.unwrap(), lines: sent, said: String::new() }
    }

    /// The next thing to look at; `None`: it has ended.
    fn question(&mut self) -> Option<String> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => match line.strip_prefix("see ") {
                    Some(question) => return Some(question.to_owned()),
                    None => self.said = format!("{}{line}\n", self.said),
                },
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("silent for {PATIENCE:?}\n{}", self.said),
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It has ended already unless we fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
