//! The figures of `README.md`: makes histories of given sizes, judges them, and prints how long that took.
//!
//! `corpus [--seed N] [--only WORD] [--threads N] [--write DIR]`

#![expect(clippy::print_stdout, reason = "printing tables is what this program is for")]
#![expect(clippy::disallowed_methods, reason = "times are what is measured")]

#[path = "../../tests/support/chance.rs"]
mod chance;
#[path = "../../tests/support/made.rs"]
mod made;
#[path = "../../tests/support/planted.rs"]
mod planted;
#[path = "../../tests/support/real.rs"]
mod real;

use std::time::{Duration, Instant};

use chance::Chance;
use made::{End, Made, Wish, lines, made};
use planted::plant;
use shakedown_histories::{Budget, Model, Rules, Verdict, check, read};

/// The least time of so many rounds is told: this machine is not alone.
const ROUNDS: usize = 5;

/// A row: what it is called, what is made, and how many of it.
type Row = (&'static str, Wish, usize);

const fn wish(model: &'static str, ops: usize, processes: usize, keys: usize) -> Wish {
    Wish { model, ops, processes, keys, values: 5, open: 0, failed: 0 }
}

const fn rows() -> [Row; 23] {
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
        (
            "cas-register, 100 values, 20 % open",
            Wish { values: 100, open: 20, ..wish("cas-register", 2_000, 10, 1) },
            20,
        ),
        ("bank", wish("bank", 10_000, 10, 1), 1),
        ("bank, 5 processes, 2 % open", Wish { open: 2, ..wish("bank", 1_000, 5, 1) }, 10),
        ("bank, 10 % open", Wish { open: 10, ..wish("bank", 10_000, 10, 1) }, 1),
        ("list-append, 10 % open", Wish { open: 10, ..wish("list-append", 3_000, 10, 1) }, 1),
        ("txn of registers", Wish { values: 0, ..wish("txn-registers", 10_000, 10, 1) }, 1),
        (
            "txn of registers, 10 % open",
            Wish { values: 0, open: 10, ..wish("txn-registers", 3_000, 10, 1) },
            1,
        ),
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
    println!("{:<46} {:>8} {:>9} {:>9} {:>9}  verdicts", "", "ops", "read, ms", "check, ms", "CPU, ms");
    for (number, (name, wish, count)) in
        rows().into_iter().enumerate().filter(|(_, row)| row.0.contains(&only))
    {
        for damaged in [false, true] {
            let (mut times, mut verdicts) = ([Duration::ZERO; 3], [0; 3]);
            for at in 0..count {
                let mut chance = Chance::new(seed + (number * 1_000 + at) as u64);
                let mut ops = made(&wish, &mut chance);
                if damaged && !damage(&wish, &mut ops, &mut chance) {
                    continue;
                }
                let text = lines(&ops, wish.keys);
                if let Some(folder) = &folder {
                    let path = format!("{folder}/{number}-{}-{at}-{damaged}.jsonl", wish.model);
                    if let Err(error) = std::fs::write(&path, &text) {
                        println!("{path}: {error}");
                    }
                }
                let Some((verdict, took)) = judge(&text, wish.model, threads) else { continue };
                verdicts[verdict as usize] += 1;
                times = [0, 1, 2].map(|at| times[at] + took[at]);
            }
            let [read, check, cpu] = times.map(|time| time.as_secs_f64() * 1e3);
            let [right, wrong, unknown] = verdicts;
            let name = if damaged { "  with an anomaly" } else { name };
            println!(
                "{name:<46} {:>8} {read:>9.1} {check:>9.1} {cpu:>9.1}  {right} true, {wrong} false, {unknown} unknown",
                wish.ops * count
            );
        }
    }
}

/// Time that this thread was on a CPU; with more than one thread it says little.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0))
}

/// One certain anomaly; where values come again, none is certain, and twenty reads are changed.
fn damage(wish: &Wish, ops: &mut [Made], chance: &mut Chance) -> bool {
    if wish.values == 0 || matches!(wish.model, "lock" | "bank" | "list-append") {
        return plant(wish.model, ops, chance);
    }
    let mut reads = 20;
    while reads > 0 {
        let at = chance.below(ops.len());
        if ops[at].end == End::Ok && matches!(ops[at].f, "read" | "get") {
            ops[at].result = chance.below(wish.values).into();
            reads -= 1;
        }
    }
    true
}

fn judge(text: &str, model: &str, threads: usize) -> Option<(Verdict, [Duration; 3])> {
    let mut rules = Rules::of(Model::named(model)?);
    if model == "bank" {
        rules.init = Some(r#"{"0":10,"1":10,"2":10,"3":10}"#.to_owned());
    }
    let mut verdict = Verdict::Unknown;
    let start = Instant::now();
    let history = match read(text.as_bytes(), &rules) {
        Ok(history) => history,
        Err(error) => {
            println!("{model}: {error}");
            return None;
        }
    };
    let read = start.elapsed();
    let mut least = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        let (start, on_cpu) = (Instant::now(), cpu());
        let deadline = start + Duration::from_secs(10);
        let stop = || Instant::now() >= deadline;
        let answer = check(&history, &rules, &Budget::new(&stop, 2 << 30), threads);
        least = [least[0].min(start.elapsed()), least[1].min(cpu().saturating_sub(on_cpu))];
        if answer.verdict == Verdict::Unknown {
            return Some((answer.verdict, [read, least[0], least[1]]));
        }
        verdict = answer.verdict;
    }
    Some((verdict, [read, least[0], least[1]]))
}
