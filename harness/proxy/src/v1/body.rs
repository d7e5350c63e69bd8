//! The body of a request, read field by field so that every problem is told at once.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use shakedown_scenarios::toxic::{Aim, Toxic};

use super::problem::{Problem, Refused};
use crate::collection::{LONGEST_ADDRESS, LONGEST_NAME};
use crate::held::{Draft, Origin};

/// An object under way: what was not read yet, and what is wrong with what was.
#[derive(Debug)]
pub struct Body {
    fields: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

// === impl Body ===

impl Body {
    /// Reads a body.
    pub fn read(body: &[u8]) -> Result<Self, Refused> {
        let value = serde_json::from_slice(body)
            .map_err(|error| Refused::all(vec![Problem::new("", error.to_string(), "send a JSON object")]))?;
        Self::of(value).map_err(|problem| Refused::all(vec![problem]))
    }

    /// Takes a value that should be an object.
    pub fn of(value: Value) -> Result<Self, Problem> {
        match value {
            Value::Object(fields) => Ok(Self { fields, known: Vec::new(), problems: Vec::new() }),
            _ => Err(Problem::new("", "expected a JSON object", "send one such as {}")),
        }
    }

    /// A field, if it is there and can be read.
    pub fn field<T: DeserializeOwned>(&mut self, name: &'static str, help: &str) -> Option<T> {
        self.known.push(name);
        match serde_json::from_value(self.fields.remove(name)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(name, error.to_string(), help);
                None
            }
        }
    }

    /// A field that is an address, if it is there and can be read.
    pub fn address(&mut self, name: &'static str) -> Option<String> {
        let help = "write an address such as \"127.0.0.1:6379\"";
        let address: String = self.field(name, help)?;
        if address.is_empty() || address.len() > LONGEST_ADDRESS {
            self.problem(
                name,
                format!("an address has 1 to {LONGEST_ADDRESS} bytes, this {}", address.len()),
                help,
            );
        }
        Some(address)
    }

    /// A toxic of this name with its aim, if both can be read.
    pub fn toxic(&mut self, name: &str) -> Option<Draft> {
        let help = "write one such as {\"Latency\": {\"delay\": \"100ms\"}}";
        if !self.fields.contains_key("toxic") {
            self.problem("toxic", "it is missing", help);
        }
        let toxic: Option<Toxic> = self.field("toxic", help);
        let has_way = self.fields.get("aim").is_some_and(|aim| aim.get("way").is_some());
        let was = self.problems.len();
        let aim: Option<Aim> =
            self.field("aim", "write one such as {\"way\": \"Upstream\", \"toxicity\": \"50%\"}");
        if self.problems.len() > was {
            return None;
        }
        let (toxic, mut aim) = (toxic?, aim.unwrap_or_default());
        if !has_way {
            aim.way = toxic.usual_way();
        }
        self.problems.extend(toxic.problems(&aim).into_iter().map(Problem::of));
        Some(Draft::native(name.to_owned(), toxic, aim, Origin::Itself))
    }

    /// All fields that were not read yet, for whoever compares requests.
    pub fn whole(&self) -> Value {
        Value::Object(self.fields.clone())
    }

    /// How many problems there are so far.
    pub const fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Notes a problem.
    pub fn problem(&mut self, field: impl Into<String>, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::new(field, message, help));
    }

    /// Notes problems that were found elsewhere.
    pub fn problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
    }

    /// All problems there were; fields that nobody asked for are some.
    pub fn found(mut self) -> Vec<Problem> {
        let known = self.known.join(", ");
        let unknown = self.fields.keys().map(|field| {
            let shown: String = field.chars().take(60).collect();
            Problem::new(shown, "there is no such field", format!("allowed: {known}"))
        });
        self.problems.extend(unknown.collect::<Vec<_>>());
        self.problems
    }

    /// Ends well, if there was no problem.
    pub fn end(self) -> Result<(), Refused> {
        match self.found() {
            none if none.is_empty() => Ok(()),
            some => Err(Refused::all(some)),
        }
    }
}

/// Whether a name may be given.
pub fn name(name: &str) -> Result<(), Refused> {
    if (1..=LONGEST_NAME).contains(&name.len()) {
        return Ok(());
    }
    let message = format!("a name has 1 to {LONGEST_NAME} bytes, this {}", name.len());
    Err(Refused::all(vec![Problem::new("name", message, "choose another one")]))
}
