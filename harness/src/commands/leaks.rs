//! `shakedown leaks`: the leak detector on any series in a CSV file, or on all that a run measured; alone, or against the
//! same of another build.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use anyhow::Result;
use shakedown_leaks::{Comparison, Verdict, Worse, compare};
use shakedown_reports::{Leads, LeakPlot, Picture, leak_plot};

use self::read::{Item, Series};
use crate::cli::LeaksOptions;
use crate::console::{printable, put, tell};
use crate::exit::{Exit, Refused};

mod read;
mod show;

/// Judges every file and run, and prints an answer for each series in their order; what cannot be read takes no other's
/// answer.
pub fn leaks(options: &LeaksOptions) -> Result<Exit> {
    refuse_what_does_not_fit(options)?;
    let baseline = options.baseline.as_deref().map(read::items).transpose();
    let baseline = baseline.map_err(|why| Refused(format!("--baseline: {why}")))?;
    let as_json = options.json || !io::stdout().is_terminal();
    let mut table = vec![show::head(baseline.is_some())];
    let mut exit = Exit::Pass;
    for path in &options.files {
        let items = match read::items(path) {
            Ok(items) => items,
            Err(why) => {
                tell(&format!("error: {}: {why}", printable(&path.display().to_string())));
                if as_json {
                    put(&format!("{}\n", show::error(path, &why)))?;
                } else {
                    table.push(show::error_row(path, baseline.is_some()));
                }
                exit = exit.or_worse_answer(Exit::Usage);
                continue;
            }
        };
        for item in &items {
            let compared = baseline.as_deref().map(|baseline| against(item, baseline, options));
            if as_json {
                put(&format!("{}\n", show::json(item, compared, options)))?;
            } else {
                table.push(show::row(item, compared, options));
            }
            if let Some(out) = &options.plot {
                plot(out, path, item, options)?;
            }
            exit = exit.or_worse_answer(compared.map_or_else(|| alone(item), |compared| beside(&compared)));
        }
    }
    if !as_json {
        put(&show::aligned(&table))?;
    }
    Ok(exit)
}

fn refuse_what_does_not_fit(options: &LeaksOptions) -> Result<(), Refused> {
    let runs = options.files.iter().any(|path| path.is_dir());
    if options.plot.is_some() && options.files.len() > 1 {
        return Err(Refused("--plot draws one file: give it one, or call it once for each".into()));
    }
    if runs && options.plot.is_some() {
        return Err(Refused("--plot draws a CSV file; a run has its plots in its report".into()));
    }
    if runs && (options.limit.is_some() || options.unit.is_some()) {
        let why =
            "--limit and --unit are of one series, and a run has many with limits and units of their own";
        return Err(Refused(why.into()));
    }
    if let Some(baseline) = options.baseline.as_deref()
        && options.files.iter().any(|path| path.is_dir() != baseline.is_dir())
    {
        return Err(Refused("--baseline takes a CSV file for CSV files, and a run's folder for runs".into()));
    }
    Ok(())
}

/// An item against the one of the same name in a baseline; a CSV file has one series, of any name.
fn against(item: &Item, baseline: &[Item], options: &LeaksOptions) -> Comparison {
    let same = baseline.iter().find(|base| base.series == item.series || item.series == Series::File);
    match same {
        Some(base) => compare(&item.finding, &base.finding, options.margin.unwrap_or(item.margin)),
        None => Comparison { worse: Worse::CannotTell, difference_per_hour: None, bound_per_hour: None },
    }
}

fn plot(out: &Path, file: &Path, item: &Item, options: &LeaksOptions) -> Result<()> {
    let Some(trace) = &item.trace else { return Ok(()) };
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    let drawn = leak_plot(&LeakPlot {
        title: &format!("{title}: {}", item.finding.verdict.word()),
        unit: options.unit.as_deref().unwrap_or_default(),
        picture: &Picture::of(trace.times(), trace.values(), &item.finding),
        onset: item.finding.onset_s,
        leads: Leads::of(&item.finding),
        limit: options.limit,
    });
    let svg = drawn.map_err(Refused)?;
    fs::write(out, svg).map_err(|error| Refused(format!("cannot write {}: {error}", out.display())))?;
    Ok(())
}

const fn alone(item: &Item) -> Exit {
    match item.finding.verdict {
        Verdict::Leak => Exit::Fail,
        Verdict::NoLeak => Exit::Pass,
        Verdict::Inconclusive => Exit::Inconclusive,
    }
}

const fn beside(compared: &Comparison) -> Exit {
    match compared.worse {
        Worse::Yes => Exit::Fail,
        Worse::No => Exit::Pass,
        Worse::CannotTell => Exit::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_outweighs_a_bad_file_and_that_what_is_not_known() {
        assert_eq!(Exit::Usage.or_worse_answer(Exit::Fail), Exit::Fail);
        assert_eq!(Exit::Usage.or_worse_answer(Exit::Inconclusive), Exit::Usage);
        assert_eq!(Exit::Pass.or_worse_answer(Exit::Inconclusive), Exit::Inconclusive);
        assert_eq!(Exit::Pass.or_worse_answer(Exit::Pass), Exit::Pass);
    }

    fn csv(dir: &Path, name: &str, value: impl Fn(f64) -> f64) -> Vec<Item> {
        let lines = (0..3_600).map(f64::from).map(|at| {
            let noise = (at * 0.618_033_988_75).fract() - 0.5;
            format!("{at},{}\n", value(at) + noise)
        });
        let path = dir.join(name);
        fs::write(&path, format!("time,value\n{}", lines.collect::<String>())).unwrap();
        read::items(&path).unwrap()
    }

    fn options(files: &[&Path], more: &[&str]) -> LeaksOptions {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            options: LeaksOptions,
        }
        let files = files.iter().map(|path| path.as_os_str().to_owned());
        let more = more.iter().map(std::ffi::OsString::from);
        Alone::parse_from(std::iter::once("leaks".into()).chain(files).chain(more)).options
    }

    #[test]
    fn a_build_that_leaks_is_worse_than_one_that_does_not_and_not_than_one_that_leaks_as_much() {
        let dir = tempfile::tempdir().unwrap();
        let calm = csv(dir.path(), "calm.csv", |_| 100.0);
        let leaks = csv(dir.path(), "leaks.csv", |at| 100.0 + at / 60.0);
        let no_more = options(&[dir.path()], &["--baseline", "x", "--margin", "5"]);
        let compared = |item: &[Item], base: &[Item]| against(&item[0], base, &no_more);
        let found = compared(&leaks, &calm);
        assert!(found.worse == Worse::Yes && beside(&found) == Exit::Fail, "{found:?}");
        assert_eq!(compared(&leaks, &leaks).worse, Worse::No);
        assert_eq!(compared(&calm, &leaks).worse, Worse::No);
        assert_eq!(compared(&leaks, &[]).worse, Worse::CannotTell);
    }

    #[test]
    fn what_belongs_to_files_is_refused_for_runs_and_a_folder_that_is_no_run_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |more: &[&str]| refuse_what_does_not_fit(&options(&[dir.path()], more)).unwrap_err().0;
        assert!(refused(&["--plot", "x.svg"]).contains("plots in its report"));
        assert!(refused(&["--limit", "3"]).contains("a run has many"));
        assert!(refused(&["--baseline", "x.csv"]).contains("a run's folder for runs"));
        let why = read::items(dir.path()).unwrap_err();
        assert!(why.contains("found a folder without plan.ron"), "{why}");
    }
}
