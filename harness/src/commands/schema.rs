//! `schema`: the reference of every word of an experiment.

use anyhow::Result;
use shakedown_scenarios::reference::{self, Entry, Group};

use crate::console::{printable, put};
use crate::exit::{Exit, Refused};

/// As wide as most names of entries.
const NAME_WIDTH: usize = 28;
const HOW_TO_READ: &str = "\
// A comment says first whether a field is needed, what it is by default (the value shown), or that it is optional.
";

/// `shakedown schema`.
pub fn schema(words: &[String], all: bool) -> Result<Exit> {
    put(&match (all, words) {
        (true, _) => whole(),
        (false, []) => index(),
        (false, words) => entries(words)?,
    })?;
    Ok(Exit::Pass)
}

fn whole() -> String {
    let mut text = HOW_TO_READ.to_owned();
    for group in reference::groups() {
        text += &format!("\n// ===== {}: {} =====\n", group.name, group.about);
        group.entries.iter().for_each(|entry| text += &format!("\n{}", entry.print()));
    }
    text
}

fn index() -> String {
    let mut text = String::new();
    for group in reference::groups() {
        text += &format!("{}: {}\n", group.name, group.about);
        for entry in &group.entries {
            text += &format!("  {:<NAME_WIDTH$} {}\n", label(&group, entry), entry.about);
        }
        text.push('\n');
    }
    text + "Print entries with `shakedown schema WORD…` (an entry, a group, or any field or word), all with `--all`.\n"
}

/// Its name, and where it stands where others are called so.
fn label(group: &Group, entry: &Entry) -> String {
    let alike = group.entries.iter().filter(|other| other.name == entry.name).count();
    if alike == 1 { entry.name.to_owned() } else { format!("{} in {}", entry.name, entry.place) }
}

fn entries(words: &[String]) -> Result<String> {
    let found: Vec<_> = words.iter().map(|word| (word, reference::find(word))).collect();
    let unknown: Vec<String> =
        found.iter().filter(|(_, found)| found.is_none()).map(|(word, _)| unknown(word)).collect();
    if !unknown.is_empty() {
        let told = unknown.join("; ");
        return Err(Refused(format!("{told}; `shakedown schema` lists what there is")).into());
    }
    let mut text = HOW_TO_READ.to_owned();
    let mut printed: Vec<Entry> = Vec::new();
    for (word, found) in found.into_iter().filter_map(|(word, found)| Some((word, found?))) {
        for entry in found.entries {
            if !printed.contains(&entry) {
                text += &format!("\n{}", entry.print());
                printed.push(entry);
            }
        }
        let mut others: Vec<&str> = found.others.iter().map(|entry| entry.name).collect();
        others.dedup();
        if !others.is_empty() {
            text += &format!("\n// `{word}` is a word of these, too: {}\n", others.join(", "));
        }
    }
    Ok(text)
}

fn unknown(word: &str) -> String {
    let near = reference::nearest(word).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("an experiment has no word `{}`{near}", printable(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_has_a_line_for_every_entry() {
        let index = index();
        let entries = reference::groups().iter().map(|group| group.entries.len() + 2).sum::<usize>();
        assert_eq!(index.lines().count(), entries + 1);
        assert!(index.contains("\n  Latency "));
        assert!(index.lines().all(|line| line.chars().count() <= 140), "{index}");
    }

    #[test]
    fn an_entry_is_printed_once_and_names_the_others_that_have_its_word() {
        let text = entries(&["order".to_owned(), "ORDER".to_owned()]).unwrap();
        assert_eq!(text.matches("// order in data").count(), 1);
        assert!(text.contains("// `order` is a word of these, too: data\n"), "{text}");
    }
}
