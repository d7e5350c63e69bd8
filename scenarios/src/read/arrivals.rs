//! When requests are due.

use super::context::{Blank, Context};
use super::scalar::{blank, quantity, whole};
use super::workload::MOST_CONNECTIONS;
use crate::syntax::{Node, Value};
use crate::units::{Rate, Span};
use crate::workload::{Arrivals, Spacing, Stage, Think};

blank! {
    Arrivals: Self::Constant(Rate::default()), r#"Poisson("100/s")"#;
    Stage: Self { rate: Rate::default(), over: Span::ZERO }, r#"(rate: "100/s", over: "10s")"#;
    Vec<Stage>: Self::new(), r#"[(rate: "100/s", over: "10s")]"#;
}

/// Everything that arrivals can be.
const SHAPES: [&str; 4] = ["Poisson", "Constant", "Stages", "Closed"];

/// When requests are due.
pub(super) fn arrivals(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    match cx.variant(node, "arrivals", &SHAPES)? {
        "Poisson" => {
            let rate = cx.only(node, r#"Poisson("100/s")"#)?;
            cx.step("rate", rate, quantity).map(Arrivals::Poisson)
        }
        "Constant" => {
            let rate = cx.only(node, r#"Constant("100/s")"#)?;
            cx.step("rate", rate, quantity).map(Arrivals::Constant)
        }
        "Stages" => stages(cx, node),
        _ => closed(cx, node),
    }
}

fn stages(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    let mut fields = cx.fields(node, "`Stages`")?;
    let spacing = fields.or(cx, "spacing", Spacing::Random, spacing);
    let stages = fields.required(cx, "stages", |cx, node| cx.list(node, "stages", stage));
    fields.finish(cx);
    Some(Arrivals::Stages { spacing, stages })
}

fn spacing(cx: &mut Context, node: &Node) -> Option<Spacing> {
    let even = cx.variant(node, "a spacing", &["Even", "Random"])? == "Even";
    cx.bare(node);
    Some(if even { Spacing::Even } else { Spacing::Random })
}

fn stage(cx: &mut Context, node: &Node) -> Option<Stage> {
    let mut fields = cx.fields(node, "a stage")?;
    let rate = fields.required(cx, "rate", quantity);
    let over = fields.required(cx, "over", quantity);
    fields.finish(cx);
    Some(Stage { rate, over })
}

fn closed(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    let mut fields = cx.fields(node, "`Closed`")?;
    let users = fields.required(cx, "users", whole(1_u32, MOST_CONNECTIONS));
    let think = fields.or(cx, "think", Think::Constant(Span::ZERO), think);
    fields.finish(cx);
    Some(Arrivals::Closed { users, think })
}

/// `"200ms"`, or `Exponential("200ms")`.
fn think(cx: &mut Context, node: &Node) -> Option<Think> {
    if !matches!(node.value, Value::Struct(_)) {
        return quantity(cx, node).map(Think::Constant);
    }
    cx.variant(node, "a think time", &["Exponential"])?;
    let mean = cx.only(node, r#"Exponential("200ms")"#)?;
    quantity(cx, mean).map(Think::Exponential)
}
