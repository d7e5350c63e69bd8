//! Values in the words of a protocol: any shape, as JSON has it, with the place of every part.
//!
//! What the words mean is a dictionary's business; see [`crate::words`].

use std::collections::BTreeMap;

use serde_json::{Map, Number as JsonNumber, Value as Json};

use super::context::{Blank, Context};
use super::fields::Fields;
use crate::problem::Problem;
use crate::syntax::{Body, Node, Number, Place, Struct, Value, Word, shortened};
use crate::words::snake;

impl Blank for Json {
    fn blank() -> Self {
        Self::Null
    }
    const EXAMPLE: &'static str = "…";
}

/// The fields of these names, as far as they are written.
pub(super) fn fields(
    cx: &mut Context,
    fields: &mut Fields<'_>,
    names: &'static [&'static str],
) -> Map<String, Json> {
    let mut object = Map::new();
    for name in names {
        let read = fields.optional(cx, name, value);
        object.extend(read.map(|value| ((*name).to_owned(), value)));
    }
    object
}

/// A value of any shape.
pub(super) fn value(cx: &mut Context, node: &Node) -> Option<Json> {
    #[cfg(test)]
    {
        cx.seen.opaque += 1;
    }
    match &node.value {
        Value::Text(text) => Some(Json::String(text.value.clone())),
        Value::Char(letter) => Some(Json::String(letter.to_string())),
        Value::Bool(truth) => Some(Json::Bool(*truth)),
        Value::Number(number) => numeral(cx, node, *number),
        Value::List(_) => cx.list(node, "values", value).map(Json::Array),
        Value::Map(_) => cx.map(node, "values", value).map(|map| Json::Object(map.into_iter().collect())),
        Value::Struct(of) => structure(cx, of),
        Value::Bytes(_) => cx.expected(node, "text in quotes", "write \"…\" without the `b`"),
        Value::Broken => None,
    }
}

fn numeral(cx: &mut Context, node: &Node, number: Number) -> Option<Json> {
    let json = match number {
        Number::Whole(whole) => u64::try_from(whole)
            .ok()
            .map(JsonNumber::from)
            .or_else(|| i64::try_from(whole).ok().map(JsonNumber::from)),
        Number::Float(float) => JsonNumber::from_f64(float),
    };
    let help = "write a number of at most 64 bits";
    json.map(Json::Number).or_else(|| cx.expected(node, "a number that can be counted to", help))
}

/// `Name`, `Name(…)` and `(…)`.
fn structure(cx: &mut Context, of: &Struct) -> Option<Json> {
    let content = match &of.body {
        Body::Unit => None,
        Body::Values(values) => Some(match values.as_slice() {
            [] => Json::Object(Map::new()),
            [only] if of.name.is_some() => value(cx, only)?,
            several => Json::Array(several.iter().map(|node| value(cx, node)).collect::<Option<_>>()?),
        }),
        Body::Fields(fields) => Some(Json::Object(named(cx, fields))),
    };
    let Some(name) = &of.name else { return Some(content.unwrap_or_default()) };
    let word = snake(&name.text);
    Some(match content {
        None => Json::String(word),
        Some(content) => Json::Object(Map::from_iter([(word, content)])),
    })
}

/// Fields with names, `None` left out.
fn named(cx: &mut Context, fields: &[(Word, Node)]) -> Map<String, Json> {
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    let mut object = Map::new();
    for (word, node) in fields {
        if word.text.is_empty() {
            let message = format!("fields have names here, found {} without one", node.described());
            let _: Option<()> = cx.wrong(node.head(), message, "write `name: value`");
            cx.note_broken();
        } else if let Some(first) = seen.insert(&word.text, word.place) {
            let message = format!("field `{}` occurs twice", shortened(&word.text));
            cx.tell(Problem::new(word.place, message).also(first, "first here").help("remove one"));
        } else if !is_none(node) {
            let key = Node { place: word.place, value: Value::Broken, damaged: false };
            cx.note_key(&word.text, &key);
            let read = cx.step(&word.text, node, value);
            object.extend(read.map(|value| (word.text.clone(), value)));
        }
    }
    object
}

fn is_none(node: &Node) -> bool {
    matches!(&node.value, Value::Struct(Struct { name: Some(name), body: Body::Unit }) if name.text == "None")
}
