//! Resources: samples of targets, of the harness, the host and the links, folded into series; the leak check is given
//! what it may look at.

use std::collections::BTreeMap;

use shakedown_scenarios::experiment::Phase;

use super::course::Place;
use super::leaks::{Context, LeakFinding, Suspect};
use super::series::{Panel, Series, SeriesBuilder};
use crate::journal::{HARNESS, HostSample, LinkSample, Sample};
use crate::show::Unit;

/// One process tree: a target or the harness.
#[derive(Debug)]
pub struct SubjectFold {
    name: String,
    width: f64,
    fixed: Vec<(PickSample, SeriesBuilder)>,
    rates: Vec<(PickCounter, SeriesBuilder)>,
    kinds: BTreeMap<String, SeriesBuilder>,
    last: Option<Sample>,
    /// Since when this process is looked at by the leak check.
    settled_from: f64,
    suspect: Suspect,
    pub cores: Extent,
    pub rss: Extent,
}

type PickSample = fn(&Sample) -> Option<f64>;
type PickCounter = fn(&Sample) -> u64;
type PickOfLink = fn(&LinkSample) -> u64;

/// First, last, largest and mean of a value after warm-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    pub first: f64,
    pub last: f64,
    pub max: f64,
    pub max_at: f64,
    sum: f64,
    count: f64,
}

/// Kinds of descriptors and states of sockets that get a series of their own.
const KINDS_MAX: usize = 24;
/// A process is looked at by the leak check from so many seconds after its start on.
pub const SETTLE_SECONDS: f64 = 10.0;
/// Two samples further apart have no rate between them.
const RATE_GAP_MAX: f64 = 60.0;

// === impl SubjectFold ===

impl SubjectFold {
    /// Of a run of so many seconds.
    pub fn new(name: &str, width: f64, seconds: f64) -> Self {
        let series = |panel, what: &str, unit| SeriesBuilder::new(panel, name, what, unit, width);
        let fixed: Vec<(PickSample, SeriesBuilder)> = vec![
            (|sample| Some(sample.rss as f64), series(Panel::Memory, "rss", Unit::Bytes)),
            (|sample| sample.pss.map(|pss| pss as f64), series(Panel::Memory, "pss", Unit::Bytes)),
            (|sample| Some(sample.anonymous as f64), series(Panel::Memory, "anonymous", Unit::Bytes)),
            (|sample| Some(sample.swap as f64), series(Panel::Memory, "swap", Unit::Bytes)),
            (
                |sample| sample.private_dirty.map(|bytes| bytes as f64),
                series(Panel::Memory, "private dirty", Unit::Bytes),
            ),
            (|sample| sample.cgroup.map(|bytes| bytes as f64), series(Panel::Memory, "cgroup", Unit::Bytes)),
            (|sample| Some(sample.fds_total() as f64), series(Panel::Handles, "fds", Unit::Count)),
            (|sample| Some(sample.sockets_total() as f64), series(Panel::Handles, "sockets", Unit::Count)),
            (|sample| Some(sample.threads as f64), series(Panel::Handles, "threads", Unit::Count)),
            (|sample| Some(sample.processes as f64), series(Panel::Handles, "processes", Unit::Count)),
            (
                |sample| Some(sample.mappings as f64).filter(|mappings| *mappings > 0.0),
                series(Panel::Handles, "mappings", Unit::Count),
            ),
        ];
        let rate = |what: &str| series(Panel::Scheduling, what, Unit::PerSecond);
        let rates: Vec<(PickCounter, SeriesBuilder)> = vec![
            (|sample| sample.cpu_us, series(Panel::Cpu, "cpu", Unit::Cores)),
            (|sample| sample.switches_voluntary, rate("switches.voluntary")),
            (|sample| sample.switches_involuntary, rate("switches.involuntary")),
            (|sample| sample.faults_minor, rate("faults.minor")),
            (|sample| sample.faults_major, rate("faults.major")),
        ];
        Self {
            name: name.into(),
            width,
            fixed,
            rates,
            kinds: BTreeMap::new(),
            last: None,
            settled_from: 0.0,
            suspect: Suspect::of_run(seconds),
            cores: Extent::default(),
            rss: Extent::default(),
        }
    }

    /// A new process of this target started.
    pub fn restarted(&mut self, at: f64) {
        self.settled_from = at + SETTLE_SECONDS;
        self.suspect.cut(at);
    }

    /// Takes a sample in; answers the cores used since the last one. `pressed`: memory pressure holds.
    pub fn take(&mut self, sample: &Sample, place: &Place<'_>, pressed: bool) -> Option<f64> {
        let at = sample.at_us as f64 / 1e6;
        if self.is_new_process(sample) {
            self.restarted(at);
        }
        let up = sample.processes > 0;
        for (pick, series) in &mut self.fixed {
            // A target that is down uses nothing: that is a measurement, and its line falls to zero.
            if let Some(value) = pick(sample) {
                series.push(at, value);
            }
        }
        self.take_kinds(at, sample);
        let cores = self.take_rates(at, sample);
        let warm = place.phase.is_some_and(|phase| phase != Phase::Warmup);
        if warm && up {
            self.rss.take(at, sample.rss as f64);
            if let Some(cores) = cores {
                self.cores.take(at, cores);
            }
            if !pressed && at >= self.settled_from {
                self.suspect.take(at, sample);
            }
        }
        self.last = Some(sample.clone());
        cores
    }

    /// All series, and what the leak check says (nothing of the harness: its health is judged elsewhere).
    pub fn finish(self, context: &Context<'_>) -> (Vec<Series>, Vec<LeakFinding>) {
        let fixed = self.fixed.into_iter().map(|(_, series)| series);
        let rates = self.rates.into_iter().map(|(_, series)| series);
        let series = fixed.chain(rates).chain(self.kinds.into_values()).filter(|series| !series.is_empty());
        let series: Vec<Series> = series.map(SeriesBuilder::build).collect();
        let leaks =
            if self.name == HARNESS { Vec::new() } else { self.suspect.finish(&self.name, &series, context) };
        (series, leaks)
    }

    fn is_new_process(&self, sample: &Sample) -> bool {
        self.last.as_ref().is_some_and(|last| {
            (last.processes == 0) != (sample.processes == 0) || sample.cpu_us < last.cpu_us
        })
    }

    fn take_rates(&mut self, at: f64, sample: &Sample) -> Option<f64> {
        let last = self.last.as_ref()?;
        let between = at - last.at_us as f64 / 1e6;
        if !(between > 0.0 && between <= RATE_GAP_MAX) || sample.processes == 0 || last.processes == 0 {
            return None;
        }
        let mut cores = None;
        for (index, (pick, series)) in self.rates.iter_mut().enumerate() {
            let Some(grown) = pick(sample).checked_sub(pick(last)) else { continue };
            // The first of them is CPU time in microseconds, so its rate is in millionths of a core.
            let rate = grown as f64 / between / if index == 0 { 1e6 } else { 1.0 };
            series.push(at, rate);
            if index == 0 {
                cores = Some(rate);
            }
        }
        cores
    }

    fn take_kinds(&mut self, at: f64, sample: &Sample) {
        let named = |prefix: &'static str, counts: &BTreeMap<String, u64>| {
            counts.iter().map(move |(kind, count)| (format!("{prefix}.{kind}"), *count)).collect::<Vec<_>>()
        };
        for (name, count) in named("fds", &sample.fds).into_iter().chain(named("sockets", &sample.sockets)) {
            if !self.kinds.contains_key(&name) && self.kinds.len() < KINDS_MAX {
                let series = SeriesBuilder::new(Panel::Handles, &self.name, &name, Unit::Count, self.width);
                self.kinds.insert(name.clone(), series);
            }
            if let Some(series) = self.kinds.get_mut(&name) {
                series.push(at, count as f64);
            }
        }
    }
}

// === impl Extent ===

impl Extent {
    fn take(&mut self, at: f64, value: f64) {
        if self.count == 0.0 {
            self.first = value;
        }
        if self.count == 0.0 || value > self.max {
            (self.max, self.max_at) = (value, at);
        }
        self.last = value;
        self.sum += value;
        self.count += 1.0;
    }

    /// The mean; `None` of nothing.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

/// The host.
#[derive(Debug)]
pub struct HostFold {
    available: SeriesBuilder,
    cpu: SeriesBuilder,
    pressures: [SeriesBuilder; 3],
    last: Option<(i64, u64)>,
}

// === impl HostFold ===

impl HostFold {
    pub fn new(width: f64) -> Self {
        let series = |panel, what: &str, unit| SeriesBuilder::new(panel, "(host)", what, unit, width);
        Self {
            available: series(Panel::Host, "available", Unit::Bytes),
            cpu: series(Panel::Cpu, "cpu", Unit::Cores),
            pressures: ["pressure.cpu", "pressure.memory", "pressure.io"]
                .map(|what| series(Panel::Host, what, Unit::Ratio)),
            last: None,
        }
    }

    pub fn take(&mut self, sample: &HostSample) {
        let at = sample.at_us as f64 / 1e6;
        self.available.push(at, sample.available as f64);
        let told = [sample.cpu_pressure, sample.memory_pressure, sample.io_pressure];
        for (series, value) in self.pressures.iter_mut().zip(told) {
            if let Some(value) = value {
                series.push(at, value);
            }
        }
        if let Some((last_us, last)) = self.last.replace((sample.at_us, sample.cpu_us)) {
            let between = (sample.at_us - last_us) as f64 / 1e6;
            if let Some(used) =
                sample.cpu_us.checked_sub(last).filter(|_| between > 0.0 && between <= RATE_GAP_MAX)
            {
                self.cpu.push(at, used as f64 / 1e6 / between);
            }
        }
    }

    pub fn finish(self) -> Vec<Series> {
        let all = [self.available, self.cpu].into_iter().chain(self.pressures);
        all.filter(|series| !series.is_empty()).map(SeriesBuilder::build).collect()
    }
}

/// One link.
#[derive(Debug)]
pub struct LinkFold {
    open: SeriesBuilder,
    rates: [(PickOfLink, SeriesBuilder); 3],
    last: Option<LinkSample>,
}

// === impl LinkFold ===

impl LinkFold {
    pub fn new(link: &str, width: f64) -> Self {
        let series = |what: &str, unit| SeriesBuilder::new(Panel::Links, link, what, unit, width);
        Self {
            open: series("open", Unit::Count),
            rates: [
                (|sample| sample.accepted, series("accepted", Unit::PerSecond)),
                (|sample| sample.up, series("up", Unit::BytesPerSecond)),
                (|sample| sample.down, series("down", Unit::BytesPerSecond)),
            ],
            last: None,
        }
    }

    pub fn take(&mut self, sample: &LinkSample) {
        let at = sample.at_us as f64 / 1e6;
        self.open.push(at, sample.open as f64);
        if let Some(last) = &self.last {
            let between = at - last.at_us as f64 / 1e6;
            for (pick, series) in &mut self.rates {
                let grown =
                    pick(sample).checked_sub(pick(last)).filter(|_| between > 0.0 && between <= RATE_GAP_MAX);
                if let Some(grown) = grown {
                    series.push(at, grown as f64 / between);
                }
            }
        }
        self.last = Some(sample.clone());
    }

    pub fn finish(self) -> Vec<Series> {
        let all = std::iter::once(self.open).chain(self.rates.map(|(_, series)| series));
        all.filter(|series| !series.is_empty()).map(SeriesBuilder::build).collect()
    }
}
