//! How answers are told: a line of JSON each, or a table.

use std::path::Path;

use serde_json::{Value, json};
use shakedown_leaks::{Comparison, Worse};
use shakedown_reports::show::{quantity, seconds, short};

use super::read::{Item, Series};
use crate::cli::LeaksOptions;
use crate::console::printable;

/// The head of the table.
pub(super) fn head(compares: bool) -> Vec<String> {
    let mut head = vec![
        "series",
        "verdict",
        "per hour",
        "95 % interval",
        "sure",
        "onset",
        "until the limit",
        "found would be",
    ];
    if compares {
        head.extend(["than the baseline", "by an hour"]);
    }
    head.into_iter().map(str::to_owned).collect()
}

/// What cannot be read, as JSON.
pub(super) fn error(path: &Path, why: &str) -> Value {
    json!({ "file": path.display().to_string(), "verdict": null, "error": why })
}

/// The same in the table.
pub(super) fn error_row(path: &Path, compares: bool) -> Vec<String> {
    let mut row = vec![printable(&path.display().to_string()), "error".into()];
    row.resize(head(compares).len(), "-".to_owned());
    row
}

/// An answer as JSON.
pub(super) fn json(item: &Item, compared: Option<Comparison>, options: &LeaksOptions) -> Value {
    let finding = &item.finding;
    let hours = options.limit.and_then(|limit| finding.hours_to(limit));
    let mut answer = json!({
        "file": item.path.display().to_string(),
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
        "why": item.why,
        "samples": item.samples,
        "seconds": item.seconds,
        "notes": item.notes,
    });
    if let Series::OfRun { target, what, .. } = &item.series {
        answer["target"] = json!(target);
        answer["resource"] = json!(what);
    }
    if let Some(compared) = compared {
        let difference = compared.difference_per_hour;
        answer["baseline"] = json!({
            "worse": word(compared.worse),
            "difference_per_hour": difference.map(|it| it.value),
            "difference_ci": difference.map(|it| it.ci),
            "bound_per_hour": compared.bound_per_hour,
        });
    }
    answer
}

/// An answer in the table.
pub(super) fn row(item: &Item, compared: Option<Comparison>, options: &LeaksOptions) -> Vec<String> {
    let finding = &item.finding;
    let dash = || "-".to_owned();
    let told = |value: f64| match &item.series {
        Series::OfRun { unit, .. } => unit.show(value),
        Series::File => quantity(value, options.unit.as_deref().unwrap_or_default()),
    };
    let hours = options.limit.and_then(|limit| finding.hours_to(limit));
    let until = hours.map_or_else(dash, |[_, soonest, latest]| match finite(latest) {
        Some(latest) => format!("{} to {} h", short(soonest), short(latest)),
        None => format!("{} h or more", short(soonest)),
    });
    let name = match &item.series {
        Series::OfRun { target, what, .. } => format!("{target}: {what}"),
        Series::File => item.path.display().to_string(),
    };
    let interval = |[low, high]: [f64; 2]| format!("{} to {}", told(low), told(high));
    let mut row = vec![
        printable(&name),
        finding.verdict.word().into(),
        finding.slope_per_hour.map_or_else(dash, told),
        finding.slope_ci.map_or_else(dash, interval),
        format!("{:.0} %", 100.0 * finding.confidence),
        finding.onset_s.map_or_else(dash, seconds),
        until,
        finding.min_detectable_per_hour.map_or_else(dash, told),
    ];
    if let Some(compared) = compared {
        row.push(word(compared.worse).into());
        row.push(compared.difference_per_hour.map_or_else(dash, |it| interval(it.ci)));
    }
    row
}

const fn word(worse: Worse) -> &'static str {
    match worse {
        Worse::Yes => "worse",
        Worse::No => "not worse",
        Worse::CannotTell => "cannot tell",
    }
}

/// A number that JSON has.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Rows with their columns below each other.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
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
    fn columns_stand_below_each_other() {
        let row = |first: &str| [first, "b", "", "z"].map(str::to_owned).to_vec();
        assert_eq!(aligned(&[row("a"), row("long")]), "a     b    z\nlong  b    z\n");
        assert_eq!(error_row(Path::new("x"), true).len(), head(true).len());
    }
}
