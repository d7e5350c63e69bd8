//! What is captured from an answer: held while it is read, found when it is whole.

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;
use shakedown_scenarios::workload::journey::Capture;

use crate::client::ClientError;
use crate::client::http::checks::{BODY_BYTES_KEPT, REGEX_BYTES_MAX};
use crate::client::http::shown;
use crate::client::telling::{bytes, quoted};

/// The longest value; what is longer is not taken for one.
const VALUE_BYTES_MAX: usize = 4096;

/// One capture, ready to be looked for.
#[derive(Debug)]
pub(super) enum Grip {
    Json(String),
    Matches(Regex),
    Header(String),
}

/// What was held of one answer.
#[derive(Debug, Default)]
pub(super) struct Gleaner {
    /// The values of headers that are looked for, with the index of their value.
    headers: Vec<(usize, Vec<u8>)>,
    body: Vec<u8>,
}

// === impl Grip ===

impl Grip {
    /// What an experiment captures.
    pub(super) fn new(capture: &Capture) -> Result<Self, ClientError> {
        Ok(match capture {
            Capture::Json(pointer) => Self::Json(pointer.clone()),
            Capture::Header(name) => Self::Header(name.clone()),
            Capture::Matches(text) => {
                let built = RegexBuilder::new(text).unicode(false).size_limit(REGEX_BYTES_MAX).build();
                let regex = built.ok().filter(|regex| regex.captures_len() > 1);
                Self::Matches(regex.ok_or_else(|| ClientError::Regex(shown(text)))?)
            }
        })
    }

    /// That it found nothing, in words.
    pub(super) fn missed(&self) -> String {
        let wanted = match self {
            Self::Json(pointer) => {
                format!("a text, number or truth at {} of the JSON", quoted(pointer.as_bytes()))
            }
            Self::Matches(regex) => format!("a match of {} in the body", quoted(regex.as_str().as_bytes())),
            Self::Header(name) => format!("a header {}", quoted(name.as_bytes())),
        };
        format!("expected {wanted} to capture (at most {}), found none", bytes(VALUE_BYTES_MAX as u64))
    }

    const fn is_of_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Matches(_))
    }
}

// === impl Gleaner ===

impl Gleaner {
    /// Forgets everything: a new answer begins.
    pub(super) fn begin(&mut self) {
        self.headers.clear();
        self.body.clear();
    }

    /// Takes the headers that are looked for.
    pub(super) fn head(&mut self, grips: &[(usize, Grip)], fields: &[httparse::Header<'_>]) {
        for (index, grip) in grips {
            let Grip::Header(name) = grip else { continue };
            if let Some(field) = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)) {
                self.headers.push((*index, field.value.to_vec()));
            }
        }
    }

    /// Takes a piece of the body, where that is looked into.
    pub(super) fn body(&mut self, grips: &[(usize, Grip)], bytes: &[u8]) {
        if grips.iter().any(|(_, grip)| grip.is_of_body()) {
            let room = BODY_BYTES_KEPT.saturating_sub(self.body.len()).min(bytes.len());
            self.body.extend_from_slice(&bytes[..room]);
        }
    }

    /// Puts what was found among the values; the first capture that found nothing.
    pub(super) fn finish(&self, grips: &[(usize, Grip)], values: &mut [Vec<u8>]) -> Option<usize> {
        let has_json = grips.iter().any(|(_, grip)| matches!(grip, Grip::Json(_)));
        let document: Option<Value> = has_json.then(|| serde_json::from_slice(&self.body).ok()).flatten();
        let mut missed = None;
        for (place, (index, grip)) in grips.iter().enumerate() {
            let found = self.found(*index, grip, document.as_ref());
            match (found.filter(|value| value.len() <= VALUE_BYTES_MAX), values.get_mut(*index)) {
                (Some(found), Some(value)) => *value = found,
                _ => missed = missed.or(Some(place)),
            }
        }
        missed
    }

    fn found(&self, index: usize, grip: &Grip, document: Option<&Value>) -> Option<Vec<u8>> {
        match grip {
            Grip::Json(pointer) => match document?.pointer(pointer)? {
                Value::String(text) => Some(text.clone().into_bytes()),
                number @ (Value::Number(_) | Value::Bool(_)) => Some(number.to_string().into_bytes()),
                _ => None,
            },
            Grip::Matches(regex) => Some(regex.captures(&self.body)?.get(1)?.as_bytes().to_vec()),
            Grip::Header(_) => {
                let mut headers = self.headers.iter();
                headers.find(|(of, _)| *of == index).map(|(_, value)| value.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gleaned(capture: Capture, body: &str) -> Option<String> {
        let grips = [(0, Grip::new(&capture).unwrap())];
        let (mut gleaner, mut values) = (Gleaner::default(), vec![Vec::new()]);
        let fields = [
            httparse::Header { name: "Location", value: b"/items/3" },
            httparse::Header { name: "location", value: b"/items/4" },
        ];
        gleaner.head(&grips, &fields);
        body.as_bytes().chunks(3).for_each(|piece| gleaner.body(&grips, piece));
        let found = gleaner.finish(&grips, &mut values);
        found.is_none().then(|| String::from_utf8(values.remove(0)).unwrap())
    }

    #[test]
    fn values_come_from_json_from_a_group_and_from_a_header() {
        let body = r#"{"token": "a/b", "id": 42, "ok": true, "none": null, "in": [{"x": 1.5}]}"#;
        let json = |pointer: &str| gleaned(Capture::Json(pointer.into()), body);
        assert_eq!(json("/token").as_deref(), Some("a/b"));
        assert_eq!(json("/id").as_deref(), Some("42"));
        assert_eq!(json("/ok").as_deref(), Some("true"));
        assert_eq!(json("/in/0/x").as_deref(), Some("1.5"));
        assert_eq!((json("/none"), json("/in"), json("/else")), (None, None, None));
        let matches = |regex: &str| gleaned(Capture::Matches(regex.into()), body);
        assert_eq!(matches(r#""id": (\d+)"#).as_deref(), Some("42"));
        assert_eq!(matches(r#""id": ([a-z]+)"#), None);
        let header = |name: &str| gleaned(Capture::Header(name.into()), "");
        assert_eq!((header("LOCATION").as_deref(), header("etag")), (Some("/items/3"), None));
        assert!(matches!(Grip::new(&Capture::Matches("no group".into())), Err(ClientError::Regex(_))));
    }

    #[test]
    fn what_is_too_long_or_too_far_is_not_found() {
        let long = format!("id={}.", "1".repeat(VALUE_BYTES_MAX + 1));
        assert_eq!(gleaned(Capture::Matches("id=([0-9]+)".into()), &long), None);
        let far = format!("{}id=1", " ".repeat(BODY_BYTES_KEPT));
        assert_eq!(gleaned(Capture::Matches("id=([0-9]+)".into()), &far), None);
    }
}
