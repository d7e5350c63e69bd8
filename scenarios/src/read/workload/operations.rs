//! The workload `Operations`: what the objects are, and how many.

use super::{MOST_CONNECTIONS, arrivals, destination, tls};
use crate::read::context::{Blank, Context};
use crate::read::scalar::{blank, quantity, whole};
use crate::syntax::Node;
use crate::units::Span;
use crate::workload::operations::{OperationModel, OperationsWorkload};

blank! {
    OperationModel: Self::Register, "Register";
}

/// The most objects that are used at the same time.
const MOST_KEYS: u32 = 1_000;
/// Connections where the file does not say: as many as can be at one object at once without making a search long.
const CONNECTIONS: u32 = 8;
const KEYS: u32 = 5;
const OPERATIONS_PER_KEY: u32 = 1_000;

/// The workload.
pub(super) fn operations(cx: &mut Context, node: &Node) -> Option<OperationsWorkload> {
    let mut fields = cx.fields(node, "workload `Operations`")?;
    let to = fields.required(cx, "to", destination);
    let arrivals = fields.required(cx, "arrivals", arrivals);
    let usual = arrivals.users().unwrap_or(CONNECTIONS);
    let workload = OperationsWorkload {
        to,
        timeout: fields.or(cx, "timeout", Span::secs(1), quantity),
        connections: fields.or(cx, "connections", usual, whole(1_u32, MOST_CONNECTIONS)),
        tls: fields.optional(cx, "tls", tls::tls),
        model: fields.required(cx, "model", model),
        keys: fields.or(cx, "keys", KEYS, whole(1_u32, MOST_KEYS)),
        operations_per_key: fields.or(cx, "operations_per_key", OPERATIONS_PER_KEY, whole(1_u32, u32::MAX)),
        retries: fields.or(cx, "retries", 0, whole(0_u32, 100)),
        arrivals,
    };
    fields.finish(cx);
    Some(workload)
}

fn model(cx: &mut Context, node: &Node) -> Option<OperationModel> {
    let names = OperationModel::NAMES.map(|(name, _)| name);
    let found = cx.variant(node, "a model", &names)?;
    cx.bare(node);
    OperationModel::NAMES.into_iter().find(|(name, _)| *name == found).map(|(_, model)| model)
}
