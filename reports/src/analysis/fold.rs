//! The fold: one pass over a journal, each entry given to all who care for it, in the order of time.

use std::collections::BTreeMap;

use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::plan::Plan;

use super::course::Course;
use super::exports::{ExportFold, Exported};
use super::finding::{Ended, EventLine, FaultFinding, Health, PhaseFinding, RunFacts, Timeline};
use super::gates::GateFold;
use super::health::HealthFold;
use super::hypothesis::ProbeFold;
use super::leaks::{Context, LeakFinding, Load, Requests, Sort, Stretch};
use super::load::LoadFold;
use super::recovery::Recoveries;
use super::resources::{HostFold, LinkFold, SubjectFold};
use super::series::{Series, bucket_width};
use super::targets::TargetFold;
use super::verdict::Verdict;
use super::{Analysis, FORMAT, faults};
use crate::journal::{Ending, Entry, Event, HARNESS, LinkSample, Meta, Sample, Second, What};

/// Judges entries from anywhere; they come in the order of time.
#[must_use]
pub fn analyze_entries(plan: &Plan, meta: &Meta, entries: impl Iterator<Item = Entry>) -> Analysis {
    let mut fold = Fold::new(plan);
    for entry in entries {
        fold.take(&entry);
    }
    fold.finish(meta)
}

struct Fold<'p> {
    plan: &'p Plan,
    width: f64,
    course: Course<'p>,
    recoveries: Recoveries,
    /// In the order of their names, which is that of the experiment's map; a watcher's number is its place here.
    workloads: Vec<(&'p str, LoadFold)>,
    probes: Vec<(&'p str, ProbeFold)>,
    targets: BTreeMap<String, TargetFold>,
    subjects: BTreeMap<String, SubjectFold>,
    host: HostFold,
    links: BTreeMap<String, LinkFold>,
    exports: ExportFold<'p>,
    gates: Vec<GateFold<'p>>,
    health: HealthFold,
    requests: Requests,
    /// The same of each workload, in their order.
    requests_of: Vec<Requests>,
    seen: Seen,
}

/// Which moments were measured.
#[derive(Default)]
struct Seen {
    last: Option<f64>,
    gaps: Vec<(f64, f64)>,
    windows: u64,
    last_second: Option<u32>,
}

/// Names that a journal may bring beside those of the plan; a damaged one must not fill the memory.
const STRANGERS_MAX: usize = 16;
/// So long without any measurement is a gap.
const SILENCE: f64 = 2.5;
const GAPS_MAX: usize = 500;

// === impl Fold ===

impl<'p> Fold<'p> {
    fn new(plan: &'p Plan) -> Self {
        let experiment = &plan.experiment;
        let seconds = experiment.phases.total().as_secs_f64();
        let width = bucket_width(seconds);
        let watchers = experiment.workloads.len() + experiment.hypothesis.len();
        let load = |name: &'p String| (name.as_str(), LoadFold::new(name, width));
        let named = |name: &String| (name.clone(), TargetFold::new(name));
        Self {
            plan,
            width,
            course: Course::new(plan),
            recoveries: Recoveries::new(plan.cues.len(), watchers),
            workloads: experiment.workloads.keys().map(load).collect(),
            probes: experiment
                .hypothesis
                .iter()
                .map(|probe| (probe.name.as_str(), ProbeFold::new(&probe.name)))
                .collect(),
            targets: experiment.targets.keys().map(named).collect(),
            subjects: BTreeMap::new(),
            host: HostFold::new(width),
            links: BTreeMap::new(),
            exports: ExportFold::new(plan, width),
            gates: experiment.gates.iter().map(|gate| GateFold::new(gate, plan)).collect(),
            health: HealthFold::default(),
            requests: Requests::of_run(seconds),
            requests_of: experiment.workloads.keys().map(|_| Requests::of_run(seconds)).collect(),
            seen: Seen::default(),
        }
    }

    fn take(&mut self, entry: &Entry) {
        self.course.last_us = self.course.last_us.max(entry.at_us());
        match entry {
            Entry::Event(event) => self.event(event),
            Entry::Window(second) => self.window(second),
            Entry::Sample(sample) => self.sample(sample),
            Entry::HostSample(sample) => self.host.take(sample),
            Entry::LinkSample(sample) => self.link(sample),
            Entry::Export(sample) => self.exports.take(sample),
        }
    }

    fn event(&mut self, event: &Event) {
        self.course.take(event);
        let at_us = event.at_us;
        match &event.what {
            What::Injecting { cue }
            | What::Injected { cue }
            | What::InjectionFailed { cue, .. }
            | What::Healed { cue, .. } => {
                if let Some(index) = self.course.index(*cue) {
                    self.cue(at_us, index, &event.what);
                }
            }
            What::TargetStarted { target, .. }
            | What::TargetReady { target, .. }
            | What::TargetExited { target, .. }
            | What::TargetFailed { target, .. } => {
                self.target(at_us, target, &event.what);
            }
            What::Probed { probe, ok, found, .. } => self.probed(at_us, probe, *ok, found),
            _ => {}
        }
    }

    fn cue(&mut self, at_us: i64, index: usize, what: &What) {
        let name = self.course.name(index);
        let instant = self.course.is_instant(index);
        match what {
            What::Injecting { .. } => self.recoveries.injecting(index, name, at_us),
            What::Injected { .. } if instant => {
                self.recoveries.from(index, at_us, self.course.others_holding(index));
            }
            What::InjectionFailed { .. } => self.recoveries.failed(index),
            What::Healed { .. } if !instant => {
                self.recoveries.from(index, at_us, self.course.others_holding(index));
                self.recoveries.healed(index, name);
            }
            _ => {}
        }
    }

    fn target(&mut self, at_us: i64, target: &str, what: &What) {
        if matches!(what, What::TargetStarted { .. })
            && let Some(subject) = self.subjects.get_mut(target)
        {
            subject.restarted(at_us as f64 / 1e6);
        }
        // After the end of the run, whoever exits is told to.
        let over = self.course.ended.is_some() && matches!(what, What::TargetExited { .. });
        if let Some(fold) = self.targets.get_mut(target).filter(|_| !over) {
            fold.take(at_us, what);
        }
    }

    fn probed(&mut self, at_us: i64, probe: &str, ok: bool, found: &str) {
        let place = self.course.place(at_us, at_us);
        let Some(index) = self.probes.iter().position(|(name, _)| *name == probe) else { return };
        let changed = self.probes[index].1.take(at_us as f64 / 1e6, ok, found, place.phase);
        if changed {
            let word = if ok { "is in tolerance again" } else { "left tolerance" };
            let text = format!("probe `{probe}` {word}: {found}");
            self.course.note(EventLine { at_us, sort: "probe".into(), text });
        }
        self.recoveries.observe(self.workloads.len() + index, at_us, at_us + 1, Some(ok));
    }

    fn window(&mut self, second: &Second) {
        let Some(index) = self.workloads.iter().position(|(name, _)| *name == second.workload) else {
            return;
        };
        let from_us = i64::from(second.second) * 1_000_000;
        let place = self.course.place(from_us, from_us + 1_000_000);
        let calm = place.faults.is_empty() && !self.recoveries.any_open() && !self.course.any_holding();
        self.health.take(second, &place, calm);
        let completed = second.ok.saturating_add(second.failed());
        self.requests.take(second.second, completed);
        self.requests_of[index].take(second.second, completed);
        let names = fault_names(self.plan, &place.faults);
        self.gates.iter_mut().for_each(|gate| gate.load(second, &place, &names));
        let normal = self.workloads[index].1.take(second, &place);
        self.recoveries.observe(index, from_us, from_us + 1_000_000, normal);
        self.seen.window(second.second);
    }

    fn sample(&mut self, sample: &Sample) {
        let known = sample.subject == HARNESS || self.plan.experiment.targets.contains_key(&sample.subject);
        if !known && !self.subjects.contains_key(&sample.subject) && self.subjects.len() >= STRANGERS_MAX {
            return;
        }
        let place = self.course.place(sample.at_us, sample.at_us);
        let names = fault_names(self.plan, &place.faults);
        let act = |fault: &usize| self.plan.experiment.faults.get(*fault).map(|fault| &fault.act);
        let pressed =
            place.faults.iter().filter_map(act).any(|act| matches!(act, Act::MemoryPressure { .. }));
        if !self.subjects.contains_key(&sample.subject) {
            let seconds = self.plan.experiment.phases.total().as_secs_f64();
            self.subjects
                .insert(sample.subject.clone(), SubjectFold::new(&sample.subject, self.width, seconds));
        }
        let Some(subject) = self.subjects.get_mut(&sample.subject) else { return };
        let cores = subject.take(sample, &place, pressed);
        self.gates.iter_mut().for_each(|gate| gate.sample(sample, cores, &place, &names));
        if self.workloads.is_empty() {
            self.seen.moment(sample.at_us as f64 / 1e6);
        }
    }

    fn link(&mut self, sample: &LinkSample) {
        if !self.links.contains_key(&sample.link) {
            if self.links.len() >= self.plan.experiment.links.len() + STRANGERS_MAX {
                return;
            }
            self.links.insert(sample.link.clone(), LinkFold::new(&sample.link, self.width));
        }
        if let Some(link) = self.links.get_mut(&sample.link) {
            link.take(sample);
        }
    }

    fn finish(mut self, meta: &Meta) -> Analysis {
        let run = self.facts(meta);
        let end_us = self.end_us();
        let phases = self.phases(end_us);
        let events = self.course.events();
        let models = std::mem::take(&mut self.course.models);
        let consistency = super::consistency::findings(self.plan, &self.course);
        let health = self.health(&run);
        let recoveries = std::mem::replace(&mut self.recoveries, Recoveries::new(0, 0)).finish(end_us);
        let faults = faults::findings(self.plan, &self.course, recoveries);
        let (mut series, workloads) = (Vec::new(), self.workloads);
        let workloads = workloads.into_iter().map(|(_, fold)| {
            let (finding, its) = fold.finish(self.plan);
            series.extend(its);
            finding
        });
        let workloads = workloads.collect();
        let stretches = stretches(&phases, &faults);
        let (exports, exported) = self.exports.finish();
        let names = self.plan.experiment.workloads.keys().cloned();
        let load = Load::new(self.requests, names.zip(self.requests_of).collect());
        let context = Context {
            stretches: &stretches,
            exported: &exported,
            load: &load,
            gates: &self.plan.experiment.gates,
        };
        let leaks = finish_subjects(self.subjects, &context, &mut series);
        series.extend(self.host.finish());
        self.links.into_values().for_each(|link| series.extend(link.finish()));
        series.extend(exported.into_iter().map(Exported::into_series));
        let mut gates: Vec<_> = self.gates.into_iter().map(|gate| gate.finish(&faults, &leaks)).collect();
        if health.checks.iter().any(|check| check.verdict != Verdict::Pass) {
            super::gates::doubt(&mut gates, &self.plan.experiment.gates);
        }
        let baseline = !self.plan.experiment.phases.baseline.is_zero();
        let mut analysis = Analysis {
            format: FORMAT,
            verdict: Verdict::Pass,
            exit_code: 0,
            reasons: Vec::new(),
            timeline: timeline(&run, self.seen, series),
            run,
            phases,
            gates,
            faults,
            hypothesis: self.probes.into_iter().map(|(_, probe)| probe.finish(baseline)).collect(),
            leaks,
            models,
            consistency,
            exports,
            targets: self.targets.into_values().map(TargetFold::finish).collect(),
            workloads,
            health,
            events,
            losses: Vec::new(),
        };
        analysis.judge();
        analysis
    }

    /// The end of the run, or of what is known of it.
    fn end_us(&self) -> i64 {
        self.course.ended.as_ref().map_or(self.course.last_us, |(at_us, _)| *at_us)
    }

    fn facts(&self, meta: &Meta) -> RunFacts {
        let experiment = &self.plan.experiment;
        let guard = || {
            self.course
                .guard
                .as_ref()
                .map_or_else(|| "a stop condition was met".into(), |(_, why)| why.clone())
        };
        let ending = match self.course.ended.as_ref().map(|(_, how)| how) {
            None => Ended::Cut,
            Some(Ending::Completed) => Ended::Completed,
            Some(Ending::Guard) => Ended::Guard(guard()),
            Some(Ending::CertainLeak { found }) => Ended::CertainLeak(found.clone()),
            Some(Ending::Aborted { why }) => Ended::Aborted(why.clone()),
            Some(Ending::Signal { signal }) => Ended::Signal(*signal),
        };
        RunFacts {
            id: meta.run.clone(),
            name: experiment.name.clone(),
            about: experiment.about.clone(),
            version: meta.version.clone(),
            started_at: meta.started_at.clone(),
            again: meta.again.clone(),
            host: meta.host.clone(),
            seed: self.plan.seed.to_string(),
            rehearse: self.plan.rehearse,
            planned: experiment.phases.total().as_secs_f64(),
            observed: self.end_us().max(0) as f64 / 1e6,
            ending,
        }
    }

    fn phases(&self, end_us: i64) -> Vec<PhaseFinding> {
        let starts = self.course.phases;
        let finding = |phase: Phase| {
            let (from, to) = self.plan.experiment.phases.bounds(phase);
            let start = starts[phase as usize];
            let next = starts[phase as usize + 1..].iter().flatten().next().copied();
            PhaseFinding {
                phase,
                planned_from: from.as_secs_f64(),
                planned_to: to.as_secs_f64(),
                from: start.map(|at_us| at_us as f64 / 1e6),
                to: start.map(|at_us| next.unwrap_or(end_us).max(at_us) as f64 / 1e6),
            }
        };
        Phase::ALL.into_iter().map(finding).collect()
    }

    fn health(&mut self, run: &RunFacts) -> Health {
        let workloads = self.workloads.len() as u64;
        let end = if run.ending == Ended::Completed { run.planned } else { run.observed };
        // The last second is whole only by luck.
        let expected = (end.floor() as u64).saturating_sub(1) * workloads;
        let mut health = std::mem::take(&mut self.health);
        health.measured(expected, expected.saturating_sub(self.seen.windows));
        health.finish(self.subjects.get(HARNESS), run.host.cores, std::mem::take(&mut self.course.degraded))
    }
}

fn finish_subjects(
    subjects: BTreeMap<String, SubjectFold>,
    context: &Context<'_>,
    series: &mut Vec<Series>,
) -> Vec<LeakFinding> {
    let mut leaks = Vec::new();
    for subject in subjects.into_values() {
        let (its, found) = subject.finish(context);
        series.extend(its);
        leaks.extend(found);
    }
    leaks
}

/// When each phase was, and when each fault held.
fn stretches<'a>(phases: &[PhaseFinding], faults: &'a [FaultFinding]) -> Vec<Stretch<'a>> {
    let phases = phases.iter().filter(|phase| phase.phase != Phase::Warmup);
    let phases = phases.filter_map(|phase| {
        Some(Stretch { sort: Sort::Phase, name: phase.phase.word(), spans: vec![(phase.from?, phase.to?)] })
    });
    let mut stretches: Vec<Stretch<'a>> = phases.collect();
    for fault in faults {
        let Some(span) = fault.injected.zip(fault.healed).filter(|_| !fault.instant) else { continue };
        match stretches.iter_mut().find(|known| known.sort == Sort::Fault && known.name == fault.name) {
            Some(known) => known.spans.push(span),
            None => stretches.push(Stretch { sort: Sort::Fault, name: &fault.name, spans: vec![span] }),
        }
    }
    stretches
}

fn fault_names<'p>(plan: &'p Plan, faults: &[usize]) -> Vec<&'p str> {
    faults
        .iter()
        .filter_map(|fault| plan.experiment.faults.get(*fault))
        .map(|fault| fault.name.as_str())
        .collect()
}

fn timeline(run: &RunFacts, seen: Seen, series: Vec<Series>) -> Timeline {
    let seconds = if run.ending == Ended::Completed { run.observed } else { run.observed.max(run.planned) };
    let mut gaps = seen.gaps;
    // What the plan promised and nobody measured is a gap as well.
    if let Some(last) = seen.last.filter(|last| seconds - last > SILENCE) {
        gaps.push((last, seconds));
    }
    Timeline { seconds: seconds.max(1.0), gaps, series }
}

// === impl Seen ===

impl Seen {
    fn window(&mut self, second: u32) {
        self.windows += 1;
        if self.last_second != Some(second) {
            self.last_second = Some(second);
            self.moment(f64::from(second) + 1.0);
        }
    }

    fn moment(&mut self, at: f64) {
        let last = self.last.unwrap_or(0.0);
        if at - last > SILENCE && self.gaps.len() < GAPS_MAX {
            self.gaps.push((last, (at - 1.0).max(last)));
        }
        self.last = Some(last.max(at));
    }
}
