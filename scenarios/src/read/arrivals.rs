//! When requests are due.

use super::context::{Blank, Context};
use super::scalar::{blank, number, quantity, text, whole};
use super::workload::MOST_CONNECTIONS;
use crate::syntax::{Node, Value};
use crate::trace::{Trace, TraceFormat};
use crate::units::{Rate, Span};
use crate::workload::{Arrivals, Spacing, Stage, Think};

blank! {
    Arrivals: Self::Constant(Rate::default()), r#"Poisson("100/s")"#;
    Stage: Self { rate: Rate::default(), over: Span::ZERO }, r#"(rate: "100/s", over: "10s")"#;
    Vec<Stage>: Self::new(), r#"[(rate: "100/s", over: "10s")]"#;
    Vec<Rate>: Self::new(), r#"["10/s", "20/s"]"#;
}

/// Everything that arrivals can be.
const SHAPES: [&str; 9] =
    ["Poisson", "Constant", "Stages", "Spikes", "Sine", "Daily", "Bursts", "Replay", "Closed"];
/// The most requests of one burst.
const LARGEST_BURST: u32 = 1_000_000;
const DAY: Span = Span::secs(24 * 3_600);

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
        "Spikes" => spikes(cx, node),
        "Sine" => sine(cx, node),
        "Daily" => daily(cx, node),
        "Bursts" => bursts(cx, node),
        "Replay" => replay(cx, node),
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

fn spikes(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    let mut fields = cx.fields(node, "`Spikes`")?;
    let spacing = fields.or(cx, "spacing", Spacing::Random, spacing);
    let base = fields.required(cx, "base", quantity);
    let peak = fields.required(cx, "peak", quantity);
    let every = fields.required(cx, "every", quantity);
    let hold = fields.required(cx, "hold", quantity);
    let ramp = fields.or(cx, "ramp", Span::ZERO, quantity);
    fields.finish(cx);
    Some(Arrivals::Spikes { spacing, base, peak, every, hold, ramp })
}

fn sine(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    let mut fields = cx.fields(node, "`Sine`")?;
    let spacing = fields.or(cx, "spacing", Spacing::Random, spacing);
    let mean = fields.required(cx, "mean", quantity);
    let amplitude = fields.required(cx, "amplitude", quantity);
    let period = fields.required(cx, "period", quantity);
    fields.finish(cx);
    Some(Arrivals::Sine { spacing, mean, amplitude, period })
}

fn daily(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    let mut fields = cx.fields(node, "`Daily`")?;
    let spacing = fields.or(cx, "spacing", Spacing::Random, spacing);
    let rates = fields.required(cx, "rates", |cx, node| cx.list(node, "rates", quantity));
    let day = fields.or(cx, "day", DAY, quantity);
    fields.finish(cx);
    Some(Arrivals::Daily { spacing, rates, day })
}

fn bursts(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    let mut fields = cx.fields(node, "`Bursts`")?;
    let size = fields.required(cx, "size", whole(1_u32, LARGEST_BURST));
    let every = fields.required(cx, "every", quantity);
    let over = fields.or(cx, "over", Span::ZERO, quantity);
    fields.finish(cx);
    Some(Arrivals::Bursts { size, every, over })
}

fn replay(cx: &mut Context, node: &Node) -> Option<Arrivals> {
    let mut fields = cx.fields(node, "`Replay`")?;
    let file = fields.required(cx, "file", text);
    let format = fields.or(cx, "format", TraceFormat::Csv, trace_format);
    let speed = fields.or(cx, "speed", 1.0, number);
    fields.finish(cx);
    Some(Arrivals::Replay { file, format, speed, trace: Trace::default() })
}

fn trace_format(cx: &mut Context, node: &Node) -> Option<TraceFormat> {
    let csv = cx.variant(node, "a format", &["Csv", "AccessLog"])? == "Csv";
    cx.bare(node);
    Some(if csv { TraceFormat::Csv } else { TraceFormat::AccessLog })
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
