//! Faults and what they do.

use super::context::{Blank, Context};
use super::fields::Fields;
use super::scalar::{blank, quantity, ratio, text, whole};
use super::target::way;
use crate::fault::{Act, Fault};
use crate::syntax::Node;
use crate::target::{Amount, Way};
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
    let kind = cx.variant(node, "a kind of fault", &Act::KINDS)?;
    let mut fields = cx.fields(node, &format!("`{kind}`"))?;
    let act = match kind {
        "Latency" | "Blackhole" | "Partition" | "Reset" | "Refuse" | "Bandwidth" => {
            on_link(cx, &mut fields, kind)
        }
        "Kill" | "Stop" | "Restart" => on_target(cx, &mut fields, kind),
        "CpuPressure" => cpu(cx, &mut fields),
        _ => memory(cx, &mut fields),
    };
    fields.finish(cx);
    Some(act)
}

fn on_link(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Act {
    let link = fields.required(cx, "link", text);
    match kind {
        "Latency" => Act::Latency {
            link,
            delay: fields.required(cx, "delay", quantity),
            jitter: fields.or(cx, "jitter", Span::ZERO, quantity),
            way: fields.or(cx, "way", Way::Downstream, way),
        },
        "Blackhole" => Act::Blackhole { link, way: fields.or(cx, "way", Way::Both, way) },
        "Partition" => Act::Partition { link, way: fields.or(cx, "way", Way::Both, way) },
        "Bandwidth" => Act::Bandwidth {
            link,
            rate: fields.required(cx, "rate", quantity),
            way: fields.or(cx, "way", Way::Downstream, way),
        },
        "Reset" => Act::Reset { link },
        _ => Act::Refuse { link },
    }
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
