//! The pages of a run: the same analysis for people (`report.html`, `report.md`, `plots/`) and for machines
//! (`summary.json`, `junit.xml`).
//!
//! Every name and text that a target supplied is escaped where it is written. A file appears whole or not at all: it
//! is written beside its place and renamed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shakedown_scenarios::plan::Plan;

use self::figure::Figure;
use self::plots::PlotError;
pub(crate) use self::plots::{learn_font, pack};
use self::view::View;
use crate::analysis::{Analysis, ConsistencyFinding, LeakFinding, OperationLine};
use crate::history_plot::{Bar, HistoryPlot, history_plot};
use crate::leak_plot::{LeakPlot, leak_plot, leak_png};
use crate::show::Unit;

mod axis;
mod clean;
mod figure;
mod html;
mod inline;
mod junit;
mod markdown;
mod paint;
mod plots;
mod readout;
mod view;

/// Why the pages could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PagesError {
    /// A file or folder could not be written.
    #[error("cannot write {path}; is the run folder writable, and is there room?")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A plot could not be drawn.
    #[error("cannot draw {name}")]
    Plot {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: PlotError,
    },
}

/// The folder of the plots in a run folder.
const PLOTS: &str = "plots";

/// Writes all pages into the run folder `dir`, over those of an earlier time. Answers their paths.
///
/// # Errors
///
/// Where a file cannot be written or a plot cannot be drawn.
pub fn write(dir: &Path, plan: &Plan, analysis: &Analysis) -> Result<Vec<PathBuf>, PagesError> {
    let mut view = View::of(plan, analysis);
    let drawn = leak_plots(&analysis.leaks)?;
    view.show_leaks(&drawn);
    let histories = history_plots(&analysis.consistency)?;
    view.show_histories(&histories);
    let figure = Figure::of(analysis);
    let mut summary = serde_json::to_vec(analysis).expect("an analysis holds only text, numbers and lists");
    summary.push(b'\n');
    let mut written = vec![
        place(dir, "report.html", html::render(&view, &figure).as_bytes())?,
        place(dir, "report.md", markdown::render(&view).as_bytes())?,
        place(dir, "junit.xml", junit::render(analysis).as_bytes())?,
        place(dir, "summary.json", &summary)?,
    ];
    let plots = dir.join(PLOTS);
    fs::create_dir_all(&plots).map_err(|source| PagesError::Write { path: plots.clone(), source })?;
    plot(&plots, "timeline", &figure, &mut written)?;
    for panel in &figure.panels {
        plot(&plots, panel.key, &figure.only(panel), &mut written)?;
    }
    for leak in &drawn {
        written.push(place(&plots, &format!("{}.svg", leak.name), leak.svg.as_bytes())?);
        written.push(place(&plots, &format!("{}.png", leak.name), &leak.png)?);
    }
    for history in &histories {
        written.push(place(&plots, &format!("{}.svg", history.name), history.svg.as_bytes())?);
    }
    forget_others(&plots, &written);
    Ok(written)
}

/// A leak finding, drawn.
#[derive(Debug)]
pub(crate) struct LeakDrawn {
    /// Its file's name, without the ending.
    pub(crate) name: String,
    /// What it says, for those who do not see it.
    pub(crate) title: String,
    pub(crate) svg: String,
    png: Vec<u8>,
}

/// So many are drawn; leaks come before what is open.
const LEAKS_MAX: usize = 24;

fn leak_plots(leaks: &[LeakFinding]) -> Result<Vec<LeakDrawn>, PagesError> {
    let mut shown: Vec<&LeakFinding> = leaks.iter().filter(|leak| leak.picture.is_some()).collect();
    shown.sort_by_key(|leak| std::cmp::Reverse(leak.verdict()));
    shown.into_iter().take(LEAKS_MAX).enumerate().map(|(place, leak)| draw_leak(place, leak)).collect()
}

fn draw_leak(place: usize, leak: &LeakFinding) -> Result<LeakDrawn, PagesError> {
    let (picture, what) = (leak.picture.clone().unwrap_or_default(), leak.what());
    let title = clean::clean(&format!("{what} of {}: {}", leak.target, leak.brief())).into_owned();
    let plot = LeakPlot {
        title: &title,
        unit: if leak.level_unit() == Unit::Bytes { "bytes" } else { "" },
        picture: &picture,
        onset: leak.onset,
        leads: leak.leads(),
        limit: leak.until.as_ref().map(|until| until.limit),
    };
    // A target's name may hold anything; a file's may not.
    let plain = |text: &str| -> String {
        text.chars().take(40).map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect()
    };
    let name = format!("leak-{}-{}-{}", place + 1, plain(&leak.target), plain(&what).to_lowercase());
    let failed = |why| PagesError::Plot { name: name.clone(), source: PlotError::Draw(why) };
    let (svg, png) = (leak_plot(&plot).map_err(failed)?, leak_png(&plot).map_err(failed)?);
    Ok(LeakDrawn { svg, png, title, name })
}

/// The window of a history that is not consistent, drawn.
#[derive(Debug)]
pub(crate) struct HistoryDrawn {
    /// Which of the findings.
    pub(crate) row: usize,
    /// Its file's name, without the ending.
    pub(crate) name: String,
    /// What it says, for those who do not see it.
    pub(crate) title: String,
    pub(crate) svg: String,
}

fn history_plots(findings: &[ConsistencyFinding]) -> Result<Vec<HistoryDrawn>, PagesError> {
    let shown = findings.iter().enumerate().filter(|(_, finding)| !finding.window.is_empty());
    shown.map(|(row, finding)| draw_history(row, finding)).collect()
}

fn draw_history(row: usize, finding: &ConsistencyFinding) -> Result<HistoryDrawn, PagesError> {
    let during = if finding.during.is_empty() {
        String::new()
    } else {
        format!(", during {}", finding.during.join(", "))
    };
    let title = clean::clean(&format!("operations of {}{during}", finding.workload)).into_owned();
    let bar = |op: &OperationLine| Bar {
        row: format!("process {}", op.process),
        words: format!("{} {}", op.f, op.value),
        from: op.from,
        to: op.to,
        is_stuck: op.is_stuck,
    };
    let bars: Vec<Bar> = finding.window.iter().map(bar).collect();
    let moments = || bars.iter().flat_map(|bar| [Some(bar.from), bar.to]).flatten();
    let end = |at: f64| format!("{at:.6} s");
    let ends = [end(moments().fold(f64::MAX, f64::min)), end(moments().fold(f64::MIN, f64::max))];
    // A workload's name is one that a file may have.
    let name = format!("history-{}-{}", row + 1, finding.workload);
    let plot = HistoryPlot { title: &title, what: &finding.why, bars: &bars, ends };
    let failed = |why| PagesError::Plot { name: name.clone(), source: PlotError::Draw(why) };
    let svg = history_plot(&plot).map_err(failed)?;
    Ok(HistoryDrawn { row, name, title, svg })
}

/// Plots of leaks and histories that an earlier report found and this one did not.
fn forget_others(plots: &Path, written: &[PathBuf]) {
    let Ok(entries) = fs::read_dir(plots) else { return };
    let stale = entries.flatten().map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name.starts_with("leak-") || name.starts_with("history-")) && !written.contains(path)
    });
    // One that stays is only one file too many.
    stale.for_each(|path| drop(fs::remove_file(path)));
}

fn plot(dir: &Path, name: &str, figure: &Figure, written: &mut Vec<PathBuf>) -> Result<(), PagesError> {
    let failed = |source| PagesError::Plot { name: name.to_owned(), source };
    written.push(place(dir, &format!("{name}.svg"), plots::svg(figure).map_err(failed)?.as_bytes())?);
    written.push(place(dir, &format!("{name}.png"), &plots::png(figure).map_err(failed)?)?);
    Ok(())
}

/// Writes a file whole or not at all.
fn place(dir: &Path, name: &str, contents: &[u8]) -> Result<PathBuf, PagesError> {
    let path = dir.join(name);
    let beside = dir.join(format!("{name}.new"));
    let written = fs::write(&beside, contents).and_then(|()| fs::rename(&beside, &path));
    match written {
        Ok(()) => Ok(path),
        Err(source) => {
            // What is half written is of no use to anyone.
            let _ = fs::remove_file(&beside);
            Err(PagesError::Write { path, source })
        }
    }
}
