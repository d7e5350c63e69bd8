//! The workload `Operations`: what the objects are, and how many.

use super::postgres::isolation;
use super::{MOST_CONNECTIONS, arrivals, destination, tls};
use crate::read::context::{Blank, Context};
use crate::read::fields::Fields;
use crate::read::scalar::{blank, quantity, text, whole};
use crate::syntax::Node;
use crate::units::Span;
use crate::workload::operations::{OperationModel, OperationsSql, OperationsWorkload};
use crate::workload::postgres::Isolation;

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
    let model = fields.required(cx, "model", model);
    let sql = model.is_of_transactions().then(|| sql(cx, &mut fields));
    // What goes from one account to another needs two.
    let least = if model == OperationModel::Bank { 2 } else { 1 };
    let workload = OperationsWorkload {
        to,
        timeout: fields.or(cx, "timeout", Span::secs(1), quantity),
        connections: fields.or(cx, "connections", usual, whole(1_u32, MOST_CONNECTIONS)),
        tls: fields.optional(cx, "tls", tls::tls),
        model,
        keys: fields.or(cx, "keys", KEYS, whole(least, MOST_KEYS)),
        operations_per_key: fields.or(cx, "operations_per_key", OPERATIONS_PER_KEY, whole(1_u32, u32::MAX)),
        // A transaction is never sent again: it would be another one.
        retries: if sql.is_some() { 0 } else { fields.or(cx, "retries", 0, whole(0_u32, 100)) },
        arrivals,
        sql,
    };
    fields.finish(cx);
    Some(workload)
}

fn sql(cx: &mut Context, fields: &mut Fields<'_>) -> OperationsSql {
    let isolation = fields.or(cx, "isolation", Isolation::Serializable, isolation);
    let user = fields.or(cx, "user", "postgres".to_owned(), text);
    let database = fields.or(cx, "database", user.clone(), text);
    let password_env = fields.optional(cx, "password_env", text);
    OperationsSql { isolation, user, database, password_env }
}

fn model(cx: &mut Context, node: &Node) -> Option<OperationModel> {
    let names = OperationModel::NAMES.map(|(name, _)| name);
    let found = cx.variant(node, "a model", &names)?;
    cx.bare(node);
    OperationModel::NAMES.into_iter().find(|(name, _)| *name == found).map(|(_, model)| model)
}
