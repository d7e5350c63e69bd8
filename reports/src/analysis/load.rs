//! Load: the windows of one workload, folded into series and into numbers over phases and faults.

use std::collections::BTreeMap;

use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::workload::Workload;

use super::course::Place;
use super::endpoints::EndpointsFold;
use super::finding::{FailureExample, LoadFigures, WorkloadFinding};
use super::recovery::Normal;
use super::series::{Panel, Series, SeriesBuilder};
use crate::journal::{Second, Tally};
use crate::show::Unit;

/// The quantiles of every latency series and table.
pub const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.50), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Classes that get a name of their own; the rest is `other`.
const CLASSES_MAX: usize = 24;

/// The most examples of failures of one workload. A load sends 100, but a journal may come from anywhere.
const EXAMPLES_MAX: usize = 200;

/// Load over a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub seconds: u64,
    pub due: u64,
    pub sent: u64,
    pub ok: u64,
    pub dropped: u64,
    pub errors: BTreeMap<String, u64>,
    pub latency: Tally,
    pub service: Tally,
    /// The p95 of each second.
    pub seconds_p95: Tally,
}

/// One workload.
#[derive(Debug)]
pub struct LoadFold {
    name: String,
    series: Vec<(Pick, SeriesBuilder)>,
    errors: BTreeMap<String, SeriesBuilder>,
    latency: LatencySeries,
    phases: [Figures; 4],
    faults: BTreeMap<usize, Figures>,
    /// What came before the first phase, or from a journal without phases.
    unplaced: Figures,
    endpoints: EndpointsFold,
    examples: Vec<FailureExample>,
    normal: Option<Normal>,
    width: f64,
}

type Pick = fn(&Second) -> f64;

/// Latency quantiles by bucket: the quantile of all that the bucket holds, and the extremes of its seconds.
#[derive(Debug)]
struct LatencySeries {
    width: f64,
    bucket: u64,
    tally: Tally,
    at: f64,
    seconds: f64,
    extremes: [(f64, f64); 5],
    series: [SeriesBuilder; 5],
}

// === impl Figures ===

impl Figures {
    pub fn add(&mut self, second: &Second) {
        self.seconds += 1;
        self.due = self.due.saturating_add(second.due);
        self.sent = self.sent.saturating_add(second.sent);
        self.ok = self.ok.saturating_add(second.ok);
        self.dropped = self.dropped.saturating_add(second.dropped);
        self.add_errors(&second.errors);
        self.latency.add(&second.latency);
        self.service.add(&second.service);
        if let Some(p95) = second.latency.quantile(0.95) {
            self.seconds_p95.record(p95);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.due = self.due.saturating_add(other.due);
        self.sent = self.sent.saturating_add(other.sent);
        self.ok = self.ok.saturating_add(other.ok);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.add_errors(&other.errors);
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.seconds_p95.merge(&other.seconds_p95);
    }

    pub fn add_errors(&mut self, errors: &BTreeMap<String, u64>) {
        errors.iter().for_each(|(class, count)| add_class(&mut self.errors, class, *count));
    }

    pub fn failed(&self) -> u64 {
        self.errors.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Failed ÷ completed; `None`: nothing completed.
    pub fn error_ratio(&self) -> Option<f64> {
        let completed = self.ok.saturating_add(self.failed());
        (completed > 0).then(|| self.failed() as f64 / completed as f64)
    }

    pub fn finding(&self, over: String) -> LoadFigures {
        LoadFigures {
            over,
            seconds: self.seconds,
            due: self.due,
            sent: self.sent,
            ok: self.ok,
            dropped: self.dropped,
            errors: self.errors.clone(),
            error_ratio: self.error_ratio(),
            latency_us: quantiles(&self.latency),
            service_us: quantiles(&self.service),
        }
    }
}

fn add_class(errors: &mut BTreeMap<String, u64>, class: &str, count: u64) {
    let known = errors.contains_key(class) || errors.len() < CLASSES_MAX;
    let slot = errors.entry(if known { class } else { "other" }.to_owned()).or_default();
    *slot = slot.saturating_add(count);
}

pub fn quantiles(tally: &Tally) -> Option<[u64; 5]> {
    let mut found = [0; 5];
    for (slot, (_, share)) in found.iter_mut().zip(QUANTILES) {
        *slot = tally.quantile(share)?;
    }
    Some(found)
}

// === impl LoadFold ===

impl LoadFold {
    pub fn new(name: &str, width: f64) -> Self {
        let picks: [(Panel, &str, Unit, Pick); 6] = [
            (Panel::Load, "due", Unit::PerSecond, |second| second.due as f64),
            (Panel::Load, "sent", Unit::PerSecond, |second| second.sent as f64),
            (Panel::Load, "ok", Unit::PerSecond, |second| second.ok as f64),
            (Panel::Load, "dropped", Unit::PerSecond, |second| second.dropped as f64),
            (Panel::Load, "backlog", Unit::Count, |second| second.backlog as f64),
            (Panel::Harness, "late.max", Unit::Micros, |second| second.late_us_max as f64),
        ];
        let series =
            picks.map(|(panel, what, unit, pick)| (pick, SeriesBuilder::new(panel, name, what, unit, width)));
        Self {
            name: name.into(),
            series: series.into(),
            errors: BTreeMap::new(),
            latency: LatencySeries::new(name, width),
            phases: Default::default(),
            faults: BTreeMap::new(),
            unplaced: Figures::default(),
            endpoints: EndpointsFold::default(),
            examples: Vec::new(),
            normal: None,
            width,
        }
    }

    /// Takes a second in; answers whether it looks like baseline, as far as that can be told.
    pub fn take(&mut self, second: &Second, place: &Place<'_>) -> Option<bool> {
        let at = f64::from(second.second) + 0.5;
        for (pick, series) in &mut self.series {
            series.push(at, pick(second));
        }
        self.take_errors(at, second);
        self.latency.take(at, second);
        self.endpoints.take(second);
        self.take_examples(second);
        match place.phase {
            Some(phase) => self.phases[phase as usize].add(second),
            None => self.unplaced.add(second),
        }
        for fault in &place.faults {
            self.faults.entry(*fault).or_default().add(second);
        }
        match place.phase {
            Some(Phase::Chaos | Phase::Recovery) => self.normal().holds(second),
            _ => None,
        }
    }

    pub fn finish(mut self, plan: &Plan) -> (WorkloadFinding, Vec<Series>) {
        let phases =
            Phase::ALL.into_iter().map(|phase| self.phases[phase as usize].finding(phase.word().into()));
        let fault_name =
            |fault: usize| plan.experiment.faults.get(fault).map_or("unknown", |fault| &fault.name);
        let faults = self
            .faults
            .iter()
            .map(|(fault, found)| found.finding(format!("while {} held", fault_name(*fault))));
        let mut over: Vec<LoadFigures> = phases.chain(faults).filter(|found| found.seconds > 0).collect();
        let mut whole = std::mem::take(&mut self.unplaced);
        self.phases.iter().for_each(|phase| whole.merge(phase));
        over.push(whole.finding("whole run".into()));
        let planned = plan.experiment.workloads.get(&self.name).map(Workload::endpoints).unwrap_or_default();
        self.latency.flush();
        let load = self.series.into_iter().map(|(_, series)| series);
        let series = load.chain(self.latency.series).chain(self.errors.into_values());
        let series = series.filter(|series| !series.is_empty()).map(SeriesBuilder::build).collect();
        let (endpoints, examples) = (self.endpoints.finish(&planned), self.examples);
        (WorkloadFinding { name: self.name, over, endpoints, examples }, series)
    }

    /// Baseline is over when this is first asked for, and does not change any more.
    fn normal(&mut self) -> Normal {
        *self.normal.get_or_insert_with(|| Normal::of(&self.phases[Phase::Baseline as usize]))
    }

    fn take_examples(&mut self, second: &Second) {
        let room = EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples.extend(second.examples.iter().take(room).map(|example| FailureExample {
            at: f64::from(second.second),
            endpoint: example.endpoint.clone(),
            class: example.class.clone(),
            why: example.why.clone(),
        }));
    }

    /// A class has a series from its first error on; from then on zeros are written too.
    fn take_errors(&mut self, at: f64, second: &Second) {
        for class in second.errors.keys() {
            if !self.errors.contains_key(class) && self.errors.len() < CLASSES_MAX {
                let series =
                    SeriesBuilder::new(Panel::Errors, &self.name, class, Unit::PerSecond, self.width);
                self.errors.insert(class.clone(), series);
            }
        }
        for (class, series) in &mut self.errors {
            series.push(at, second.errors.get(class).copied().unwrap_or(0) as f64);
        }
    }
}

// === impl LatencySeries ===

impl LatencySeries {
    fn new(workload: &str, width: f64) -> Self {
        Self {
            width,
            bucket: 0,
            tally: Tally::default(),
            at: 0.0,
            seconds: 0.0,
            extremes: [(f64::INFINITY, f64::NEG_INFINITY); 5],
            series: QUANTILES
                .map(|(name, _)| SeriesBuilder::new(Panel::Latency, workload, name, Unit::Micros, width)),
        }
    }

    fn take(&mut self, at: f64, second: &Second) {
        let bucket = (at / self.width) as u64;
        if bucket != self.bucket {
            self.flush();
            self.bucket = bucket;
        }
        for (slot, (_, share)) in self.extremes.iter_mut().zip(QUANTILES) {
            let Some(value) = second.latency.quantile(share) else { return };
            *slot = (slot.0.min(value as f64), slot.1.max(value as f64));
        }
        self.tally.add(&second.latency);
        self.at += at;
        self.seconds += 1.0;
    }

    fn flush(&mut self) {
        if self.seconds > 0.0 {
            let parts = self.series.iter_mut().zip(QUANTILES).zip(self.extremes);
            for ((series, (_, share)), (min, max)) in parts {
                let value = self.tally.quantile(share).unwrap_or(0) as f64;
                series.push_range(self.at / self.seconds, value, min.min(value), max.max(value));
            }
        }
        self.tally.clear();
        (self.at, self.seconds) = (0.0, 0.0);
        self.extremes = [(f64::INFINITY, f64::NEG_INFINITY); 5];
    }
}
