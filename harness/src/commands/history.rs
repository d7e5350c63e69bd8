//! `shakedown history`: the consistency checker on any recorded history.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal as _};
use std::path::Path;
use std::thread;

use anyhow::Result;
use shakedown_histories::{
    Answer, Budget, History, ReadError, Rules, Segments, Verdict, Window, check, explain, read,
};
use shakedown_reports::history_plot;
use shakedown_scenarios::units::Span;

use crate::cli::HistoryOptions;
use crate::clock::Clock;
use crate::console::{chain, printable, put, tell};
use crate::exit::{Exit, Refused};

mod show;

/// The window is looked for no longer than this, whatever the check may take: a longer one is as true.
const WINDOW_MOST: Span = Span::secs(5);

/// A history, judged.
struct Judged {
    history: History,
    answer: Answer,
    window: Option<Window>,
    parse: Span,
    check: Span,
    explain: Span,
}

/// What became of a file.
enum Outcome {
    Judged(Box<Judged>),
    /// It is not known, and why.
    TooLarge(String),
    /// It is not a history, and why.
    Bad(String),
}

/// Judges every file, and prints an answer for each in their order; what cannot be read takes no other's answer.
pub fn history(options: &HistoryOptions) -> Result<Exit> {
    if options.plot.is_some() && options.files.len() > 1 {
        return Err(Refused("--plot draws one file: give it one, or call it once for each".into()).into());
    }
    let as_json = options.json || !io::stdout().is_terminal();
    let mut exit = Exit::Pass;
    for path in &options.files {
        let outcome = judge(path, options);
        if let Outcome::Bad(why) = &outcome {
            tell(&format!("error: {}: {why}", printable(&path.display().to_string())));
        }
        if as_json {
            put(&format!("{}\n", show::json(path, &outcome)))?;
        } else {
            put(&show::text(path, &outcome))?;
        }
        if let (Some(out), Outcome::Judged(judged)) = (&options.plot, &outcome) {
            plot(out, path, judged)?;
        }
        exit = exit.or_worse_answer(code(&outcome));
    }
    Ok(exit)
}

fn judge(path: &Path, options: &HistoryOptions) -> Outcome {
    let rules = Rules {
        model: options.model,
        init: options.init.clone(),
        nil_is_any: options.nil == "any",
        fail_is_mismatch: options.fail == "mismatch",
        memory: options.memory.as_bytes(),
    };
    let clock = Clock::start();
    let history = match open(path).and_then(|file| read(file, &rules)) {
        Ok(history) => history,
        Err(error @ ReadError::Memory { .. }) => return Outcome::TooLarge(error.to_string()),
        Err(error) => return Outcome::Bad(chain(&error)),
    };
    let parse = clock.now();
    let memory = rules.memory.saturating_sub(history.bytes());
    let deadline = parse.plus(options.timeout);
    let stop = || clock.now() >= deadline;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let answer = check(&history, &rules, &Budget::new(&stop, memory), threads);
    let checked = clock.now();
    let deadline = checked.plus(options.timeout.min(WINDOW_MOST));
    let stop = || clock.now() >= deadline;
    let budget = Budget::new(&stop, memory);
    let window = answer.failure.as_ref().map(|failure| explain(&history, &rules, failure, &budget));
    let (check, explain) = (checked.minus(parse), clock.now().minus(checked));
    Outcome::Judged(Box::new(Judged { history, answer, window, parse, check, explain }))
}

/// A file of lines; or a segment of a run's history, with those that follow it.
fn open(path: &Path) -> Result<Box<dyn BufRead>, ReadError> {
    if let Some(segments) = Segments::open_path(path) {
        return Ok(Box::new(segments.map_err(ReadError::Io)?));
    }
    let file = File::open(path).map_err(ReadError::Io)?;
    Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
}

fn plot(out: &Path, file: &Path, judged: &Judged) -> Result<()> {
    let Some((bars, ends)) = show::bars(judged) else {
        tell(&format!(
            "nothing to draw: {} holds no window that fails",
            printable(&file.display().to_string())
        ));
        return Ok(());
    };
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    let what = judged.answer.failure.as_ref().map_or("", |failure| &failure.what);
    let drawn = history_plot(&shakedown_reports::HistoryPlot { title: &title, what, bars: &bars, ends });
    let svg = drawn.map_err(Refused)?;
    fs::write(out, svg).map_err(|error| Refused(format!("cannot write {}: {error}", out.display())))?;
    Ok(())
}

fn code(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Judged(judged) => match judged.answer.verdict {
            Verdict::True => Exit::Pass,
            Verdict::False => Exit::Fail,
            Verdict::Unknown => Exit::Inconclusive,
        },
        Outcome::TooLarge(_) => Exit::Inconclusive,
        Outcome::Bad(_) => Exit::Usage,
    }
}
