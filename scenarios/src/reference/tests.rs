use std::collections::BTreeMap;

use super::frames::frame;
use super::*;
use crate::experiment::Experiment;
use crate::problem::Problems;
use crate::read::seen::{Seen, read_seen};

/// Fields that are the same in all toxics and shown once, in the entry `aim`.
const OF_EACH_TOXIC: [&str; 5] = ["after_bytes", "clients", "first", "nth", "toxicity"];
/// What the first word of a field's comment may be.
const MARKS: [&str; 3] = ["needed", "default", "optional"];

fn read(entry: &Entry, form: &str) -> (Result<Experiment, Problems>, Seen) {
    read_seen(&frame(entry.place, entry.name, form))
}

fn entries() -> Vec<Entry> {
    groups().into_iter().flat_map(|group| group.entries).collect()
}

/// The lines of a form that hold a whole field each: their number, and the mark of each.
fn fields(form: &str) -> Vec<(usize, &str)> {
    let lines = form.lines().enumerate();
    let fields = lines.filter(|(_, line)| line.starts_with("    ") && !line.trim_start().starts_with("//"));
    fields.map(|(at, line)| (at, line.rsplit_once("  // ").map_or("", |(_, comment)| comment))).collect()
}

fn without(form: &str, line: usize) -> String {
    form.lines().enumerate().filter(|(at, _)| *at != line).map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn every_entry_has_a_title_and_forms() {
    for group in groups() {
        assert!(!group.name.is_empty() && !group.about.is_empty() && !group.entries.is_empty(), "{group:?}");
        for entry in &group.entries {
            let Entry { name, place, about, .. } = entry;
            assert!(!name.is_empty() && !place.is_empty() && !about.is_empty(), "{entry:?}");
            assert!(!entry.forms().is_empty(), "{name} in {place}");
            let short = entry.text.lines().all(|line| !line.ends_with(' ') && !line.contains('\t'));
            assert!(short, "{name} in {place}: blanks at the end of a line");
        }
    }
}

#[test]
fn every_form_reads_without_a_problem() {
    for entry in entries() {
        for form in entry.forms() {
            if let (Err(problems), _) = read(&entry, form) {
                panic!("{} in {}:\n{form}\n{problems}", entry.name, entry.place);
            }
        }
    }
}

/// The words of protocols are values of any shape here; their floor has a test like this one.
#[test]
fn a_comment_is_right_about_what_happens_without_its_field() {
    for entry in entries() {
        for form in entry.forms() {
            let (whole, seen) = read(&entry, form);
            let whole = whole.unwrap_or_else(|problems| panic!("{problems}"));
            for (line, comment) in fields(form) {
                let field = form.lines().nth(line).unwrap_or_default().trim();
                let told = format!("{} in {}: {field}", entry.name, entry.place);
                let mark = MARKS.into_iter().find(|mark| comment.starts_with(mark));
                let mark = mark.unwrap_or_else(|| panic!("{told}: expected one of {MARKS:?} first"));
                let (rest, seen_then) = read(&entry, &without(form, line));
                let is_words = seen.opaque != seen_then.opaque;
                match mark {
                    "needed" => assert!(rest.is_err() || is_words, "{told}: it can be left out"),
                    "default" if !is_words => assert_eq!(rest.ok().as_ref(), Some(&whole), "{told}"),
                    _ => assert!(rest.is_ok() || is_words, "{told}: it cannot be left out"),
                }
            }
        }
    }
}

#[test]
fn whatever_the_reader_knows_stands_in_the_reference() {
    let mut asked: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    let mut written = asked.clone();
    for entry in entries() {
        for form in entry.forms() {
            let (_, seen) = read(&entry, form);
            seen.asked.into_iter().for_each(|(of, words)| asked.entry(of).or_default().extend(words));
            seen.written.into_iter().for_each(|(of, words)| written.entry(of).or_default().extend(words));
        }
    }
    let is_written = |of: &(&str, String), word: &str| {
        let by_any = OF_EACH_TOXIC.contains(&word) && of.0.ends_with("fault.rs");
        let mut all = written.iter();
        written.get(of).is_some_and(|words| words.contains(word))
            || (by_any && all.any(|(other, words)| other.0 == of.0 && words.contains(word)))
    };
    let missing: Vec<String> = asked
        .iter()
        .flat_map(|(of, words)| words.iter().map(move |word| (of, word)))
        .filter(|(of, word)| !is_written(of, word))
        .map(|((reader, what), word)| format!("{what}: `{word}` ({reader})"))
        .collect();
    assert!(missing.is_empty(), "missing in scenarios/src/reference:\n{}", missing.join("\n"));
    assert!(asked.len() > 150, "the reader told of only {} structs and sets of words", asked.len());
}

#[test]
fn words_lead_to_entries() {
    let names = |word: &str| {
        let found = find(word).unwrap_or_else(|| panic!("{word} is not found"));
        found.entries.iter().map(|entry| format!("{} in {}", entry.name, entry.place)).collect::<Vec<_>>()
    };
    assert_eq!(names("latency"), ["Latency in do"]);
    assert_eq!(names("HTTP"), ["Http in links", "Http in workloads", "Http in hypothesis"]);
    assert_eq!(names("Bearer"), ["auth in Http, Journey and Grpc"]);
    assert_eq!(names("order"), ["order in data"]);
    assert_eq!(names("operations_per_key"), ["Operations in workloads"]);
    assert_eq!(names("guard").len(), 6);
    assert!(names("arrivals").contains(&"Replay in arrivals".to_owned()));
    assert!(find("order").is_some_and(|found| found.others.iter().any(|entry| entry.name == "data")));
    assert_eq!(find("latancy"), None);
    assert_eq!(nearest("latancy").as_deref(), Some("Latency"));
    assert_eq!(nearest("passwordenv").as_deref(), Some("password_env"));
}
