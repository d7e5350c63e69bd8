//! The steady-state hypothesis.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Blank, Context};
use super::fields::Fields;
use super::scalar::{blank, quantity, text, texts, whole};
use crate::probe::{Ask, Probe};
use crate::syntax::{Body, Node, Number, Struct, Value};
use crate::units::Span;
use crate::workload::Destination;

blank! {
    Probe: Self {
        name: String::new(),
        ask: Ask::Tcp { to: Destination::blank() },
        every: Span::secs(1),
        timeout: Span::secs(1),
    }, r#"Http(target: "server", path: "/healthz")"#;
}

/// All probes; those without a name get one from what they ask.
pub(super) fn hypothesis(cx: &mut Context, node: &Node) -> Option<Vec<Probe>> {
    let mut probes = cx.list(node, "probes", probe)?;
    let mut taken: BTreeSet<String> = probes.iter().map(|probe| probe.name.clone()).collect();
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    for probe in probes.iter_mut().filter(|probe| probe.name.is_empty()) {
        let asked = asked(&probe.ask);
        let number = numbers.entry(asked.clone()).or_insert(0);
        while probe.name.is_empty() || !taken.insert(probe.name.clone()) {
            *number += 1;
            probe.name = if *number == 1 { asked.clone() } else { format!("{asked} ({number})") };
        }
    }
    Some(probes)
}

/// What it asks, in so few characters that it fits the rule for names even with a number behind it.
fn asked(ask: &Ask) -> String {
    let words = match ask {
        Ask::Http { to, path, .. } => format!("GET {path} of {}", to.name()),
        Ask::Tcp { to } => format!("connect to {}", to.name()),
        Ask::Exec { argv, .. } => format!("run {}", argv.join(" ")),
    };
    words.chars().filter(|c| !c.is_control()).take(56).collect()
}

fn probe(cx: &mut Context, node: &Node) -> Option<Probe> {
    let kind = cx.variant(node, "a probe", &["Http", "Tcp", "Exec"])?;
    let mut fields = cx.fields(node, &format!("probe `{kind}`"))?;
    let name = fields.or(cx, "name", String::new(), text);
    let ask = match kind {
        "Http" => http(cx, &mut fields),
        "Tcp" => Ask::Tcp { to: destination(cx, &mut fields) },
        _ => exec(cx, &mut fields),
    };
    let every = fields.or(cx, "every", Span::secs(1), quantity);
    let timeout = fields.or(cx, "timeout", Span::secs(1), quantity);
    fields.finish(cx);
    Some(Probe { name, ask, every, timeout })
}

/// `target: "name"` or `link: "name"`. Its place is noted under `to`.
fn destination(cx: &mut Context, fields: &mut Fields<'_>) -> Destination {
    let read = match fields.one_of(cx, &["target", "link"]) {
        Some(("target", node)) => cx.step("to", node, text).map(Destination::Target),
        Some((_, node)) => cx.step("to", node, text).map(Destination::Link),
        None => {
            cx.note_broken();
            None
        }
    };
    read.unwrap_or_else(Destination::blank)
}

fn http(cx: &mut Context, fields: &mut Fields<'_>) -> Ask {
    let to = destination(cx, fields);
    let path = fields.or(cx, "path", "/".to_owned(), text);
    let (status, body) = fields.or(cx, "tolerance", (200, None), http_tolerance);
    Ask::Http { to, path, status, body }
}

/// `Status(200)`, `Body("text")` or `(status: 200, body: "text")`.
fn http_tolerance(cx: &mut Context, node: &Node) -> Option<(u16, Option<String>)> {
    if is_plain_struct(node) {
        let mut fields = cx.fields(node, "`tolerance`")?;
        let status = fields.or(cx, "status", 200, whole(100_u16, 599));
        let body = fields.optional(cx, "body", text);
        fields.finish(cx);
        return Some((status, body));
    }
    if let Value::Number(Number::Whole(status)) = &node.value {
        return cx.expected(node, "a tolerance", format!("write `Status({status})`"));
    }
    match cx.variant(node, "a tolerance", &["Status", "Body"])? {
        "Status" => {
            let status = cx.only(node, "Status(200)")?;
            cx.step("status", status, whole(100_u16, 599)).map(|status| (status, None))
        }
        _ => {
            let body = cx.only(node, r#"Body("text")"#)?;
            cx.step("body", body, text).map(|body| (200, Some(body)))
        }
    }
}

fn exec(cx: &mut Context, fields: &mut Fields<'_>) -> Ask {
    let argv = fields.required(cx, "argv", texts);
    let (exit, stdout) = fields.or(cx, "tolerance", (0, None), exec_tolerance);
    Ask::Exec { argv, exit, stdout }
}

/// `Exit(0)`, `Stdout("text")` or `(exit: 0, stdout: "text")`.
fn exec_tolerance(cx: &mut Context, node: &Node) -> Option<(i32, Option<String>)> {
    if is_plain_struct(node) {
        let mut fields = cx.fields(node, "`tolerance`")?;
        let exit = fields.or(cx, "exit", 0, whole(0_i32, 255));
        let stdout = fields.optional(cx, "stdout", text);
        fields.finish(cx);
        return Some((exit, stdout));
    }
    if let Value::Number(Number::Whole(exit)) = &node.value {
        return cx.expected(node, "a tolerance", format!("write `Exit({exit})`"));
    }
    match cx.variant(node, "a tolerance", &["Exit", "Stdout"])? {
        "Exit" => {
            let exit = cx.only(node, "Exit(0)")?;
            cx.step("exit", exit, whole(0_i32, 255)).map(|exit| (exit, None))
        }
        _ => {
            let stdout = cx.only(node, r#"Stdout("text")"#)?;
            cx.step("stdout", stdout, text).map(|stdout| (0, Some(stdout)))
        }
    }
}

fn is_plain_struct(node: &Node) -> bool {
    matches!(&node.value, Value::Struct(Struct { name: None, body: Body::Fields(_) }))
}
