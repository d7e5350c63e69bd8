//! Figures that a target exports of itself: which pages they stand on, and what is looked for there.
//!
//! This is vocabulary only. Fetching a page and finding a figure on it is the harness's business.

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// A page of a target with figures on it, fetched at intervals beside the sampler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// How the page is written.
    pub form: Form,
    /// Path and query.
    pub path: String,
    /// A port on 127.0.0.1; `None`: where the target itself serves.
    pub port: Option<u16>,
    /// What is looked for.
    pub figures: Vec<Figure>,
    /// Start to start; a fetch that takes longer is not caught up with.
    pub every: Span,
    /// A page that is not there whole by then is missed.
    pub timeout: Span,
}

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// The text form of Prometheus; a figure is found by a [`Selector`].
    Prometheus,
    /// JSON; a figure is found by a JSON Pointer (RFC 6901), such as `/pool/queue`.
    Json,
}

/// One figure of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Its name for people; unique within the target.
    pub name: String,
    /// A selector or a pointer, as the form of the page has it.
    pub find: String,
    /// Of the values.
    pub unit: FigureUnit,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FigureUnit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Seconds.
    Seconds,
}

/// Which series of a Prometheus page are meant: `name`, or `name{label="value"}` for those that have these labels among
/// theirs. Where several are meant, their sum is the figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name.
    pub name: String,
    /// Labels and their values.
    pub labels: Vec<(String, String)>,
}

/// Whether a figure of this name only ever grows, by the names that Prometheus gives to counters; then growth says
/// nothing.
#[must_use]
pub fn is_counter(name: &str) -> bool {
    let name = name.split('{').next().unwrap_or_default();
    ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
}

// === impl FigureUnit ===

impl FigureUnit {
    /// What the name of a metric says of its unit, by the convention of Prometheus: `…_bytes`, `…_seconds`, or a count.
    #[must_use]
    pub fn of_metric(name: &str) -> Self {
        let name = name.split('{').next().unwrap_or(name);
        match name.rsplit('_').next() {
            Some("bytes") => Self::Bytes,
            Some("seconds") => Self::Seconds,
            _ => Self::Count,
        }
    }
}

// === impl Selector ===

impl Selector {
    /// Reads a selector; `None` where it is none. Only `=` compares labels.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
        let name = name.trim();
        if !is_name(name, true) {
            return None;
        }
        let labels = if rest.is_empty() { Vec::new() } else { labels(rest.trim_end())? };
        Some(Self { name: name.to_owned(), labels })
    }

    /// Whether a series of this name and these labels is meant.
    #[must_use]
    pub fn means(&self, name: &str, labels: &[(String, String)]) -> bool {
        self.name == name && self.labels.iter().all(|label| labels.contains(label))
    }
}

/// The labels of a series, braces and all, as Prometheus writes them; `None` where they are not that.
#[must_use]
pub fn labels(text: &str) -> Option<Vec<(String, String)>> {
    let (found, rest) = labels_before(text)?;
    rest.is_empty().then_some(found)
}

/// The same, with what stands behind them.
#[must_use]
pub fn labels_before(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut rest = text.strip_prefix('{')?.trim_start();
    let mut labels = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        let (value, after) = quoted(after.trim_start())?;
        if !is_name(name, false) {
            return None;
        }
        labels.push((name.to_owned(), value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// A value in quotes, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(if c == 'n' { '\n' } else { c });
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &text[at + 1..])),
            c => value.push(c),
        }
    }
    None
}

fn is_name(name: &str, colons: bool) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &[(&str, &str)])>) {
        let found = Selector::parse(text);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let expected = expected.map(|(name, labels)| Selector {
            name: name.to_owned(),
            labels: labels.iter().map(owned).collect(),
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn selectors_are_names_with_labels() {
        check("live_bytes", Some(("live_bytes", &[])));
        check("jvm:memory", Some(("jvm:memory", &[])));
        check("tasks{kind=\"x\"}", Some(("tasks", &[("kind", "x")])));
        check("tasks { a = \"1\" , b=\"}\\\"\", }", Some(("tasks", &[("a", "1"), ("b", "}\"")])));
        check("tasks{}", Some(("tasks", &[])));
        for wrong in [
            "",
            " ",
            "9x",
            "a b",
            "a{",
            "a{b}",
            "a{b=x}",
            "a{b=\"x}",
            "a{b=\"x\"} 3",
            "a{b=~\"x\"}",
            "é",
            "a-b",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_selector_means_every_series_with_its_labels() {
        let selector = Selector::parse("tasks{kind=\"x\"}").unwrap();
        let labels = |text| labels(text).unwrap();
        assert!(selector.means("tasks", &labels("{pool=\"1\",kind=\"x\"}")));
        assert!(!selector.means("tasks", &labels("{kind=\"y\"}")));
        assert!(!selector.means("tasks", &[]) && !selector.means("task", &labels("{kind=\"x\"}")));
    }

    #[test]
    fn a_metric_says_its_unit_at_its_end() {
        for (name, unit) in [
            ("live_bytes", FigureUnit::Bytes),
            ("jvm_memory_used_bytes{area=\"heap_seconds\"}", FigureUnit::Bytes),
            ("lag_seconds", FigureUnit::Seconds),
            ("threads", FigureUnit::Count),
            ("bytes_of_it", FigureUnit::Count),
        ] {
            assert_eq!(FigureUnit::of_metric(name), unit, "{name}");
        }
    }
}
