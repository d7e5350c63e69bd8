//! Writes the run folder of a run that never happened, and reports on it: for looking at the pages without waiting for
//! a run, and for the figures of a report on 48 hours.
//!
//!     cargo run --release -p shakedown-reports --example synthetic_run -- FOLDER [pass|fail|cut|long|report]
//!
//! `report` reports on a folder that is there already, so that the memory it tells is that of a report alone.

#[path = "../tests/support/synthetic.rs"]
mod synthetic;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use shakedown_reports::journal::{Entry, What, Writer};
use shakedown_reports::{PLAN, report};
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::units::Span;
use synthetic::{bend, break_second, events, meta, no_leak, plan, record, story, without};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(dir), kind) = (arguments.first(), arguments.get(1).map_or("pass", String::as_str)) else {
        eprintln!("usage: synthetic_run FOLDER [pass|fail|cut|long|report]");
        return ExitCode::from(64);
    };
    if kind == "report" {
        return tell(Path::new(dir));
    }
    let Some((plan, entries)) = run(kind) else {
        eprintln!("expected pass, fail, cut, long or report, found {kind}");
        return ExitCode::from(64);
    };
    match write(Path::new(dir), &plan, entries) {
        Ok(()) => tell(Path::new(dir)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(70)
        }
    }
}

fn run(kind: &str) -> Option<(Plan, Vec<Entry>)> {
    let short = plan(|_| {});
    let entries = story(&short);
    match kind {
        "pass" => Some((short, entries)),
        "fail" => {
            let entries = not_restarted(entries);
            Some((short, entries))
        }
        "cut" => {
            let cut = entries.into_iter().filter(|entry| entry.at_us() <= 41_000_000).collect();
            Some((short, cut))
        }
        "long" => Some(long()),
        _ => None,
    }
}

/// The target is killed and nobody starts it again.
fn not_restarted(entries: Vec<Entry>) -> Vec<Entry> {
    let again = |what: &What| {
        matches!(what, What::TargetStarted { pid: 911, .. } | What::TargetReady { after_us: 250_000, .. })
    };
    let mut entries = without(entries, again);
    bend(&mut entries, |second| second >= 52, |second| break_second(second, "refused"));
    events(&mut entries, |at, what| {
        if let What::Probed { ok, found, .. } = what
            && at > 52_000_000
        {
            (*ok, *found) = (false, "connection refused".into());
        }
    });
    for entry in &mut entries {
        if let Entry::Sample(sample) = entry
            && sample.subject == "shop"
            && sample.at_us > 52_000_000
        {
            **sample = shakedown_reports::journal::Sample {
                at_us: sample.at_us,
                subject: "shop".into(),
                ..Default::default()
            };
        }
    }
    entries
}

/// 48 hours: 172,800 seconds with more than 50 series, three faults every half hour.
fn long() -> (Plan, Vec<Entry>) {
    let plan = plan(|experiment| {
        experiment.phases.warmup = Span::secs(600);
        experiment.phases.baseline = Span::secs(3_600);
        experiment.phases.chaos = Span::secs(165_000);
        experiment.phases.recovery = Span::secs(3_600);
        for (index, fault) in experiment.faults.iter_mut().enumerate() {
            fault.at = Span::secs(300 + 600 * index as u64);
            fault.every = Some(Span::secs(1_800));
        }
        experiment.gates.push(no_leak());
    });
    let entries = story(&plan);
    (plan, entries)
}

fn write(dir: &Path, plan: &Plan, entries: Vec<Entry>) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join(PLAN), plan.to_ron())?;
    let writer = Writer::create(dir, &meta())?;
    for (index, entry) in entries.into_iter().enumerate() {
        writer.append(record(entry));
        if index % 4_000 == 3_999 {
            writer.flush()?;
        }
    }
    // A run that was cut has no orderly end of its journal either, but nothing here is cut in earnest.
    writer.finish()?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this program tells how long a report takes")]
#[expect(clippy::print_stdout, reason = "and tells it on standard output")]
fn tell(dir: &Path) -> ExitCode {
    let start = Instant::now();
    match report(dir, &|| Span::ZERO) {
        Ok(analysis) => {
            let series = analysis.timeline.series.len();
            println!(
                "{} (exit {}), {series} series, report in {:.2} s, memory at most {}",
                analysis.verdict.word(),
                analysis.exit_code(),
                start.elapsed().as_secs_f64(),
                peak()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(70)
        }
    }
}

/// `VmHWM` of this process, where the kernel tells it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".into(), |line| line.trim().into())
}
