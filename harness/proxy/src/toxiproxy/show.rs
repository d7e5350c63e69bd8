//! Proxies and toxics as Toxiproxy writes them: the names of fields, and their order.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::attributes::Attributes;
use crate::engine::Plane;
use crate::entry::Entry;
use crate::held::{Form, Held};

/// A proxy.
#[derive(Debug, Serialize)]
pub struct ProxyShown<'a> {
    name: &'a str,
    listen: &'a str,
    upstream: &'a str,
    enabled: bool,
    toxics: Vec<ToxicShown<'a>>,
}

/// A toxic.
#[derive(Debug, Serialize)]
pub struct ToxicShown<'a> {
    attributes: Shown,
    name: &'a str,
    #[serde(rename = "type")]
    kind: String,
    stream: &'a str,
    #[serde(serialize_with = "as_go")]
    toxicity: f32,
}

/// Attributes in Toxiproxy's words, or those of a toxic that it has no words for.
#[derive(Debug)]
enum Shown {
    Toxiproxy(Attributes),
    Native(Value),
}

/// All proxies by their names.
pub fn by_name<'a, P: Plane + 'a>(
    entries: impl Iterator<Item = &'a Entry<P>>,
) -> BTreeMap<&'a str, ProxyShown<'a>> {
    entries.map(|entry| (entry.name(), ProxyShown::of(entry))).collect()
}

/// Go writes a whole number without a fraction.
fn as_go<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f32(*number)
    }
}

// === impl ProxyShown ===

impl<'a> ProxyShown<'a> {
    /// This proxy.
    pub fn of<P: Plane>(entry: &'a Entry<P>) -> Self {
        Self {
            name: entry.name(),
            listen: entry.listen(),
            upstream: entry.upstream(),
            enabled: entry.is_enabled(),
            toxics: entry.toxics().map(ToxicShown::of).collect(),
        }
    }
}

// === impl ToxicShown ===

impl<'a> ToxicShown<'a> {
    /// This toxic.
    pub fn of(held: &'a Held) -> Self {
        let draft = &held.draft;
        Self {
            attributes: Shown::of(draft.attributes(), &draft.form),
            name: &draft.name,
            kind: draft.kind(),
            stream: &draft.stream,
            toxicity: draft.toxicity(),
        }
    }
}

// === impl Shown ===

impl Shown {
    fn of(attributes: Option<Attributes>, form: &Form) -> Self {
        match (attributes, form) {
            (Some(attributes), _) => Self::Toxiproxy(attributes),
            (None, Form::Toxiproxy(attributes)) => Self::Toxiproxy(*attributes),
            (None, Form::Native(toxic)) => {
                Self::Native(inner(serde_json::to_value(toxic).unwrap_or_default()))
            }
        }
    }
}

/// What stands below the name of a toxic.
fn inner(toxic: Value) -> Value {
    match toxic {
        Value::Object(fields) => fields.into_iter().next().map_or(Value::Null, |(_, fields)| fields),
        other => other,
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Toxiproxy(attributes) => attributes.serialize(serializer),
            Self::Native(fields) => fields.serialize(serializer),
        }
    }
}
