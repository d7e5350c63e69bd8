//! Proxies and toxics as Toxiproxy writes them: the names of fields, and their order.
//!
//! Toxics that it has no words for are left out: its clients read attributes as whole numbers, types and streams as one of
//! those they know, and some cannot read a list at all that has another one in it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::attributes::Attributes;
use crate::engine::Plane;
use crate::entry::Entry;
use crate::held::Held;

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
    attributes: Attributes,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    stream: &'a str,
    #[serde(serialize_with = "as_go")]
    toxicity: f32,
}

/// All proxies by their names.
pub fn by_name<'a, P: Plane + 'a>(
    entries: impl Iterator<Item = &'a Entry<P>>,
) -> BTreeMap<&'a str, ProxyShown<'a>> {
    entries.map(|entry| (entry.name(), ProxyShown::of(entry))).collect()
}

/// The toxics of a proxy that Toxiproxy could have.
pub fn toxics<P: Plane>(entry: &Entry<P>) -> Vec<ToxicShown<'_>> {
    entry.toxics().filter_map(ToxicShown::of).collect()
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
            toxics: toxics(entry),
        }
    }
}

// === impl ToxicShown ===

impl<'a> ToxicShown<'a> {
    /// This toxic; `None`: Toxiproxy could not have it.
    pub fn of(held: &'a Held) -> Option<Self> {
        let draft = &held.draft;
        let attributes = draft.for_toxiproxy()?;
        let kind = attributes.kind().word();
        let (name, stream) = (draft.name.as_str(), draft.stream.as_str());
        Some(Self { attributes, name, kind, stream, toxicity: draft.toxicity() })
    }
}
