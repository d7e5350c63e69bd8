//! Reads a history: one event a line, in the order in which they happened. Streams it, and refuses with a line number what
//! it cannot take: an answer on half a file would be worth nothing.
//!
//! The order is that of the lines. `index` and `time` may be missing; where they are there, they must not go back.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decode::{self, short};
use crate::history::{Fate, History, NEVER, Op};
use crate::model::Rules;

/// A line is never longer than this.
const LINE_MAX: u64 = 256 << 20;
/// Memory is looked at every so many lines.
const LOOK: u32 = 4_096;

/// Why there is no history.
#[derive(Debug)]
pub enum ReadError {
    /// It cannot be read at all.
    Io(io::Error),
    /// Nothing is in it.
    Empty,
    /// What was asked for cannot be.
    Asked(String),
    /// It takes more memory than it may.
    Memory {
        /// Bytes that it may take.
        most: u64,
        /// The line that was reached.
        line: u32,
    },
    /// A line is wrong.
    Line {
        /// Which one, from 1.
        line: u32,
        /// Expected what, found what.
        what: String,
    },
}

/// One line. What else is in it is not looked at.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    process: &'a RawValue,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    f: Cow<'a, str>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
}

/// What a process is at.
#[derive(Clone, Copy, Debug)]
enum Process {
    Free,
    /// In this operation.
    Busy(u32),
    /// Nobody knows how its last operation ended; this line said so.
    Gone(u32),
}

struct Reader<'a> {
    rules: &'a Rules,
    history: History,
    processes: Vec<Process>,
    /// The words of `f` that operations began with.
    words: Vec<Box<str>>,
    word_of: Vec<u8>,
    index: Option<i64>,
    time: Option<i64>,
    untimed: bool,
    others: u64,
}

/// Reads a history, and the state it begins in, as `Rules::init` tells it.
///
/// # Errors
/// [`ReadError`]: a line that is wrong, or a history that does not fit.
pub fn read(mut input: impl BufRead, rules: &Rules) -> Result<History, ReadError> {
    let mut reader = Reader::new(rules);
    reader.history.init = decode::init(&mut reader.history, rules).map_err(ReadError::Asked)?;
    let mut line = Vec::new();
    let mut number = 0;
    while next_line(&mut input, &mut line, number + 1)? {
        number += 1;
        let wrong = |what: String| ReadError::Line { line: number, what };
        let text = std::str::from_utf8(&line).map_err(|_| wrong("expected UTF-8".into()))?;
        let text = if number == 1 { text.trim_start_matches('\u{feff}') } else { text }.trim();
        if !text.is_empty() {
            reader.take(text, number).map_err(wrong)?;
        }
        if number % LOOK == 0 && reader.bytes() > rules.memory {
            return Err(ReadError::Memory { most: rules.memory, line: number });
        }
        if number == NEVER - 1 {
            return Err(wrong("expected fewer lines than 2^32".into()));
        }
    }
    reader.end()
}

/// Reads the next line; false at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>, number: u32) -> Result<bool, ReadError> {
    line.clear();
    let read = io::Read::take(&mut *input, LINE_MAX).read_until(b'\n', line).map_err(ReadError::Io)?;
    if read as u64 == LINE_MAX && line.last() != Some(&b'\n') {
        let what = "expected a line of at most 256 MiB".to_owned();
        return Err(ReadError::Line { line: number, what });
    }
    Ok(read > 0)
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn new(rules: &'a Rules) -> Self {
        let mut history = History::default();
        decode::prepare(&mut history);
        Self {
            rules,
            history,
            processes: Vec::new(),
            words: Vec::new(),
            word_of: Vec::new(),
            index: None,
            time: None,
            untimed: false,
            others: 0,
        }
    }

    fn bytes(&self) -> u64 {
        // Strings of keys are summed up rarely: a sum over many keys on every look would be slow.
        let texts: u64 = self.history.texts.iter().map(crate::texts::Texts::bytes).sum();
        self.history.bytes() + texts + self.word_of.capacity() as u64
    }

    fn take(&mut self, text: &str, line: u32) -> Result<(), String> {
        let event: Event<'_> = serde_json::from_str(text).map_err(|error| {
            let found = error.to_string();
            let found = found.rsplit_once(" at line").map_or(found.as_str(), |(what, _)| what);
            format!("expected an event (process, type, f, value), found: {found}, column {}", error.column())
        })?;
        self.order(&event)?;
        let process = event.process.get();
        if process == "\"nemesis\"" {
            self.others += 1;
            return Ok(());
        }
        let is_name = process.starts_with('"') || process.parse::<i64>().is_ok();
        if !is_name {
            return Err(format!(
                "expected process to be a whole number or a name, found `{}`",
                short(process)
            ));
        }
        let process = self.history.processes.number(process.as_bytes());
        if process as usize == self.processes.len() {
            self.processes.push(Process::Free);
        }
        match event.kind.as_ref() {
            "invoke" => self.invoke(&event, process, line),
            "ok" => self.complete(&event, process, line, Fate::Done),
            "fail" => self.complete(&event, process, line, Fate::Failed),
            "info" => self.complete(&event, process, line, Fate::Open),
            other => Err(format!("expected type to be invoke, ok, fail or info, found `{}`", short(other))),
        }
    }

    /// Index and time go on.
    fn order(&mut self, event: &Event<'_>) -> Result<(), String> {
        if let Some(index) = whole(event.index, "index")? {
            if let Some(before) = self.index.filter(|before| index <= *before) {
                return Err(format!("expected an index above {before}, found {index}: sort the lines by it"));
            }
            self.index = Some(index);
        }
        let time = whole(event.time, "time")?;
        self.untimed |= time.is_none();
        if let Some(time) = time {
            if let Some(before) = self.time.filter(|before| time < *before) {
                return Err(format!(
                    "expected a time from {before} on, found {time}: times must not go back"
                ));
            }
            self.time = Some(time);
        }
        Ok(())
    }

    fn invoke(&mut self, event: &Event<'_>, process: u32, line: u32) -> Result<(), String> {
        match self.processes[process as usize] {
            Process::Free => {}
            Process::Busy(op) => {
                let since = self.history.ops[op as usize].call;
                return Err(format!(
                    "expected the end of what process {} began on line {since}, found another invoke of it",
                    self.name(process)
                ));
            }
            Process::Gone(since) => {
                return Err(format!(
                    "expected no more of process {}: how its operation ended is unknown since line {since} (type info), \
                     and it may still be at it; who goes on needs a new number",
                    self.name(process)
                ));
            }
        }
        let key = self.history.keys.number(&decode::canonical(event.key.map(RawValue::get)));
        let value = event.value.map(RawValue::get);
        let action = decode::begin(&mut self.history, self.rules, &event.f, value)?;
        let word = self.word(&event.f)?;
        let op = self.history.ops.len() as u32;
        let time = self.time.unwrap_or(0);
        self.history.ops.push(Op {
            process,
            key,
            call: line,
            back: NEVER,
            times: [time, i64::MAX],
            fate: Fate::Open,
            action,
        });
        self.word_of.push(word);
        self.processes[process as usize] = Process::Busy(op);
        Ok(())
    }

    fn complete(&mut self, event: &Event<'_>, process: u32, line: u32, fate: Fate) -> Result<(), String> {
        let Process::Busy(op) = self.processes[process as usize] else {
            return Err(format!(
                "expected an invoke of process {} first, found its {}",
                self.name(process),
                event.kind
            ));
        };
        let mut begun = self.history.ops[op as usize];
        let word = &*self.words[self.word_of[op as usize] as usize];
        if word != event.f {
            return Err(format!(
                "expected the end of the {word} that process {} began on line {}, found one of a {}",
                self.name(process),
                begun.call,
                short(&event.f)
            ));
        }
        if let Some(key) = event.key {
            let key = decode::canonical(Some(key.get()));
            if *key != *self.history.keys.text(begun.key) {
                return Err(format!(
                    "expected the key of line {}, `{}`, found `{}`",
                    begun.call,
                    short(&String::from_utf8_lossy(self.history.keys.text(begun.key))),
                    short(&String::from_utf8_lossy(&key))
                ));
            }
        }
        if fate == Fate::Done {
            let value = event.value.map(RawValue::get);
            begun.action = decode::finish(&mut self.history, self.rules, begun.key, begun.action, value)?;
        }
        begun.fate = fate;
        if fate == Fate::Open {
            self.processes[process as usize] = Process::Gone(line);
        } else {
            begun.back = line;
            begun.times[1] = self.time.unwrap_or(0);
            self.processes[process as usize] = Process::Free;
        }
        self.history.ops[op as usize] = begun;
        Ok(())
    }

    fn word(&mut self, f: &str) -> Result<u8, String> {
        let at = self.words.iter().position(|it| &**it == f);
        let at = at.unwrap_or_else(|| {
            self.words.push(f.into());
            self.words.len() - 1
        });
        u8::try_from(at).map_err(|_| "expected fewer kinds of operations".to_owned())
    }

    fn name(&self, process: u32) -> String {
        short(&String::from_utf8_lossy(self.history.processes.text(process)))
    }

    fn end(mut self) -> Result<History, ReadError> {
        if self.history.ops.is_empty() {
            return Err(ReadError::Empty);
        }
        self.history.texts.resize_with(self.history.keys.count(), Default::default);
        self.history.has_times = !self.untimed;
        if self.untimed {
            for op in &mut self.history.ops {
                let back = if op.back == NEVER { i64::MAX } else { i64::from(op.back) };
                op.times = [i64::from(op.call), back];
            }
        }
        if self.others > 0 {
            self.history.notes.push(format!("{} events of the nemesis left out", self.others));
        }
        Ok(self.history)
    }
}

/// A whole number, or none; a time may have a fraction, which is cut off.
fn whole(value: Option<&RawValue>, name: &str) -> Result<Option<i64>, String> {
    let Some(text) = value.map(RawValue::get) else { return Ok(None) };
    let float = || text.parse::<f64>().ok().filter(|it| it.abs() < 9e18).map(|it| it as i64);
    let number = text.parse::<i64>().ok().or_else(float);
    number.map(Some).ok_or_else(|| format!("expected {name} to be a number, found `{}`", short(text)))
}

// === impl ReadError ===

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Empty => f.write_str("expected one event a line, found none"),
            Self::Asked(what) => f.write_str(what),
            Self::Memory { most, line } => {
                write!(
                    f,
                    "takes more than {} MiB of memory from line {line} on: allow more with --memory",
                    most >> 20
                )
            }
            Self::Line { line, what } => write!(f, "line {line}: {what}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
