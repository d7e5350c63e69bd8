//! Our proxy as a process of its own, so that it can be measured like any other. All that the measurements know of our
//! proxy's API stands here.
//!
//! It prints where it listens, then obeys lines on its standard input: `inject latency 100ms`, `inject bandwidth 1MB/s`,
//! `heal` (which ends all). Each is answered by `ok` and the nanoseconds that the call took, or by `error` and why. It
//! ends when its input does.

use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Parser;
use shakedown_benches::proxies::clock::now;
use shakedown_faults::proxy::Proxy;
use shakedown_faults::toxic::Toxic;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::Span;
use tokio::runtime::Builder;

/// Runs a proxy until its standard input ends.
#[derive(Debug, Parser)]
struct Flags {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to connect to.
    #[arg(long)]
    upstream: SocketAddr,
    /// What holds from the start, on the way to the target: `latency=100ms` or `bandwidth=1MB/s`.
    #[arg(long)]
    toxic: Vec<Spec>,
    /// Threads that move bytes.
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

/// A toxic as it is written.
#[derive(Clone, Copy, Debug)]
struct Spec(Toxic);

/// A proxy and the numbers of what holds on it.
struct Held {
    proxy: Proxy,
    numbers: std::ops::Range<u32>,
}

const SEED: u64 = 1;

#[expect(clippy::print_stdout, reason = "what started it reads its address and its answers there")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let runtime = Builder::new_multi_thread().worker_threads(flags.workers).enable_all().build()?;
    let _inside = runtime.enter();
    let mut held = Held { proxy: Proxy::start(flags.listen, flags.upstream, SEED)?, numbers: 0..0 };
    for Spec(toxic) in flags.toxic {
        held.inject(toxic)?;
    }
    println!("{}", held.proxy.address());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let start = now();
        match held.obey(&line) {
            Ok(()) => println!("ok {}", start.elapsed().as_nanos()),
            Err(error) => println!("error {error:#}"),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}

// === impl Held ===

impl Held {
    fn obey(&mut self, line: &str) -> anyhow::Result<()> {
        match line.split_once(' ') {
            Some(("inject", toxic)) => self.inject(toxic.replacen(' ', "=", 1).parse::<Spec>()?.0),
            None if line == "heal" => {
                self.heal();
                Ok(())
            }
            _ => anyhow::bail!("expected `inject TOXIC VALUE` or `heal`, found `{line}`"),
        }
    }

    fn inject(&mut self, toxic: Toxic) -> anyhow::Result<()> {
        self.proxy.inject(self.numbers.end, toxic)?;
        self.numbers.end += 1;
        Ok(())
    }

    fn heal(&mut self) {
        for number in self.numbers.clone() {
            let _ = self.proxy.heal(number);
        }
        self.numbers.start = self.numbers.end;
    }
}

// === impl Spec ===

impl FromStr for Spec {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) =
            text.split_once('=').with_context(|| format!("expected NAME=VALUE, found `{text}`"))?;
        let way = Way::Upstream;
        Ok(Self(match name {
            "latency" => Toxic::Latency { delay: value.parse()?, jitter: Span::ZERO, way },
            "bandwidth" => Toxic::Bandwidth { rate: value.parse()?, way },
            _ => anyhow::bail!("expected `latency` or `bandwidth`, found `{name}`"),
        }))
    }
}
