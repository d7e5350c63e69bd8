//! Lines of separated values, of which one is a time.

use std::time::UNIX_EPOCH;

use super::quoted;

/// What a first line may call the column of times.
const NAMES: [&str; 4] = ["time", "timestamp", "seconds", "at"];
/// The latest moment in seconds: some 30,000 years, as much as whole microseconds tell exactly.
const LATEST: f64 = 1e12;

/// Reads one line after the other.
#[derive(Debug)]
pub(super) struct Csv {
    column: usize,
    has_begun: bool,
}

// === impl Csv ===

impl Csv {
    /// A reader before the first line.
    pub(super) const fn new() -> Self {
        Self { column: 0, has_begun: false }
    }

    /// The moment on a line that is not empty, in microseconds; nothing on a comment and on a first line of names.
    pub(super) fn line(&mut self, text: &str) -> Result<Option<u64>, String> {
        if text.starts_with('#') {
            return Ok(None);
        }
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first && is_heading(text) {
            let mut names = fields(text);
            self.column = names.position(|name| NAMES.contains(&name.to_lowercase().as_str())).unwrap_or(0);
            return Ok(None);
        }
        let Some(field) = fields(text).nth(self.column) else {
            return Err(format!("expected a time in column {}, found {}", self.column + 1, quoted(text)));
        };
        moment(field).map(Some).ok_or_else(|| {
            let form = "seconds such as `12.5`, or a moment such as `2024-05-01T12:00:00Z`";
            format!("expected {form}, found {}", quoted(field))
        })
    }
}

fn fields(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';', '\t']).map(|field| field.trim().trim_matches('"'))
}

/// Whether no field has anything of a number.
fn is_heading(text: &str) -> bool {
    fields(text).all(|field| field.starts_with(|first: char| first.is_alphabetic() || first == '_'))
}

fn moment(field: &str) -> Option<u64> {
    if let Ok(seconds) = field.parse::<f64>() {
        // Not a number is in no range. The cast is exact enough: to the nearest microsecond.
        return (0.0..=LATEST).contains(&seconds).then(|| (seconds * 1e6).round() as u64);
    }
    let since = humantime::parse_rfc3339_weak(field).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_micros()).ok()
}
