//! Every experiment of `fixtures/experiments/wrong-words/` is told as the text beside it says.
//!
//! `SHAKEDOWN_BLESS=1` writes the texts anew; then read the difference.

use std::fs;
use std::path::PathBuf;

use shakedown_link_faults::Vocabulary;
use shakedown_scenarios::library::LIBRARY;
use shakedown_scenarios::read::read_with;
use shakedown_scenarios::template::TEMPLATES;

const FEWEST: usize = 3;

#[test]
fn every_wrong_word_is_told_at_its_place() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/experiments/wrong-words");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|of| of == "ron")).collect();
    files.sort();
    assert!(files.len() >= FEWEST, "only {} are left", files.len());
    let bless = std::env::var_os("SHAKEDOWN_BLESS").is_some();
    let mut differences = String::new();
    for file in files {
        let (name, text) = (file.file_name().unwrap().to_str().unwrap(), fs::read_to_string(&file).unwrap());
        let found = match read_with(name, &text, &[], &Vocabulary) {
            Err(problems) => problems.short(),
            Ok(_) => panic!("{name} is right"),
        };
        let beside = file.with_extension("txt");
        if bless {
            fs::write(&beside, &found).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            differences += &format!("--- {name}\nexpected:\n{expected}\nfound:\n{found}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn what_comes_along_says_nothing_wrong() {
    let texts = LIBRARY.iter().map(|entry| (entry.name, entry.text));
    for (name, text) in texts.chain(TEMPLATES.iter().map(|template| (template.name, template.text))) {
        read_with(name, text, &[], &Vocabulary).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}
