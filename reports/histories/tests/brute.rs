//! The verdicts on small histories against those of all orders, for every model: right ones, and such as were damaged.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

#[path = "support/brute.rs"]
mod brute;
#[path = "support/chance.rs"]
mod chance;
#[path = "support/made.rs"]
mod made;
#[path = "support/real.rs"]
mod real;

use chance::Chance;
use made::{End, Made, Wish, lines, made};
use serde_json::{Value, json};
use shakedown_histories::{Budget, MODELS, Model, Rules, Verdict, check, explain, read};

/// Histories of each model in the normal run.
const FEW: u64 = 1_500;

/// Changes one thing that may make the history wrong.
fn damage(ops: &mut [Made], chance: &mut Chance) {
    let at = chance.below(ops.len());
    let other = chance.below(ops.len());
    let found: Vec<Value> =
        ops.iter().filter(|made| brute::looks(made)).map(|made| made.result.clone()).collect();
    let made = &mut ops[at];
    match chance.below(5) {
        // Something that could not be done, and says that it was.
        4 if made.end == End::Fail && made.f != "txn" && !brute::is_look(made) => {
            (made.end, made.result) = (End::Ok, made.argument.clone());
        }
        0 if brute::looks(made) && made.f != "txn" => made.result = found[chance.below(found.len())].clone(),
        1 if brute::looks(made) && made.result.is_number() => {
            made.result = json!(made.result.as_i64().unwrap_or_default() + chance.below(3) as i64 - 1);
        }
        2 if made.f == "txn" && made.end == End::Ok => {
            for part in made.result.as_array_mut().unwrap().iter_mut().filter(|part| part[0] == "r") {
                match &mut part[2] {
                    Value::Array(list) => _ = list.pop(),
                    Value::Number(number) => part[2] = json!(number.as_u64().unwrap_or_default() ^ 1),
                    _ => {}
                }
            }
        }
        // An operation that took longer than it did is still consistent; one that was quicker may not be.
        _ if made.end == End::Ok && ops[other].end == End::Ok => {
            let (left, right) = (ops[at].result.clone(), ops[other].result.clone());
            if ops[at].f == ops[other].f && brute::looks(&ops[at]) && ops[at].f != "txn" {
                (ops[at].result, ops[other].result) = (right, left);
            }
        }
        _ => {}
    }
}

fn wish(model: &'static str, chance: &mut Chance) -> Wish {
    Wish {
        model,
        ops: 3 + chance.below(if ["list-append", "txn-registers"].contains(&model) { 4 } else { 6 }),
        processes: 1 + chance.below(5),
        keys: 1,
        values: [0, 2, 3, 5][chance.below(4)],
        open: [0, 0, 20, 50][chance.below(4)],
        failed: [0, 10][chance.below(2)],
    }
}

/// What the checker says of lines.
fn verdict(text: &str, rules: &Rules) -> (Verdict, bool) {
    let history = read(text.as_bytes(), rules).unwrap();
    let never = || false;
    let budget = Budget::new(&never, 1 << 30);
    let answer = check(&history, rules, &budget, 1);
    let explained = answer.failure.is_none_or(|failure| {
        let window = explain(&history, rules, &failure, &budget);
        window.ops.contains(&failure.stuck) && !failure.what.is_empty()
    });
    (answer.verdict, explained)
}

fn agree(name: &'static str, model: Model, seeds: std::ops::Range<u64>) {
    let (mut right, mut wrong) = (0, 0);
    for seed in seeds {
        let mut chance = Chance::new(seed ^ (model as u64) << 32);
        let wish = wish(name, &mut chance);
        let mut ops = made(&wish, &mut chance);
        for _ in 0..chance.below(3) {
            damage(&mut ops, &mut chance);
        }
        let fail_is_mismatch = wish.failed == 0 && chance.percent(50);
        let expected = brute::is_consistent(name, &ops, fail_is_mismatch);
        let mut rules = Rules { fail_is_mismatch, ..Rules::of(model) };
        if model == Model::Bank {
            rules.init = Some(r#"{"0":10,"1":10,"2":10,"3":10}"#.into());
        }
        let text = lines(&ops, wish.keys);
        let (found, explained) = verdict(&text, &rules);
        let expected = if expected { Verdict::True } else { Verdict::False };
        assert_eq!(found, expected, "{name}, seed {seed}, mismatch {fail_is_mismatch}:\n{text}");
        assert!(explained, "{name}, seed {seed}: a failure without what shows it:\n{text}");
        *(if found == Verdict::True { &mut right } else { &mut wrong }) += 1;
    }
    assert!(right > 100 && wrong > 20, "{name}: {right} right, {wrong} wrong: too few of a kind");
}

#[test]
fn verdicts_agree_with_those_of_all_orders() {
    for (name, model) in MODELS {
        agree(name, model, 0..FEW);
    }
    agree("txn-registers", Model::ListAppend, 0..FEW);
}

#[test]
#[ignore = "minutes: a hundred thousand histories; run it with `cargo test --release -- --ignored`"]
fn verdicts_agree_on_a_hundred_thousand_histories() {
    for (name, model) in MODELS {
        agree(name, model, 1_000_000..1_010_000);
    }
    agree("txn-registers", Model::ListAppend, 1_000_000..1_010_000);
}
