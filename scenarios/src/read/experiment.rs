//! The whole, and its phases.

use super::context::{Blank, Context};
use super::scalar::{blank, quantity, text, texts, whole};
use super::{fault, gate, guard, probe, target, workload};
use crate::experiment::{Consistency, Engine, Experiment, Phases, Races};
use crate::syntax::{Body, Node, Struct, Value};
use crate::units::{Size, Span};

blank! {
    Phases: Self { warmup: Span::ZERO, baseline: Span::ZERO, chaos: Span::ZERO, recovery: Span::ZERO },
        r#"(chaos: "30s")"#;
    Races: Self {
        manifest: String::new(),
        engine: Engine::Loom,
        package: None,
        tests: Vec::new(),
        only: Vec::new(),
        cfg: None,
        release: false,
        preemptions: None,
        time: Span::ZERO,
    }, r#"(manifest: "Cargo.toml")"#;
    Consistency: Self { of: String::new(), time: Span::ZERO, memory: Size::bytes(0) }, r#"(of: "workload")"#;
}

/// Reads an experiment; gives one as long as there is something like a struct.
pub(super) fn experiment(cx: &mut Context, root: &Node) -> Option<Experiment> {
    if !named_rightly(cx, root) {
        return None;
    }
    let mut fields = cx.fields(root, "`Experiment`")?;
    cx.places.note(&crate::places::Path::default(), root);
    // `variables` has been read before everything else.
    let _ = fields.node("variables");
    let mut experiment = Experiment {
        name: fields.required(cx, "name", text),
        about: fields.or(cx, "about", String::new(), text),
        targets: fields.required(cx, "targets", |cx, node| cx.map(node, "targets", target::target)),
        links: fields.or(cx, "links", Default::default(), |cx, node| cx.map(node, "links", target::link)),
        workloads: fields.or(cx, "workloads", Default::default(), |cx, node| {
            cx.map(node, "workloads", workload::workload)
        }),
        phases: fields.required(cx, "phases", phases),
        faults: fields.or(cx, "faults", Vec::new(), |cx, node| cx.list(node, "faults", fault::fault)),
        hypothesis: fields.or(cx, "hypothesis", Vec::new(), probe::hypothesis),
        gates: fields.or(cx, "gates", Vec::new(), |cx, node| cx.list(node, "gates", gate::gate)),
        guard: fields.or(cx, "guard", Default::default(), guard::guard),
        races: fields
            .or(cx, "races", Vec::new(), |cx, node| cx.list(node, "packages with models of races", races)),
        consistency: fields
            .or(cx, "consistency", Vec::new(), |cx, node| cx.list(node, "consistency checks", consistency)),
    };
    fields.finish(cx);
    let targets = &experiment.targets;
    let exports = |name: &str| targets.get(name).is_some_and(|target| !target.exports().is_empty());
    gate::look_at_exports(&mut experiment.gates, exports);
    Some(experiment)
}

/// Whether this may be an experiment at all; a wrong name is told.
fn named_rightly(cx: &mut Context, root: &Node) -> bool {
    let Value::Struct(Struct { name: Some(name), body }) = &root.value else { return true };
    if name.text == "Experiment" {
        return true;
    }
    let found = crate::syntax::shortened(&name.text);
    let help = "a file holds one experiment: `Experiment(name: \"…\", …)`";
    let _: Option<()> = cx.wrong(name.place, format!("expected `Experiment(…)`, found `{found}`"), help);
    *body != Body::Unit
}

fn races(cx: &mut Context, node: &Node) -> Option<Races> {
    let build = |cx: &mut Context, node: &Node| cx.variant(node, "a build", &["Dev", "Release"]);
    let mut fields = cx.fields(node, "a package with models of races")?;
    let engine = fields.or(cx, "engine", Engine::Loom, engine);
    let cfg = fields.or(cx, "cfg", engine.cfg().unwrap_or("none").to_owned(), text);
    let races = Races {
        manifest: fields.required(cx, "manifest", text),
        engine,
        package: fields.optional(cx, "package", text),
        tests: fields.or(cx, "tests", Vec::new(), texts),
        only: fields.or(cx, "only", Vec::new(), texts),
        cfg: Some(cfg).filter(|cfg| cfg != "none"),
        release: fields.optional(cx, "build", build).is_some_and(|build| build == "Release"),
        preemptions: fields.optional(cx, "preemptions", whole(0_u8, u8::MAX)),
        time: fields.or(cx, "time", Span::secs(60), quantity),
    };
    fields.finish(cx);
    Some(races)
}

fn engine(cx: &mut Context, node: &Node) -> Option<Engine> {
    let engine = match cx.variant(node, "what plays models", &["Loom", "Shuttle", "Tsan"])? {
        "Shuttle" => Engine::Shuttle,
        "Tsan" => Engine::Tsan,
        _ => Engine::Loom,
    };
    Some(engine)
}

fn consistency(cx: &mut Context, node: &Node) -> Option<Consistency> {
    let mut fields = cx.fields(node, "a consistency check")?;
    let consistency = Consistency {
        of: fields.required(cx, "of", text),
        time: fields.or(cx, "time", Span::secs(60), quantity),
        memory: fields.or(cx, "memory", Size::bytes(1 << 30), quantity),
    };
    fields.finish(cx);
    Some(consistency)
}

fn phases(cx: &mut Context, node: &Node) -> Option<Phases> {
    let mut fields = cx.fields(node, "`phases`")?;
    let phases = Phases {
        warmup: fields.or(cx, "warmup", Span::secs(5), quantity),
        baseline: fields.or(cx, "baseline", Span::secs(10), quantity),
        chaos: fields.required(cx, "chaos", quantity),
        recovery: fields.or(cx, "recovery", Span::secs(10), quantity),
    };
    fields.finish(cx);
    Some(phases)
}
