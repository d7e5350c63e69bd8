//! What the pages say, and that nothing a target says can hurt who reads them.

#[path = "support/synthetic.rs"]
mod synthetic;

use std::fs;
use std::path::Path;

use shakedown_reports::analysis::{Analysis, FailureExample, Origin, Sort, Verdict, analyze_entries};
use shakedown_reports::journal::{Entry, Example, What, Writer};
use shakedown_reports::{PLAN, ReportError, pages, report};
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::units::Span;
use synthetic::{bend, break_second, event, events, meta, no_leak, plan, record, sorted, story};

const PANELS: [&str; 7] = ["timeline", "load", "latency", "errors", "memory", "handles", "cpu"];

/// A run folder as a run leaves it.
fn folder(plan: &Plan, entries: Vec<Entry>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join(PLAN), plan.to_ron()).expect("the plan is written");
    let writer = Writer::create(dir.path(), &meta()).expect("the journal is made");
    sorted(entries).into_iter().for_each(|entry| writer.append(record(entry)));
    writer.finish().expect("the journal is whole");
    dir
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).expect(name)
}

#[test]
fn a_report_leaves_all_its_files_and_no_others() {
    let plan = plan(|_| {});
    let dir = folder(&plan, story(&plan));
    let analysis = report(dir.path(), &|| Span::ZERO).unwrap();
    assert_eq!(analysis.verdict, Verdict::Pass);
    let mut files: Vec<String> = Vec::new();
    for folder in [dir.path().to_path_buf(), dir.path().join("plots")] {
        let names =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        files.extend(names);
    }
    let mut expected: Vec<String> =
        ["report.html", "report.md", "junit.xml", "summary.json", "plan.ron", "run.sqlite", "plots"]
            .map(String::from)
            .into();
    expected.extend(PANELS.iter().flat_map(|panel| [format!("{panel}.svg"), format!("{panel}.png")]));
    files.sort();
    expected.sort();
    assert_eq!(files, expected);
    for panel in PANELS {
        let png = fs::read(dir.path().join(format!("plots/{panel}.png"))).unwrap();
        assert_eq!(&png[1..4], b"PNG");
        assert!(read(dir.path(), &format!("plots/{panel}.svg")).starts_with("<svg"));
    }
    let summary: Analysis = serde_json::from_str(&read(dir.path(), "summary.json")).unwrap();
    assert_eq!(summary, analysis);
}

#[test]
fn a_report_is_the_same_again_and_elsewhere() {
    let plan = plan(|_| {});
    let dir = folder(&plan, story(&plan));
    let first = report(dir.path(), &|| Span::ZERO).unwrap();
    let (html, summary) = (read(dir.path(), "report.html"), read(dir.path(), "summary.json"));
    let elsewhere = tempfile::tempdir().unwrap();
    for name in [PLAN, "run.sqlite"] {
        fs::copy(dir.path().join(name), elsewhere.path().join(name)).unwrap();
    }
    assert_eq!(report(elsewhere.path(), &|| Span::ZERO).unwrap(), first);
    assert_eq!(read(elsewhere.path(), "report.html"), html);
    assert_eq!(read(elsewhere.path(), "summary.json"), summary);
}

#[test]
fn the_report_in_markdown_says_what_broke_when_and_whether_it_came_back() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    bend(&mut entries, |second| second >= 52, |second| break_second(second, "refused"));
    let analysis = analyze_entries(&plan, &meta(), sorted(entries).into_iter());
    let dir = tempfile::tempdir().unwrap();
    pages::write(dir.path(), &plan, &analysis).unwrap();
    let text = read(dir.path(), "report.md");
    for line in [
        "# FAIL: slow-database",
        "| fail | 00:52 | recovery from every fault within 10 s | crash was not back to normal for 3 seconds in a row until \
         the end of the run: at least 28 s from 00:52 on, the limit is 10 s |",
        "| fail | 01:05 | error ratio of browse below 1 % over recovery | found 100 %, the limit is 1 %; worst at 01:05, \
         13 s after crash |",
        "| Seed | 42 |",
        "    shakedown run slow-database.ron --seed 42",
        "| pass | p95 of browse below 50 ms over baseline | 31 ms | 50 ms | 38 % to spare | 32.3 ms at 00:07 |",
        "| slow db: 100ms ± 20ms latency on link clients-shop, both ways | 00:23 – 00:31 | 00:23.0 – 00:31.0 | pass: 1,204 \
         chunks delayed by 101 ms on average | pass: the last 16 chunks passed at once | 975 ms |",
        "| crash: SIGKILL to target shop | 00:52 | 00:52.0 | pass: pid 812 is gone | info: nothing to undo | ≥ 28 s (until \
         the end of the run) |",
        "| recovery | 200/s | 0/s | 100 % (refused 3,000) | – | – | – | – | – |",
    ] {
        assert!(text.lines().any(|found| found == line), "missing: {line}\nin:\n{text}");
    }
}

#[test]
fn a_cut_run_is_reported_on_with_what_there_is() {
    let plan = plan(|_| {});
    let cut: Vec<Entry> = story(&plan).into_iter().filter(|entry| entry.at_us() <= 34_000_000).collect();
    let dir = folder(&plan, cut);
    assert_eq!(report(dir.path(), &|| Span::ZERO).unwrap().exit_code(), 2);
    assert!(read(dir.path(), "report.html").contains("was cut at 00:34 of 01:20"));
    assert!(read(dir.path(), "plots/timeline.svg").contains("nothing measured"));
}

#[test]
fn a_rehearsal_is_stamped() {
    let mut plan = plan(|_| {});
    plan.rehearse = 96.0;
    let dir = folder(&plan, story(&plan));
    report(dir.path(), &|| Span::ZERO).unwrap();
    for name in ["report.html", "report.md"] {
        assert!(read(dir.path(), name).contains("A rehearsal: durations were divided by 96"), "{name}");
    }
}

#[test]
fn what_is_no_run_folder_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(report(dir.path(), &|| Span::ZERO), Err(ReportError::NoPlan { .. })));
    fs::write(dir.path().join(PLAN), "(format: 1, seed:").unwrap();
    assert!(matches!(report(dir.path(), &|| Span::ZERO), Err(ReportError::NotAPlan { .. })));
    fs::write(dir.path().join(PLAN), plan(|_| {}).to_ron()).unwrap();
    let error = report(dir.path(), &|| Span::ZERO).unwrap_err();
    assert!(error.to_string().contains("run.sqlite"), "{error}");
}

const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "]]><x/>",
    "\u{fffe}\u{ffff}\u{0}",
    "\u{1b}[31mred\u{1b}[0m",
    "\" onmouseover=\"alert(1)",
    "'; --><svg/onload=alert(1)>",
    "\u{202e}txt.exe | `x` | [y](javascript:alert(1))",
    "{{ 7777 * 7777 }}{% raw %}",
];

/// A run in which every text that a target, a probe or the system supplies is hostile.
fn hostile(text: &str) -> (Plan, Vec<Entry>) {
    let plan = plan(|experiment| experiment.gates.push(no_leak()));
    let mut entries = story(&plan);
    events(&mut entries, |_, what| match what {
        What::Probed { found, ok, .. } => (*found, *ok) = (text.into(), false),
        What::Bit { evidence, proven, .. } => (*evidence, *proven) = (text.into(), false),
        What::Healed { evidence, .. } => *evidence = text.into(),
        What::TargetExited { status, .. } => *status = text.into(),
        _ => {}
    });
    bend(&mut entries, |second| second > 60, |second| break_second(second, text));
    for entry in &mut entries {
        if let Entry::Sample(sample) = entry {
            sample.fds.insert(text.into(), 3);
            sample.sockets.insert(text.into(), 3);
        }
    }
    let text = || text.to_owned();
    entries.push(event(100, What::Degraded { why: text() }));
    entries.push(event(200, What::GuardTripped { why: text() }));
    entries.push(event(300, What::Listening { kind: text(), name: text(), address: text() }));
    entries.push(event(400, What::TargetFailed { target: "shop".into(), why: text() }));
    entries.push(event(53_000_000, What::InjectionFailed { cue: 2, why: text() }));
    (plan, sorted(entries))
}

fn hostile_pages(text: &str) -> (tempfile::TempDir, Analysis) {
    let (mut plan, entries) = hostile(text);
    let mut meta = meta();
    (meta.run, meta.version, meta.started_at) = (text.into(), text.into(), text.into());
    (meta.host.name, meta.host.system) = (text.into(), text.into());
    meta.again = vec!["shakedown".into(), text.into()];
    let mut analysis = analyze_entries(&plan, &meta, entries.into_iter());
    // Names of the experiment are checked when it is read; a folder that somebody sent may hold any.
    plan.experiment.name = text.into();
    plan.experiment.about = text.into();
    analysis.run.name = text.into();
    analysis.run.about = text.into();
    for fault in &mut analysis.faults {
        (fault.name, fault.does, fault.on) = (text.into(), text.into(), text.into());
    }
    for series in &mut analysis.timeline.series {
        series.subject = text.into();
    }
    for target in &mut analysis.targets {
        target.name = text.into();
    }
    for workload in &mut analysis.workloads {
        workload.name = text.into();
        workload.endpoints.iter_mut().for_each(|endpoint| endpoint.name = text.into());
        let failed =
            || FailureExample { at: 1.0, endpoint: text.into(), class: text.into(), why: text.into() };
        workload.examples = vec![failed()];
    }
    for leak in &mut analysis.leaks {
        leak.target = text.into();
        leak.origins =
            vec![Origin { sort: Sort::Fault, name: text.into(), per_hour: 1.0, share: 1.0, time: 0.1 }];
    }
    analysis.losses.push(text.into());
    let dir = tempfile::tempdir().expect("a folder");
    pages::write(dir.path(), &plan, &analysis).expect("the pages are written");
    (dir, analysis)
}

#[test]
fn a_mix_has_a_table_of_its_endpoints() {
    let plan = plan(|_| {});
    let dir = folder(&plan, story(&plan));
    let analysis = report(dir.path(), &|| Span::ZERO).unwrap();
    let [items, out] = analysis.workloads[0].endpoints.as_slice() else { panic!("two endpoints") };
    assert_eq!((items.name.as_str(), out.name.as_str()), ("GET /items/{n}", "check <b>out</b>"));
    let whole = analysis.workloads[0].over.last().unwrap();
    assert_eq!(items.ok + out.ok, whole.ok);
    assert!(out.error_ratio > Some(0.0) && items.error_ratio == Some(0.0));
    assert!(out.latency_us.unwrap()[0] > items.latency_us.unwrap()[0]);
    let html = read(dir.path(), "report.html");
    assert!(html.contains("Endpoints, over the whole run"));
    assert!(html.contains("<td>check &lt;b&gt;out&lt;&#x2f;b&gt;</td>"), "escaped");
    let markdown = read(dir.path(), "report.md");
    assert!(markdown.contains("| endpoint, over the whole run |") && markdown.contains("| GET /items/{n} |"));
}

#[test]
fn failures_stand_in_words_below_their_workload() {
    let plan = plan(|_| {});
    let mut entries = story(&plan);
    let failed =
        |why: &str| Example { endpoint: "GET /items/{n}".into(), class: "check".into(), why: why.into() };
    bend(
        &mut entries,
        |second| second == 61,
        |second| second.examples = vec![failed("expected `1`"), failed("<b>")],
    );
    let dir = folder(&plan, entries);
    let analysis = report(dir.path(), &|| Span::ZERO).unwrap();
    let whys: Vec<_> =
        analysis.workloads[0].examples.iter().map(|example| (example.at, example.why.as_str())).collect();
    assert_eq!(whys, [(61.0, "expected `1`"), (61.0, "<b>")]);
    let html = read(dir.path(), "report.html");
    assert!(
        html.contains("<td>01:01</td><td>GET &#x2f;items&#x2f;{n}</td><td>check</td><td>expected `1`</td>")
    );
    assert!(html.contains("<td>&lt;b&gt;</td>"), "escaped");
    let markdown = read(dir.path(), "report.md");
    assert!(markdown.contains("| 01:01 | GET /items/{n} | check | expected \\`1\\` |"), "{markdown}");
}

#[test]
fn no_page_runs_or_shows_what_a_target_smuggles_in() {
    for text in HOSTILE {
        let (dir, analysis) = hostile_pages(text);
        let html = read(dir.path(), "report.html");
        assert_eq!(html.matches("<script").count(), 2, "{text:?}");
        assert_eq!(html.matches("</script").count(), 2, "{text:?}");
        for tag in ["<img", "<svg/", "<x/>", "onerror=\"", " onmouseover=\"alert"] {
            assert!(!html.contains(tag), "{tag} by {text:?}");
        }
        assert!(!html.contains("60481729"), "a template ran what the target said");
        for name in ["report.html", "report.md", "junit.xml", "plots/timeline.svg"] {
            let page = read(dir.path(), name);
            let harmful =
                |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202e}');
            assert!(!page.contains(harmful), "{name} carries {text:?}");
        }
        let xml = read(dir.path(), "junit.xml");
        quick_junit::Report::deserialize_from_str(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let summary: Analysis = serde_json::from_str(&read(dir.path(), "summary.json")).unwrap();
        assert!(summary == analysis, "summary.json tells something else of {text:?}");
        // An indented line is code, and the text within it is cleaned of line ends.
        let markdown = read(dir.path(), "report.md");
        assert!(markdown.lines().filter(|line| !line.starts_with("    ")).all(|line| !line.contains("<s")));
    }
}

#[test]
fn the_page_allows_its_own_script_and_style_and_nothing_else() {
    let (dir, _) = hostile_pages(HOSTILE[0]);
    let html = read(dir.path(), "report.html");
    assert!(html.contains("default-src &#x27;none&#x27;; style-src &#x27;sha256-"), "no policy");
    for forbidden in ["unsafe-inline", "http://", "https://", " style=\""] {
        let found: Vec<_> =
            html.match_indices(forbidden).map(|(at, _)| &html[at..(at + 60).min(html.len())]).collect();
        let other = found.iter().filter(|text| !text.starts_with("http://www.w3.org/2000/svg"));
        assert_eq!(other.count(), 0, "{forbidden}: {found:?}");
    }
}

#[test]
fn odd_numbers_make_odd_plots_and_no_endless_ones() {
    let plan = plan(|_| {});
    let mut analysis = analyze_entries(&plan, &meta(), story(&plan).into_iter());
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1.0, 0.0, f32::MIN_POSITIVE];
    for (index, series) in analysis.timeline.series.iter_mut().enumerate() {
        for (value, odd) in series.mean.iter_mut().zip(odd.iter().cycle().skip(index)) {
            *value = *odd;
        }
        if index % 5 == 0 {
            series.at.clear();
            series.mean.clear();
            series.min.clear();
            series.max.clear();
        }
    }
    analysis.timeline.seconds = f64::INFINITY;
    analysis.timeline.gaps.push((f64::NAN, f64::INFINITY));
    let dir = tempfile::tempdir().unwrap();
    pages::write(dir.path(), &plan, &analysis).unwrap();
    analysis.timeline.series.clear();
    analysis.timeline.seconds = 0.0;
    pages::write(dir.path(), &plan, &analysis).unwrap();
}
