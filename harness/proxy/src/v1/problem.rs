//! What the native API refuses: one sentence, and every problem with its field and the way out.

use serde::Serialize;
use shakedown_scenarios::toxic::ToxicProblem;

use crate::error::ApiError;
use crate::handle::Response;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    #[serde(skip)]
    status: u16,
    error: String,
    problems: Vec<Problem>,
}

/// Something that is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where: `toxics[1].toxic.delay`; empty: the body as a whole.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

// === impl Refused ===

impl Refused {
    /// A refusal that is not about a body.
    pub fn new(status: u16, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), problems: Vec::new() }
    }

    /// All that is wrong with a body.
    pub fn all(problems: Vec<Problem>) -> Self {
        let error = match problems.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            more => format!("{} problems", more.len()),
        };
        Self { status: 400, error: error.trim_start_matches(": ").to_owned(), problems }
    }

    /// Its answer.
    pub fn response(&self) -> Response {
        Response::json(self.status, self)
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

// === impl Problem ===

impl Problem {
    /// A problem with a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), help: help.into() }
    }

    /// A problem of a toxic; its field belongs to the toxic or to its aim.
    pub fn of(problem: ToxicProblem) -> Self {
        let part = if ["nth", "first", "toxicity"].contains(&problem.field) { "aim" } else { "toxic" };
        Self::new(format!("{part}.{}", problem.field), problem.message, problem.help)
    }

    /// The same, below another field.
    pub fn below(self, field: &str) -> Self {
        let field = if self.field.is_empty() { field.to_owned() } else { format!("{field}.{}", self.field) };
        Self { field, ..self }
    }
}
