//! `proxy`: the stand-alone fault proxy. Its log is `log`'s part.

mod log;

use anyhow::{Context as _, Result};
use shakedown_proxy::engine::Faults;
use shakedown_proxy::news::Log;
use shakedown_proxy::server::{Options, Patience, Server};
use shakedown_proxy::toxiproxy;
use tokio::signal::unix::{SignalKind, signal};

use super::runtime;
use crate::cli::ProxyOptions;
use crate::console::{chain, printable, say};
use crate::exit::{Exit, Refused};
use crate::{clock, limits};
use log::{Wish, Writer};

/// `shakedown proxy`.
pub fn proxy(asked: &ProxyOptions) -> Result<Exit> {
    if asked.version {
        // The first words are what scripts look for.
        let own = env!("CARGO_PKG_VERSION");
        say(&format!("toxiproxy-server version {} (shakedown {own})", toxiproxy::VERSION));
        return Ok(Exit::Pass);
    }
    let seed = asked.seed.map_or_else(clock::fresh_seed, Ok)?;
    // A connection through it takes two descriptors, and it starts nobody who would inherit the limit.
    limits::raise();
    let (wish, wrong) = Wish::of_environment();
    let (log, writer) = Writer::start(wish).context("cannot start the log")?;
    if let Some(wrong) = wrong {
        log.hand(wrong);
    }
    let outcome = runtime()?.block_on(serve(&options(asked, seed, log)));
    writer.end();
    outcome
}

fn options(asked: &ProxyOptions, seed: u64, log: Log) -> Options {
    Options {
        host: asked.host.clone(),
        port: asked.port,
        config: asked.config.clone(),
        seed,
        proxy_metrics: asked.metrics.proxy_metrics,
        runtime_metrics: asked.metrics.runtime_metrics,
        token_file: asked.token_file.clone(),
        patience: Patience::default(),
        log,
    }
}

async fn serve(options: &Options) -> Result<Exit> {
    // Before the port opens: whoever sees it open may send SIGTERM at once.
    let hear = |kind| signal(kind).context("cannot listen to SIGTERM and SIGINT");
    let (mut terminate, mut interrupt) = (hear(SignalKind::terminate())?, hear(SignalKind::interrupt())?);
    let server = Server::open(Faults, options).await.map_err(|error| Refused(chain(&error)))?;
    say(&format!("the fault proxy listens on http://{}, seed {}", server.address(), options.seed));
    for (name, listen) in server.proxies() {
        say(&format!("  {} on {}", printable(&name), printable(&listen)));
    }
    if let Some(file) = &options.token_file {
        say(&format!("  requests must carry the token in {}", file.display()));
    }
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run(stop).await;
    say("ended; all proxies are closed");
    Ok(Exit::Pass)
}
