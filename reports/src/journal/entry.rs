//! A record as it is stored: the same facts, with histograms packed. Small enough to wait in a backlog.

use std::collections::BTreeMap;

use super::counts::Counts;
use super::endpoints::EndpointSecond;
use super::record::{Event, Example, ExportSample, HostSample, LinkSample, Record, Sample, What, Window};

/// A [`Record`] with its histograms as [`Counts`]; what a journal is read as.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Something happened.
    Event(Event),
    /// One second of a workload.
    Window(Box<Second>),
    /// The resources of a target or of the harness at one instant.
    Sample(Box<Sample>),
    /// The state of the whole machine at one instant.
    HostSample(HostSample),
    /// The counters of a link at one instant.
    LinkSample(LinkSample),
    /// What a target exported of itself at one instant.
    Export(Box<ExportSample>),
}

/// A [`Window`] with packed histograms; the fields mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// The second, counted from the start of the load.
    pub second: u32,
    /// The workload.
    pub workload: String,
    /// Requests due.
    pub due: u64,
    /// Requests sent.
    pub sent: u64,
    /// Right answers.
    pub ok: u64,
    /// Failed requests by class.
    pub errors: BTreeMap<String, u64>,
    /// Due requests that were never sent.
    pub dropped: u64,
    /// In flight or waiting at the end of the second.
    pub backlog: u64,
    /// Bytes received.
    pub received: u64,
    /// Latency of right answers, from due.
    pub latency: Counts,
    /// Service time of right answers, from sent.
    pub service: Counts,
    /// Largest lateness of the pacer, microseconds.
    pub late_us_max: u64,
    /// Median lateness of the pacer, microseconds.
    pub late_us_p50: u64,
    /// The endpoints of a mix of several; none in journals before format 3.
    pub endpoints: Vec<EndpointSecond>,
    /// Failures in words; none in journals before format 5.
    pub examples: Vec<Example>,
}

/// The six tables; what is counted, lost or dropped is told by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Events.
    Event,
    /// Windows.
    Window,
    /// Samples of process trees.
    Sample,
    /// Samples of the host.
    HostSample,
    /// Samples of links.
    LinkSample,
    /// What targets export.
    Export,
}

// === impl Entry ===

impl From<Record> for Entry {
    fn from(record: Record) -> Self {
        match record {
            Record::Event(event) => Self::Event(event),
            Record::Window(window) => Self::Window(Box::new(Second::from(*window))),
            Record::Sample(sample) => Self::Sample(Box::new(sample)),
            Record::HostSample(sample) => Self::HostSample(sample),
            Record::LinkSample(sample) => Self::LinkSample(sample),
            Record::Export(sample) => Self::Export(Box::new(sample)),
        }
    }
}

impl Entry {
    /// When this was known, in microseconds since the start of the load: a window is known at the end of its second.
    #[must_use]
    pub fn at_us(&self) -> i64 {
        match self {
            Self::Event(event) => event.at_us,
            Self::Window(window) => (i64::from(window.second) + 1) * 1_000_000,
            Self::Sample(sample) => sample.at_us,
            Self::HostSample(sample) => sample.at_us,
            Self::LinkSample(sample) => sample.at_us,
            Self::Export(sample) => sample.at_us,
        }
    }

    /// Which table it belongs to.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Event(_) => Kind::Event,
            Self::Window(_) => Kind::Window,
            Self::Sample(_) => Kind::Sample,
            Self::HostSample(_) => Kind::HostSample,
            Self::LinkSample(_) => Kind::LinkSample,
            Self::Export(_) => Kind::Export,
        }
    }

    /// Whether it must be on disk before the run goes on: the steps of an injection, phases, and the end.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        let Self::Event(event) = self else { return false };
        matches!(
            event.what,
            What::Injecting { .. }
                | What::Injected { .. }
                | What::InjectionFailed { .. }
                | What::Healed { .. }
                | What::PhaseStarted { .. }
                | What::GuardTripped { .. }
                | What::LeakCertain { .. }
                | What::Model(_)
                | What::HistoryKept(_)
                | What::Ended { .. }
        )
    }
}

// === impl Second ===

impl From<Window> for Second {
    fn from(window: Window) -> Self {
        Self {
            second: window.second,
            workload: window.workload,
            due: window.due,
            sent: window.sent,
            ok: window.ok,
            errors: window.errors,
            dropped: window.dropped,
            backlog: window.backlog,
            received: window.received,
            latency: Counts::of(&window.latency),
            service: Counts::of(&window.service),
            late_us_max: window.late_us_max,
            late_us_p50: window.late_us_p50,
            endpoints: window.endpoints,
            examples: window.examples,
        }
    }
}

impl Second {
    /// Failed requests of all classes.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

// === impl Kind ===

impl Kind {
    /// All tables.
    pub const ALL: [Self; 6] =
        [Self::Event, Self::Window, Self::Sample, Self::HostSample, Self::LinkSample, Self::Export];

    /// The first format of a journal that has its table.
    #[must_use]
    pub const fn since(self) -> u32 {
        match self {
            Self::Event | Self::Window | Self::Sample | Self::HostSample | Self::LinkSample => 1,
            Self::Export => 2,
        }
    }

    /// Its table, which is also the word for people.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Window => "windows",
            Self::Sample => "samples",
            Self::HostSample => "host_samples",
            Self::LinkSample => "link_samples",
            Self::Export => "exports",
        }
    }
}
