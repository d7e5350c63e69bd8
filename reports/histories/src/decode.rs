//! From the value of a line to what an operation did, by model.

use std::borrow::Cow;

use serde_json::Value;

use crate::history::{Action, History, Micro, NULL, Transfer};
use crate::model::{Model, Rules};
use crate::texts::{Place, Texts};

/// What an operation is to do, from the line it begins on. A value of null or none is `None`.
pub fn begin(history: &mut History, rules: &Rules, f: &str, value: Option<&str>) -> Result<Action, String> {
    let wrong = || {
        format!("expected f to be {} (--model {}), found `{}`", rules.model.words(), rules.model, short(f))
    };
    let names = &mut history.values;
    match (rules.model, f) {
        (Model::Register | Model::CasRegister, "read") | (Model::Kv, "get" | "read") => {
            Ok(Action::Read(None))
        }
        (Model::Register | Model::CasRegister, "write") | (Model::Kv, "put" | "write") => {
            Ok(Action::Write(names.number(&canonical(value))))
        }
        (Model::CasRegister | Model::Kv, "cas") => {
            let [old, new] = pair(value)?;
            Ok(Action::Cas(names.number(&old), names.number(&new)))
        }
        (Model::KvAppend, "get" | "read") => Ok(Action::Get(None)),
        (Model::KvAppend, "put" | "write") => Ok(Action::Put(names.number(&text(value)?))),
        (Model::KvAppend, "append") => Ok(Action::Append(names.number(&text(value)?))),
        (Model::Counter, "add") => Ok(Action::Add(whole(value)?)),
        (Model::Counter, "read") => Ok(Action::Sum(None)),
        (Model::Set, "add") => Ok(Action::Insert(names.number(&canonical(value)))),
        (Model::Set, "read") => Ok(Action::Members(None)),
        (Model::Queue, "enqueue") => Ok(Action::Enqueue(names.number(&canonical(value)))),
        (Model::Queue, "dequeue") => Ok(Action::Dequeue(None)),
        (Model::Lock, "acquire") => Ok(Action::Acquire),
        (Model::Lock, "release") => Ok(Action::Release),
        (Model::Bank, "transfer") => transfer(history, value),
        (Model::Bank, "read") => Ok(Action::Balances(None)),
        (Model::ListAppend, "txn") => txn(history, value),
        _ => Err(wrong()),
    }
}

/// The same with the answer, from the line it ended well on.
pub fn finish(
    history: &mut History,
    rules: &Rules,
    key: u32,
    action: Action,
    value: Option<&str>,
) -> Result<Action, String> {
    match action {
        _ if value.is_none() && rules.nil_is_any && is_read(action) => Ok(action),
        Action::Read(_) => Ok(Action::Read(Some(history.values.number(&canonical(value))))),
        Action::Dequeue(_) => Ok(Action::Dequeue(Some(history.values.number(&canonical(value))))),
        Action::Get(_) => {
            let text = text(value)?;
            if history.texts.len() <= key as usize {
                history.texts.resize_with(key as usize + 1, Texts::default);
            }
            let place = if text.is_empty() { Place::EMPTY } else { history.texts[key as usize].put(&text) };
            Ok(Action::Get(Some(place)))
        }
        Action::Sum(_) => Ok(Action::Sum(Some(whole(value)?))),
        Action::Members(_) => {
            let all = list(value.unwrap_or("[]"))?;
            Ok(Action::Members(Some(put_list(history, &all))))
        }
        Action::Balances(_) => {
            let sheet = sheet(history, value.unwrap_or("null"))?;
            history.sheets.push(sheet.into_boxed_slice());
            Ok(Action::Balances(Some(history.sheets.len() as u32 - 1)))
        }
        Action::Txn(_) if value.is_some() => txn(history, value),
        other => Ok(other),
    }
}

/// The state that a history begins in, as `--init` tells it, in the form of what a read finds. `None` where the model has
/// its own.
pub fn init(history: &mut History, rules: &Rules) -> Result<Option<Action>, String> {
    let Some(told) = rules.init.as_deref() else { return Ok(None) };
    let told = if told == "nil" { "null" } else { told.trim() };
    let quoted = Value::from(told).to_string();
    let json = if serde_json::from_str::<Value>(told).is_ok() { told } else { quoted.as_str() };
    let value = (json != "null").then_some(json);
    let wrong = |what: String| format!("--init: {what}");
    let read = match (rules.model, value) {
        (Model::Register | Model::CasRegister | Model::Kv, _) => {
            Action::Read(Some(history.values.number(&canonical(value))))
        }
        (Model::KvAppend, _) => Action::Put(history.values.number(&text(value).map_err(wrong)?)),
        (Model::Lock, _) => match value.map(|it| it.trim_matches('"')) {
            None | Some("free" | "false") => Action::Release,
            Some("held" | "true") => Action::Acquire,
            Some(other) => return Err(wrong(format!("expected free or held, found `{}`", short(other)))),
        },
        (Model::ListAppend, None) | (_, None) => return Ok(None),
        (Model::Counter, _) => Action::Sum(Some(whole(value).map_err(wrong)?)),
        (Model::Set | Model::Queue, Some(value)) => {
            let all = list(value).map_err(wrong)?;
            Action::Members(Some(put_list(history, &all)))
        }
        (Model::Bank, Some(value)) => {
            let sheet = sheet(history, value).map_err(wrong)?;
            history.sheets.push(sheet.into_boxed_slice());
            Action::Balances(Some(history.sheets.len() as u32 - 1))
        }
        (Model::ListAppend, Some(_)) => return Err(wrong("lists begin empty in this model".into())),
    };
    Ok(Some(read))
}

const fn is_read(action: Action) -> bool {
    matches!(
        action,
        Action::Read(_) | Action::Get(_) | Action::Sum(_) | Action::Members(_) | Action::Balances(_)
    )
}

fn put_list(history: &mut History, all: &[Value]) -> u32 {
    for value in all {
        let number = history.values.number(plain(value).as_bytes());
        history.elements.push(number);
    }
    history.lists.push(history.elements.len());
    history.lists.len() as u32 - 1
}

/// One text for each value, however it is written: no spaces, no needless escapes, `1` for `1.0`.
pub fn canonical(value: Option<&str>) -> Cow<'_, [u8]> {
    let Some(text) = value else { return Cow::Borrowed(b"null") };
    let is_plain = match text.as_bytes() {
        [b'"', rest @ ..] => !rest.contains(&b'\\'),
        [b'1'..=b'9', rest @ ..] | [b'-', b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        text => matches!(text, b"0" | b"null" | b"true" | b"false"),
    };
    if is_plain {
        return Cow::Borrowed(text.as_bytes());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) => Cow::Owned(plain(&value).into_bytes()),
        Err(_) => Cow::Borrowed(text.as_bytes()),
    }
}

fn plain(value: &Value) -> String {
    /// Whole numbers up to here are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => {
                (float as i64).to_string()
            }
            _ => number.to_string(),
        },
        Value::Array(all) => format!("[{}]", all.iter().map(plain).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let each = fields
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), plain(value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// A string as it is, or how else a value is written.
fn text(value: Option<&str>) -> Result<Cow<'_, [u8]>, String> {
    match value {
        None => Ok(Cow::Borrowed(b"")),
        Some(json) if json.starts_with('"') => match serde_json::from_str::<&str>(json) {
            Ok(plain) => Ok(Cow::Borrowed(plain.as_bytes())),
            Err(_) => serde_json::from_str::<String>(json)
                .map(|text| Cow::Owned(text.into_bytes()))
                .map_err(|error| format!("expected a string: {error}")),
        },
        Some(json) if json.starts_with(['[', '{']) => {
            Err(format!("expected a string, found `{}`", short(json)))
        }
        Some(json) => Ok(canonical(Some(json))),
    }
}

fn whole(value: Option<&str>) -> Result<i64, String> {
    /// Sums of as many as fit into memory stay in 128 bits, and differences in 64.
    const MOST: i64 = 1 << 62;
    let text = value.unwrap_or("null");
    let number = std::str::from_utf8(&canonical(value)).ok().and_then(|text| text.parse::<i64>().ok());
    number
        .filter(|it| it.abs() <= MOST)
        .ok_or_else(|| format!("expected a whole number up to 2^62, found `{}`", short(text)))
}

fn pair(value: Option<&str>) -> Result<[Cow<'static, [u8]>; 2], String> {
    let wrong = || format!("expected [old, new], found `{}`", short(value.unwrap_or("null")));
    let all: [Value; 2] = serde_json::from_str(value.unwrap_or("null")).map_err(|_| wrong())?;
    Ok(all.map(|it| Cow::Owned(plain(&it).into_bytes())))
}

fn list(value: &str) -> Result<Vec<Value>, String> {
    serde_json::from_str(value).map_err(|_| format!("expected a list, found `{}`", short(value)))
}

/// An account is the same as a number and as a string.
fn account(value: &Value) -> Option<String> {
    match value {
        Value::String(name) => Some(name.clone()),
        Value::Number(_) => Some(plain(value)),
        _ => None,
    }
}

fn transfer(history: &mut History, value: Option<&str>) -> Result<Action, String> {
    let wrong =
        || format!("expected {{\"from\", \"to\", \"amount\"}}, found `{}`", short(value.unwrap_or("null")));
    let told: Value = serde_json::from_str(value.unwrap_or("null")).map_err(|_| wrong())?;
    let (from, to) = account(&told["from"]).zip(account(&told["to"])).ok_or_else(wrong)?;
    let amount = whole(Some(&plain(&told["amount"]))).map_err(|_| wrong())?;
    let (from, to) = (history.values.number(from.as_bytes()), history.values.number(to.as_bytes()));
    history.transfers.push(Transfer { from, to, amount });
    Ok(Action::Transfer(history.transfers.len() as u32 - 1))
}

fn sheet(history: &mut History, value: &str) -> Result<Vec<(u32, i64)>, String> {
    let wrong = || format!("expected {{account: balance, …}}, found `{}`", short(value));
    let told: serde_json::Map<String, Value> = serde_json::from_str(value).map_err(|_| wrong())?;
    let mut sheet = Vec::with_capacity(told.len());
    for (name, balance) in &told {
        let balance = whole(Some(&plain(balance))).map_err(|_| wrong())?;
        sheet.push((history.values.number(name.as_bytes()), balance));
    }
    sheet.sort_unstable();
    history.boxed += boxed(&sheet);
    Ok(sheet)
}

/// Bytes of memory that these take in a box of their own; an allocator keeps some words for each.
fn boxed<T>(all: &[T]) -> u64 {
    (size_of_val(all) + 16) as u64
}

fn txn(history: &mut History, value: Option<&str>) -> Result<Action, String> {
    let told = list(value.unwrap_or("null"))?;
    let mut parts = Vec::with_capacity(told.len());
    for part in &told {
        parts.push(micro(history, part)?);
    }
    history.boxed += boxed(&parts);
    history.txns.push(parts.into_boxed_slice());
    Ok(Action::Txn(history.txns.len() as u32 - 1))
}

fn micro(history: &mut History, part: &Value) -> Result<Micro, String> {
    let wrong = || {
        format!(
            "expected [\"append\", key, value], [\"r\", key, [values…]], [\"w\", key, value] or [\"r\", key, value], found `{}`",
            short(&part.to_string())
        )
    };
    let [Value::String(f), key, value] = part.as_array().map_or(&[][..], Vec::as_slice) else {
        return Err(wrong());
    };
    let key = history.values.number(plain(key).as_bytes());
    match (f.as_str(), value) {
        ("append", value) => Ok(Micro::Append(key, history.values.number(plain(value).as_bytes()))),
        ("r" | "read", Value::Null) => Ok(Micro::Read(key, None)),
        ("r" | "read", Value::Array(all)) => Ok(Micro::Read(key, Some(put_list(history, all)))),
        ("r" | "read", value) => Ok(Micro::Found(key, history.values.number(plain(value).as_bytes()))),
        ("w" | "write", value) => Ok(Micro::Write(key, history.values.number(plain(value).as_bytes()))),
        _ => Err(wrong()),
    }
}

/// At most 40 characters, without any that a terminal would obey.
pub fn short(text: &str) -> String {
    let safe = text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it });
    let mut short: String = safe.take(40).collect();
    if text.chars().count() > 40 {
        short.push('…');
    }
    short
}

/// Null has the first number.
pub fn prepare(history: &mut History) {
    let null = history.values.number(b"null");
    debug_assert_eq!(null, NULL, "nothing is named before null");
}
