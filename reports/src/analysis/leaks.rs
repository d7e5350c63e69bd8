//! Leak findings of a run: does a resource of a target keep growing, by how much, since when, until when, and what grows?
//!
//! Each resource of each target is gathered as a trace of its process's lives (`trace`, `suspect`); the longest lives are judged by
//! `shakedown-leaks` and their answers made one (`judge`); a leak is then traced to kinds, processes, phases and faults
//! (`origin`). Warm-up, memory pressure of our own and the first seconds of a process are left out.

use serde::{Deserialize, Serialize};
use shakedown_leaks::Finding;
use shakedown_scenarios::gate::LeakResource;

use super::gates::resource_word;
use super::verdict::Verdict;
use crate::leak_plot::{Leads, Picture};
use crate::show::{self, Unit};

mod judge;
mod load;
mod origin;
mod suspect;
mod trace;

use judge::Judged;
pub use judge::{BYTES_MATTER, THINGS_MATTER};
pub use load::{Cause, UnderLoad};
pub(super) use load::{Load, Requests};
use origin::Growth;
pub(super) use origin::Stretch;
pub use origin::{Origin, Sort};
pub(super) use suspect::{Context, Suspect};
pub use suspect::{leak_unit, leak_value};

/// What was found of one resource of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeakFinding {
    /// The target.
    pub target: String,
    /// The resource.
    pub resource: LeakResource,
    /// The name of an exported figure.
    pub figure: Option<String>,
    /// The answer.
    pub answer: LeakAnswer,
    /// Growth an hour at the end, whatever it means: the most likely, and the interval of 95 %.
    pub slope: Option<[f64; 3]>,
    /// Of the answer's figures.
    pub unit: Unit,
    /// How probable the answer is, 0 to 1; of an open one: how probable a leak is. It is a weight of models, not a
    /// frequency.
    pub confidence: f64,
    /// Seconds that were looked at.
    pub seconds: f64,
    /// Processes that were looked at, one after the other.
    pub processes: u64,
    /// The level at the end.
    pub level: Option<f64>,
    /// When the leak set in, in seconds from the start of the load.
    pub onset: Option<f64>,
    /// When growth ended, likewise; only without a leak.
    pub plateau: Option<f64>,
    /// A leak of this size an hour would most likely have been found.
    pub detectable: Option<f64>,
    /// When a leak reaches a limit.
    pub until: Option<UntilLimit>,
    /// How growth stands to the load; of a leak, and of what is open though a gate asks.
    pub under_load: Option<UnderLoad>,
    /// Where a leak comes from.
    pub origins: Vec<Origin>,
    /// Whether a gate asks for it.
    pub gated: bool,
    /// What its plot shows; only of a leak, and of what is open though a gate asks.
    pub picture: Option<Picture>,
}

/// The answer of the check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakAnswer {
    /// It grows.
    Leak {
        /// The most likely growth an hour, at the end.
        per_hour: f64,
        /// The interval of 95 %.
        low: f64,
        /// The same.
        high: f64,
    },
    /// It does not grow by more than this an hour.
    NoneAbove {
        /// The bound.
        per_hour: f64,
    },
    /// It cannot be told.
    Inconclusive {
        /// Why.
        why: String,
    },
}

/// When a limit is reached if the leak goes on as it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UntilLimit {
    /// The limit, in the resource's own unit.
    pub limit: f64,
    /// Whose limit it is, for people.
    pub of: String,
    /// Hours from the end of what was looked at: the most likely.
    pub hours: f64,
    /// The earliest of the interval of 95 %.
    pub earliest: f64,
    /// The latest; `None`: never.
    pub latest: Option<f64>,
}

/// A limit that a resource may reach.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    /// In the resource's own unit.
    pub(super) value: f64,
    /// Whose, for people.
    pub(super) of: String,
}

/// Whose resource it is, and what it may reach.
struct About<'a> {
    target: &'a str,
    resource: LeakResource,
    figure: Option<&'a str>,
    unit: Unit,
    gated: bool,
    limit: Option<&'a Limit>,
}

/// Says what was found in a trace.
fn tell(judged: &Judged, about: &About<'_>) -> LeakFinding {
    let Judged { answer, finding, life, processes, seconds } = judged;
    let leaks = matches!(answer, LeakAnswer::Leak { .. });
    let open = matches!(answer, LeakAnswer::Inconclusive { .. });
    let shown = !life.times.is_empty() && (leaks || about.gated && open);
    LeakFinding {
        target: about.target.into(),
        resource: about.resource,
        figure: about.figure.map(str::to_owned),
        slope: finding.slope_per_hour.zip(finding.slope_ci).map(|(slope, [low, high])| [slope, low, high]),
        unit: about.unit,
        confidence: finding.confidence,
        seconds: *seconds,
        processes: *processes as u64,
        level: finding.level.or_else(|| life.values.last().copied()),
        onset: finding.onset_s.filter(|_| leaks),
        plateau: finding.plateau_s.filter(|_| matches!(answer, LeakAnswer::NoneAbove { .. })),
        detectable: finding.min_detectable_per_hour,
        until: about.limit.filter(|_| leaks).and_then(|limit| UntilLimit::of(finding, limit)),
        answer: answer.clone(),
        under_load: None,
        origins: Vec::new(),
        gated: about.gated,
        picture: shown.then(|| Picture::of(&life.times, &life.values, finding)),
    }
}

// === impl UntilLimit ===

impl UntilLimit {
    fn of(finding: &Finding, limit: &Limit) -> Option<Self> {
        let [hours, earliest, latest] = finding.hours_to(limit.value)?;
        Some(Self {
            limit: limit.value,
            of: limit.of.clone(),
            hours,
            earliest,
            latest: Some(latest).filter(|hours| hours.is_finite()),
        })
        .filter(|until| until.hours.is_finite())
    }

    fn words(&self, unit: Unit) -> String {
        let time = |hours: f64| show::seconds(hours * 3_600.0);
        if self.hours == 0.0 {
            return format!("{} of {} is reached", self.of, unit.show(self.limit));
        }
        let latest = self.latest.map_or("never".into(), time);
        let (limit, hours, earliest) = (unit.show(self.limit), time(self.hours), time(self.earliest));
        format!("reaches {} of {limit} in {hours} ({earliest} to {latest})", self.of)
    }
}

// === impl LeakFinding ===

impl LeakFinding {
    /// What it means to a gate that asks for no leak. "None above X an hour" passes: X is below what matters.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self.answer {
            LeakAnswer::Leak { .. } => Verdict::Fail,
            LeakAnswer::NoneAbove { .. } => Verdict::Pass,
            LeakAnswer::Inconclusive { .. } => Verdict::Inconclusive,
        }
    }

    /// What leaks or does not, for people.
    #[must_use]
    pub fn what(&self) -> String {
        self.figure.clone().unwrap_or_else(|| resource_word(self.resource).into())
    }

    /// Where a leak leads, for its plot.
    #[must_use]
    pub fn leads(&self) -> Option<Leads> {
        match self.answer {
            LeakAnswer::Leak { per_hour, low, high } => {
                Some(Leads { level: self.level?, per_hour: [per_hour, low, high] })
            }
            _ => None,
        }
    }

    /// The unit of the resource itself.
    #[must_use]
    pub fn level_unit(&self) -> Unit {
        if self.unit == Unit::BytesPerHour { Unit::Bytes } else { Unit::Count }
    }

    /// The answer for people, in one line.
    #[must_use]
    pub fn brief(&self) -> String {
        let show = |value: f64| self.unit.show(value);
        match &self.answer {
            LeakAnswer::Leak { per_hour, low, high } => {
                format!("leaks {} ({} to {})", show(*per_hour), show(*low), show(*high))
            }
            LeakAnswer::NoneAbove { per_hour } => format!("no leak above {}", show(*per_hour)),
            LeakAnswer::Inconclusive { why } => format!("cannot tell: {why}"),
        }
    }

    /// The answer with all that belongs to it: onset, limit and origin of a leak, plateau of none, and the smallest leak
    /// that would have shown where the answer is open.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = vec![self.brief()];
        words.extend(self.onset.map(|onset| format!("since {}", show::offset(onset))));
        words.extend(self.plateau.map(|plateau| format!("steady since {}", show::offset(plateau))));
        words.extend(self.until.as_ref().map(|until| until.words(self.level_unit())));
        words.extend(self.under_load.as_ref().and_then(|load| load.words(self.level_unit())));
        words.extend(self.origins.iter().map(|origin| origin.words(self.unit)));
        let open = matches!(self.answer, LeakAnswer::Inconclusive { .. });
        let least = self.detectable.filter(|_| open);
        words.extend(least.map(|least| format!("less than {} would not show", self.unit.show(least))));
        words.join("; ")
    }
}
