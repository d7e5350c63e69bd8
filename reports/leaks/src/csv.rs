//! Reads a series from CSV: a header, time in the first column (seconds, or RFC 3339), the value in the second. Streams
//! it in bounded memory, says what it put right, and refuses with a line number what it cannot.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};

use crate::series::Series;
use crate::stamp;

/// A line is never longer than this.
const LINE_MAX: u64 = 64 * 1024;
/// No second since 1970 is larger until the year 5138; a stamp in milliseconds is.
const SECONDS_MAX: f64 = 1e11;
/// Nothing that is measured is larger; its square has to be a number too.
const VALUE_MAX: f64 = 1e140;

/// Why a file cannot be read as a series.
#[derive(Debug)]
pub enum CsvError {
    /// It cannot be read at all.
    Io(io::Error),
    /// Nothing is in it.
    Empty,
    /// A header, and nothing below it that is a sample.
    NoSamples,
    /// One sample.
    OneSample,
    /// A line is wrong.
    Line {
        /// Which one, from 1.
        line: u64,
        /// Expected what, found what.
        what: String,
    },
}

/// What was put right, to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs(BTreeMap<Repair, (u64, u64)>);

/// How a file tells the time: all its lines do it in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Clock {
    #[default]
    Unknown,
    Seconds,
    /// RFC 3339; its first stamp is second 0.
    Stamps(f64),
}

/// One kind of repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Repair {
    NoHeader,
    NotFinite,
    Unsorted,
    Duplicate,
}

/// Reads a series and says what had to be put right.
///
/// # Errors
/// [`CsvError`]: nothing in it, or a line that is no sample.
pub fn read(mut input: impl BufRead) -> Result<(Series, Repairs), CsvError> {
    let (mut series, mut repairs) = (Series::default(), Repairs::default());
    let (mut line, mut number, mut clock) = (Vec::new(), 0, Clock::default());
    let mut is_first = true;
    let mut last = f64::NEG_INFINITY;
    while next_line(&mut input, &mut line, number + 1)? {
        number += 1;
        let text = String::from_utf8_lossy(&line);
        let text = if number == 1 { text.trim_start_matches('\u{feff}') } else { &text };
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let wrong = |what: String| CsvError::Line { line: number, what };
        let sample = sample(text, &mut clock);
        if std::mem::take(&mut is_first) {
            if sample.is_err() {
                continue;
            }
            repairs.add(Repair::NoHeader, number);
        }
        let (time, value) = sample.map_err(wrong)?;
        if !value.is_finite() {
            repairs.add(Repair::NotFinite, number);
            continue;
        }
        if time < last {
            repairs.add(Repair::Unsorted, number);
            if !series.may_be_sorted_later() {
                let what = "expected ascending times: a file this large is not sorted; sort it by time first";
                return Err(wrong(what.to_owned()));
            }
        }
        last = time;
        series.push(time, value);
    }
    if repairs.0.contains_key(&Repair::Unsorted) {
        series.sort();
    }
    let merged = series.merge_duplicates();
    if merged > 0 {
        repairs.0.insert(Repair::Duplicate, (merged, 0));
    }
    match (number, series.count()) {
        (0, _) => Err(CsvError::Empty),
        (_, 0) => Err(CsvError::NoSamples),
        (_, 1) => Err(CsvError::OneSample),
        _ => Ok((series, repairs)),
    }
}

/// Reads the next line; false at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>, number: u64) -> Result<bool, CsvError> {
    line.clear();
    let read = io::Read::take(&mut *input, LINE_MAX).read_until(b'\n', line).map_err(CsvError::Io)?;
    if read as u64 == LINE_MAX && line.last() != Some(&b'\n') {
        let what = "expected a line of at most 64 KiB".to_owned();
        return Err(CsvError::Line { line: number, what });
    }
    Ok(read > 0)
}

/// Time and value of a line.
fn sample(text: &str, clock: &mut Clock) -> Result<(f64, f64), String> {
    let mut fields = text.split(',').map(|field| field.trim().trim_matches('"').trim());
    let (time, value) = (fields.next().unwrap_or_default(), fields.next());
    let Some(value) = value else {
        return Err(format!("expected time,value, found one column: `{}`", short(text)));
    };
    let time = match (time.parse::<f64>(), stamp::seconds(time), *clock) {
        (Ok(_), _, Clock::Stamps(_)) => {
            return Err(format!("expected a stamp as in the lines before, found `{}`", short(time)));
        }
        (Ok(seconds), _, _) if seconds.abs() < SECONDS_MAX => {
            *clock = Clock::Seconds;
            seconds
        }
        (Ok(seconds), _, _) if seconds.is_finite() => {
            return Err(format!(
                "expected a time in seconds, found `{}`: milliseconds have to be divided by 1000",
                short(time)
            ));
        }
        (Ok(_), _, _) => return Err(format!("expected a time in seconds, found `{}`", short(time))),
        (Err(_), Some(_), Clock::Seconds) => {
            return Err(format!("expected seconds as in the lines before, found `{}`", short(time)));
        }
        (Err(_), Some(seconds), Clock::Stamps(first)) => seconds - first,
        (Err(_), Some(seconds), Clock::Unknown) => {
            *clock = Clock::Stamps(seconds);
            0.0
        }
        (Err(_), None, _) => {
            return Err(format!("expected a time in seconds or as RFC 3339, found `{}`", short(time)));
        }
    };
    let value = if value.is_empty() { f64::NAN } else { number(value)? };
    Ok((time, value))
}

fn number(text: &str) -> Result<f64, String> {
    let value: f64 = text
        .parse()
        .map_err(|_| format!("expected a number in the second column, found `{}`", short(text)))?;
    if value.is_finite() && value.abs() > VALUE_MAX {
        return Err(format!("expected a value up to 1e140, found `{}`", short(text)));
    }
    Ok(value)
}

/// At most 40 characters, without any that a terminal would obey.
fn short(text: &str) -> String {
    let safe = text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it });
    let mut short: String = safe.take(40).collect();
    if text.chars().count() > 40 {
        short.push('…');
    }
    short
}

// === impl Repairs ===

impl Repairs {
    fn add(&mut self, repair: Repair, line: u64) {
        self.0.entry(repair).or_insert((0, line)).0 += 1;
    }

    /// What was put right, a sentence for each kind.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let note = |(repair, (count, line)): (&Repair, &(u64, u64))| match repair {
            Repair::NoHeader => format!("line {line} is no header: it was read as a sample"),
            Repair::NotFinite => {
                format!("{count} without a finite value left out, the first at line {line}")
            }
            Repair::Unsorted => format!("{count} out of order sorted by time, the first at line {line}"),
            Repair::Duplicate => format!("{count} at the same time as another merged by their mean"),
        };
        self.0.iter().map(note).collect()
    }
}

// === impl CsvError ===

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Empty => f.write_str("expected a header and samples, found an empty file"),
            Self::NoSamples => f.write_str("expected samples (time,value), found none with a finite value"),
            Self::OneSample => f.write_str("expected at least two samples, found one"),
            Self::Line { line, what } => write!(f, "line {line}: {what}"),
        }
    }
}

impl std::error::Error for CsvError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Vec<f64>, Vec<f64>, Vec<String>);

    fn read_all(text: &[u8]) -> Result<Read, String> {
        let (series, repairs) = read(text).map_err(|error| error.to_string())?;
        Ok((series.times().to_vec(), series.values().to_vec(), repairs.notes()))
    }

    #[track_caller]
    fn refuses(text: &[u8], expected: &str) {
        assert_eq!(read_all(text).unwrap_err(), expected);
    }

    #[test]
    fn seconds_stamps_quotes_bom_and_crlf_are_read() {
        let (times, values, notes) = read_all(b"\xef\xbb\xbft,v\r\n0,1\r\n1.5,2e3\r\n\r\n").unwrap();
        assert_eq!((times, values, notes.len()), (vec![0.0, 1.5], vec![1.0, 2_000.0], 0));
        assert_eq!(read_all(b"\n\nt,v\n0,1\n1,2\n").unwrap().2, [] as [&str; 0]);
        let stamps = b"t,v,other\n\"2024-02-28T23:59:59Z\",1,x\n2024-02-29T01:00:00.5+01:00,\"2\",y";
        assert_eq!(read_all(stamps).unwrap().0, [0.0, 1.5]);
    }

    #[test]
    fn what_can_be_put_right_is_and_is_told() {
        let (times, values, notes) = read_all(b"5,1\n1,2\n1,4\n2,NaN\n3,inf\n4,\n").unwrap();
        assert_eq!((times, values), (vec![1.0, 5.0], vec![3.0, 1.0]));
        assert_eq!(
            notes,
            [
                "line 1 is no header: it was read as a sample",
                "3 without a finite value left out, the first at line 4",
                "1 out of order sorted by time, the first at line 2",
                "1 at the same time as another merged by their mean",
            ]
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        refuses(b"", "expected a header and samples, found an empty file");
        refuses(b"t,v\n", "expected samples (time,value), found none with a finite value");
        refuses(b"t,v\n0,1\n", "expected at least two samples, found one");
        refuses(b"t,v\n0,1\n1,much\n", "line 3: expected a number in the second column, found `much`");
        refuses(b"t,v\n0,1\nsoon,2\n", "line 3: expected a time in seconds or as RFC 3339, found `soon`");
        refuses(b"t,v\n0\n", "line 2: expected time,value, found one column: `0`");
        refuses(b"t,v\nNaN,1\n", "line 2: expected a time in seconds, found `NaN`");
        refuses(
            b"t,v\n1700000000000,1\n",
            "line 2: expected a time in seconds, found `1700000000000`: milliseconds have to be divided by 1000",
        );
        refuses(
            b"t,v\n0,1\n2024-02-28T23:59:59Z,1\n",
            "line 3: expected seconds as in the lines before, found `2024-02-28T23:59:59Z`",
        );
        refuses(
            b"t,v\n2024-02-28T23:59:59Z,1\n7,1\n",
            "line 3: expected a stamp as in the lines before, found `7`",
        );
        refuses(b"t,v\n0,1e200\n", "line 2: expected a value up to 1e140, found `1e200`");
        refuses(
            b"t,v\n0,\x1b[31m\xff\n",
            "line 2: expected a number in the second column, found `\u{fffd}[31m\u{fffd}`",
        );
        let mut long = b"t,v\n".to_vec();
        long.extend(std::iter::repeat_n(b'1', 100_000));
        refuses(&long, "line 2: expected a line of at most 64 KiB");
    }
}
