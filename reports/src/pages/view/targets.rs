//! Targets, and what they export.

use serde::Serialize;

use super::{NOTHING, cleaned};
use crate::analysis::{ExportFinding, FigureFinding, TargetFinding};
use crate::pages::clean::clean;
use crate::show;

#[derive(Debug, Serialize)]
pub struct ExportRow {
    pub page: String,
    pub asked: String,
    pub missed: String,
    pub why: String,
    pub figures: Vec<FigureRow>,
}

#[derive(Debug, Serialize)]
pub struct FigureRow {
    pub name: String,
    pub first: String,
    pub last: String,
    pub max: String,
}

#[derive(Debug, Serialize)]
pub struct TargetRow {
    pub name: String,
    pub starts: u64,
    pub exits: u64,
    pub unexpected: u64,
    pub ready_after: String,
    pub longest: String,
    pub state: String,
    pub restarts: Vec<RestartRow>,
    pub left_out: u64,
}

#[derive(Debug, Serialize)]
pub struct RestartRow {
    pub exited: String,
    pub status: String,
    pub why: &'static str,
    pub ready: String,
    pub took: String,
}

pub(super) fn export(export: &ExportFinding) -> ExportRow {
    let figure = |figure: &FigureFinding| {
        let show = |value: Option<f64>| value.map_or_else(|| NOTHING.into(), |value| figure.unit.show(value));
        FigureRow {
            name: cleaned(&figure.name),
            first: show(figure.first_last_max.map(|(first, ..)| first)),
            last: show(figure.first_last_max.map(|(_, last, _)| last)),
            max: show(figure.first_last_max.map(|(.., max)| max)),
        }
    };
    let lost = [(export.dropped, "no finite number"), (export.absent, "not on the page")];
    let lost = lost.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = lost.map(|(count, what)| format!("{count} figures were {what}")).collect();
    let last = export.why.iter().map(|why| format!("last: {}", cleaned(why)));
    ExportRow {
        page: format!("{} {}", clean(&export.target), clean(&export.path)),
        asked: export.asked.to_string(),
        missed: export.missed.to_string(),
        why: last.chain(words).collect::<Vec<_>>().join("; "),
        figures: export.figures.iter().map(figure).collect(),
    }
}

pub(super) fn target(target: &TargetFinding) -> TargetRow {
    let length = |seconds: Option<f64>| seconds.map_or_else(|| NOTHING.into(), show::seconds);
    let restart = |exit: &crate::analysis::Restart| RestartRow {
        exited: show::offset_tenths(exit.exited),
        status: cleaned(&exit.status),
        why: if exit.expected { "as meant" } else { "unexpected" },
        ready: exit.ready.map_or_else(|| "never".into(), show::offset_tenths),
        took: length(exit.ready.map(|ready| ready - exit.exited)),
    };
    TargetRow {
        name: cleaned(&target.name),
        starts: target.starts,
        exits: target.exits,
        unexpected: target.unexpected,
        ready_after: length(target.ready_after),
        longest: length(target.longest_restart),
        state: target.failed.as_ref().map_or_else(
            || if target.down_at_end { "down".into() } else { "up".into() },
            |why| format!("failed: {}", cleaned(why)),
        ),
        restarts: target.restarts.iter().map(restart).collect(),
        left_out: target.left_out,
    }
}
