//! Feeders: rows of a file, one for each request of HTTP or each journey.
//!
//! The file is read before the plan is made (by the caller), and its rows are part of the plan from then on: what must not
//! stand in a plan belongs into an environment variable. Fields stand between commas, in quotes where they hold commas, line
//! breaks or quotes (written twice), as RFC 4180 has it; a line ends with a line feed, a carriage return before it or not, and a
//! byte order mark is passed over.

use serde::{Deserialize, Serialize};

use super::Workload;
use crate::syntax::shortened;

/// The largest file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// The most rows.
pub const ROWS_MAX: usize = 10_000;
/// The longest field, in bytes: as long as what is captured may be.
pub const FIELD_BYTES_MAX: usize = 4096;
/// How many wrong lines are told.
const MOST_TOLD: usize = 10;

/// Rows of a file, one for each request or journey. Which one it is follows from the order in which they are due, and from the seed:
/// how the target answers changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeder {
    /// The file; its first line names its columns. A relative path counts from the experiment.
    pub file: String,
    /// The columns that are used, by the names that the file's first line has for them.
    pub columns: Vec<String>,
    /// Which row is next.
    pub order: Order,
    /// For each row the fields of `columns`; empty before the file was read.
    pub rows: Vec<Vec<String>>,
}

/// Which row is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// One after the other, and again from the first.
    InTurn,
    /// Drawn from the run's seed, each time anew; all are as likely.
    Random,
}

/// Why a text gives no rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeederError {
    /// Some lines are wrong; each with its number, from 1.
    #[error("{}", joined(.0))]
    Lines(Vec<(u64, String)>),
    /// There is a heading at most.
    #[error("expected a line of names and at least one row, found none")]
    Empty,
    /// There are too many rows.
    #[error("expected at most {ROWS_MAX} rows, found more: use a part of the file")]
    TooMany,
}

fn joined(lines: &[(u64, String)]) -> String {
    let lines: Vec<String> = lines.iter().map(|(line, why)| format!("line {line}: {why}")).collect();
    lines.join("\n")
}

// === impl Workload ===

impl Workload {
    /// The rows that it uses; `None`: it has no data.
    #[must_use]
    pub const fn data(&self) -> Option<&Feeder> {
        match self {
            Self::Http(workload) => workload.data.as_ref(),
            Self::Journey(workload) => workload.data.as_ref(),
            _ => None,
        }
    }

    /// The same, to be filled.
    #[must_use]
    pub const fn data_mut(&mut self) -> Option<&mut Feeder> {
        match self {
            Self::Http(workload) => workload.data.as_mut(),
            Self::Journey(workload) => workload.data.as_mut(),
            _ => None,
        }
    }
}

// === impl Feeder ===

impl Feeder {
    /// Takes the rows of a file's contents.
    ///
    /// # Errors
    ///
    /// All that is wrong with its lines, or that there are none or too many.
    pub fn fill(&mut self, contents: &[u8]) -> Result<(), FeederError> {
        let contents = contents.strip_prefix(b"\xef\xbb\xbf").unwrap_or(contents);
        let text = std::str::from_utf8(contents).map_err(|error| {
            let line =
                1 + contents[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() as u64;
            FeederError::Lines(vec![(line, "expected text in UTF-8, found another byte".to_owned())])
        })?;
        let mut records = Records { rest: text, line: 1 };
        let Some((line, heading)) = records.next() else { return Err(FeederError::Empty) };
        let heading = heading.map_err(|why| FeederError::Lines(vec![(line, why)]))?;
        let places = self
            .places(&heading)
            .map_err(|wrong| FeederError::Lines(wrong.into_iter().map(|why| (line, why)).collect()))?;
        let (mut rows, mut wrong) = (Vec::new(), Vec::new());
        for (line, record) in records {
            match record.and_then(|record| row(record, heading.len(), &places)) {
                Ok(row) => rows.push(row),
                Err(why) => wrong.push((line, why)),
            }
            if rows.len() > ROWS_MAX {
                return Err(FeederError::TooMany);
            }
            if wrong.len() == MOST_TOLD {
                break;
            }
        }
        match (wrong.is_empty(), rows.is_empty()) {
            (false, _) => Err(FeederError::Lines(wrong)),
            (true, true) => Err(FeederError::Empty),
            (true, false) => {
                self.rows = rows;
                Ok(())
            }
        }
    }

    /// Where each column stands, or which ones do not.
    fn places(&self, heading: &[String]) -> Result<Vec<usize>, Vec<String>> {
        let (mut places, mut missing) = (Vec::new(), Vec::new());
        for column in &self.columns {
            let mut found = heading.iter().enumerate().filter(|(_, name)| name.trim() == column);
            match (found.next(), found.next()) {
                (Some((place, _)), None) => places.push(place),
                (one, _) => {
                    let found = shortened(&heading.join(", "));
                    let (expected, help) = match one {
                        Some(_) => ("one column", ""),
                        None => ("a column", ": the first line names the columns, with commas between them"),
                    };
                    missing.push(format!("expected {expected} `{}`, found {found}{help}", shortened(column)));
                }
            }
        }
        if missing.is_empty() { Ok(places) } else { Err(missing) }
    }
}

/// The fields of the columns that are used.
fn row(mut record: Vec<String>, columns: usize, places: &[usize]) -> Result<Vec<String>, String> {
    if record.len() != columns {
        return Err(format!("expected {columns} fields, found {}", record.len()));
    }
    if let Some(long) = places.iter().find(|place| record[**place].len() > FIELD_BYTES_MAX) {
        let length = record[*long].len();
        return Err(format!("expected fields of at most {FIELD_BYTES_MAX} bytes, found one of {length}"));
    }
    Ok(places.iter().map(|place| std::mem::take(&mut record[*place])).collect())
}

/// The records of a text, each with the number of its first line; empty lines are none.
struct Records<'t> {
    rest: &'t str,
    line: u64,
}

impl Iterator for Records<'_> {
    type Item = (u64, Result<Vec<String>, String>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let line = self.line;
            match self.record() {
                Ok(record) if record.iter().all(String::is_empty) && record.len() == 1 => {}
                record => return Some((line, record)),
            }
        }
    }
}

// === impl Records ===

impl Records<'_> {
    fn record(&mut self) -> Result<Vec<String>, String> {
        let mut record = Vec::new();
        loop {
            let field = match self.rest.strip_prefix('"') {
                Some(rest) => {
                    self.rest = rest;
                    self.quoted()
                }
                None => Ok(self.plain()),
            };
            match field {
                Ok(field) => record.push(field),
                Err(why) => {
                    // What follows on the line belongs to it.
                    self.skip_line();
                    return Err(why);
                }
            }
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => {
                    self.end_line();
                    return Ok(record);
                }
            }
        }
    }

    /// Up to a comma or the end of the line.
    fn plain(&mut self) -> String {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        self.rest = rest;
        let is_last = !rest.starts_with(',');
        if is_last { field.strip_suffix('\r').unwrap_or(field) } else { field }.to_owned()
    }

    /// Up to the closing quote, behind which the field ends.
    fn quoted(&mut self) -> Result<String, String> {
        let mut field = String::new();
        loop {
            let Some(quote) = self.rest.find('"') else {
                return Err("expected a closing quote, found none".to_owned());
            };
            field.push_str(&self.rest[..quote]);
            self.line += self.rest[..quote].matches('\n').count() as u64;
            self.rest = &self.rest[quote + 1..];
            match self.rest.strip_prefix('"') {
                Some(rest) => self.rest = rest,
                None => break,
            }
            field.push('"');
        }
        let ends = self.rest.is_empty() || [",", "\n", "\r\n"].iter().any(|end| self.rest.starts_with(end));
        let found = self.rest.chars().next().unwrap_or_default().escape_debug();
        if ends {
            Ok(field)
        } else {
            Err(format!("expected a comma behind a closing quote, found `{found}`"))
        }
    }

    fn end_line(&mut self) {
        let rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
        if let Some(rest) = rest.strip_prefix('\n') {
            self.line += 1;
            self.rest = rest;
        } else {
            self.rest = rest;
        }
    }

    fn skip_line(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
        self.end_line();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(columns: &[&str], contents: &[u8]) -> Result<Vec<Vec<String>>, String> {
        let columns = columns.iter().map(ToString::to_string).collect();
        let mut feeder = Feeder { file: "users.csv".into(), columns, order: Order::InTurn, rows: Vec::new() };
        feeder.fill(contents).map_err(|error| error.to_string())?;
        Ok(feeder.rows)
    }

    #[test]
    fn quotes_ends_of_lines_and_a_mark_are_read_as_they_are_meant() {
        let text = "\u{feff}user,\"pass\",note\r\nann,1,\r\n\r\n\"b, \"\"ob\"\"\",\"2\n3\",x\ncy,é,\"\"";
        let rows = filled(&["pass", "user"], text.as_bytes()).unwrap();
        assert_eq!(rows, [["1", "ann"], ["2\n3", "b, \"ob\""], ["é", "cy"]]);
    }

    #[test]
    fn every_wrong_line_is_told_with_its_number() {
        for (contents, told) in [
            ("", "expected a line of names and at least one row, found none"),
            ("user\n", "expected a line of names and at least one row, found none"),
            (
                "name\nann\n",
                "line 1: expected a column `user`, found name: the first line names the columns, with commas between them",
            ),
            ("user,name,user\na,b,c\n", "line 1: expected one column `user`, found user, name, user"),
            (
                "user,x\n\"a\n\",1\nann\nb,1,2\n",
                "line 4: expected 2 fields, found 1\nline 5: expected 2 fields, found 3",
            ),
            ("user\n\"ann\nbob\n", "line 2: expected a closing quote, found none"),
            ("user\n\"ann\"b\nbob", "line 2: expected a comma behind a closing quote, found `b`"),
        ] {
            assert_eq!(filled(&["user"], contents.as_bytes()), Err(told.to_owned()), "{contents:?}");
        }
        assert_eq!(
            filled(&["user"], b"user\nann\n\xff\n"),
            Err("line 3: expected text in UTF-8, found another byte".to_owned())
        );
        let long = format!("user\n{}\n", "a".repeat(FIELD_BYTES_MAX + 1));
        assert!(
            filled(&["user"], long.as_bytes()).unwrap_err().starts_with("line 2: expected fields of at most")
        );
        let many = "user\n".to_owned() + &"a\n".repeat(ROWS_MAX + 1);
        assert!(filled(&["user"], many.as_bytes()).unwrap_err().contains("at most 10000 rows"));
    }

    fn written(rows: &[Vec<String>]) -> String {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let lines = rows.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n");
        "a,b\r\n".to_owned() + &lines.collect::<String>()
    }

    proptest! {
        /// What is written in quotes is read as it was, and no text panics.
        #[test]
        fn rows_come_back(rows in proptest::collection::vec(proptest::collection::vec("[a,\"\r\né]{0,6}", 2), 1..9), any: Vec<u8>) {
            prop_assert_eq!(filled(&["a", "b"], written(&rows).as_bytes()), Ok(rows));
            let _ = filled(&["a"], &[b"a\n".as_slice(), &any].concat());
        }
    }
}
