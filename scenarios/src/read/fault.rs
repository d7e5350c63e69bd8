//! Faults and what they do.

use super::context::{Blank, Context};
use super::fields::Fields;
use super::scalar::{blank, quantity, ratio, text, whole};
use super::toxic::{aim, toxic};
use super::words;
use crate::fault::{Act, Fault, GroupWay, Groups};
use crate::protocol::Protocol;
use crate::syntax::{Body, Node, Struct, Value};
use crate::target::Amount;
use crate::units::{Ratio, Size, Span};

blank! {
    Act: Self::Kill { target: String::new() }, r#"Latency(link: "link", delay: "100ms")"#;
    Fault: Self {
        name: String::new(),
        at: Span::ZERO,
        hold: Span::ZERO,
        every: None,
        repeat: None,
        jitter: Span::ZERO,
        act: Act::blank(),
    }, r#"(name: "slow", at: "10s", hold: "10s", do: Latency(link: "link", delay: "100ms"))"#;
}

/// A tenth more than a schedule can hold, so that the schedule's own message is the one that is seen.
const MOST_REPEATS: u32 = 1_000_000;

/// One fault.
pub(super) fn fault(cx: &mut Context, node: &Node) -> Option<Fault> {
    let mut fields = cx.fields(node, "a fault")?;
    let fault = Fault {
        name: fields.required(cx, "name", text),
        at: fields.required(cx, "at", quantity),
        hold: fields.or(cx, "hold", Span::ZERO, quantity),
        every: fields.optional(cx, "every", quantity),
        repeat: fields.optional(cx, "repeat", whole(1, MOST_REPEATS)),
        jitter: fields.or(cx, "jitter", Span::ZERO, quantity),
        act: fields.required(cx, "do", act),
    };
    fields.finish(cx);
    Some(fault)
}

fn act(cx: &mut Context, node: &Node) -> Option<Act> {
    let kinds: Vec<&str> = Act::kinds().collect();
    let kind = cx.variant(node, "a kind of fault", &kinds)?;
    let mut fields = cx.fields(node, &format!("`{kind}`"))?;
    let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.act() == kind);
    let act = match kind {
        _ if let Some(protocol) = protocol => of_protocol(cx, &mut fields, protocol),
        "Partition" if let Some(between) = fields.node("between") => Act::Split {
            between: cx.step("between", between, groups).unwrap_or_default(),
            way: fields.or(cx, "way", GroupWay::Both, group_way),
        },
        "Kill" | "Stop" | "Restart" => on_target(cx, &mut fields, kind),
        "CpuPressure" => cpu(cx, &mut fields),
        "MemoryPressure" => memory(cx, &mut fields),
        _ => on_link(cx, &mut fields, kind),
    };
    fields.finish(cx);
    Some(act)
}

fn on_link(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Act {
    let link = fields.required(cx, "link", text);
    let toxic = toxic(cx, fields, kind);
    let aim = aim(cx, fields, &toxic);
    Act::Toxic { link, toxic, aim }
}

/// Two lists of names in round brackets.
fn groups(cx: &mut Context, node: &Node) -> Option<Groups> {
    let two = match &node.value {
        Value::Struct(Struct { name: None, body: Body::Values(groups) }) => groups.as_slice(),
        _ => &[],
    };
    let [first, second] = two else {
        return cx.expected(node, "two groups of names", r#"write `between: (["a", "b"], ["c"])`"#);
    };
    let mut group = |index: usize, node: &Node| {
        cx.step(index, node, |cx, node| cx.list(node, "names of targets, or of those before links", text))
    };
    let (first, second) = (group(0, first), group(1, second));
    Some(Groups { first: first?, second: second? })
}

fn group_way(cx: &mut Context, node: &Node) -> Option<GroupWay> {
    let way = match cx.variant(node, "a way between groups", &["Both", "FirstToSecond", "SecondToFirst"])? {
        "FirstToSecond" => GroupWay::FirstToSecond,
        "SecondToFirst" => GroupWay::SecondToFirst,
        _ => GroupWay::Both,
    };
    cx.bare(node);
    Some(way)
}

/// Without details the act is the whole of the fault; else it is a field of it, as they are.
fn of_protocol(cx: &mut Context, fields: &mut Fields<'_>, protocol: Protocol) -> Act {
    let link = fields.required(cx, "link", text);
    let act = fields.optional(cx, "act", words::value);
    let fault = match protocol.details() {
        [] => act.unwrap_or_default(),
        details => {
            let mut object = words::fields(cx, fields, details);
            object.extend(act.map(|act| ("act".to_owned(), act)));
            object.into()
        }
    };
    Act::Protocol { link, protocol, fault }
}

fn on_target(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Act {
    let target = fields.required(cx, "target", text);
    match kind {
        "Kill" => Act::Kill { target },
        "Stop" => Act::Stop { target },
        _ => Act::Restart { target },
    }
}

fn cpu(cx: &mut Context, fields: &mut Fields<'_>) -> Act {
    let whole_core = Ratio::new(1.0).unwrap_or_default();
    let workers = fields.or(cx, "workers", 1, whole(1_u32, 1_024));
    Act::CpuPressure { workers, load: fields.or(cx, "load", whole_core, ratio) }
}

fn memory(cx: &mut Context, fields: &mut Fields<'_>) -> Act {
    let amount = match fields.one_of(cx, &["size", "share"]) {
        Some(("size", node)) => cx.step("size", node, quantity).map(Amount::Size),
        Some((_, node)) => cx.step("share", node, ratio).map(Amount::Share),
        None => {
            cx.note_broken();
            None
        }
    };
    let amount = amount.unwrap_or(Amount::Size(Size::default()));
    Act::MemoryPressure { amount, ramp: fields.or(cx, "ramp", Span::secs(1), quantity) }
}
