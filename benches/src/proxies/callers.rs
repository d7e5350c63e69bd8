//! Clients of a proxy: many connections on one thread, each with one question at a time.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::clock::now;
use super::responder::Exchange;

/// Some open connections.
#[derive(Debug)]
pub(super) struct Callers {
    exchange: Exchange,
    epoll: Epoll,
    callers: Vec<Caller>,
    ticking: Option<TimerFd>,
    scratch: Vec<u8>,
}

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// Which connection got it.
    pub(super) caller: usize,
    /// How long after its question.
    pub(super) after: Duration,
}

#[derive(Debug)]
struct Caller {
    stream: TcpStream,
    /// Bytes of an answer that is not complete.
    heard: usize,
    /// When its question was sent, until that is answered.
    asked: Option<Instant>,
}

/// How long a peer may take to answer before it counts as stuck.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

const EVENTS: usize = 256;

/// What tells a tick from a connection.
const TICK: u64 = u64::MAX;

// === impl Callers ===

impl Callers {
    /// Opens so many connections. Each that is open counts, whether or not its peer has got to the server yet.
    pub(super) fn open(address: SocketAddr, count: usize, exchange: Exchange) -> anyhow::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut callers = Vec::with_capacity(count);
        for number in 0..count {
            let stream = TcpStream::connect_timeout(&address, ANSWERS_WITHIN)
                .with_context(|| format!("opening connection {number}"))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            callers.push(Caller { stream, heard: 0, asked: None });
        }
        Ok(Self { exchange, epoll, callers, ticking: None, scratch: vec![0; 1 << 16] })
    }

    /// Sends a question on a connection, unless one is open there; whether it was sent.
    pub(super) fn ask(&mut self, caller: usize) -> anyhow::Result<bool> {
        let caller = &mut self.callers[caller];
        if caller.asked.is_some() {
            return Ok(false);
        }
        caller.asked = Some(now());
        caller.stream.write_all(self.exchange.ask).context("a question was not taken")?;
        Ok(true)
    }

    /// Sends a question on each.
    pub(super) fn ask_all(&mut self) -> anyhow::Result<()> {
        (0..self.callers.len()).try_for_each(|caller| self.ask(caller).map(drop))
    }

    /// Ends a wait every so often, more finely than `epoll` can wait by itself.
    pub(super) fn tick_every(&mut self, pace: Duration) -> anyhow::Result<()> {
        let timer =
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        self.epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TICK))?;
        timer.set(Expiration::Interval(TimeSpec::from_duration(pace)), TimerSetTimeFlags::empty())?;
        self.ticking = Some(timer);
        Ok(())
    }

    /// Waits for answers until there are some, until a tick, or until a moment has come (in whole milliseconds).
    pub(super) fn wait(&mut self, until: Instant, answers: &mut Vec<Answer>) -> anyhow::Result<()> {
        answers.clear();
        let left = until.saturating_duration_since(now()).as_micros().div_ceil(1_000);
        let timeout = EpollTimeout::try_from(i32::try_from(left).unwrap_or(i32::MAX))?;
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = self.epoll.wait(&mut events, timeout)?;
        for event in &events[..count] {
            if event.data() == TICK {
                self.ticking.as_ref().map_or(Ok(()), TimerFd::wait)?;
                continue;
            }
            let number = event.data() as usize;
            if let Some(after) = self.callers[number].hear(self.exchange, &mut self.scratch)? {
                answers.push(Answer { caller: number, after });
            }
        }
        Ok(())
    }

    /// Waits until every question is answered; the time each took.
    pub(super) fn hear_all(&mut self) -> anyhow::Result<Vec<Duration>> {
        let open = self.callers.iter().filter(|caller| caller.asked.is_some()).count();
        let give_up = now() + ANSWERS_WITHIN;
        let (mut all, mut answers) = (Vec::with_capacity(open), Vec::new());
        while all.len() < open {
            anyhow::ensure!(now() < give_up, "{} of {open} questions got no answer", open - all.len());
            self.wait(give_up, &mut answers)?;
            all.extend(answers.iter().map(|answer| answer.after));
        }
        Ok(all)
    }

    /// Asks on every connection again and again, each as soon as it has its answer; the time each took.
    pub(super) fn keep_asking(&mut self, length: Duration) -> anyhow::Result<Vec<Duration>> {
        let end = now() + length;
        let (mut all, mut answers) = (Vec::new(), Vec::new());
        self.ask_all()?;
        while now() < end {
            self.wait(end, &mut answers)?;
            for answer in &answers {
                all.push(answer.after);
                self.ask(answer.caller)?;
            }
        }
        self.hear_all()?;
        Ok(all)
    }
}

// === impl Caller ===

impl Caller {
    fn hear(&mut self, exchange: Exchange, scratch: &mut [u8]) -> anyhow::Result<Option<Duration>> {
        let count = match self.stream.read(scratch) {
            Ok(0) => anyhow::bail!("a connection was closed"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error).context("a connection broke"),
        };
        self.heard += count;
        if self.heard < exchange.answer.len() {
            return Ok(None);
        }
        self.heard -= exchange.answer.len();
        Ok(self.asked.take().map(|asked| asked.elapsed()))
    }
}
