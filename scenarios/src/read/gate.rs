//! Gates and the windows they look at.

use super::context::{Blank, Context};
use super::fields::Fields;
use super::scalar::{blank, number, quantity, ratio, text};
use crate::experiment::Phase;
use crate::gate::{Gate, LeakResource, Quantile, Resource, Window};
use crate::syntax::Node;
use crate::units::{Size, Span};

blank! {
    Gate: Self::RecoveryTime { below: Span::ZERO }, r#"P95(of: "workload", below: "500ms")"#;
    LeakResource: Self::Memory, "Memory";
}

const KINDS: [&str; 16] = [
    "P50",
    "P95",
    "P99",
    "P999",
    "Max",
    "ErrorRatio",
    "Throughput",
    "Rss",
    "Pss",
    "Anonymous",
    "Fds",
    "Sockets",
    "Threads",
    "Cpu",
    "RecoveryTime",
    "NoLeak",
];

/// One gate.
pub(super) fn gate(cx: &mut Context, node: &Node) -> Option<Gate> {
    let kind = cx.variant(node, "a gate", &KINDS)?;
    let mut fields = cx.fields(node, &format!("gate `{kind}`"))?;
    let gate = match kind {
        "ErrorRatio" => Gate::ErrorRatio {
            of: fields.required(cx, "of", text),
            below: fields.required(cx, "below", ratio),
            over: over(cx, &mut fields),
        },
        "Throughput" => Gate::Throughput {
            of: fields.required(cx, "of", text),
            above: fields.required(cx, "above", quantity),
            over: over(cx, &mut fields),
        },
        "RecoveryTime" => Gate::RecoveryTime { below: fields.required(cx, "below", quantity) },
        "NoLeak" => no_leak(cx, &mut fields),
        _ => threshold(cx, &mut fields, kind),
    };
    fields.finish(cx);
    Some(gate)
}

/// A quantile of a workload or a resource of a target: `of`, `below`, `over`.
fn threshold(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Gate {
    let of = fields.required(cx, "of", text);
    if let Some(quantile) = quantile(kind) {
        let below = fields.required(cx, "below", quantity);
        return Gate::Latency { quantile, of, below, over: over(cx, fields) };
    }
    let resource = resource(kind);
    let below = match resource {
        // Sizes are far below 2^53 bytes or rounded by less than a page: a float keeps them well enough.
        Resource::Rss | Resource::Pss | Resource::Anonymous => {
            fields.required(cx, "below", quantity::<Size>).as_bytes() as f64
        }
        _ => fields.required(cx, "below", number),
    };
    Gate::Resource { resource, of, below, over: over(cx, fields) }
}

fn quantile(kind: &str) -> Option<Quantile> {
    match kind {
        "P50" => Some(Quantile::P50),
        "P95" => Some(Quantile::P95),
        "P99" => Some(Quantile::P99),
        "P999" => Some(Quantile::P999),
        "Max" => Some(Quantile::Max),
        _ => None,
    }
}

fn resource(kind: &str) -> Resource {
    match kind {
        "Rss" => Resource::Rss,
        "Pss" => Resource::Pss,
        "Anonymous" => Resource::Anonymous,
        "Fds" => Resource::Fds,
        "Sockets" => Resource::Sockets,
        "Threads" => Resource::Threads,
        _ => Resource::Cpu,
    }
}

fn no_leak(cx: &mut Context, fields: &mut Fields<'_>) -> Gate {
    let all = LeakResource::BY_DEFAULT.to_vec();
    let of = fields.required(cx, "of", text);
    let resources = fields.or(cx, "resources", all, |cx, node| cx.list(node, "resources", leak_resource));
    Gate::NoLeak { of, resources }
}

/// What a target exports is looked at as well where `resources` was left out.
pub(super) fn look_at_exports(gates: &mut [Gate], exports: impl Fn(&str) -> bool) {
    for gate in gates {
        if let Gate::NoLeak { of, resources } = gate
            && *resources == LeakResource::BY_DEFAULT
            && exports(of)
        {
            resources.push(LeakResource::Exported);
        }
    }
}

fn leak_resource(cx: &mut Context, node: &Node) -> Option<LeakResource> {
    let name = cx.variant(node, "a resource", &LeakResource::ALL.map(LeakResource::name))?;
    let resource = LeakResource::ALL.into_iter().find(|resource| resource.name() == name)?;
    cx.bare(node);
    Some(resource)
}

fn over(cx: &mut Context, fields: &mut Fields<'_>) -> Window {
    fields.or(cx, "over", Window::Run, window)
}

fn window(cx: &mut Context, node: &Node) -> Option<Window> {
    const WINDOWS: [&str; 7] = ["Warmup", "Baseline", "Chaos", "Recovery", "Run", "Fault", "Between"];
    let window = match cx.variant(node, "a window", &WINDOWS)? {
        "Fault" => {
            let name = cx.only(node, r#"Fault("name")"#)?;
            return cx.step("fault", name, text).map(Window::Fault);
        }
        "Between" => {
            let [from, to] = cx.values(node, r#"Between("10s", "20s")"#)?;
            let (from, to) = (cx.step("from", from, quantity), cx.step("to", to, quantity));
            return Some(Window::Between(from?, to?));
        }
        "Warmup" => Window::Phase(Phase::Warmup),
        "Baseline" => Window::Phase(Phase::Baseline),
        "Chaos" => Window::Phase(Phase::Chaos),
        "Recovery" => Window::Phase(Phase::Recovery),
        _ => Window::Run,
    };
    cx.bare(node);
    Some(window)
}
