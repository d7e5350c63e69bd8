//! `junit.xml`: the verdict for a CI server. Each gate, fault, probe and check of the harness is a test case; what fails is
//! a failure, what is not known an error, so that neither is green.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::clean::clean;
use crate::analysis::{Analysis, Verdict, model_verdict};

/// The text of the file.
#[must_use]
pub fn render(analysis: &Analysis) -> String {
    let mut report = Report::new(clean(&analysis.run.name).into_owned());
    for (name, cases) in suites(analysis) {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    report.to_string().expect("all text is cleaned of what XML cannot carry")
}

fn suites(analysis: &Analysis) -> Vec<(&'static str, Vec<TestCase>)> {
    let run = vec![case("run", "verdict", analysis.verdict, &reasons(analysis))];
    let gates = analysis.gates.iter().map(|gate| case("gate", &gate.gate, gate.verdict, &gate.sentence()));
    let faults = analysis.faults.iter().map(|fault| {
        let about = format!("fault {}", fault.title());
        let reason = analysis.reasons.iter().find(|reason| reason.about == about);
        let missing = fault.injected.is_none().then_some(Verdict::Inconclusive);
        let verdict = reason.map(|reason| reason.verdict).or(missing).unwrap_or(Verdict::Pass);
        let why = reason.map_or_else(|| fault.recovery.words(), |reason| reason.why.clone());
        let name = format!("{} at {}", fault.title(), crate::show::offset(fault.planned_from));
        case("fault", &name, verdict, &why)
    });
    let probes =
        analysis.hypothesis.iter().map(|probe| case("hypothesis", &probe.name, probe.verdict, &probe.why));
    let checks =
        analysis.health.checks.iter().map(|check| case("harness", &check.what, check.verdict, &check.found));
    let models = analysis.models.iter().map(|model| {
        case("model", &model.name, model_verdict(model), model.why.as_deref().unwrap_or_default())
    });
    let histories = analysis
        .consistency
        .iter()
        .map(|finding| case("consistency", &finding.workload, finding.verdict, &finding.why));
    vec![
        ("run", run),
        ("gates", gates.collect()),
        ("faults", faults.collect()),
        ("hypothesis", probes.collect()),
        ("models", models.collect()),
        ("consistency", histories.collect()),
        ("harness", checks.collect()),
    ]
}

fn reasons(analysis: &Analysis) -> String {
    let lines = analysis.reasons.iter().take(20).map(|reason| format!("{}: {}", reason.about, reason.why));
    lines.collect::<Vec<_>>().join("; ")
}

fn case(class: &str, name: &str, verdict: Verdict, why: &str) -> TestCase {
    let status = match verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    let mut case = TestCase::new(clean(name).into_owned(), status);
    case.set_classname(class);
    if verdict != Verdict::Pass {
        case.status.set_message(clean(why).into_owned());
        case.status.set_type(verdict.word());
    }
    case
}
