//! The labelled corpus: draws traces of every kind, judges them, and prints how often that was right.
//!
//! `corpus [--seeds FROM..TO] [--samples N] [--only WORD] [--part kinds|noise|prefixes|watch|times|all]`

#![expect(clippy::print_stdout, reason = "printing tables is what this program is for")]

mod chance;
mod kinds;
mod score;
mod trace;
mod watching;

use std::ops::Range;

use score::Options;

fn main() {
    let mut options =
        Options { seeds: 0..20, samples: 20_000.0, only: String::new(), list: false, explain: false };
    let mut part = "all".to_owned();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "--seeds" => options.seeds = range(&value()),
            "--samples" => options.samples = value().parse().unwrap_or(options.samples),
            "--only" => options.only = value(),
            "--list" => options.list = true,
            "--explain" => (options.list, options.explain) = (true, true),
            "--part" => part = value(),
            other => println!("unknown: {other}"),
        }
    }
    let wanted = |name: &str| part == name || part == "all";
    if wanted("kinds") {
        score::kinds(&options);
    }
    if wanted("noise") {
        score::noise(&options);
    }
    if wanted("prefixes") {
        score::prefixes(&options);
    }
    if wanted("watch") {
        watching::watch(&options);
    }
    if wanted("times") {
        score::times();
    }
}

fn range(text: &str) -> Range<u64> {
    let (from, to) = text.split_once("..").unwrap_or(("0", text));
    from.parse().unwrap_or(0)..to.parse().unwrap_or(20)
}
