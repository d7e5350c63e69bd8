//! Gates: what was measured in a gate's window against its limit. Without data, or with too little, nothing passes.

use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::gate::{Gate, LeakResource, Quantile, Resource, Window};
use shakedown_scenarios::plan::Plan;

use super::course::{During, Place};
use super::finding::{FaultFinding, GateFinding, LeakFinding, Moment, Recovery};
use super::load::Figures;
use super::recovery::IN_A_ROW;
use super::verdict::Verdict;
use crate::journal::{Sample, Second};
use crate::show::{self, Unit, seconds};

/// One gate while the journal is read.
#[derive(Debug)]
pub struct GateFold<'p> {
    gate: &'p Gate,
    /// Seconds that the plan gives its window; `None`: as long as something holds.
    expected: Option<f64>,
    load: Figures,
    samples: Samples,
    worst: Option<(f64, f64, During<'p>)>,
}

/// What is known of the samples in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Samples {
    up: u64,
    first: f64,
    last: f64,
    longest_gap: f64,
}

/// This part of a window must be measured; a last second may be short of a whole one.
const COVERED: f64 = 0.95;
/// More requests than this part of those due, never sent, make what was measured look better than it was.
pub const UNSENT_MAX: f64 = 0.001;
/// A sampler that is silent for longer has a hole.
const SAMPLE_GAP_MAX: f64 = 10.0;

// === impl GateFold ===

impl<'p> GateFold<'p> {
    pub fn new(gate: &'p Gate, plan: &Plan) -> Self {
        let expected = window(gate).and_then(|over| expected_seconds(over, plan));
        Self { gate, expected, load: Figures::default(), samples: Samples::default(), worst: None }
    }

    /// Takes a second of load in.
    pub fn load(&mut self, second: &Second, place: &Place<'p>, faults: &[&str]) {
        let (of, over) = match self.gate {
            Gate::Latency { of, over, .. }
            | Gate::ErrorRatio { of, over, .. }
            | Gate::Throughput { of, over, .. } => (of, over),
            _ => return,
        };
        if *of != second.workload || !covers(over, place, faults) {
            return;
        }
        self.load.add(second);
        if let Some(value) = self.of_second(second) {
            self.bad(f64::from(second.second), value, place);
        }
    }

    /// Takes a sample of a target in, with the cores it used since the last one.
    pub fn sample(&mut self, sample: &Sample, cores: Option<f64>, place: &Place<'p>, faults: &[&str]) {
        let Gate::Resource { resource, of, over, .. } = self.gate else { return };
        if *of != sample.subject || !covers(over, place, faults) {
            return;
        }
        let at = sample.at_us as f64 / 1e6;
        self.samples.take(at, sample.processes > 0);
        if let Some(value) = value_of(*resource, sample, cores).filter(|_| sample.processes > 0) {
            self.bad(at, value, place);
        }
    }

    /// Judges, once all is read.
    pub fn finish(self, faults: &[FaultFinding], leaks: &[LeakFinding]) -> GateFinding {
        match self.gate {
            Gate::Latency { quantile, below, .. } => self.latency(*quantile, below.as_micros() as f64),
            Gate::ErrorRatio { below, .. } => self.error_ratio(below.value()),
            Gate::Throughput { above, .. } => self.throughput(above.hertz()),
            Gate::Resource { resource, below, .. } => self.resource(*resource, *below),
            Gate::RecoveryTime { below } => self.recovery(below.as_secs_f64(), faults),
            Gate::NoLeak { of, resources } => self.no_leak(of, resources, leaks),
        }
    }

    fn of_second(&self, second: &Second) -> Option<f64> {
        match self.gate {
            Gate::Latency { quantile, .. } => {
                second.latency.quantile(quantile.share()).map(|value| value as f64)
            }
            Gate::ErrorRatio { .. } => {
                let (ok, failed) = (second.ok as f64, second.failed() as f64);
                // A second without errors is no bad moment.
                (failed > 0.0).then(|| failed / (ok + failed))
            }
            Gate::Throughput { .. } => Some(second.ok as f64),
            _ => None,
        }
    }

    /// Keeps the worst second; the first of equals, since that is when it began.
    fn bad(&mut self, at: f64, value: f64, place: &Place<'p>) {
        let low_is_bad = matches!(self.gate, Gate::Throughput { .. });
        let worse = |known: f64| if low_is_bad { value < known } else { value > known };
        if self.worst.as_ref().is_none_or(|(_, known, _)| worse(*known)) {
            self.worst = Some((at, value, place.during.clone()));
        }
    }

    fn latency(self, quantile: Quantile, limit: f64) -> GateFinding {
        let observed = self.load.latency.quantile(quantile.share()).map(|value| value as f64);
        let doubt = self.doubt_of_load(true);
        self.below(observed, limit, Unit::Micros, doubt)
    }

    fn error_ratio(self, limit: f64) -> GateFinding {
        let doubt = self.doubt_of_load(true);
        let observed = self.load.error_ratio();
        self.below(observed, limit, Unit::Ratio, doubt)
    }

    fn throughput(self, limit: f64) -> GateFinding {
        let measured = self.load.seconds > 0;
        let observed = measured.then(|| self.load.ok as f64 / self.load.seconds as f64);
        let doubt = self.doubt_of_load(false);
        let mut finding = self.below(observed, limit, Unit::PerSecond, doubt.clone());
        // Turned round: more is better.
        finding.margin = finding.margin.map(|margin| -margin);
        finding.verdict = match observed {
            Some(value) if value <= limit => Verdict::Fail,
            Some(_) if doubt.is_none() => Verdict::Pass,
            _ => Verdict::Inconclusive,
        };
        finding
    }

    fn resource(self, resource: Resource, limit: f64) -> GateFinding {
        let observed = self.worst.as_ref().map(|(_, value, _)| *value);
        let doubt = self.samples.doubt(self.expected);
        self.below(observed, limit, unit_of(resource), doubt)
    }

    fn recovery(self, limit: f64, faults: &[FaultFinding]) -> GateFinding {
        let mut doubt = faults.is_empty().then(|| "no fault was planned".to_owned());
        let mut worst: Option<(&FaultFinding, f64, bool)> = None;
        for fault in faults {
            let (value, at_least) = match &fault.recovery {
                Recovery::NoEffect => (0.0, false),
                Recovery::After(value) => (*value, false),
                Recovery::AtLeast(value, until) => {
                    doubt.get_or_insert_with(|| not_back(fault, until));
                    (*value, true)
                }
                Recovery::Shared(_) => continue,
                Recovery::Unknown(why) => {
                    doubt.get_or_insert_with(|| {
                        format!("the recovery of {} is unknown: {why}", fault.title())
                    });
                    continue;
                }
            };
            if worst.is_none_or(|(_, known, _)| value > known) {
                worst = Some((fault, value, at_least));
            }
        }
        if let Some((fault, ..)) = worst
            && let Recovery::AtLeast(_, until) = &fault.recovery
        {
            doubt = Some(not_back(fault, until));
        }
        let mut finding = self.below(worst.map(|(_, value, _)| value), limit, Unit::Seconds, doubt);
        if let Some((fault, value, at_least)) = worst {
            let at = fault.healed.filter(|_| !fault.instant).or(fault.injected).unwrap_or(fault.planned_from);
            finding.worst = Some(Moment { at, value, during: format!("after {}", fault.title()) });
            finding.at_least = at_least;
        }
        finding
    }

    fn no_leak(self, of: &str, resources: &[LeakResource], leaks: &[LeakFinding]) -> GateFinding {
        // What is said of several resources in the same words is said once.
        let mut told: Vec<(Verdict, String, Vec<String>)> = Vec::new();
        let mut tell = |verdict, words: String, name: String| match told
            .iter_mut()
            .find(|(_, known, _)| *known == words)
        {
            Some((_, _, names)) => names.push(name),
            None => told.push((verdict, words, vec![name])),
        };
        for resource in resources {
            let mut found =
                leaks.iter().filter(|leak| leak.target == of && leak.resource == *resource).peekable();
            if found.peek().is_none() {
                tell(Verdict::Inconclusive, "was never sampled".into(), resource_word(*resource).into());
            }
            found.for_each(|leak| tell(leak.verdict(), leak.brief(), leak.what()));
        }
        let verdict = told.iter().map(|(verdict, ..)| *verdict).max().unwrap_or(Verdict::Inconclusive);
        let telling = told.iter().filter(|(its, ..)| *its == verdict);
        let telling = telling.map(|(_, words, names)| format!("{}: {words}", names.join(", ")));
        let note = telling.collect::<Vec<_>>().join("; ");
        GateFinding {
            gate: sentence(self.gate),
            verdict,
            observed: None,
            at_least: false,
            limit: 0.0,
            unit: Unit::PerHour,
            margin: None,
            worst: None,
            note,
        }
    }

    /// The common case: a value, a limit it must stay below, and what makes the value doubtful.
    fn below(self, observed: Option<f64>, limit: f64, unit: Unit, doubt: Option<String>) -> GateFinding {
        let verdict = match observed {
            Some(value) if value >= limit => Verdict::Fail,
            Some(_) if doubt.is_none() => Verdict::Pass,
            _ => Verdict::Inconclusive,
        };
        let margin = observed.filter(|_| limit > 0.0).map(|value| (limit - value) / limit);
        let nothing = observed.is_none().then(|| "nothing was measured in its window".to_owned());
        let during = self.worst.map(|(at, value, during)| Moment { at, value, during: during.words() });
        GateFinding {
            gate: sentence(self.gate),
            verdict,
            observed,
            at_least: false,
            limit,
            unit,
            margin,
            worst: during,
            note: doubt.or(nothing).unwrap_or_default(),
        }
    }

    fn doubt_of_load(&self, unsent_matters: bool) -> Option<String> {
        let measured = self.load.seconds as f64;
        if let Some(expected) = self.expected.filter(|expected| measured < expected * COVERED - 1.0) {
            return Some(format!("only {} of {} were measured", seconds(measured), seconds(expected)));
        }
        let unsent = self.load.dropped as f64 / self.load.due.max(1) as f64;
        (unsent_matters && unsent > UNSENT_MAX).then(|| {
            let (dropped, due) =
                (Unit::Count.show(self.load.dropped as f64), Unit::Count.show(self.load.due as f64));
            format!("{dropped} of {due} due requests were never sent, so the truth is worse")
        })
    }
}

// === impl Samples ===

impl Samples {
    fn take(&mut self, at: f64, up: bool) {
        if self.first == 0.0 && self.last == 0.0 {
            self.first = at;
        } else {
            self.longest_gap = self.longest_gap.max(at - self.last);
        }
        self.last = at;
        self.up += u64::from(up);
    }

    fn doubt(&self, expected: Option<f64>) -> Option<String> {
        if self.up == 0 {
            return Some("no sample of a living process".into());
        }
        if self.longest_gap > SAMPLE_GAP_MAX {
            return Some(format!("no samples for {}", seconds(self.longest_gap)));
        }
        let measured = self.last - self.first;
        let expected = expected
            .filter(|expected| measured < (expected * COVERED - SAMPLE_GAP_MAX).max(expected / 2.0))?;
        Some(format!("only {} of {} were sampled", seconds(measured), seconds(expected)))
    }
}

// === impl GateFinding ===

impl GateFinding {
    /// What was found, as a sentence that names the value, the limit and the moment.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Some(observed) = self.observed else { return self.note.clone() };
        let (observed_words, limit) = (self.unit.show(observed), self.unit.show(self.limit));
        if self.at_least {
            let from = self
                .worst
                .as_ref()
                .map_or_else(String::new, |worst| format!(" from {}", show::offset(worst.at)));
            return format!("{}: at least {observed_words}{from} on, the limit is {limit}", self.note);
        }
        let mut text = format!("found {observed_words}, the limit is {limit}");
        if let Some(worst) = self.worst.as_ref().filter(|_| self.verdict == Verdict::Fail) {
            text.push_str(&format!("; worst at {}", show::offset(worst.at)));
            if worst.value != observed {
                text.push_str(&format!(" with {}", self.unit.show(worst.value)));
            }
            if !worst.during.is_empty() {
                text.push_str(&format!(", {}", worst.during));
            }
        }
        if !self.note.is_empty() {
            text.push_str(&format!("; {}", self.note));
        }
        text
    }
}

/// Gates on load that a harness measured which was the bottleneck itself cannot blame the target.
pub fn doubt(findings: &mut [GateFinding], gates: &[Gate]) {
    for (finding, gate) in findings.iter_mut().zip(gates) {
        let on_load =
            matches!(gate, Gate::Latency { .. } | Gate::ErrorRatio { .. } | Gate::Throughput { .. });
        if on_load && finding.verdict == Verdict::Fail {
            finding.verdict = Verdict::Inconclusive;
            finding.note = "the harness was the bottleneck, so this may not be the target's doing".into();
        }
    }
}

fn not_back(fault: &FaultFinding, until: &str) -> String {
    format!("{} was not back to normal for {IN_A_ROW} seconds in a row {until}", fault.title())
}

const fn window(gate: &Gate) -> Option<&Window> {
    match gate {
        Gate::Latency { over, .. }
        | Gate::ErrorRatio { over, .. }
        | Gate::Throughput { over, .. }
        | Gate::Resource { over, .. } => Some(over),
        Gate::RecoveryTime { .. } | Gate::NoLeak { .. } => None,
    }
}

fn expected_seconds(over: &Window, plan: &Plan) -> Option<f64> {
    let phases = &plan.experiment.phases;
    let (from, to) = match over {
        Window::Phase(phase) => phases.bounds(*phase),
        Window::Run => (phases.warmup, phases.total()),
        Window::Between(from, to) => (*from, *to),
        Window::Fault(_) => return None,
    };
    Some(to.minus(from).as_secs_f64())
}

fn covers(over: &Window, place: &Place<'_>, faults: &[&str]) -> bool {
    match over {
        Window::Phase(phase) => place.phase == Some(*phase),
        Window::Run => place.phase.is_some_and(|phase| phase != Phase::Warmup),
        Window::Fault(name) => faults.contains(&name.as_str()),
        Window::Between(from, to) => {
            let at = place.middle_us as f64 / 1e6;
            from.as_secs_f64() <= at && at < to.as_secs_f64()
        }
    }
}

/// The value of a resource in a sample; `None` where it is not known.
pub fn value_of(resource: Resource, sample: &Sample, cores: Option<f64>) -> Option<f64> {
    match resource {
        Resource::Rss => Some(sample.rss as f64),
        Resource::Pss => sample.pss.map(|pss| pss as f64),
        Resource::Anonymous => Some(sample.anonymous as f64),
        Resource::Fds => Some(sample.fds_total() as f64),
        Resource::Sockets => Some(sample.sockets_total() as f64),
        Resource::Threads => Some(sample.threads as f64),
        Resource::Cpu => cores,
    }
}

const fn unit_of(resource: Resource) -> Unit {
    match resource {
        Resource::Rss | Resource::Pss | Resource::Anonymous => Unit::Bytes,
        Resource::Fds | Resource::Sockets | Resource::Threads => Unit::Count,
        Resource::Cpu => Unit::Cores,
    }
}

const fn resource_name(resource: Resource) -> &'static str {
    match resource {
        Resource::Rss => "resident memory",
        Resource::Pss => "proportional memory",
        Resource::Anonymous => "anonymous memory",
        Resource::Fds => "descriptors",
        Resource::Sockets => "sockets",
        Resource::Threads => "threads",
        Resource::Cpu => "CPU",
    }
}

/// The word of a leak resource for people.
#[must_use]
pub const fn resource_word(resource: LeakResource) -> &'static str {
    match resource {
        LeakResource::Memory => "memory",
        LeakResource::Resident => "resident memory",
        LeakResource::Pss => "proportional memory",
        LeakResource::PrivateDirty => "private dirty memory",
        LeakResource::Cgroup => "memory of the control group",
        LeakResource::Fds => "descriptors",
        LeakResource::Sockets => "sockets",
        LeakResource::CloseWait => "sockets in CLOSE_WAIT",
        LeakResource::Threads => "threads",
        LeakResource::Mappings => "mappings",
        LeakResource::Exported => "exported figures",
    }
}

fn over_words(over: &Window) -> String {
    match over {
        Window::Phase(phase) => format!("over {}", phase.word()),
        Window::Run => "over the run".into(),
        Window::Fault(name) => format!("while {name} held"),
        Window::Between(from, to) => {
            let offset = |span: &shakedown_scenarios::units::Span| show::offset(span.as_secs_f64());
            format!("from {} to {}", offset(from), offset(to))
        }
    }
}

/// A gate as a sentence.
fn sentence(gate: &Gate) -> String {
    match gate {
        Gate::Latency { quantile, of, below, over } => {
            format!("{} of {of} below {} {}", quantile.word(), seconds(below.as_secs_f64()), over_words(over))
        }
        Gate::ErrorRatio { of, below, over } => {
            format!("error ratio of {of} below {} {}", Unit::Ratio.show(below.value()), over_words(over))
        }
        Gate::Throughput { of, above, over } => {
            format!("throughput of {of} above {} {}", Unit::PerSecond.show(above.hertz()), over_words(over))
        }
        Gate::Resource { resource, of, below, over } => {
            let limit = unit_of(*resource).show(*below);
            format!("{} of {of} below {limit} {}", resource_name(*resource), over_words(over))
        }
        Gate::RecoveryTime { below } => {
            format!("recovery from every fault within {}", seconds(below.as_secs_f64()))
        }
        Gate::NoLeak { of, resources } => {
            let words: Vec<_> = resources.iter().map(|resource| resource_word(*resource)).collect();
            format!("no leak in {of}: {}", words.join(", "))
        }
    }
}
