//! A target under suspicion: the traces of all its resources, and of the processes of its tree.

use std::collections::BTreeMap;

use shakedown_scenarios::export::is_counter;
use shakedown_scenarios::gate::{Gate, LeakResource, Resource};

use super::judge::{Judged, judge};
use super::origin::{Part, Sort, Stretch};
use super::trace::Trace;
use super::{About, Growth, LeakAnswer, LeakFinding, Limit, Load, Origin, UnderLoad, tell};
use crate::analysis::exports::Exported;
use crate::analysis::series::Series;
use crate::journal::{Member, Sample};
use crate::show::Unit;

/// All that the leak check gathers of one target.
#[derive(Debug)]
pub struct Suspect {
    seconds: f64,
    traces: [(LeakResource, Trace); LeakResource::OF_PROCESS.len()],
    /// By id and name.
    members: BTreeMap<(i32, String), [Trace; 4]>,
    fds_max: Option<u64>,
    /// The first moment that counts, and those at which another process began.
    from: Option<f64>,
    cuts: Vec<f64>,
}

/// What the judge knows beside the samples.
#[derive(Debug)]
pub struct Context<'a> {
    /// Phases and faults.
    pub stretches: &'a [Stretch<'a>],
    /// What targets export.
    pub exported: &'a [Exported],
    /// Requests over time.
    pub load: &'a Load,
    /// The experiment's gates.
    pub gates: &'a [Gate],
}

/// More processes than this are not told apart.
const MEMBERS_MAX: usize = 24;
/// More processes one after the other are not told apart in what a target exports.
const CUTS_MAX: usize = 1_000;
/// Parts of one sort that are named of one leak.
const NAMED_MAX: usize = 2;

// === impl Suspect ===

impl Suspect {
    /// Of a run of so many seconds.
    #[must_use]
    pub fn of_run(seconds: f64) -> Self {
        Self {
            seconds,
            traces: LeakResource::OF_PROCESS.map(|resource| (resource, Trace::of_run(seconds))),
            members: BTreeMap::new(),
            fds_max: None,
            from: None,
            cuts: Vec::new(),
        }
    }

    /// Takes a sample in.
    pub fn take(&mut self, at: f64, sample: &Sample) {
        self.from.get_or_insert(at);
        for (resource, trace) in &mut self.traces {
            if let Some(value) = leak_value(*resource, sample) {
                trace.push(at, value as f64);
            }
        }
        self.fds_max = sample.fds_max.or(self.fds_max);
        for member in &sample.members {
            self.member(at, member);
        }
    }

    /// What comes next belongs to another process.
    pub fn cut(&mut self, at: f64) {
        if self.cuts.len() < CUTS_MAX {
            self.cuts.push(at);
        }
        self.traces.iter_mut().for_each(|(_, trace)| trace.cut());
    }

    /// What was found of each resource; `series` are the target's own, for its kinds.
    pub fn finish(self, target: &str, series: &[Series], context: &Context<'_>) -> Vec<LeakFinding> {
        let exported = context.exported.iter().filter(|it| it.target == target && !is_counter(&it.name));
        let exported: Vec<(&Exported, Trace)> = exported.map(|it| (it, self.trace_of(it))).collect();
        let Self { traces, members, fds_max, .. } = self;
        let named = |((pid, name), traces): ((i32, String), [Trace; 4])| (format!("{name} ({pid})"), traces);
        let members = members.into_iter().map(named).collect();
        let parts = Parts { series, members, context };
        let about = |resource| About {
            target,
            resource,
            figure: None,
            unit: leak_unit(resource),
            gated: context.gates.iter().any(|gate| asks(gate, target, resource)),
            limit: None,
        };
        let mut found = Vec::new();
        for (resource, trace) in traces {
            let limit = context.gates.iter().find_map(|gate| limit_of(gate, target, resource));
            let limit = limit.or_else(|| own_limit(fds_max, resource));
            let about = About { limit: limit.as_ref(), ..about(resource) };
            // That there never was one is no finding.
            let there = resource.is_looked_at_always() && trace.lives() > 0;
            if there || about.gated {
                found.push(finding(trace, &about, &parts));
            }
        }
        for (figure, trace) in exported {
            let about = About {
                figure: Some(&figure.name),
                unit: figure.unit.per_hour(),
                ..about(LeakResource::Exported)
            };
            found.push(finding(trace, &about, &parts));
        }
        found
    }

    fn trace_of(&self, exported: &Exported) -> Trace {
        let mut trace = Trace::of_run(self.seconds);
        let mut cuts = self.cuts.iter().copied().peekable();
        let from = self.from.unwrap_or(f64::INFINITY);
        for (at, value) in exported.points.iter().filter(|point| point.0 >= from) {
            while cuts.next_if(|cut| cut <= at).is_some() {
                trace.cut();
            }
            trace.push(*at, *value);
        }
        trace
    }

    fn member(&mut self, at: f64, member: &Member) {
        let key = (member.pid, member.name.clone());
        if !self.members.contains_key(&key) {
            if self.members.len() >= MEMBERS_MAX {
                return;
            }
            let traces = [(); 4].map(|()| Trace::of_run(self.seconds));
            self.members.insert(key.clone(), traces);
        }
        if let Some(traces) = self.members.get_mut(&key) {
            let values = [member.memory, member.fds, member.sockets, member.threads];
            traces.iter_mut().zip(values).for_each(|(trace, value)| trace.push(at, value as f64));
        }
    }
}

/// The unit in which a resource's growth is told; exported figures have units of their own.
#[must_use]
pub const fn leak_unit(resource: LeakResource) -> Unit {
    if resource.is_memory() { Unit::BytesPerHour } else { Unit::PerHour }
}

/// What the leak check looks at; `None`: not known.
#[must_use]
pub fn leak_value(resource: LeakResource, sample: &Sample) -> Option<u64> {
    match resource {
        LeakResource::Memory => Some(sample.anonymous.saturating_add(sample.swap)),
        LeakResource::Resident => Some(sample.rss),
        LeakResource::Pss => sample.pss,
        LeakResource::PrivateDirty => sample.private_dirty,
        LeakResource::Cgroup => sample.cgroup,
        LeakResource::Fds => Some(sample.fds_total()),
        LeakResource::Sockets => Some(sample.sockets_total()),
        LeakResource::CloseWait => Some(sample.sockets.get("close_wait").copied().unwrap_or(0)),
        LeakResource::Threads => Some(sample.threads),
        // Every process has some, so none means that they were not told.
        LeakResource::Mappings => Some(sample.mappings).filter(|mappings| *mappings > 0),
        LeakResource::Exported => None,
    }
}

/// How many descriptors it may have.
fn own_limit(fds_max: Option<u64>, resource: LeakResource) -> Option<Limit> {
    let counts = matches!(resource, LeakResource::Fds | LeakResource::Sockets | LeakResource::CloseWait);
    let most = fds_max.filter(|_| counts)?;
    Some(Limit { value: most as f64, of: "its limit of open files".into() })
}

fn asks(gate: &Gate, target: &str, resource: LeakResource) -> bool {
    matches!(gate, Gate::NoLeak { of, resources } if of == target && resources.contains(&resource))
}

/// The limit that a gate sets for a resource.
fn limit_of(gate: &Gate, target: &str, leaking: LeakResource) -> Option<Limit> {
    let Gate::Resource { resource, of, below, .. } = gate else { return None };
    let (word, fits) = match resource {
        Resource::Rss | Resource::Anonymous | Resource::Pss => ("memory", leaking.is_memory()),
        Resource::Fds => ("descriptors", leaking == LeakResource::Fds),
        Resource::Sockets => ("sockets", leaking == LeakResource::Sockets),
        Resource::Threads => ("threads", leaking == LeakResource::Threads),
        Resource::Cpu => return None,
    };
    (of == target && fits).then(|| Limit { value: *below, of: format!("its gate for {word}") })
}

/// What a leak may come from.
struct Parts<'a> {
    series: &'a [Series],
    members: Vec<(String, [Trace; 4])>,
    context: &'a Context<'a>,
}

fn finding(trace: Trace, about: &About<'_>, parts: &Parts<'_>) -> LeakFinding {
    let judged = judge(trace, about.resource, about.unit);
    let mut found = tell(&judged, about);
    let open = about.gated && matches!(found.answer, LeakAnswer::Inconclusive { .. });
    if open || matches!(found.answer, LeakAnswer::Leak { .. }) {
        found.under_load = UnderLoad::of(&judged, parts.context.load);
    }
    found.origins = origins(&judged, about.resource, parts);
    found
}

fn origins(judged: &Judged, resource: LeakResource, parts: &Parts<'_>) -> Vec<Origin> {
    let Parts { series, members, context } = parts;
    let leaks = matches!(judged.answer, LeakAnswer::Leak { .. });
    let Some(growth) = Some(judged).filter(|_| leaks).and_then(Growth::of) else { return Vec::new() };
    let (kind, place) = match resource {
        memory if memory.is_memory() => ("", Some(0)),
        LeakResource::Fds => ("fds.", Some(1)),
        LeakResource::Sockets => ("sockets.", Some(2)),
        LeakResource::Threads => ("", Some(3)),
        _ => ("", None),
    };
    let kinds = series.iter().filter(|series| !kind.is_empty() && series.name.starts_with(kind));
    let kinds = kinds.map(|series| Part {
        sort: Sort::Kind,
        name: series.name.clone(),
        times: series.at.clone(),
        values: series.mean.iter().map(|value| f64::from(*value)).collect(),
    });
    let processes = members.iter().filter_map(|(name, traces)| {
        let lives = traces[place?].clone().finish();
        let (times, values) =
            lives.into_iter().fold((Vec::new(), Vec::new()), |(mut times, mut values), life| {
                times.extend(life.times);
                values.extend(life.values);
                (times, values)
            });
        Some(Part { sort: Sort::Process, name: name.clone(), times, values })
    });
    let named = |parts: Vec<Part>| growth.parts(&parts).into_iter().take(NAMED_MAX);
    let mut origins: Vec<Origin> = named(kinds.collect()).collect();
    origins.extend(named(processes.collect()));
    origins.extend(growth.stretches(context.stretches));
    origins
}
