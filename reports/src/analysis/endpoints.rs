//! The endpoints of one workload, folded into a table over the whole run.
//!
//! A load sends no more than [`ENDPOINTS_MAX`] names, but a journal may come from anywhere: what is beyond that is one row.

use std::collections::{BTreeMap, BTreeSet};

use shakedown_scenarios::workload::Endpoint;

use super::finding::EndpointFigures;
use super::load::{Figures, quantiles};
use crate::journal::{EndpointSecond, Second};

/// Endpoints that get a row of their own. A load's own bound is 64.
pub const ENDPOINTS_MAX: usize = 128;
/// The most endpoints of a workload each of which is counted by itself.
const PLANNED_MAX: usize = 63;
/// The row of all others.
const OTHER: &str = "other";

/// The endpoints so far.
#[derive(Debug, Default)]
pub struct EndpointsFold {
    rows: BTreeMap<String, Figures>,
}

// === impl EndpointsFold ===

impl EndpointsFold {
    /// Takes a second in.
    pub fn take(&mut self, second: &Second) {
        for endpoint in &second.endpoints {
            self.row(&endpoint.name).add_part(endpoint);
        }
    }

    fn row(&mut self, name: &str) -> &mut Figures {
        let known = self.rows.contains_key(name) || self.rows.len() < ENDPOINTS_MAX;
        self.rows.entry(if known { name } else { OTHER }.to_owned()).or_default()
    }

    /// One row for each, by name; one that was `planned` and never asked has one too, such as a step that no journey came to.
    pub fn finish(mut self, planned: &[Endpoint]) -> Vec<EndpointFigures> {
        let names: BTreeSet<&str> = planned.iter().map(|endpoint| endpoint.name.as_str()).collect();
        // A load has but one row of many, and one of a kind none.
        if !self.rows.is_empty() && names.len() <= PLANNED_MAX {
            for name in names {
                self.rows.entry(name.to_owned()).or_default();
            }
        }

        let row = |(name, figures): (String, Figures)| EndpointFigures {
            name,
            ok: figures.ok,
            error_ratio: figures.error_ratio(),
            latency_us: quantiles(&figures.latency),
            errors: figures.errors,
        };
        self.rows.into_iter().map(row).collect()
    }
}

// === impl Figures ===

impl Figures {
    fn add_part(&mut self, part: &EndpointSecond) {
        self.ok = self.ok.saturating_add(part.ok);
        self.add_errors(&part.errors);
        self.latency.add(&part.latency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Counts;

    fn second(names: impl IntoIterator<Item = String>) -> Second {
        let mut histogram = Counts::default().histogram();
        histogram.saturating_record(2_000);
        let errors = BTreeMap::from([("timeout".to_owned(), 1)]);
        let endpoint =
            |name| EndpointSecond { name, ok: 1, errors: errors.clone(), latency: Counts::of(&histogram) };
        Second { endpoints: names.into_iter().map(endpoint).collect(), ..Second::default() }
    }

    #[test]
    fn each_endpoint_has_a_row_over_all_seconds() {
        let mut fold = EndpointsFold::default();
        fold.take(&second(["b".into(), "a".into()]));
        fold.take(&second(["b".into()]));
        let planned = |name: &str| Endpoint { name: name.to_owned(), weight: None };
        let rows = fold.finish(&["a", "b", "never"].map(planned));
        let counts: Vec<_> =
            rows.iter().map(|row| (row.name.as_str(), row.ok, row.errors.get("timeout").copied())).collect();
        assert_eq!(counts, [("a", 1, Some(1)), ("b", 2, Some(2)), ("never", 0, None)]);
        assert_eq!(rows[0].error_ratio, Some(0.5));
        assert!(rows[1].latency_us.is_some_and(|of| of.iter().all(|us| (1_980..=2_020).contains(us))));
    }

    #[test]
    fn a_journal_with_a_million_names_has_a_bounded_table() {
        let mut fold = EndpointsFold::default();
        for piece in 0..1_000 {
            fold.take(&second((0..1_000).map(|number| format!("GET /{piece}/{number}"))));
        }
        let rows = fold.finish(&[]);
        assert_eq!(rows.len(), ENDPOINTS_MAX + 1);
        assert_eq!(rows.iter().map(|row| row.ok).sum::<u64>(), 1_000_000);
        let other = rows.iter().find(|row| row.name == OTHER).unwrap();
        assert_eq!(other.ok, 1_000_000 - ENDPOINTS_MAX as u64);
    }
}
