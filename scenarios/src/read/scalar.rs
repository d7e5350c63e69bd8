//! Readers of single values: text, numbers and quantities, and what each looks like.

use std::fmt::Display;
use std::str::FromStr;

use super::context::{Blank, Context};
use crate::syntax::{Node, Number, Text, Value};
use crate::units::{Bandwidth, Rate, Ratio, Size, Span, UnitError};

macro_rules! blank {
    ($($type:ty: $blank:expr, $example:literal;)*) => {$(
        impl Blank for $type {
            fn blank() -> Self {
                $blank
            }
            const EXAMPLE: &'static str = $example;
        }
    )*};
}
pub(super) use blank;

blank! {
    String: Self::new(), r#""…""#;
    Span: Self::ZERO, r#""10s""#;
    Rate: Self::default(), r#""100/s""#;
    Ratio: Self::default(), r#""1%""#;
    Size: Self::default(), r#""64MiB""#;
    Bandwidth: Self::default(), r#""1MB/s""#;
    u32: 0, "1";
    i32: 0, "1";
    f64: 0.0, "1.5";
    Vec<String>: Self::new(), r#"["program", "argument"]"#;
    std::collections::BTreeMap<String, String>: Self::new(), r#"{"name": "value"}"#;
}

/// A quantity that is written as a string with its unit.
pub(super) trait Quantity: FromStr<Err = UnitError> {
    /// What it is, for messages.
    const NAME: &'static str;
    /// How a bare number would be written rightly.
    fn from_number(number: &str) -> String;
}

macro_rules! quantity {
    ($($type:ty: $name:literal, $form:literal;)*) => {$(
        impl Quantity for $type {
            const NAME: &'static str = $name;
            fn from_number(number: &str) -> String {
                format!($form, number)
            }
        }
    )*};
}

quantity! {
    Span: "a length of time such as \"10s\"", "\"{}s\"";
    Rate: "a rate such as \"100/s\"", "\"{}/s\"";
    Ratio: "a ratio such as \"1%\"", "\"{}%\"";
    Size: "a size such as \"64MiB\"", "\"{}MiB\"";
    Bandwidth: "a data rate such as \"1MB/s\"", "\"{}MB/s\"";
}

/// A string.
pub(super) fn text(cx: &mut Context, node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.value.clone()),
        Value::Number(_) | Value::Bool(_) => cx.expected(node, "text in quotes", "put it in quotes"),
        _ => cx.expected(node, "text in quotes", "write \"…\""),
    }
}

/// A list of strings.
pub(super) fn texts(cx: &mut Context, node: &Node) -> Option<Vec<String>> {
    if let Value::Text(whole) = &node.value {
        let words: Vec<String> = whole.value.split_whitespace().map(|word| format!("\"{word}\"")).collect();
        let help = format!(
            "write [{}]; there is no shell that would split it",
            crate::syntax::shortened(&words.join(", "))
        );
        return cx.expected(node, "a list of texts `[…]`", help);
    }
    cx.list(node, "texts", text)
}

/// A quantity with its unit.
pub(super) fn quantity<T: Quantity>(cx: &mut Context, node: &Node) -> Option<T> {
    match &node.value {
        Value::Text(text) => parsed(cx, node, text),
        Value::Number(number) => {
            let written = match number {
                Number::Whole(number) => number.to_string(),
                Number::Float(number) => number.to_string(),
            };
            cx.expected(node, T::NAME, format!("say which unit: {}", T::from_number(&written)))
        }
        _ => cx.expected(node, T::NAME, "write it in quotes, with its unit"),
    }
}

fn parsed<T: Quantity>(cx: &mut Context, node: &Node, text: &Text) -> Option<T> {
    match text.value.parse() {
        Ok(value) => Some(value),
        Err(error) => cx.wrong(node.place, UnitError::to_string(&error), origin(text)),
    }
}

/// Where a text came from that is not as it stands in the file.
fn origin(text: &Text) -> &'static str {
    if text.substituted { "a variable was put in: see `variables`, or what was given by `--set`" } else { "" }
}

/// `true` or `false`.
pub(super) fn boolean(cx: &mut Context, node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(truth) => Some(*truth),
        Value::Text(text) if text.substituted && text.value.trim().parse::<bool>().is_ok() => {
            text.value.trim().parse().ok()
        }
        _ => cx.expected(node, "`true` or `false`", "write it without quotes"),
    }
}

/// A ratio; a bare number is one as well.
pub(super) fn ratio(cx: &mut Context, node: &Node) -> Option<Ratio> {
    let number = match node.value {
        Value::Number(Number::Whole(whole)) => whole as f64,
        Value::Number(Number::Float(float)) => float,
        _ => return quantity(cx, node),
    };
    let help = "write a share such as \"1%\" or 0.01";
    Ratio::new(number).or_else(|| cx.wrong(node.place, format!("a ratio cannot be {number}"), help))
}

/// A whole number within bounds, both included.
pub(super) fn whole<T>(low: T, high: T) -> impl Fn(&mut Context, &Node) -> Option<T>
where
    T: Copy + Display + TryFrom<i128> + Into<i128>,
{
    move |cx, node| {
        let number = match &node.value {
            Value::Number(Number::Whole(number)) => *number,
            Value::Text(text) if text.substituted => match text.value.trim().parse() {
                Ok(number) => number,
                Err(_) => return cx.expected(node, "a whole number", origin(text)),
            },
            Value::Text(text) if text.value.trim().parse::<i128>().is_ok() => {
                return cx.expected(node, "a whole number", "write it without quotes");
            }
            _ => return cx.expected(node, "a whole number", format!("write a number from {low} to {high}")),
        };
        let fits = (low.into()..=high.into()).contains(&number);
        let value = T::try_from(number).ok().filter(|_| fits);
        value.or_else(|| {
            cx.wrong(node.place, format!("{number} is out of range"), format!("allowed: {low} to {high}"))
        })
    }
}

/// Any finite number.
pub(super) fn number(cx: &mut Context, node: &Node) -> Option<f64> {
    let number = match &node.value {
        Value::Number(Number::Whole(whole)) => *whole as f64,
        Value::Number(Number::Float(float)) => *float,
        Value::Text(text) if text.substituted => match text.value.trim().parse() {
            Ok(number) => number,
            Err(_) => return cx.expected(node, "a number", origin(text)),
        },
        Value::Text(text) if text.value.trim().parse::<f64>().is_ok() => {
            return cx.expected(node, "a number", "write it without quotes");
        }
        _ => return cx.expected(node, "a number", "write a number such as 100 or 1.5"),
    };
    let finite = Some(number).filter(|number| number.is_finite());
    finite.or_else(|| {
        cx.wrong(node.place, format!("{number} is no limit"), "write a number such as 100 or 1.5")
    })
}
