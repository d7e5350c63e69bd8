//! Rows of a file: the field `data` of workloads that have one for each request or journey.

use crate::read::context::{Blank, Context};
use crate::read::scalar::{blank, text};
use crate::syntax::Node;
use crate::workload::feeder::{Feeder, Order};

/// The columns that are used.
struct Columns(Vec<String>);

blank! {
    Columns: Self(Vec::new()), r#"["user"]"#;
}

/// `(file: "users.csv", columns: ["user", "password"], order: InTurn)`.
pub(super) fn data(cx: &mut Context, node: &Node) -> Option<Feeder> {
    let mut fields = cx.fields(node, "`data`")?;
    let feeder = Feeder {
        file: fields.required(cx, "file", text),
        columns: fields.required(cx, "columns", |cx, node| cx.list(node, "names", text).map(Columns)).0,
        order: fields.or(cx, "order", Order::InTurn, order),
        rows: Vec::new(),
    };
    fields.finish(cx);
    Some(feeder)
}

fn order(cx: &mut Context, node: &Node) -> Option<Order> {
    let is_random = cx.variant(node, "an order", &["InTurn", "Random"])? == "Random";
    cx.bare(node);
    Some(if is_random { Order::Random } else { Order::InTurn })
}
