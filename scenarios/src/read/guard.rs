//! The guard and its stop rules.

use super::context::{Blank, Context};
use super::scalar::{blank, quantity, ratio, text, texts, whole};
use crate::guard::{Guard, StopOn, StopRule};
use crate::syntax::Node;
use crate::units::Size;

blank! {
    StopOn: Self::CertainLeak, "CertainLeak";
    StopRule: Self::AvailableMemory { below: Size::default() }, r#"AvailableMemory(below: "500MiB")"#;
}

/// The guard.
pub(super) fn guard(cx: &mut Context, node: &Node) -> Option<Guard> {
    let mut fields = cx.fields(node, "`guard`")?;
    let guard = Guard {
        stop_if: fields.or(cx, "stop_if", Vec::new(), |cx, node| cx.list(node, "stop rules", stop_rule)),
        stop_on: fields.or(cx, "stop_on", Vec::new(), |cx, node| cx.list(node, "verdicts", stop_on)),
        allow: fields.or(cx, "allow", Vec::new(), texts),
        max_faults_at_once: fields.optional(cx, "max_faults_at_once", whole(1_u32, 100_000)),
        keep_available: fields.optional(cx, "keep_available", quantity),
    };
    fields.finish(cx);
    Some(guard)
}

fn stop_on(cx: &mut Context, node: &Node) -> Option<StopOn> {
    cx.variant(node, "a verdict that ends a run", &["CertainLeak"])?;
    cx.bare(node);
    Some(StopOn::CertainLeak)
}

fn stop_rule(cx: &mut Context, node: &Node) -> Option<StopRule> {
    let kind = cx.variant(node, "a stop rule", &["ErrorRatio", "ProbeFails", "AvailableMemory", "Rss"])?;
    let mut fields = cx.fields(node, &format!("stop rule `{kind}`"))?;
    let rule = match kind {
        "ErrorRatio" => StopRule::ErrorRatio {
            of: fields.required(cx, "of", text),
            above: fields.required(cx, "above", ratio),
            lasting: fields.required(cx, "for", quantity),
        },
        "ProbeFails" => StopRule::ProbeFails {
            probe: fields.required(cx, "probe", text),
            lasting: fields.required(cx, "for", quantity),
        },
        "AvailableMemory" => StopRule::AvailableMemory { below: fields.required(cx, "below", quantity) },
        _ => StopRule::Rss {
            of: fields.required(cx, "of", text),
            above: fields.required(cx, "above", quantity),
        },
    };
    fields.finish(cx);
    Some(rule)
}
