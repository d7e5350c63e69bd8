//! Figures that a target exports.

use super::context::{Blank, Context};
use super::scalar::{blank, quantity, text, whole};
use crate::export::{Export, Figure, FigureUnit, Form};
use crate::syntax::Node;
use crate::units::Span;

blank! {
    Export: Self {
        form: Form::Prometheus,
        path: String::new(),
        port: None,
        figures: Vec::new(),
        every: Span::secs(5),
        timeout: Span::secs(1),
    }, r#"Prometheus(metrics: ["process_open_fds"])"#;
    Figure: Self { name: String::new(), find: String::new(), unit: FigureUnit::Count },
        r#"(name: "queue", pointer: "/pool/queue", unit: Count)"#;
    Vec<Figure>: Self::new(), r#"[…]"#;
}

/// All pages of a target.
pub(super) fn exports(cx: &mut Context, node: &Node) -> Option<Vec<Export>> {
    cx.list(node, "pages with figures", export)
}

fn export(cx: &mut Context, node: &Node) -> Option<Export> {
    let word = cx.variant(node, "a page with figures", &["Prometheus", "Json"])?;
    let mut fields = cx.fields(node, &format!("`{word}`"))?;
    let (form, path, figures) = if word == "Prometheus" {
        let path = fields.or(cx, "path", "/metrics".to_owned(), text);
        let metrics = |cx: &mut Context, node: &Node| cx.list(node, "metrics", metric);
        (Form::Prometheus, path, fields.required(cx, "metrics", metrics))
    } else {
        let path = fields.required(cx, "path", text);
        let figures = |cx: &mut Context, node: &Node| cx.list(node, "figures", figure);
        (Form::Json, path, fields.required(cx, "figures", figures))
    };
    let port = fields.optional(cx, "port", whole(1_u16, u16::MAX));
    let every = fields.or(cx, "every", Span::secs(5), quantity);
    let timeout = fields.or(cx, "timeout", Span::secs(1), quantity);
    fields.finish(cx);
    Some(Export { form, path, port, figures, every, timeout })
}

/// `"name{label=\"value\"}"`: name, selector and unit in one.
fn metric(cx: &mut Context, node: &Node) -> Option<Figure> {
    let name = text(cx, node)?;
    Some(Figure { unit: FigureUnit::of_metric(&name), find: name.clone(), name })
}

fn figure(cx: &mut Context, node: &Node) -> Option<Figure> {
    let mut fields = cx.fields(node, "a figure")?;
    let figure = Figure {
        name: fields.required(cx, "name", text),
        find: fields.required(cx, "pointer", text),
        unit: fields.or(cx, "unit", FigureUnit::Count, unit),
    };
    fields.finish(cx);
    Some(figure)
}

fn unit(cx: &mut Context, node: &Node) -> Option<FigureUnit> {
    let unit = match cx.variant(node, "a unit", &["Bytes", "Count", "Seconds"])? {
        "Bytes" => FigureUnit::Bytes,
        "Count" => FigureUnit::Count,
        _ => FigureUnit::Seconds,
    };
    cx.bare(node);
    Some(unit)
}
