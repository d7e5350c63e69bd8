//! From a run folder to its pages: reads the plan and the journal, judges, writes. Works on any prefix of a run, on a
//! folder that was moved, and as often as wanted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shakedown_scenarios::plan::{Plan, PlanError};

use crate::analysis::{Analysis, analyze};
use crate::consistency::{self, Now};
use crate::journal::{Journal, JournalError};
use crate::pages::{self, PagesError};

/// The plan's file in a run folder.
pub const PLAN: &str = "plan.ron";

/// Why a run could not be reported on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The plan could not be read.
    #[error("cannot read {path}; is this a run folder?")]
    NoPlan {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The plan is not one.
    #[error("cannot use {path}")]
    NotAPlan {
        /// Where.
        path: PathBuf,
        /// Line, column and what is wrong there.
        #[source]
        source: PlanError,
    },
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The pages could not be written.
    #[error(transparent)]
    Pages(#[from] PagesError),
}

/// Judges the run in the folder `dir` and writes all its pages there. The clock bounds the search in histories.
///
/// # Errors
///
/// Where there is no plan or journal that can be read at all, or a page cannot be written. What is missing in a journal
/// is no error: the analysis says so.
pub fn report(dir: &Path, now: Now<'_>) -> Result<Analysis, ReportError> {
    let (plan, mut analysis) = judge_plan(dir)?;
    consistency::judge(dir, &plan, &mut analysis, now);
    pages::write(dir, &plan, &analysis)?;
    Ok(analysis)
}

/// Judges the run in the folder `dir` by its journal alone, and writes nothing: histories are not looked at.
///
/// # Errors
///
/// Where there is no plan or journal that can be read at all.
pub fn judge(dir: &Path) -> Result<Analysis, ReportError> {
    Ok(judge_plan(dir)?.1)
}

fn judge_plan(dir: &Path) -> Result<(Plan, Analysis), ReportError> {
    let plan = read_plan(dir)?;
    let analysis = analyze(&plan, &mut Journal::open(dir)?);
    Ok((plan, analysis))
}

fn read_plan(dir: &Path) -> Result<Plan, ReportError> {
    let path = dir.join(PLAN);
    match fs::read_to_string(&path) {
        Ok(text) => Plan::from_ron(&text).map_err(|source| ReportError::NotAPlan { path, source }),
        Err(source) => Err(ReportError::NoPlan { path, source }),
    }
}
