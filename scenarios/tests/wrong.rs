//! Every wrong experiment of `fixtures/experiments/wrong/` is told as the text beside it says.
//!
//! `SHAKEDOWN_BLESS=1` writes the texts anew; then read the difference.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped here has failed the test")]

use std::fs;
use std::path::{Path, PathBuf};

use shakedown_scenarios::problem::MOST_PRINTED;
use shakedown_scenarios::read::read;

const FEWEST: usize = 45;

fn wrong_files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/experiments/wrong");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|of| of == "ron")).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_wrong_experiment_gives_its_message() {
    let files = wrong_files();
    assert!(files.len() >= FEWEST, "only {} wrong experiments are left", files.len());
    let bless = std::env::var_os("SHAKEDOWN_BLESS").is_some();
    let mut differences = String::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let found = match read(&name(&file), &text, &[]) {
            Err(problems) => problems.short(),
            Ok(_) => panic!("{} is right", file.display()),
        };
        let beside = file.with_extension("txt");
        if bless {
            fs::write(&beside, &found).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            differences += &format!("--- {}\nexpected:\n{expected}\nfound:\n{found}\n", name(&file));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn every_problem_shows_its_place_and_nothing_that_a_terminal_obeys() {
    for file in wrong_files() {
        let text = fs::read_to_string(&file).unwrap();
        let problems = read(&name(&file), &text, &[]).unwrap_err();
        let rendered = problems.render(false);
        for problem in problems.all().iter().take(MOST_PRINTED) {
            let position = problems.position(problem.place.from);
            let place = format!("--> {}:{}:{}\n", name(&file), position.line, position.column);
            assert!(rendered.contains(&place), "{place} is missing in\n{rendered}");
        }
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        for shown in [rendered, problems.short()] {
            assert!(!shown.chars().any(obeyed), "{shown:?}");
            assert!(
                shown.lines().all(|line| line.chars().count() < 3_000),
                "a line too long to read: {shown}"
            );
        }
    }
}
