//! Load: rates, errors and latencies, of workloads and of their endpoints.

use std::collections::BTreeMap;

use serde::Serialize;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::workload::Workload;

use super::{NOTHING, cleaned};
use crate::analysis::{EndpointFigures, FailureExample, LoadFigures, WorkloadFinding};
use crate::pages::clean::clean;
use crate::show::{self, Unit};

#[derive(Debug, Serialize)]
pub struct LoadTable {
    pub name: String,
    pub note: &'static str,
    pub rows: Vec<LoadRow>,
    pub endpoints: Vec<EndpointRow>,
    pub examples: Vec<ExampleRow>,
}

#[derive(Debug, Serialize)]
pub struct ExampleRow {
    pub at: String,
    pub endpoint: String,
    pub class: String,
    pub why: String,
}

#[derive(Debug, Serialize)]
pub struct EndpointRow {
    pub name: String,
    pub ok: String,
    pub error_ratio: String,
    pub errors: String,
    pub latency: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct LoadRow {
    pub over: String,
    pub offered: String,
    pub achieved: String,
    pub error_ratio: String,
    pub errors: String,
    pub dropped: String,
    pub latency: Vec<String>,
}

/// What counts as a request there.
const OF_JOURNEYS: &str = "Each step of a journey is a request: it is offered once the one before it is answered rightly, and no further where not.";

pub(super) fn load(plan: &Plan, workload: &WorkloadFinding) -> LoadTable {
    let is_journey = matches!(plan.experiment.workloads.get(&workload.name), Some(Workload::Journey(_)));
    LoadTable {
        name: cleaned(&workload.name),
        note: if is_journey { OF_JOURNEYS } else { "" },
        rows: workload.over.iter().map(load_row).collect(),
        endpoints: workload.endpoints.iter().map(endpoint_row).collect(),
        examples: workload.examples.iter().map(example_row).collect(),
    }
}

fn load_row(figures: &LoadFigures) -> LoadRow {
    let rate = |count: u64| Unit::PerSecond.show(count as f64 / figures.seconds.max(1) as f64);
    LoadRow {
        over: cleaned(&figures.over),
        offered: rate(figures.due),
        achieved: rate(figures.ok),
        error_ratio: ratio(figures.error_ratio),
        errors: classes(&figures.errors),
        dropped: if figures.dropped == 0 { NOTHING.into() } else { show::count(figures.dropped as f64) },
        latency: latencies(figures.latency_us),
    }
}

fn endpoint_row(figures: &EndpointFigures) -> EndpointRow {
    EndpointRow {
        name: cleaned(&figures.name),
        ok: show::count(figures.ok as f64),
        error_ratio: ratio(figures.error_ratio),
        errors: classes(&figures.errors),
        latency: latencies(figures.latency_us),
    }
}

fn example_row(example: &FailureExample) -> ExampleRow {
    ExampleRow {
        at: show::offset(example.at),
        endpoint: cleaned(&example.endpoint),
        class: cleaned(&example.class),
        why: cleaned(&example.why),
    }
}

fn ratio(found: Option<f64>) -> String {
    found.map_or_else(|| NOTHING.into(), |ratio| Unit::Ratio.show(ratio))
}

fn classes(errors: &BTreeMap<String, u64>) -> String {
    let shown = |(class, count): (&String, &u64)| format!("{} {}", clean(class), show::count(*count as f64));
    errors.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn latencies(quantiles: Option<[u64; 5]>) -> Vec<String> {
    let show = |quantiles: [u64; 5]| quantiles.map(|value| Unit::Micros.show(value as f64)).into();
    quantiles.map_or_else(|| vec![NOTHING.into(); 5], show)
}
