//! The log of the stand-alone proxy: a line for each piece of news, on standard error.
//!
//! A thread of its own writes it, so that a reader who has stopped reading holds up nobody: what does not fit then is
//! counted and left out. JSON if standard error is no terminal, in the form that Toxiproxy logs in; else text.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use shakedown_proxy::news::{Level, Log, News};
use shakedown_scenarios::units::Span;

use crate::clock;
use crate::console::printable;

/// What is told and what is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The least important news that are told; `None`: none at all.
    pub least: Option<Level>,
    /// Whether lines are JSON.
    pub is_json: bool,
}

/// A log that is being written.
#[derive(Debug)]
pub struct Writer {
    lines: SyncSender<Line>,
    ended: Receiver<()>,
}

#[derive(Debug)]
enum Line {
    Text(String),
    End,
}

/// Lines that may wait for their reader.
const WAITING: usize = 1_024;
/// How long the last lines are waited for.
const FAREWELL: Span = Span::secs(1);

// === impl Wish ===

impl Wish {
    /// What `LOG_LEVEL` and standard error ask for, and what is wrong with the former.
    pub fn of_environment() -> (Self, Option<News>) {
        let said = std::env::var_os("LOG_LEVEL").unwrap_or_default();
        let (least, wrong) = least(&said.to_string_lossy());
        (Self { least, is_json: !io::stderr().is_terminal() }, wrong)
    }
}

/// The words are those of Toxiproxy's log library. One that is none counts as `info`, as there.
fn least(word: &str) -> (Option<Level>, Option<News>) {
    let level = match word.to_lowercase().as_str() {
        "panic" | "fatal" | "error" => Some(Level::Error),
        "warn" | "warning" => Some(Level::Warn),
        "" | "info" => Some(Level::Info),
        "debug" | "trace" => Some(Level::Debug),
        "disabled" => None,
        _ => {
            let fields = vec![
                ("found", word.to_owned()),
                ("expected", "error, warn, info, debug or disabled".to_owned()),
            ];
            let wrong = News { level: Level::Warn, message: "Unknown LOG_LEVEL, info is taken", fields };
            return (Some(Level::Info), Some(wrong));
        }
    };
    (level, None)
}

// === impl Writer ===

impl Writer {
    /// Begins a log.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn start(wish: Wish) -> io::Result<(Log, Self)> {
        let lost = Arc::new(AtomicU64::new(0));
        let (lines, queue) = sync_channel(WAITING);
        let (end, ended) = sync_channel(1);
        let (counted, out) = (Arc::clone(&lost), lines.clone());
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            write_all(&queue, &counted, wish);
            let _ = end.send(());
        })?;
        let log = Log::to(move |news| {
            if wish.least.is_some_and(|least| news.level <= least)
                && out.try_send(Line::Text(written(&news, wish))).is_err()
            {
                lost.fetch_add(1, Relaxed);
            }
        });
        Ok((log, Self { lines, ended }))
    }

    /// Writes what is left, and ends.
    pub fn end(self) {
        // One who does not read is not waited for.
        if self.lines.try_send(Line::End).is_ok() {
            let _ = self.ended.recv_timeout(FAREWELL.duration());
        }
    }
}

fn write_all(queue: &Receiver<Line>, lost: &AtomicU64, wish: Wish) {
    while let Ok(Line::Text(line)) = queue.recv() {
        // A closed standard error is nobody's error.
        let _ = io::stderr().lock().write_all(line.as_bytes());
        let count = lost.swap(0, Relaxed);
        if count > 0 {
            let fields = vec![("lines", count.to_string())];
            let news = News { level: Level::Warn, message: "Lines of this log were left out", fields };
            let _ = io::stderr().lock().write_all(written(&news, wish).as_bytes());
        }
    }
}

fn written(news: &News, wish: Wish) -> String {
    // To the millisecond: the log is for people, and compared with other logs.
    let now = clock::wall().round(jiff::Unit::Millisecond).unwrap_or_default();
    line(news, &now.to_string(), wish.is_json)
}

/// One line, with its end.
fn line(news: &News, time: &str, is_json: bool) -> String {
    if !is_json {
        let fields = news.fields.iter().map(|(name, value)| format!(" {name}={}", printable(value)));
        return format!("{time} {:<5} {}{}\n", news.level.word(), news.message, fields.collect::<String>());
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let known = [("time", time), ("message", news.message)];
    let fields = news.fields.iter().map(|(name, value)| (*name, value.as_str())).chain(known);
    let members: String =
        fields.map(|(name, value)| format!(",{}:{}", quoted(name), quoted(value))).collect();
    format!("{{\"level\":{}{members}}}\n", quoted(news.level.word()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news() -> News {
        let fields = vec![("name", "p\"\n\u{1b}[31m".to_owned()), ("listen", "127.0.0.1:1".to_owned())];
        News { level: Level::Info, message: "Started proxy", fields }
    }

    #[test]
    fn a_line_is_json_with_the_members_of_toxiproxys() {
        let line = line(&news(), "2026-11-27T18:00:00Z", true);
        let expected = "{\"level\":\"info\",\"name\":\"p\\\"\\n\\u001b[31m\",\"listen\":\"127.0.0.1:1\",\
            \"time\":\"2026-11-27T18:00:00Z\",\"message\":\"Started proxy\"}\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn on_a_terminal_it_is_text_and_names_do_nothing_to_it() {
        let line = line(&news(), "2026-11-27T18:00:00Z", false);
        let expected = "2026-11-27T18:00:00Z info  Started proxy name=p\"\\n\\u{1b}[31m listen=127.0.0.1:1\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn levels_are_those_of_toxiproxy() {
        let levels = ["panic", "error", "WARNING", "", "info", "trace"].map(|word| least(word).0);
        let expected = [Level::Error, Level::Error, Level::Warn, Level::Info, Level::Info, Level::Debug];
        assert_eq!(levels, expected.map(Some));
        assert_eq!(least("disabled"), (None, None));
        let (level, wrong) = least("loud");
        assert_eq!((level, wrong.unwrap().fields[0].1.as_str()), (Some(Level::Info), "loud"));
    }
}
