//! What is judged: the series of a CSV file, or all that a run measured of its targets.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use shakedown_leaks::csv;
use shakedown_leaks::{Finding, Verdict, detect};
use shakedown_reports::analysis::{BYTES_MATTER, LeakAnswer, LeakFinding, THINGS_MATTER};
use shakedown_reports::show::{Unit, seconds, short};
use shakedown_reports::{PLAN, judge};

use crate::console::chain;

/// A series, judged.
#[derive(Debug)]
pub(super) struct Item {
    /// The file, or the run's folder.
    pub(super) path: PathBuf,
    pub(super) series: Series,
    pub(super) finding: Finding,
    /// Why there is no plain answer.
    pub(super) why: Option<String>,
    /// So much more growth an hour than a baseline's is still as good.
    pub(super) margin: f64,
    /// The samples; a run's are in its own report.
    pub(super) trace: Option<shakedown_leaks::Series>,
    /// How many samples, if known, and over how many seconds.
    pub(super) samples: Option<u64>,
    pub(super) seconds: Option<f64>,
    /// What was put right, and what has to be known beside the numbers.
    pub(super) notes: Vec<String>,
}

/// Which series.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Series {
    /// The one of a file.
    File,
    /// One of a run.
    OfRun { target: String, what: String, unit: Unit },
}

/// Reads and judges a file or a run.
pub(super) fn items(path: &Path) -> Result<Vec<Item>, String> {
    let told = |error: io::Error| format!("cannot be read: {error}");
    if !fs::metadata(path).map_err(told)?.is_dir() {
        return Ok(vec![file(path)?]);
    }
    if !path.join(PLAN).is_file() {
        return Err(format!("expected a CSV file or the folder of a run, found a folder without {PLAN}"));
    }
    let analysis = judge(path).map_err(|error| chain(&error))?;
    if analysis.leaks.is_empty() {
        return Err("no target's resources were measured in this run".into());
    }
    Ok(analysis.leaks.into_iter().map(|leak| of_run(path, leak)).collect())
}

fn file(path: &Path) -> Result<Item, String> {
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let (series, repairs) =
        csv::read(BufReader::with_capacity(1 << 16, file)).map_err(|error| chain(&error))?;
    let finding = detect(series.times(), series.values());
    let times = series.times();
    let mut notes = repairs.notes();
    notes.extend(
        series
            .gap()
            .map(|(from, to)| format!("no samples for {} from second {}", seconds(to - from), short(from))),
    );
    if series.count() > times.len() as u64 {
        notes.push(format!("thinned to {} points by the means of neighbours", times.len()));
    }
    Ok(Item {
        path: path.into(),
        series: Series::File,
        why: finding.why.map(str::to_owned),
        finding,
        margin: 0.0,
        samples: Some(series.count()),
        seconds: times.last().zip(times.first()).map(|(last, first)| last - first),
        trace: Some(series),
        notes,
    })
}

fn of_run(path: &Path, leak: LeakFinding) -> Item {
    let what = leak.what();
    let (verdict, bound, why) = match &leak.answer {
        LeakAnswer::Leak { .. } => (Verdict::Leak, None, None),
        LeakAnswer::NoneAbove { per_hour } => (Verdict::NoLeak, Some(*per_hour), None),
        LeakAnswer::Inconclusive { why } => (Verdict::Inconclusive, None, Some(why.clone())),
    };
    Item {
        path: path.into(),
        finding: Finding {
            verdict,
            why: None,
            slope_per_hour: leak.slope.map(|slope| slope[0]),
            slope_ci: leak.slope.map(|slope| [slope[1], slope[2]]),
            confidence: leak.confidence,
            onset_s: leak.onset,
            plateau_s: leak.plateau,
            growth_bound_per_hour: bound,
            min_detectable_per_hour: leak.detectable,
            level: leak.level,
            course: Vec::new(),
        },
        why,
        margin: if leak.unit == Unit::BytesPerHour { BYTES_MATTER } else { THINGS_MATTER },
        trace: None,
        samples: None,
        seconds: Some(leak.seconds),
        notes: Vec::new(),
        series: Series::OfRun { target: leak.target, what, unit: leak.unit },
    }
}
