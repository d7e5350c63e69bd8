//! `shakedown leaks`: the leak detector on any series in a CSV file.

use std::fs::{self, File};
use std::io::{self, BufReader, IsTerminal as _};
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use shakedown_leaks::csv::{self, Repairs};
use shakedown_leaks::{Finding, Series, Verdict, detect};
use shakedown_reports::show::{quantity, seconds, short};
use shakedown_reports::{Leads, LeakPlot, Picture, leak_plot};

use crate::cli::LeaksOptions;
use crate::console::{chain, printable, put, tell};
use crate::exit::{Exit, Refused};

/// A file and what came of it.
struct Judged<'a> {
    file: &'a Path,
    answer: Result<Answer, String>,
}

struct Answer {
    series: Series,
    repairs: Repairs,
    finding: Finding,
}

/// Judges every file, and prints an answer for each in their order; a file that cannot be read takes no other's answer.
pub fn leaks(options: &LeaksOptions) -> Result<Exit> {
    if options.plot.is_some() && options.files.len() > 1 {
        return Err(Refused("--plot draws one file: give it one, or call it once for each".into()).into());
    }
    let as_json = options.json || !io::stdout().is_terminal();
    let mut table = vec![HEAD.map(str::to_owned)];
    let mut exit = Exit::Pass;
    for file in &options.files {
        let judged = Judged { file, answer: judge(file) };
        if let Err(why) = &judged.answer {
            tell(&format!("error: {}: {why}", printable(&file.display().to_string())));
        }
        if as_json {
            put(&format!("{}\n", judged.json(options)))?;
        } else {
            table.push(judged.row(options));
        }
        if let (Some(out), Ok(answer)) = (&options.plot, &judged.answer) {
            plot(out, file, answer, options)?;
        }
        exit = worse(exit, judged.exit());
    }
    if !as_json {
        put(&aligned(&table))?;
    }
    Ok(exit)
}

/// Reads and judges one file.
fn judge(file: &Path) -> Result<Answer, String> {
    let told = |error: io::Error| format!("cannot be read: {error}");
    if fs::metadata(file).map_err(told)?.is_dir() {
        return Err("expected a CSV file, found a folder".into());
    }
    let (series, repairs) = csv::read(BufReader::with_capacity(1 << 16, File::open(file).map_err(told)?))
        .map_err(|error| chain(&error))?;
    let finding = detect(series.times(), series.values());
    Ok(Answer { series, repairs, finding })
}

fn plot(out: &Path, file: &Path, answer: &Answer, options: &LeaksOptions) -> Result<()> {
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    let drawn = leak_plot(&LeakPlot {
        title: &format!("{title}: {}", answer.finding.verdict.word()),
        unit: options.unit.as_deref().unwrap_or_default(),
        picture: &Picture::of(answer.series.times(), answer.series.values(), &answer.finding),
        onset: answer.finding.onset_s,
        leads: Leads::of(&answer.finding),
        limit: options.limit,
    });
    let svg = drawn.map_err(Refused)?;
    fs::write(out, svg).map_err(|error| Refused(format!("cannot write {}: {error}", out.display())))?;
    Ok(())
}

/// A leak counts most, then a file without an answer, then an answer that is none.
fn worse(left: Exit, right: Exit) -> Exit {
    let order = [Exit::Fail, Exit::Usage, Exit::Inconclusive];
    order.into_iter().find(|it| *it == left || *it == right).unwrap_or(Exit::Pass)
}

const HEAD: [&str; 8] =
    ["file", "verdict", "per hour", "95 % interval", "sure", "onset", "until the limit", "found would be"];

// === impl Judged ===

impl Judged<'_> {
    const fn exit(&self) -> Exit {
        match &self.answer {
            Err(_) => Exit::Usage,
            Ok(answer) => match answer.finding.verdict {
                Verdict::Leak => Exit::Fail,
                Verdict::NoLeak => Exit::Pass,
                Verdict::Inconclusive => Exit::Inconclusive,
            },
        }
    }

    fn json(&self, options: &LeaksOptions) -> Value {
        let file = self.file.display().to_string();
        let answer = match &self.answer {
            Ok(answer) => answer,
            Err(why) => return json!({ "file": file, "verdict": null, "error": why }),
        };
        let finding = &answer.finding;
        let times = answer.series.times();
        let hours = options.limit.and_then(|limit| finding.hours_to(limit));
        json!({
            "file": file,
            "verdict": finding.verdict.word(),
            "slope_per_hour": finding.slope_per_hour,
            "slope_ci": finding.slope_ci,
            "confidence": finding.confidence,
            "onset_s": finding.onset_s,
            "plateau_s": finding.plateau_s,
            "time_to_limit_h": hours.map(|hours| hours[0]),
            "time_to_limit_ci_h": hours.map(|hours| [finite(hours[1]), finite(hours[2])]),
            "growth_bound_per_hour": finding.growth_bound_per_hour,
            "min_detectable_per_hour": finding.min_detectable_per_hour,
            "unit": options.unit,
            "why": finding.why,
            "samples": answer.series.count(),
            "seconds": times.last().zip(times.first()).map(|(last, first)| last - first),
            "notes": answer.notes(),
        })
    }

    fn row(&self, options: &LeaksOptions) -> [String; 8] {
        let file = printable(&self.file.display().to_string());
        let dash = || "-".to_owned();
        let Ok(answer) = &self.answer else {
            return [file, "error".into(), dash(), dash(), dash(), dash(), dash(), dash()];
        };
        let finding = &answer.finding;
        let unit = options.unit.as_deref().unwrap_or_default();
        let told = |value: Option<f64>| value.map_or_else(dash, |value| quantity(value, unit));
        let hours = options.limit.and_then(|limit| finding.hours_to(limit));
        let until = hours.map_or_else(dash, |[_, soonest, latest]| match finite(latest) {
            Some(latest) => format!("{} to {} h", short(soonest), short(latest)),
            None => format!("{} h or more", short(soonest)),
        });
        [
            file,
            finding.verdict.word().into(),
            told(finding.slope_per_hour),
            finding.slope_ci.map_or_else(dash, |[low, high]| {
                format!("{} to {}", quantity(low, unit), quantity(high, unit))
            }),
            format!("{:.0} %", 100.0 * finding.confidence),
            finding.onset_s.map_or_else(dash, seconds),
            until,
            told(finding.min_detectable_per_hour),
        ]
    }
}

// === impl Answer ===

impl Answer {
    /// What was put right, and what has to be known beside the numbers.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.repairs.notes();
        let gap = self.series.gap();
        notes.extend(
            gap.map(|(from, to)| {
                format!("no samples for {} from second {}", seconds(to - from), short(from))
            }),
        );
        if self.series.count() > self.series.times().len() as u64 {
            notes.push(format!("thinned to {} points by the means of neighbours", self.series.times().len()));
        }
        notes
    }
}

/// A number that JSON has.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Rows with their columns below each other.
fn aligned(rows: &[[String; 8]]) -> String {
    let widths: Vec<usize> =
        (0..8).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_outweighs_a_bad_file_and_that_what_is_not_known() {
        assert_eq!(worse(Exit::Usage, Exit::Fail), Exit::Fail);
        assert_eq!(worse(Exit::Usage, Exit::Inconclusive), Exit::Usage);
        assert_eq!(worse(Exit::Pass, Exit::Inconclusive), Exit::Inconclusive);
        assert_eq!(worse(Exit::Pass, Exit::Pass), Exit::Pass);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let row = |first: &str| [first, "b", "", "", "", "", "", "z"].map(str::to_owned);
        assert_eq!(aligned(&[row("a"), row("long")]), "a     b            z\nlong  b            z\n");
    }
}
