//! The workload `Redis`: its commands and pipelines.

use super::{Common, HEAVIEST, KEYS, common, tls};
use crate::read::context::{Blank, Context};
use crate::read::fields::Fields;
use crate::read::scalar::{blank, quantity, text, texts, whole};
use crate::syntax::{Body, Node, Struct, Value};
use crate::units::Span;
use crate::workload::redis::{RedisCommand, RedisExpect, RedisRequest, RedisWorkload, Resp};

blank! {
    RedisRequest: Self { commands: Vec::new(), weight: 1, keys: 1 }, r#"(get: "key:{n}")"#;
    Vec<RedisRequest>: Self::new(), r#"[(get: "key:{n}")]"#;
    RedisCommand: Self { arguments: Vec::new(), expect: RedisExpect::Any }, r#"(get: "key:{n}")"#;
}

const PAIR: &str = r#"write `set: ("key:{n}", "value")`"#;
const EXPECTATIONS: [&str; 6] = ["Any", "Found", "Whole", "Text", "NilOr", "Error"];

/// The workload.
pub(super) fn redis(cx: &mut Context, node: &Node) -> Option<RedisWorkload> {
    let mut fields = cx.fields(node, "workload `Redis`")?;
    let Common { to, arrivals, timeout, connections, habits } = common(cx, &mut fields);
    let tls = fields.optional(cx, "tls", tls::tls);
    let protocol = fields.or(cx, "protocol", Resp::Resp2, resp);
    let user = fields.optional(cx, "user", text);
    let password_env = fields.optional(cx, "password_env", text);
    let commands = fields.required(cx, "commands", |cx, node| cx.list(node, "commands", request));
    fields.finish(cx);
    Some(RedisWorkload {
        to,
        arrivals,
        timeout,
        connections,
        habits,
        tls,
        protocol,
        user,
        password_env,
        commands,
    })
}

fn resp(cx: &mut Context, node: &Node) -> Option<Resp> {
    let is_newer = cx.variant(node, "a protocol", &["Resp2", "Resp3"])? == "Resp3";
    cx.bare(node);
    Some(if is_newer { Resp::Resp3 } else { Resp::Resp2 })
}

fn request(cx: &mut Context, node: &Node) -> Option<RedisRequest> {
    let mut fields = cx.fields(node, "a command")?;
    let commands = match fields.one_of(cx, &["get", "set", "incr", "command", "pipeline"]) {
        Some(("pipeline", node)) => {
            cx.step("pipeline", node, |cx, node| cx.list(node, "commands", piped)).unwrap_or_default()
        }
        written => vec![command(cx, &mut fields, written)],
    };
    let weight = fields.or(cx, "weight", 1, whole(1, HEAVIEST));
    let keys = fields.or(cx, "keys", KEYS, whole(1, u64::MAX));
    fields.finish(cx);
    Some(RedisRequest { commands, weight, keys })
}

fn piped(cx: &mut Context, node: &Node) -> Option<RedisCommand> {
    let mut fields = cx.fields(node, "a command of a pipeline")?;
    let written = fields.one_of(cx, &["get", "set", "incr", "command"]);
    let command = command(cx, &mut fields, written);
    fields.finish(cx);
    Some(command)
}

/// One of the forms of a command, and what is expected of its reply.
fn command<'t>(
    cx: &mut Context,
    fields: &mut Fields<'t>,
    written: Option<(&'static str, &'t Node)>,
) -> RedisCommand {
    let (arguments, usual) = match written {
        Some(("get", node)) => (key(cx, "get", node).map(|key| of("GET", [key])), RedisExpect::Any),
        Some(("incr", node)) => (key(cx, "incr", node).map(|key| of("INCR", [key])), RedisExpect::Whole),
        Some(("set", node)) => (set(cx, node, fields), RedisExpect::Text("OK".to_owned())),
        Some((_, node)) => (cx.step("command", node, texts), RedisExpect::Any),
        None => (None, RedisExpect::Any),
    };
    if arguments.is_none() {
        cx.note_broken();
    }
    let expect = fields.or(cx, "expect", usual, expect);
    RedisCommand { arguments: arguments.unwrap_or_default(), expect }
}

fn key(cx: &mut Context, form: &'static str, node: &Node) -> Option<String> {
    cx.step(form, node, text)
}

/// `set: ("key", "value")`, and for how long.
fn set(cx: &mut Context, node: &Node, fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let pair = cx.step("set", node, |cx, node| {
        let Value::Struct(Struct { name: None, body: Body::Values(values) }) = &node.value else {
            return cx.expected(node, "a key and a value", PAIR);
        };
        let [key, value] = values.as_slice() else {
            return cx.wrong(node.head(), "`set` takes a key and a value", PAIR);
        };
        let key = cx.step(0, key, text);
        let value = cx.step(1, value, text);
        Some([key?, value?])
    });
    let lasting: Option<Span> = fields.optional(cx, "lasting", quantity);
    let mut arguments = of("SET", pair?);
    if let Some(span) = lasting {
        let millis = (span.as_nanos() / 1_000_000).max(1);
        arguments.extend(["PX".to_owned(), millis.to_string()]);
    }
    Some(arguments)
}

fn of<const N: usize>(name: &str, rest: [String; N]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(rest).collect()
}

fn expect(cx: &mut Context, node: &Node) -> Option<RedisExpect> {
    let name = cx.variant(node, "an expectation", &EXPECTATIONS)?;
    let with_text = |cx: &mut Context, example: &str| {
        let only = cx.only(node, example)?;
        cx.step("text", only, text)
    };
    match name {
        "Text" => return with_text(cx, r#"Text("OK")"#).map(RedisExpect::Text),
        "NilOr" => return with_text(cx, r#"NilOr("value-{n}")"#).map(RedisExpect::NilOr),
        "Error" => return with_text(cx, r#"Error("WRONGTYPE")"#).map(RedisExpect::Error),
        _ => cx.bare(node),
    }
    Some(match name {
        "Found" => RedisExpect::Found,
        "Whole" => RedisExpect::Whole,
        _ => RedisExpect::Any,
    })
}
