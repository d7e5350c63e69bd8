//! The early verdict: the leaks that gates ask for are looked at while the run goes on, so that a soak that is already
//! certain can say so, and end.
//!
//! The samples are those that the report's leak check sees: not those of warm-up, of our own memory pressure, or of a
//! process's first seconds. Each process begins a new watch.

use shakedown_leaks::Watch;
use shakedown_reports::analysis::{SETTLE_SECONDS, figure_unit, leak_unit, leak_value, resource_word};
use shakedown_reports::journal::{ExportSample, Sample};
use shakedown_reports::show::Unit;
use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::export::is_counter;
use shakedown_scenarios::gate::{Gate, LeakResource};
use shakedown_scenarios::plan::Plan;

/// All watches of a run.
#[derive(Debug)]
pub struct Early {
    watched: Vec<Watched>,
    /// The end of warm-up and of the run, in seconds from the start of the load.
    from: f64,
    to: f64,
    /// Whose turn to look it is: a look costs milliseconds, so there is one a tick at the most.
    turn: usize,
}

/// A leak that is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certain {
    /// The target.
    pub target: String,
    /// What was found, for people.
    pub found: String,
}

#[derive(Debug)]
struct Watched {
    target: String,
    what: Series,
    watch: Watch,
    /// Since when its process is looked at.
    settled_from: f64,
}

/// What of a target is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Series {
    /// What the kernel tells.
    Sampled(LeakResource),
    /// What the target exports: the page's place among its exports, and the figure's name there.
    Exported { page: u32, figure: String, unit: Unit },
}

// === impl Early ===

impl Early {
    /// Watches what the gates of a plan ask for.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let phases = &plan.experiment.phases;
        let (from, to) = (phases.bounds(Phase::Warmup).1.as_secs_f64(), phases.total().as_secs_f64());
        let mut watched: Vec<Watched> = Vec::new();
        for gate in &plan.experiment.gates {
            let Gate::NoLeak { of, resources } = gate else { continue };
            for what in resources.iter().flat_map(|resource| series(plan, of, *resource)) {
                if !watched.iter().any(|it| it.target == *of && it.what == what) {
                    let watch = Watch::planned(to - from);
                    watched.push(Watched { target: of.clone(), what, watch, settled_from: from });
                }
            }
        }
        Self { watched, from, to, turn: 0 }
    }

    /// A new process of a target started.
    pub fn started(&mut self, target: &str, at: f64) {
        for it in self.watched.iter_mut().filter(|it| it.target == target) {
            it.settled_from = self.from.max(at + SETTLE_SECONDS);
            it.watch = Watch::planned(self.to - it.settled_from);
        }
    }

    /// Takes a sample in.
    pub fn take(&mut self, at: f64, sample: &Sample) {
        if sample.processes == 0 {
            return;
        }
        self.push(at, &sample.subject, |series| match series {
            Series::Sampled(resource) => leak_value(*resource, sample).map(|value| value as f64),
            Series::Exported { .. } => None,
        });
    }

    /// Takes a page of figures in.
    pub fn take_page(&mut self, at: f64, sample: &ExportSample) {
        self.push(at, &sample.target, |series| match series {
            Series::Exported { page, figure, .. } if *page == sample.page => {
                sample.figures.get(figure).copied()
            }
            _ => None,
        });
    }

    fn push(&mut self, at: f64, target: &str, value: impl Fn(&Series) -> Option<f64>) {
        for it in self.watched.iter_mut().filter(|it| it.target == target && at >= it.settled_from) {
            if let Some(value) = value(&it.what) {
                it.watch.push(at, value);
            }
        }
    }

    /// Looks at one of them, if it is time for it. Each is certain once.
    pub fn look(&mut self) -> Option<Certain> {
        for _ in 0..self.watched.len() {
            self.turn = (self.turn + 1) % self.watched.len();
            let it = &mut self.watched[self.turn];
            let known = it.watch.is_certain();
            if let Some(look) = it.watch.look() {
                return (look.certain && !known).then(|| it.certain(&look.finding)).flatten();
            }
        }
        None
    }
}

/// The series of a resource: each figure that a target exports is one, but for counters.
fn series(plan: &Plan, target: &str, resource: LeakResource) -> Vec<Series> {
    if resource != LeakResource::Exported {
        return vec![Series::Sampled(resource)];
    }
    let pages = (0..).zip(plan.experiment.targets.get(target).into_iter().flat_map(|it| it.exports()));
    let figures = pages.flat_map(|(page, export)| export.figures.iter().map(move |figure| (page, figure)));
    figures
        .filter(|(_, figure)| !is_counter(&figure.name))
        .map(|(page, figure)| Series::Exported {
            page,
            figure: figure.name.clone(),
            unit: figure_unit(figure.unit),
        })
        .collect()
}

// === impl Watched ===

impl Watched {
    fn certain(&self, finding: &shakedown_leaks::Finding) -> Option<Certain> {
        let ([low, high], slope) = (finding.slope_ci?, finding.slope_per_hour?);
        let (what, unit) = match &self.what {
            Series::Sampled(resource) => (resource_word(*resource).to_owned(), leak_unit(*resource)),
            Series::Exported { figure, unit, .. } => (format!("`{figure}`"), unit.per_hour()),
        };
        let (slope, low, high) = (unit.show(slope), unit.show(low), unit.show(high));
        let found = format!("{what} leak {slope} ({low} to {high})");
        Some(Certain { target: self.target.clone(), found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let text = r#"Experiment(
            name: "soak",
            targets: { "web": Process(argv: ["web", "{port}"]) },
            phases: (warmup: "1m", baseline: "1m", chaos: "30m", recovery: "1m"),
            gates: [NoLeak(of: "web", resources: [Memory, Fds])],
        )"#;
        let experiment = shakedown_scenarios::read::read("soak.ron", text, &[]).unwrap();
        shakedown_scenarios::plan::plan(&experiment, 7, 1.0).unwrap()
    }

    fn sample(fds: u64) -> Sample {
        Sample {
            subject: "web".into(),
            processes: 1,
            anonymous: 50 << 20,
            fds: [("file".to_owned(), fds)].into(),
            ..Sample::default()
        }
    }

    /// The seconds at which leaks became certain.
    fn run(early: &mut Early, from: u32, to: u32, fds: impl Fn(u32) -> u64) -> Vec<(u32, Certain)> {
        let mut found = Vec::new();
        for at in from..to {
            early.take(f64::from(at), &sample(fds(at)));
            found.extend(early.look().map(|certain| (at, certain)));
        }
        found
    }

    #[test]
    fn a_leak_is_certain_once_and_before_the_end() {
        let found = run(&mut Early::of(&plan()), 0, 1_980, |at| 20 + u64::from(at / 10));
        let [(at, certain)] = &found[..] else { panic!("{found:?}") };
        assert!((700..1_800).contains(at), "{at}");
        assert!(certain.target == "web" && certain.found.starts_with("descriptors leak 3"), "{certain:?}");
    }

    #[test]
    fn what_does_not_leak_and_what_a_restart_ends_is_not_certain() {
        assert_eq!(run(&mut Early::of(&plan()), 0, 1_980, |at| 20 + u64::from(at % 7)), []);
        let mut early = Early::of(&plan());
        let mut found = run(&mut early, 0, 600, |at| 20 + u64::from(at / 10));
        early.started("web", 600.0);
        found.extend(run(&mut early, 600, 1_980, |_| 20));
        assert_eq!(found, []);
    }

    #[test]
    fn what_a_target_exports_is_watched_as_well() {
        let text = r#"Experiment(
            name: "soak",
            targets: { "web": Process(argv: ["web", "{port}"], exports: [
                Prometheus(metrics: ["up", "queue_length", "served_total"]),
                Json(path: "/stats", figures: [(name: "live", pointer: "/live", unit: Bytes)]),
            ]) },
            phases: (warmup: "1m", baseline: "1m", chaos: "30m", recovery: "1m"),
            gates: [NoLeak(of: "web", resources: [Exported])],
        )"#;
        let experiment = shakedown_scenarios::read::read("soak.ron", text, &[]).unwrap();
        let mut early = Early::of(&shakedown_scenarios::plan::plan(&experiment, 7, 1.0).unwrap());
        let mut found = Vec::new();
        for at in 0..1_980 {
            let page = |page, figures: &[(&str, f64)]| ExportSample {
                target: "web".into(),
                page,
                figures: figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
                ..ExportSample::default()
            };
            let at = f64::from(at);
            early.take_page(at, &page(0, &[("queue_length", at % 5.0), ("served_total", 9.0 * at)]));
            early.take_page(at, &page(1, &[("live", 1e6 + 1_024.0 * at), ("queue_length", at)]));
            found.extend(early.look());
        }
        let [certain] = &found[..] else { panic!("{found:?}") };
        assert!(certain.found.starts_with("`live` leak 3.5"), "{certain:?}");
    }

    #[test]
    fn nothing_is_watched_where_no_gate_asks() {
        let mut plan = plan();
        plan.experiment.gates.clear();
        assert_eq!(run(&mut Early::of(&plan), 0, 1_980, u64::from), []);
    }
}
