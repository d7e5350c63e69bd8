//! Experiments, as they are read and planned.

use shakedown_scenarios::plan::plan;
use shakedown_scenarios::read::read;

/// What is wrong is told with its place in the text, and as often as it is asked; what is right can be planned.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match read("fuzz.ron", &text, &[]) {
        Ok(experiment) => drop(plan(&experiment, 42, 1.0)),
        Err(problems) => {
            assert!(!problems.all().is_empty());
            let ends = problems.all().iter().map(|problem| (problem.place.from, problem.place.to));
            for (from, to) in ends {
                assert!(from <= to && to <= text.len(), "{from}..{to} of {}", text.len());
            }
            let rendered = problems.render(false);
            assert!(!rendered.contains('\u{1b}'), "a terminal would obey it");
            drop(problems);
            let again = read("fuzz.ron", &text, &[]).expect_err("it was wrong before");
            assert_eq!(rendered, again.render(false));
        }
    }
}
