//! Examples of failures: of each endpoint and class the first few that differ, so that a report says why and not only how often.
//!
//! Putting one into words costs more than counting it, so no more than one of each kind is looked at in a second, and what is kept
//! does not grow with the length of a run.

use std::collections::BTreeMap;

use shakedown_reports::journal::Example;

use crate::client::ErrorClass;

/// Different examples of one endpoint and class.
const OF_A_KIND_MAX: usize = 3;
/// Examples of one load.
const OF_A_LOAD_MAX: usize = 100;

/// What was told of one endpoint and class.
#[derive(Debug, Default)]
struct Told {
    whys: Vec<String>,
    /// The last second in which one was looked at.
    looked: Option<u64>,
}

/// The examples of one load.
#[derive(Debug, Default)]
pub(crate) struct Examples {
    told: BTreeMap<(usize, ErrorClass), Told>,
    count: usize,
}

// === impl Examples ===

impl Examples {
    /// Whether a failure in this second should be put into words.
    pub(crate) fn wants(&mut self, endpoint: usize, class: ErrorClass, second: u64) -> bool {
        if self.count >= OF_A_LOAD_MAX {
            return false;
        }
        let told = self.told.entry((endpoint, class)).or_default();
        let wants = told.whys.len() < OF_A_KIND_MAX && told.looked != Some(second);
        if wants {
            told.looked = Some(second);
        }
        wants
    }

    /// Takes an example, as it is told; `None`: it was told before.
    pub(crate) fn take(
        &mut self,
        endpoint: (usize, &str),
        class: ErrorClass,
        why: String,
    ) -> Option<Example> {
        let (endpoint, name) = endpoint;
        let told = self.told.entry((endpoint, class)).or_default();
        if told.whys.contains(&why) {
            return None;
        }
        told.whys.push(why.clone());
        self.count += 1;
        Some(Example { endpoint: name.to_owned(), class: class.word().to_owned(), why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of failures that follow each other in these seconds.
    fn told(failures: impl IntoIterator<Item = (usize, u64, String)>) -> Vec<Example> {
        let mut examples = Examples::default();
        let mut told = Vec::new();
        for (endpoint, second, why) in failures {
            if examples.wants(endpoint, ErrorClass::Check, second) {
                told.extend(examples.take((endpoint, "GET /"), ErrorClass::Check, why));
            }
        }
        told
    }

    #[test]
    fn one_of_a_kind_is_looked_at_in_a_second_and_told_once() {
        let of = |second, why: &str| (0, second, why.to_owned());
        let told = told([of(0, "a"), of(0, "b"), of(1, "a"), of(2, "c"), of(3, "d"), of(4, "e")]);
        let whys: Vec<&str> = told.iter().map(|example| example.why.as_str()).collect();
        assert_eq!(whys, ["a", "c", "d"]);
        assert_eq!((told[0].endpoint.as_str(), told[0].class.as_str()), ("GET /", "check"));
    }

    #[test]
    fn a_load_of_many_endpoints_tells_no_more_than_a_bound() {
        let failures = (0..1_000).flat_map(|endpoint| (0..9).map(move |at| (endpoint, at, at.to_string())));
        assert_eq!(told(failures).len(), OF_A_LOAD_MAX);
    }
}
