//! Do the parts of an experiment fit together?

use crate::experiment::Experiment;
use crate::places::Places;
use crate::problem::Problem;

pub(crate) fn check(_experiment: &Experiment, _places: &Places) -> Vec<Problem> {
    Vec::new()
}

pub(crate) fn schedule_problems(_experiment: &Experiment) -> Vec<Problem> {
    Vec::new()
}
