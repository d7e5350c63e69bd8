//! One way of a real connection through the real proxy, in real time.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::{Aim, Direction, Injection, Toxic};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::Span;

use crate::chain::{NAME, SEED};
use crate::script::{Driver, Finish, Seen, Step};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// What has not come by then is not on its way.
const SILENT: Duration = Duration::from_millis(30);

/// The proxy with one connection, of which one way is looked at.
pub struct Wire {
    proxy: Proxy,
    direction: Direction,
    source: Option<TcpStream>,
    /// What the other end reads, with the moments; its end is the last.
    read: Receiver<(Instant, Result<Vec<u8>, Finish>)>,
    began: Instant,
    /// The moment of the script, from its beginning.
    now: Duration,
    /// How much later a step came than its moment, at the most.
    late: Duration,
}

// === impl Wire ===

impl Wire {
    pub fn on(direction: Direction) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(any).unwrap();
        let proxy = Proxy::start(any, listener.local_addr().unwrap(), SEED).unwrap();
        let client = TcpStream::connect(proxy.address()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let (source, sink) = match direction {
            Direction::Upstream => (client, server),
            Direction::Downstream => (server, client),
        };
        source.set_nodelay(true).unwrap();
        let (tell, read) = mpsc::channel();
        std::thread::spawn(move || read_all(sink, &tell));
        Self {
            proxy,
            direction,
            source: Some(source),
            read,
            began: now(),
            now: Duration::ZERO,
            late: Duration::ZERO,
        }
    }

    fn injection(&self, toxic: &Toxic) -> Injection {
        let way = match self.direction {
            Direction::Upstream => Way::Upstream,
            Direction::Downstream => Way::Downstream,
        };
        Injection { name: NAME.to_owned(), toxic: toxic.clone(), aim: Aim::at(way) }
    }

    fn source(&mut self) -> &mut TcpStream {
        self.source.as_mut().expect("a script sends nothing after its end")
    }
}

impl Driver for Wire {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Inject(id, toxic) => self.proxy.inject(*id, self.injection(toxic)).unwrap(),
            Step::Update(id, toxic) => self.proxy.update(*id, self.injection(toxic)).unwrap(),
            Step::Heal(id) => assert!(self.proxy.heal(*id).proven),
            // A connection that was ended takes nothing any more.
            Step::Send(bytes) => drop(self.source().write_all(bytes)),
            Step::Finish => drop(self.source().shutdown(Shutdown::Write)),
            Step::Break => {
                let source = socket2::Socket::from(self.source.take().unwrap());
                source.set_linger(Some(Duration::ZERO)).unwrap();
            }
            Step::Wait(millis) => {
                self.now += Duration::from_millis(*millis);
                wait_until(self.began + self.now);
                self.late = self.late.max(now() - (self.began + self.now));
            }
        }
    }

    fn seen(self, like: &Seen) -> Seen {
        let mut seen = Seen { late: Span::nanos(self.late.as_nanos() as u64), ..Seen::default() };
        let give_up = now() + LONG;
        loop {
            let complete = seen.bytes.len() >= like.bytes.len() && seen.end.is_some() == like.end.is_some();
            let patience = if complete { SILENT } else { give_up.saturating_duration_since(now()) };
            match self.read.recv_timeout(patience) {
                Ok((moment, what)) => {
                    let since = Span::nanos(moment.duration_since(self.began).as_nanos() as u64);
                    match what {
                        Ok(bytes) => {
                            seen.pieces.push((since, bytes.len()));
                            seen.bytes.extend(bytes);
                        }
                        Err(end) => seen.end = Some((since, end)),
                    }
                }
                Err(RecvTimeoutError::Timeout) => break,
                // It has ended, and said so.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        seen.bit = self.proxy.evidence(1).is_some_and(|evidence| evidence.bit());
        seen
    }
}

fn read_all(mut sink: TcpStream, tell: &mpsc::Sender<(Instant, Result<Vec<u8>, Finish>)>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let what = match sink.read(&mut buffer) {
            Ok(0) => Err(Finish::Finished),
            Ok(count) => Ok(buffer[..count].to_vec()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(Finish::Reset),
            Err(error) => panic!("{error}"),
        };
        let ended = what.is_err();
        // Whoever plays the script may have heard enough.
        if tell.send((now(), what)).is_err() || ended {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test of real sockets measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a script is played in real time")]
fn wait_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(now()));
}
