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
use self::view::View;
use crate::analysis::Analysis;

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
    let view = View::of(plan, analysis);
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
    Ok(written)
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
