//! The figures of `README.md`: makes histories of given sizes, judges them, and prints how long that took.
//!
//! `corpus [--seed N] [--only WORD] [--threads N] [--write DIR]`

#![expect(clippy::print_stdout, reason = "printing tables is what this program is for")]
#![expect(clippy::disallowed_methods, reason = "times are what is measured")]

#[path = "../../tests/support/chance.rs"]
mod chance;
#[path = "../../tests/support/made.rs"]
mod made;
#[path = "../../tests/support/real.rs"]
mod real;

use std::time::{Duration, Instant};

use chance::Chance;
use made::{Wish, lines, made};
use shakedown_histories::{Budget, Model, Rules, Verdict, check, read};

/// A row: what it is called, what is made, and how many of it.
type Row = (&'static str, Wish, usize);

const fn wish(model: &'static str, ops: usize, processes: usize, keys: usize) -> Wish {
    Wish { model, ops, processes, keys, values: 5, open: 0, failed: 0 }
}

const fn rows() -> [Row; 18] {
    [
        ("cas-register, 5 processes, 4 % open", Wish { open: 4, ..wish("cas-register", 170, 5, 1) }, 102),
        ("cas-register, 10 keys", wish("cas-register", 100_000, 10, 10), 1),
        ("cas-register, 10 keys, 20 % open", Wish { open: 20, ..wish("cas-register", 100_000, 10, 10) }, 1),
        ("cas-register, 1 key, 20 % open", Wish { open: 20, ..wish("cas-register", 100_000, 10, 1) }, 1),
        (
            "cas-register, all differ, 20 % open",
            Wish { values: 0, open: 20, ..wish("cas-register", 100_000, 10, 10) },
            1,
        ),
        ("register, 10 keys, all differ", Wish { values: 0, ..wish("register", 100_000, 10, 10) }, 1),
        (
            "register, 1 key, 50 processes, all differ",
            Wish { values: 0, ..wish("register", 100_000, 50, 1) },
            1,
        ),
        ("register, 1 key, 50 processes", wish("register", 100_000, 50, 1), 1),
        ("kv, 10 keys, 20 % open", Wish { open: 20, ..wish("kv", 100_000, 20, 10) }, 1),
        ("kv-append, 10 keys", Wish { values: 0, ..wish("kv-append", 10_000, 10, 10) }, 1),
        (
            "kv-append, 10 keys, 50 processes, 20 % open",
            Wish { values: 0, open: 20, ..wish("kv-append", 10_000, 50, 10) },
            1,
        ),
        (
            "kv-append, 100 keys, 20 % open",
            Wish { values: 0, open: 20, ..wish("kv-append", 100_000, 20, 100) },
            1,
        ),
        ("counter, 20 % open", Wish { values: 0, open: 20, ..wish("counter", 100_000, 10, 10) }, 1),
        ("set, 20 % open", Wish { values: 0, open: 20, ..wish("set", 10_000, 10, 10) }, 1),
        ("queue, 1 key", Wish { values: 0, ..wish("queue", 100_000, 10, 1) }, 1),
        ("lock, 20 % open", Wish { open: 20, ..wish("lock", 100_000, 10, 10) }, 1),
        ("bank, 10 % open", Wish { open: 10, ..wish("bank", 10_000, 10, 1) }, 1),
        ("list-append, 10 % open", Wish { open: 10, ..wish("list-append", 3_000, 10, 1) }, 1),
    ]
}

fn main() {
    let (mut seed, mut only, mut threads, mut folder) = (1, String::new(), 2, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "--seed" => seed = value().parse().unwrap_or(seed),
            "--only" => only = value(),
            "--threads" => threads = value().parse().unwrap_or(threads),
            "--write" => folder = Some(value()),
            other => println!("unknown: {other}"),
        }
    }
    println!("{:<46} {:>8} {:>9} {:>9}  verdicts", "", "ops", "read, ms", "check, ms");
    for (number, (name, wish, count)) in
        rows().into_iter().enumerate().filter(|(_, row)| row.0.contains(&only))
    {
        let (mut reading, mut checking) = (Duration::ZERO, Duration::ZERO);
        let mut verdicts = [0; 3];
        for at in 0..count {
            let mut chance = Chance::new(seed + (number * 1_000 + at) as u64);
            let text = lines(&made(&wish, &mut chance), wish.keys);
            if let Some(folder) = &folder {
                let path = format!("{folder}/{number}-{}-{at}.jsonl", wish.model);
                if let Err(error) = std::fs::write(&path, &text) {
                    println!("{path}: {error}");
                }
            }
            let Some((verdict, times)) = judge(&text, wish.model, threads) else { continue };
            verdicts[verdict as usize] += 1;
            reading += times[0];
            checking += times[1];
        }
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let [right, wrong, unknown] = verdicts;
        println!(
            "{name:<46} {:>8} {:>9.1} {:>9.1}  {right} true, {wrong} false, {unknown} unknown",
            wish.ops * count,
            millis(reading),
            millis(checking)
        );
    }
}

fn judge(text: &str, model: &str, threads: usize) -> Option<(Verdict, [Duration; 2])> {
    let mut rules = Rules::of(Model::named(model)?);
    if model == "bank" {
        rules.init = Some(r#"{"0":10,"1":10,"2":10,"3":10}"#.to_owned());
    }
    let start = Instant::now();
    let history = match read(text.as_bytes(), &rules) {
        Ok(history) => history,
        Err(error) => {
            println!("{model}: {error}");
            return None;
        }
    };
    let read = start.elapsed();
    let deadline = Instant::now() + Duration::from_secs(10);
    let stop = || Instant::now() >= deadline;
    let start = Instant::now();
    let answer = check(&history, &rules, &Budget::new(&stop, 2 << 30), threads);
    Some((answer.verdict, [read, start.elapsed()]))
}
