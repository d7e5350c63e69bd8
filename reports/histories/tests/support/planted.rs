//! One planted anomaly, such that no order exists for certain.

use serde_json::{Value, json};

use super::chance::Chance;
use super::made::{End, Made};

/// Places that are tried until one fits.
const TRIES: usize = 4_000;

/// Makes a history wrong whose values all differ; false if no place was found for it.
pub fn plant(model: &str, ops: &mut [Made], chance: &mut Chance) -> bool {
    (0..TRIES).any(|_| {
        let (early, late) = (chance.below(ops.len()), chance.below(ops.len()));
        let is_after = ops[early].back < ops[late].call && ops[early].key == ops[late].key;
        let came_back = ops[early].end == End::Ok && (ops[late].end == End::Ok || model == "lock");
        if !is_after || !came_back {
            return false;
        }
        match wrong(model, ops, early, late) {
            Some(told) => {
                (ops[late].result, ops[late].end) = (told, End::Ok);
                true
            }
            None => false,
        }
    })
}

/// What `late` must not have been told, for what `early` was told before it began.
fn wrong(model: &str, ops: &[Made], early: usize, late: usize) -> Option<Value> {
    let (one, other) = (&ops[early], &ops[late]);
    let both = |f: &str| (one.f == f && other.f == f).then_some(());
    match model {
        "register" | "cas-register" | "kv" => stale(ops, one, other),
        "kv-append" => {
            both("get")?;
            let text = one.result.as_str()?;
            Some(json!(text[..text.rfind('x')?]))
        }
        "counter" => {
            both("read")?;
            Some(json!(one.result.as_i64()? - 1))
        }
        "set" => {
            both("read")?;
            let mut found = other.result.as_array()?.clone();
            let lost =
                found.iter().position(|it| one.result.as_array().is_some_and(|all| all.contains(it)))?;
            found.remove(lost);
            Some(Value::Array(found))
        }
        "queue" => {
            both("dequeue")?;
            one.result.is_u64().then(|| one.result.clone())
        }
        "lock" => {
            both("acquire")?;
            // Between the two, nobody can have released it.
            let released = ops.iter().any(|it| {
                it.f == "release" && it.end != End::Fail && it.call < other.back && it.back > one.call
            });
            (other.end == End::Fail && !released).then_some(Value::Null)
        }
        "bank" => {
            let mut sheet = other.result.as_object().filter(|_| other.f == "read")?.clone();
            let balance = sheet.get("0")?.as_i64()?;
            sheet.insert("0".into(), json!(balance + 1));
            Some(Value::Object(sheet))
        }
        "txn-registers" => emptied(one, other),
        _ => shorter(one, other),
    }
}

/// A value that was overwritten before.
fn stale(ops: &[Made], one: &Made, other: &Made) -> Option<Value> {
    let is_write = |made: &Made| made.f == "write" || made.f == "put";
    let between = |it: &&Made| {
        is_write(it) && it.key == one.key && it.end == End::Ok && it.call > one.back && it.back < other.call
    };
    let looks = other.f == "read" || other.f == "get";
    (is_write(one) && looks).then_some(())?;
    ops.iter().find(between).map(|_| one.argument.clone())
}

/// A read of nothing in a register that was written before.
fn emptied(one: &Made, other: &Made) -> Option<Value> {
    let key = &one.argument.as_array()?.iter().find(|it| it[0] == "w")?[1];
    let mut told = other.result.as_array()?.clone();
    if told.iter().any(|it| it[0] == "w" && it[1] == *key) {
        return None;
    }
    let mut reads = told.iter_mut().filter(|it| it[1] == *key);
    reads.next()?[2] = Value::Null;
    reads.for_each(|it| it[2] = Value::Null);
    Some(Value::Array(told))
}

/// A read of a list shorter than one that came before.
fn shorter(one: &Made, other: &Made) -> Option<Value> {
    let appends = |made: &Made, key: &Value| {
        made.argument.as_array().is_some_and(|all| all.iter().any(|it| it[0] == "append" && it[1] == *key))
    };
    let read = one
        .result
        .as_array()?
        .iter()
        .find(|it| it[0] == "r" && it[2].as_array().is_some_and(|it| !it.is_empty()))?;
    let key = &read[1];
    if appends(one, key) || appends(other, key) {
        return None;
    }
    let mut list = read[2].as_array()?.clone();
    list.pop();
    let mut told = other.result.as_array()?.clone();
    let mut reads = told.iter_mut().filter(|it| it[0] == "r" && it[1] == *key);
    reads.next()?[2] = Value::Array(list.clone());
    reads.for_each(|it| it[2] = Value::Array(list.clone()));
    Some(Value::Array(told))
}
