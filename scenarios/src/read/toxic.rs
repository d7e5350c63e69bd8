//! Toxics and whom they are aimed at.

use super::context::{Blank, Context};
use super::fields::Fields;
use super::scalar::{blank, quantity, ratio, text, whole};
use super::target::way;
use crate::syntax::Node;
use crate::toxic::{
    Aim, Blackhole, Damage, Dialled, Distribution, Ending, Grain, Network, Per, Shape, Side, Toxic,
};
use crate::units::{Ratio, Size, Span};

blank! {
    Shape: Self::Sine, "Sine";
    Network: Self::LOOPBACK, r#""127.0.0.0/8""#;
}

/// A toxic by its kind; its fields stand among the act's.
pub(super) fn toxic(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Toxic {
    match kind {
        "Latency" | "Wave" | "Stall" | "Bandwidth" | "Slicer" | "Coalesce" | "Loss" => pace(cx, fields, kind),
        "Corrupt" | "Duplicate" | "Reorder" | "Truncate" => damage(cx, fields, kind),
        "Refuse" | "CloseOnAccept" | "HangOnAccept" | "DropSyn" | "Dial" => connecting(cx, fields, kind),
        _ => cutting(cx, fields, kind),
    }
}

/// Whom it is aimed at.
pub(super) fn aim(cx: &mut Context, fields: &mut Fields<'_>, toxic: &Toxic) -> Aim {
    let all = Aim::at(toxic.usual_way());
    let way = if toxic.has_ways() { fields.or(cx, "way", all.way, way) } else { all.way };
    Aim {
        way,
        toxicity: fields.or(cx, "toxicity", all.toxicity, ratio),
        clients: fields.or(cx, "clients", all.clients, |cx, node| cx.list(node, "networks", network)),
        nth: fields.or(cx, "nth", 1, whole(0_u64, u64::MAX)),
        first: fields.optional(cx, "first", whole(0_u64, u64::MAX)),
        after_bytes: fields.or(cx, "after_bytes", all.after_bytes, quantity),
    }
}

fn pace(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Toxic {
    match kind {
        "Latency" => Toxic::Latency {
            delay: fields.required(cx, "delay", quantity),
            jitter: fields.or(cx, "jitter", Span::ZERO, quantity),
            distribution: fields.or(cx, "distribution", Distribution::Uniform, distribution),
            correlation: fields.or(cx, "correlation", Ratio::default(), ratio),
        },
        "Wave" => Toxic::Wave {
            shape: fields.required(cx, "shape", shape),
            amplitude: fields.required(cx, "amplitude", quantity),
            period: fields.required(cx, "period", quantity),
            phase: fields.or(cx, "phase", Span::ZERO, quantity),
        },
        "Stall" => Toxic::Stall {
            every: fields.required(cx, "every", quantity),
            hold: fields.required(cx, "hold", quantity),
        },
        "Bandwidth" => Toxic::Bandwidth {
            rate: fields.required(cx, "rate", quantity),
            per: fields.or(cx, "per", Per::Connection, per),
            burst: fields.or(cx, "burst", Toxic::BURST, quantity),
        },
        "Slicer" => Toxic::Slicer {
            average: fields.required(cx, "average", quantity),
            variation: fields.or(cx, "variation", Size::default(), quantity),
            delay: fields.or(cx, "delay", Span::ZERO, quantity),
        },
        "Coalesce" => Toxic::Coalesce {
            window: fields.required(cx, "window", quantity),
            size: fields.or(cx, "size", Toxic::COALESCED, quantity),
        },
        _ => loss(cx, fields),
    }
}

fn loss(cx: &mut Context, fields: &mut Fields<'_>) -> Toxic {
    let certain = Ratio::new(1.0).unwrap_or_default();
    Toxic::Loss {
        bad: fields.required(cx, "bad", ratio),
        good: fields.or(cx, "good", certain, ratio),
        loss_in_bad: fields.or(cx, "loss_in_bad", certain, ratio),
        loss_in_good: fields.or(cx, "loss_in_good", Ratio::default(), ratio),
        rto: fields.or(cx, "rto", Toxic::RTO, quantity),
    }
}

fn damage(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Toxic {
    let probability = fields.required(cx, "probability", ratio);
    match kind {
        "Corrupt" => Toxic::Corrupt {
            probability,
            per: fields.or(cx, "per", Grain::Byte, grain),
            damage: fields.or(cx, "damage", Damage::FlipBit, into),
        },
        "Duplicate" => Toxic::Duplicate { probability },
        "Reorder" => Toxic::Reorder { probability },
        _ => Toxic::Truncate { probability },
    }
}

fn connecting(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Toxic {
    match kind {
        "Refuse" => Toxic::Refuse {},
        "CloseOnAccept" => Toxic::CloseOnAccept {},
        "HangOnAccept" => Toxic::HangOnAccept {},
        "DropSyn" => Toxic::DropSyn {},
        _ => Toxic::Dial {
            delay: fields.or(cx, "delay", Span::ZERO, quantity),
            outcome: fields.or(cx, "outcome", Dialled::Connect, dialled),
        },
    }
}

fn cutting(cx: &mut Context, fields: &mut Fields<'_>, kind: &str) -> Toxic {
    match kind {
        "LimitData" => Toxic::LimitData {
            bytes: fields.required(cx, "bytes", quantity),
            then: fields.or(cx, "then", Ending::Close, ending),
        },
        "LimitTime" => Toxic::LimitTime {
            after: fields.required(cx, "after", quantity),
            then: fields.or(cx, "then", Ending::Close, ending),
        },
        "Timeout" => Toxic::Timeout { after: fields.or(cx, "after", Span::ZERO, quantity) },
        "Blackhole" => Toxic::Blackhole { mode: fields.or(cx, "mode", Blackhole::Drop, mode) },
        "Partition" => Toxic::Partition {},
        "SlowRead" => Toxic::SlowRead {
            rate: fields.required(cx, "rate", quantity),
            window: fields.optional(cx, "window", quantity),
        },
        "SlowClose" => Toxic::SlowClose { delay: fields.required(cx, "delay", quantity) },
        "DropEnd" => Toxic::DropEnd {},
        _ => Toxic::Reset {
            after: fields.or(cx, "after", Span::ZERO, quantity),
            side: fields.or(cx, "side", Side::Both, side),
        },
    }
}

/// Readers of words that stand alone.
macro_rules! words {
    ($($reader:ident: $type:ident, $what:literal, [$($word:ident),+];)*) => {$(
        fn $reader(cx: &mut Context, node: &Node) -> Option<$type> {
            let word = cx.variant(node, $what, &[$(stringify!($word)),+])?;
            cx.bare(node);
            [$((stringify!($word), $type::$word)),+].into_iter().find(|(name, _)| *name == word).map(|(_, it)| it)
        }
    )*};
}

words! {
    shape: Shape, "a shape", [Sine, Square, Saw, Triangle];
    per: Per, "who shares it", [Connection, Link, Client];
    ending: Ending, "an ending", [Close, Reset, Stall];
    mode: Blackhole, "a mode", [Drop, Hold];
    side: Side, "a side", [Both, Client, Server];
    grain: Grain, "what is hit", [Byte, Chunk];
    into: Damage, "a kind of damage", [FlipBit, Zero, Random];
}

fn distribution(cx: &mut Context, node: &Node) -> Option<Distribution> {
    const KINDS: [&str; 8] =
        ["Constant", "Uniform", "Normal", "LogNormal", "Pareto", "ParetoNormal", "Exponential", "Trace"];
    let kind = cx.variant(node, "a distribution", &KINDS)?;
    if kind == "Trace" {
        let trace = cx.only(node, r#"Trace(["10ms", "12ms"])"#)?;
        return cx.step(0, trace, |cx, node| cx.list(node, "delays", quantity)).map(Distribution::Trace);
    }
    cx.bare(node);
    Some(match kind {
        "Constant" => Distribution::Constant,
        "Uniform" => Distribution::Uniform,
        "Normal" => Distribution::Normal,
        "LogNormal" => Distribution::LogNormal,
        "Pareto" => Distribution::Pareto,
        "ParetoNormal" => Distribution::ParetoNormal,
        _ => Distribution::Exponential,
    })
}

fn dialled(cx: &mut Context, node: &Node) -> Option<Dialled> {
    let kind = cx.variant(node, "an outcome", &["Connect", "Fail", "Hang", "NoName", "Elsewhere"])?;
    if kind == "Elsewhere" {
        let address = cx.only(node, r#"Elsewhere("127.0.0.1:9")"#)?;
        return cx.step(0, address, text).map(Dialled::Elsewhere);
    }
    cx.bare(node);
    Some(match kind {
        "Connect" => Dialled::Connect,
        "Fail" => Dialled::Fail,
        "Hang" => Dialled::Hang,
        _ => Dialled::NoName,
    })
}

fn network(cx: &mut Context, node: &Node) -> Option<Network> {
    let written = text(cx, node)?;
    match written.parse() {
        Ok(network) => Some(network),
        Err(error) => cx.wrong(node.place, error.to_string(), ""),
    }
}
