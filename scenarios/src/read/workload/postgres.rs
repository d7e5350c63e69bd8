//! The workload `Postgres`: its statements and transactions.

use super::{Common, HEAVIEST, KEYS, common, tls};
use crate::read::context::{Blank, Context};
use crate::read::fields::Fields;
use crate::read::scalar::{blank, text, texts, whole};
use crate::syntax::{Node, Value};
use crate::workload::postgres::{Isolation, PostgresWorkload, SqlExpect, SqlStatement, SqlTransaction};

blank! {
    SqlTransaction: Self { isolation: None, statements: Vec::new(), weight: 1, keys: 1 },
        r#"(query: "SELECT 1")"#;
    Vec<SqlTransaction>: Self::new(), r#"[(query: "SELECT 1")]"#;
    SqlStatement: Self { query: String::new(), with: Vec::new(), expect: SqlExpect::Any },
        r#"(query: "SELECT 1")"#;
}

/// The workload.
pub(super) fn postgres(cx: &mut Context, node: &Node) -> Option<PostgresWorkload> {
    let mut fields = cx.fields(node, "workload `Postgres`")?;
    let Common { to, arrivals, timeout, connections, habits } = common(cx, &mut fields);
    let tls = fields.optional(cx, "tls", tls::tls);
    let user = fields.or(cx, "user", "postgres".to_owned(), text);
    let database = fields.or(cx, "database", user.clone(), text);
    let password_env = fields.optional(cx, "password_env", text);
    let transactions =
        fields.required(cx, "transactions", |cx, node| cx.list(node, "transactions", transaction));
    fields.finish(cx);
    Some(PostgresWorkload {
        to,
        arrivals,
        timeout,
        connections,
        habits,
        tls,
        user,
        database,
        password_env,
        transactions,
    })
}

fn transaction(cx: &mut Context, node: &Node) -> Option<SqlTransaction> {
    let mut fields = cx.fields(node, "a transaction")?;
    let (isolation, statements) = match fields.one_of(cx, &["query", "transaction"]) {
        Some(("transaction", node)) => {
            let isolation = fields.or(cx, "isolation", Isolation::ReadCommitted, isolation);
            let list = |cx: &mut Context, node: &Node| cx.list(node, "statements", statement);
            (Some(isolation), cx.step("transaction", node, list).unwrap_or_default())
        }
        Some((_, node)) => {
            let query = cx.step("query", node, text).unwrap_or_default();
            (None, vec![rest(cx, &mut fields, query)])
        }
        None => {
            cx.note_broken();
            (None, vec![rest(cx, &mut fields, String::new())])
        }
    };
    let weight = fields.or(cx, "weight", 1, whole(1, HEAVIEST));
    let keys = fields.or(cx, "keys", KEYS, whole(1, u64::MAX));
    fields.finish(cx);
    Some(SqlTransaction { isolation, statements, weight, keys })
}

fn statement(cx: &mut Context, node: &Node) -> Option<SqlStatement> {
    let mut fields = cx.fields(node, "a statement")?;
    let query = fields.required(cx, "query", text);
    let statement = rest(cx, &mut fields, query);
    fields.finish(cx);
    Some(statement)
}

fn rest(cx: &mut Context, fields: &mut Fields<'_>, query: String) -> SqlStatement {
    let with = fields.or(cx, "with", Vec::new(), texts);
    let expect = fields.or(cx, "expect", SqlExpect::Any, expect);
    SqlStatement { query, with, expect }
}

/// As a word, or in quotes, so that a variable may stand for it.
pub(super) fn isolation(cx: &mut Context, node: &Node) -> Option<Isolation> {
    const NAMES: [&str; 3] = ["ReadCommitted", "RepeatableRead", "Serializable"];
    let name = match &node.value {
        Value::Text(text) => match NAMES.into_iter().find(|name| *name == text.value) {
            Some(name) => name,
            None => return cx.expected(node, "an isolation", format!("write one of {}", NAMES.join(", "))),
        },
        _ => {
            let name = cx.variant(node, "an isolation", &NAMES)?;
            cx.bare(node);
            name
        }
    };
    Some(match name {
        "ReadCommitted" => Isolation::ReadCommitted,
        "RepeatableRead" => Isolation::RepeatableRead,
        _ => Isolation::Serializable,
    })
}

fn expect(cx: &mut Context, node: &Node) -> Option<SqlExpect> {
    match cx.variant(node, "an expectation", &["Any", "Rows", "Value"])? {
        "Rows" => {
            let rows = cx.only(node, "Rows(1)")?;
            cx.step("rows", rows, whole(0, u64::MAX)).map(SqlExpect::Rows)
        }
        "Value" => {
            let value = cx.only(node, r#"Value("100")"#)?;
            cx.step("text", value, text).map(SqlExpect::Value)
        }
        _ => {
            cx.bare(node);
            Some(SqlExpect::Any)
        }
    }
}
