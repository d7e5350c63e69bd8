//! Histories in run folders: what the judge makes of whole ones, wrong ones, and what is left of others.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use shakedown_histories::SegmentWriter;
use shakedown_reports::analysis::{Analysis, ConsistencyFinding, Verdict};
use shakedown_reports::journal::{Ending, Event, FORMAT, HistoryKept, Meta, Record, What, Writer};
use shakedown_reports::{HISTORIES, PLAN, report};
use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::plan::{Plan, plan};
use shakedown_scenarios::read::read;
use shakedown_scenarios::units::Span;

/// What is in a run folder.
struct Run<'a> {
    model: &'a str,
    /// Fields of the check beside its workload.
    check: &'a str,
    /// Process, type, f, value.
    lines: &'a [(u32, &'a str, &'a str, &'a str)],
    /// What the journal says of the history; `None`: nothing.
    kept: Option<(u64, Option<&'a str>)>,
}

const EXPERIMENT: &str = r#"Experiment(
    name: "histories",
    targets: { "kv": Address("127.0.0.1:1") },
    links: { "l": Tcp(to: "kv") },
    workloads: { "ops": Operations(to: Link("l"), arrivals: Constant("1/s"), model: MODEL) },
    phases: (warmup: "0s", baseline: "0s", chaos: "10s", recovery: "0s"),
    faults: [(name: "cut <off>", at: "2s", hold: "3s", do: Partition(link: "l"))],
    consistency: [(of: "ops", CHECK)],
)"#;

fn planned(run: &Run<'_>) -> Plan {
    let text = EXPERIMENT.replace("MODEL", run.model).replace("CHECK", run.check);
    let experiment = read("histories.ron", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    plan(&experiment, 1, 1.0).unwrap()
}

/// Line n of a history is at n seconds.
fn text(lines: &[(u32, &str, &str, &str)]) -> String {
    let line = |(index, (process, kind, f, value)): (usize, &(u32, &str, &str, &str))| {
        let time = index as u64 * 1_000_000_000;
        format!(
            "{{\"index\":{index},\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"key\":\"k<b>\",\"value\":{value},\"time\":{time}}}\n"
        )
    };
    lines.iter().enumerate().map(line).collect()
}

fn folder(run: &Run<'_>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(PLAN), planned(run).to_ron()).unwrap();
    let meta = Meta {
        format: FORMAT,
        run: "histories".into(),
        version: "0".into(),
        started_at: String::new(),
        again: Vec::new(),
        host: Default::default(),
    };
    let journal = Writer::create(dir.path(), &meta).unwrap();
    let note = |second: i64, what: What| {
        journal.append(Record::Event(Event { at_us: second * 1_000_000, what }));
    };
    note(0, What::PhaseStarted { phase: Phase::Chaos });
    note(2, What::Injected { cue: 0 });
    note(5, What::Bit { cue: 0, proven: true, evidence: "it bit".into() });
    note(5, What::Healed { cue: 0, proven: true, evidence: "it healed".into() });
    if let Some((events, cut)) = run.kept {
        let kept = HistoryKept { workload: "ops".into(), events, cut: cut.map(str::to_owned) };
        note(10, What::HistoryKept(kept));
    }
    note(10, What::Ended { how: Ending::Completed });
    journal.finish().unwrap();
    let mut writer = SegmentWriter::create(&dir.path().join(HISTORIES), "ops").unwrap();
    writer.append(text(run.lines).as_bytes()).unwrap();
    writer.finish().unwrap();
    dir
}

fn judged(run: &Run<'_>) -> (Analysis, ConsistencyFinding, tempfile::TempDir) {
    let dir = folder(run);
    let analysis = report(dir.path(), &|| Span::ZERO).unwrap();
    let finding = analysis.consistency[0].clone();
    (analysis, finding, dir)
}

const RIGHT: &[(u32, &str, &str, &str)] = &[
    (0, "invoke", "write", "1"),
    (0, "ok", "write", "1"),
    (1, "invoke", "write", "2"),
    (2, "invoke", "read", "null"),
    (1, "info", "write", "2"),
    (2, "ok", "read", "1"),
];

/// The write of 2 was acknowledged before the read of 1 began.
const STALE: &[(u32, &str, &str, &str)] = &[
    (0, "invoke", "write", "1"),
    (0, "ok", "write", "1"),
    (1, "invoke", "write", "2"),
    (1, "ok", "write", "2"),
    (2, "invoke", "read", "null"),
    (2, "ok", "read", "1"),
];

#[test]
fn a_consistent_history_passes_only_if_it_is_known_to_be_whole() {
    let check = |run: Run<'_>, verdict: Verdict, why: &str| {
        let (analysis, finding, _dir) = judged(&run);
        assert_eq!(finding.verdict, verdict, "{}", finding.why);
        let of_history = analysis.reasons.iter().find(|reason| reason.about == "history of ops");
        let told = of_history.map_or(Verdict::Pass, |reason| reason.verdict);
        assert_eq!(told, verdict, "{:?}", analysis.reasons);
        assert!(finding.why.contains(why), "expected `{why}`, found `{}`", finding.why);
        assert!(finding.window.is_empty() && finding.during.is_empty());
    };
    let right = |kept| Run { model: "Register", check: "", lines: RIGHT, kept };
    check(right(Some((6, None))), Verdict::Pass, "each of 1 objects");
    check(right(None), Verdict::Inconclusive, "the run was cut");
    check(right(Some((7, None))), Verdict::Inconclusive, "expected 7 events, found 6");
    check(
        right(Some((6, Some("the disk is full")))),
        Verdict::Inconclusive,
        "its end is missing: the disk is full",
    );
    let kept = Some((4, None));
    check(Run { lines: &RIGHT[..4], ..right(kept) }, Verdict::Inconclusive, "no operation that looks");
    check(Run { lines: &[], ..right(Some((0, None))) }, Verdict::Inconclusive, "no operation began");
    check(
        Run { model: "Counter", ..right(Some((6, None))) },
        Verdict::Inconclusive,
        "cannot be read: line 1",
    );
    let long: Vec<_> = [(0, "invoke", "write", "1"), (0, "ok", "write", "1")].repeat(20_000);
    let large =
        Run { model: "Register", check: r#"memory: "1MiB""#, lines: &long, kept: Some((40_000, None)) };
    check(large, Verdict::Inconclusive, "takes more than 1 MiB of memory");
}

#[test]
fn a_wrong_history_fails_whatever_is_missing_and_is_shown_with_the_faults_that_held() {
    for kept in [Some((6, None)), Some((6, Some("the disk is full"))), None] {
        let (analysis, finding, dir) = judged(&Run { model: "Register", check: "", lines: STALE, kept });
        assert_eq!((analysis.exit_code(), finding.verdict), (1, Verdict::Fail));
        assert_eq!((finding.at, finding.during.as_slice()), (Some(4.0), &["cut <off>".to_owned()][..]));
        let stuck: Vec<&str> =
            finding.window.iter().filter(|op| op.is_stuck).map(|op| op.value.as_str()).collect();
        assert_eq!((stuck, finding.open, finding.operations), (vec!["1"], 0, 3));
        let reason = &analysis.reasons[0];
        assert_eq!((reason.about.as_str(), reason.at), ("history of ops", Some(4.0)));
        assert!(reason.why.contains("(during cut <off>)"), "{}", reason.why);
        let page = fs::read_to_string(dir.path().join("report.html")).unwrap();
        assert!(page.contains("cut &lt;off&gt;") && page.contains("k&lt;b&gt;") && !page.contains("k<b>"));
        assert!(page.contains("process 2: read 1 (ok)") && page.contains("<figure"));
        let plot = dir.path().join("plots/history-1-ops.svg");
        assert!(fs::read_to_string(&plot).unwrap().contains("read 1"));
        let junit = fs::read_to_string(dir.path().join("junit.xml")).unwrap();
        assert!(junit.contains(r#"classname="consistency""#), "{junit}");
    }
    // A search finds what no count does, and its window is told as well.
    let cas = [(0, "invoke", "cas", "[7,8]"), (0, "ok", "cas", "[7,8]")];
    let (_, finding, _dir) =
        judged(&Run { model: "CasRegister", check: "", lines: &cas, kept: Some((2, None)) });
    assert_eq!((finding.verdict, finding.window.len()), (Verdict::Fail, 1), "{}", finding.why);
}

#[test]
fn a_sum_may_be_wrong_since_a_fault_that_held_before() {
    let lines = [
        (0, "invoke", "add", "1"),
        (0, "ok", "add", "1"),
        (1, "invoke", "add", "1"),
        (1, "ok", "add", "1"),
        (1, "invoke", "add", "1"),
        (1, "ok", "add", "1"),
        (1, "invoke", "read", "null"),
        (1, "ok", "read", "4"),
    ];
    let (_, finding, _dir) =
        judged(&Run { model: "Counter", check: "", lines: &lines, kept: Some((8, None)) });
    assert_eq!((finding.verdict, finding.at, finding.since), (Verdict::Fail, Some(6.0), Some(0.0)));
    assert_eq!(finding.during, ["cut <off>"], "it held from 2 s to 5 s");
}

#[test]
fn a_history_that_is_gone_is_no_pass() {
    let run = Run { model: "Register", check: "", lines: RIGHT, kept: Some((6, None)) };
    let (_, _, dir) = judged(&run);
    fs::remove_dir_all(dir.path().join(HISTORIES)).unwrap();
    let analysis = report(dir.path(), &|| Span::ZERO).unwrap();
    assert_eq!(analysis.exit_code(), 2);
    assert!(analysis.consistency[0].why.contains("cannot be read from histories"));
}
