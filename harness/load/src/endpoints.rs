//! The endpoints of a mix: which kinds are counted together, and what one second holds of each.
//!
//! An endpoint is a kind of request and not a URL: a path with a million keys is one. A mix of more than [`ENDPOINTS_MAX`]
//! names has a last endpoint, `other`, for all that came after.

use hdrhistogram::Histogram;
use shakedown_reports::journal::{Counts, EndpointSecond};

use crate::client::ErrorClass;
use crate::recorder::{by_word, histogram};

/// The most endpoints of one workload, `other` included: 26 KiB each while a second is open.
pub const ENDPOINTS_MAX: usize = 64;
/// The endpoint of all that have none of their own.
pub const OTHER: &str = "other";

/// The endpoints of one workload.
#[derive(Debug)]
pub(crate) struct Endpoints {
    names: Vec<String>,
    /// For each kind the index of its endpoint.
    of_kind: Vec<usize>,
    spare: Vec<Part>,
}

/// What completed of one endpoint in one second.
#[derive(Debug)]
pub(crate) struct Part {
    errors: [u64; ErrorClass::ALL.len()],
    latency: Histogram<u64>,
}

// === impl Endpoints ===

impl Endpoints {
    /// The endpoints of a mix whose kinds have these names, in the order of first mention.
    pub(crate) fn new(kinds: &[String]) -> Self {
        let mut names: Vec<String> = Vec::new();
        let of_kind = kinds
            .iter()
            .map(|name| {
                names.iter().position(|known| known == name).unwrap_or_else(|| {
                    let has_room = names.len() < ENDPOINTS_MAX - 1;
                    if has_room || names.len() < ENDPOINTS_MAX {
                        names.push(if has_room { name.clone() } else { OTHER.to_owned() });
                    }
                    names.len() - 1
                })
            })
            .collect();
        Self { names, of_kind, spare: Vec::new() }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.names.len()
    }

    /// The endpoint of a kind; `None` where there is but one, which is the workload itself.
    pub(crate) fn of(&self, kind: u32) -> Option<usize> {
        if self.names.len() < 2 { None } else { self.of_kind.get(kind as usize).copied() }
    }

    /// The place and the name of a kind's endpoint, also where there is but one.
    pub(crate) fn named(&self, kind: u32) -> (usize, &str) {
        let index = self.of_kind.get(kind as usize).copied().unwrap_or_default();
        (index, self.names.get(index).map_or(OTHER, String::as_str))
    }

    /// An empty part.
    pub(crate) fn take_part(&mut self) -> Part {
        let new = || Part { errors: [0; ErrorClass::ALL.len()], latency: histogram() };
        self.spare.pop().unwrap_or_else(new)
    }

    /// What a second has of each endpoint, by name; their histograms are added to `latency`.
    pub(crate) fn close(
        &mut self,
        parts: Vec<Option<Part>>,
        latency: &mut Histogram<u64>,
    ) -> Vec<EndpointSecond> {
        let mut endpoints = Vec::new();
        for (name, part) in self.names.iter().zip(parts) {
            let Some(mut part) = part else { continue };
            latency.add(&part.latency).expect("all histograms have the same bounds");
            endpoints.push(EndpointSecond {
                name: name.clone(),
                ok: part.latency.len(),
                errors: by_word(part.errors),
                latency: Counts::of(&part.latency),
            });
            // After a pause of the whole process many seconds may have been open at once; two is the usual number.
            if self.spare.len() < 2 * self.names.len() {
                part.errors = Default::default();
                part.latency.reset();
                self.spare.push(part);
            }
        }
        endpoints.sort_by(|one, other| one.name.cmp(&other.name));
        endpoints
    }
}

// === impl Part ===

impl Part {
    /// A right answer that took so many microseconds from when it was due.
    pub(crate) fn right(&mut self, latency_micros: u64) {
        self.latency.saturating_record(latency_micros);
    }

    /// A request that failed.
    pub(crate) const fn wrong(&mut self, class: ErrorClass) {
        self.errors[class as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("GET /{number}")).collect()
    }

    #[test]
    fn kinds_of_the_same_name_are_one_endpoint() {
        let endpoints = Endpoints::new(&["a", "b", "a"].map(str::to_owned));
        assert_eq!([0, 1, 2, 3].map(|kind| endpoints.of(kind)), [Some(0), Some(1), Some(0), None]);
    }

    #[test]
    fn one_endpoint_is_the_workload_itself() {
        assert_eq!(Endpoints::new(&["a", "a"].map(str::to_owned)).of(0), None);
    }

    #[test]
    fn what_is_too_many_is_other() {
        let just = Endpoints::new(&names(ENDPOINTS_MAX - 1));
        assert!(!just.names.contains(&OTHER.to_owned()));
        let many = Endpoints::new(&names(1_000));
        assert_eq!((many.count(), many.names[ENDPOINTS_MAX - 1].as_str()), (ENDPOINTS_MAX, OTHER));
        assert_eq!((many.of(62), many.of(63), many.of(999)), (Some(62), Some(63), Some(63)));
    }
}
