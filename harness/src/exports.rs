//! Figures that targets export: one task a page fetches it at intervals and tells what stood on it.
//!
//! Nothing waits for a target: a page has its timeout and its largest size, a fetch that comes too late is not caught up
//! with, and a page that was missed is told as such.

use std::net::{Ipv4Addr, SocketAddr};

use shakedown_reports::journal::ExportSample;
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::export::Export;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::asking;
use crate::console::printable;
use crate::placeholders::Places;

mod page;

/// The largest page. Those of programs with thousands of series are a few hundred KiB.
const PAGE_MAX: usize = 1024 * 1024;
/// So much of a reason is kept: it stands in every row of a page that is missed.
const REASON_MAX: usize = 200;

/// A page with everything resolved.
#[derive(Clone, Debug)]
pub struct Source {
    target: String,
    /// Its place among the target's exports.
    number: u32,
    address: SocketAddr,
    export: Export,
}

/// All pages of an experiment, and where they are.
#[must_use]
pub fn sources(experiment: &Experiment, places: &Places) -> Vec<Source> {
    let mut sources = Vec::new();
    for (name, target) in &experiment.targets {
        for (number, export) in (0..).zip(target.exports()) {
            let own = || places.targets.get(name).copied();
            // `check` has seen that a page without a port belongs to a target with an address.
            let address = export.port.map(|port| (Ipv4Addr::LOCALHOST, port).into()).or_else(own);
            let source = |address| Source { target: name.clone(), number, address, export: export.clone() };
            sources.extend(address.map(source));
        }
    }
    sources
}

/// Fetches at intervals until nobody listens any more. Moments are put in by the runner.
pub async fn fetch_on(source: Source, samples: mpsc::Sender<ExportSample>) {
    let mut ticks = tokio::time::interval(source.export.every.duration());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if samples.send(fetch(&source).await).await.is_err() {
            return;
        }
    }
}

async fn fetch(source: &Source) -> ExportSample {
    let Source { target, number, address, export } = source;
    let sample = ExportSample { target: target.clone(), page: *number, ..ExportSample::default() };
    let answer = asking::get_whole(*address, &export.path, export.timeout.duration(), PAGE_MAX).await;
    let found = match answer {
        Ok(answer) if (200..300).contains(&answer.status) => page::find(export, &answer.body),
        Ok(answer) => Err(format!("status {}", answer.status)),
        Err(error) => Err(error.to_string()),
    };
    match found {
        Ok(found) => {
            ExportSample { figures: found.figures, dropped: found.dropped, absent: found.absent, ..sample }
        }
        Err(why) => {
            let why = printable(&why).chars().take(REASON_MAX).collect();
            ExportSample { missed: Some(why), ..sample }
        }
    }
}
