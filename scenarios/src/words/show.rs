//! Values in the words of a protocol as an experiment writes them: for the plan and the report.

use serde_json::Value;

use super::camel;

/// A value as it would stand in an experiment: `Answer(status: 503)`.
///
/// JSON does not tell a word from a text; a text of lower-case letters and `_` is taken for a word where it is the whole
/// of a value named `act`, and shown as text everywhere else.
///
/// ```
/// use serde_json::json;
/// use shakedown_scenarios::words::shown;
///
/// assert_eq!(shown(&json!({"answer": {"status": 503, "body": "no"}}), true), r#"Answer(body: "no", status: 503)"#);
/// assert_eq!(shown(&json!("go_away"), true), "GoAway");
/// assert_eq!(shown(&json!({"every": 2, "methods": ["GET"]}), false), r#"(every: 2, methods: ["GET"])"#);
/// ```
#[must_use]
pub fn shown(value: &Value, is_variant: bool) -> String {
    match value {
        Value::String(name) if is_variant => camel(name),
        Value::Object(map) if is_variant && map.len() == 1 => {
            let variants = map.iter().map(|(name, content)| camel(name) + &in_parentheses(content));
            variants.collect()
        }
        Value::Object(_) => in_parentheses(value),
        Value::Array(items) => format!("[{}]", listed(items.iter().map(|item| shown(item, false)))),
        Value::Null => "None".to_owned(),
        other => other.to_string(),
    }
}

fn in_parentheses(content: &Value) -> String {
    match content {
        Value::Object(map) => {
            let fields = map.iter().map(|(name, value)| format!("{name}: {}", shown(value, false)));
            format!("({})", listed(fields))
        }
        other => format!("({})", shown(other, false)),
    }
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
