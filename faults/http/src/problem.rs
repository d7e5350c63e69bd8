//! What is wrong with a fault as it was written: everything at once, each with its field and what is allowed there.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `act.answer.status`.
    pub field: String,
    /// What was found there, cut to 60 characters.
    pub found: String,
    /// What is allowed there.
    pub allowed: String,
}

/// All that is wrong with a fault; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// Collects problems below a place.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    place: String,
    problems: &'a mut Vec<Problem>,
}

const FOUND_MAX: usize = 60;

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found `{}`", self.field, self.allowed, self.found)
    }
}

// === impl Problems ===

impl Problems {
    /// Nothing wrong is `Ok`.
    pub(crate) fn none_or(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// Each of them, in the order of the fields.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

// === impl Finder ===

impl<'a> Finder<'a> {
    pub(crate) fn new(place: impl Into<String>, problems: &'a mut Vec<Problem>) -> Self {
        Self { place: place.into(), problems }
    }

    /// The same for a part of this place.
    pub(crate) fn within(&mut self, part: impl fmt::Display) -> Finder<'_> {
        Finder { place: format!("{}.{part}", self.place), problems: self.problems }
    }

    /// Notes a problem.
    pub(crate) fn wrong(&mut self, field: &str, found: impl fmt::Display, allowed: impl Into<String>) {
        let gap = if field.is_empty() { "" } else { "." };
        self.problems.push(Problem {
            field: format!("{}{gap}{field}", self.place),
            found: found.to_string().chars().take(FOUND_MAX).collect(),
            allowed: allowed.into(),
        });
    }

    /// Notes a problem unless this holds.
    pub(crate) fn expect(&mut self, holds: bool, field: &str, found: impl fmt::Display, allowed: &str) {
        if !holds {
            self.wrong(field, found, allowed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_tells_its_field_and_what_is_allowed() {
        let mut problems = Vec::new();
        let mut finder = Finder::new("act", &mut problems);
        finder.within("answer").expect(false, "status", 9, "a status from 200 to 599");
        finder.expect(true, "body", "", "anything");
        finder.wrong("", "x".repeat(99), "less");
        let told = Problems::none_or(problems).unwrap_err();
        assert_eq!(told.all().len(), 2);
        let first = "act.answer.status: expected a status from 200 to 599, found `9`";
        assert_eq!(told.to_string(), format!("{first}; act: expected less, found `{}`", "x".repeat(60)));
    }
}
