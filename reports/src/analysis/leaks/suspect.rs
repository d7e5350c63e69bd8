//! A target under suspicion: the traces of all its resources, and of the processes of its tree.

use std::collections::BTreeMap;

use shakedown_scenarios::gate::{Gate, LeakResource, Resource};

use super::judge::{Judged, judge};
use super::origin::{Part, Sort, Stretch};
use super::trace::Trace;
use super::{About, Growth, LeakAnswer, LeakFinding, Limit, Origin, tell};
use crate::analysis::series::Series;
use crate::journal::{Member, Sample};

/// All that the leak check gathers of one target.
#[derive(Debug)]
pub struct Suspect {
    seconds: f64,
    traces: [(LeakResource, Trace); LeakResource::ALL.len()],
    /// By id and name.
    members: BTreeMap<(i32, String), [Trace; 4]>,
    fds_max: Option<u64>,
}

/// What the judge knows beside the samples.
#[derive(Debug)]
pub struct Context<'a> {
    /// Phases and faults.
    pub stretches: &'a [Stretch<'a>],
    /// The experiment's gates.
    pub gates: &'a [Gate],
}

/// More processes than this are not told apart.
const MEMBERS_MAX: usize = 24;
/// Parts of one sort that are named of one leak.
const NAMED_MAX: usize = 2;

// === impl Suspect ===

impl Suspect {
    /// Of a run of so many seconds.
    #[must_use]
    pub fn of_run(seconds: f64) -> Self {
        Self {
            seconds,
            traces: LeakResource::ALL.map(|resource| (resource, Trace::of_run(seconds))),
            members: BTreeMap::new(),
            fds_max: None,
        }
    }

    /// Takes a sample in.
    pub fn take(&mut self, at: f64, sample: &Sample) {
        for (resource, trace) in &mut self.traces {
            if let Some(value) = value(*resource, sample) {
                trace.push(at, value as f64);
            }
        }
        self.fds_max = sample.fds_max.or(self.fds_max);
        for member in &sample.members {
            self.member(at, member);
        }
    }

    /// What comes next belongs to another process.
    pub fn cut(&mut self) {
        self.traces.iter_mut().for_each(|(_, trace)| trace.cut());
    }

    /// What was found of each resource; `series` are the target's own, for its kinds.
    pub fn finish(self, target: &str, series: &[Series], context: &Context<'_>) -> Vec<LeakFinding> {
        let Self { traces, members, fds_max, .. } = self;
        let members: Vec<(String, [Trace; 4])> =
            members.into_iter().map(|((pid, name), traces)| (format!("{name} ({pid})"), traces)).collect();
        let finding = |(resource, trace): (LeakResource, Trace)| {
            // That there never was one is no finding.
            let gated = context.gates.iter().any(|gate| asks(gate, target, resource));
            if trace.lives() == 0 && !gated {
                return None;
            }
            let own = fds_max.map(|most| Limit { value: most as f64, of: "its limit of open files".into() });
            let counts_files =
                matches!(resource, LeakResource::Fds | LeakResource::Sockets | LeakResource::CloseWait);
            let set = context.gates.iter().find_map(|gate| limit_of(gate, target, resource));
            let limit = set.or(own.filter(|_| counts_files));
            let judged = judge(trace, resource);
            let mut found = tell(&judged, &About { target, resource, gated, limit: limit.as_ref() });
            found.origins = origins(&judged, resource, series, &members, context.stretches);
            Some(found)
        };
        traces.into_iter().filter_map(finding).collect()
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

/// `None`: not known.
fn value(resource: LeakResource, sample: &Sample) -> Option<u64> {
    match resource {
        LeakResource::Memory => Some(sample.anonymous.saturating_add(sample.swap)),
        LeakResource::Fds => Some(sample.fds_total()),
        LeakResource::Sockets => Some(sample.sockets_total()),
        LeakResource::CloseWait => Some(sample.sockets.get("close_wait").copied().unwrap_or(0)),
        LeakResource::Threads => Some(sample.threads),
        // Every process has some, so none means that they were not told.
        LeakResource::Mappings => Some(sample.mappings).filter(|mappings| *mappings > 0),
    }
}

fn asks(gate: &Gate, target: &str, resource: LeakResource) -> bool {
    matches!(gate, Gate::NoLeak { of, resources } if of == target && resources.contains(&resource))
}

/// The limit that a gate sets for a resource.
fn limit_of(gate: &Gate, target: &str, leaking: LeakResource) -> Option<Limit> {
    let Gate::Resource { resource, of, below, .. } = gate else { return None };
    let (word, fits) = match resource {
        Resource::Rss | Resource::Anonymous | Resource::Pss => ("memory", leaking == LeakResource::Memory),
        Resource::Fds => ("descriptors", leaking == LeakResource::Fds),
        Resource::Sockets => ("sockets", leaking == LeakResource::Sockets),
        Resource::Threads => ("threads", leaking == LeakResource::Threads),
        Resource::Cpu => return None,
    };
    (of == target && fits).then(|| Limit { value: *below, of: format!("its gate for {word}") })
}

fn origins(
    judged: &Judged,
    resource: LeakResource,
    series: &[Series],
    members: &[(String, [Trace; 4])],
    stretches: &[Stretch<'_>],
) -> Vec<Origin> {
    let leaks = matches!(judged.answer, LeakAnswer::Leak { .. });
    let Some(growth) = Some(judged).filter(|_| leaks).and_then(Growth::of) else { return Vec::new() };
    let (kind, place) = match resource {
        LeakResource::Memory => ("", Some(0)),
        LeakResource::Fds => ("fds.", Some(1)),
        LeakResource::Sockets => ("sockets.", Some(2)),
        LeakResource::Threads => ("", Some(3)),
        LeakResource::CloseWait | LeakResource::Mappings => ("", None),
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
    origins.extend(growth.stretches(stretches));
    origins
}
