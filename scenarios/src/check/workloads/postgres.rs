//! PostgreSQL workloads: that every statement can be sent, has its parameters, and leaves transactions to the client.

use super::{filled, variable};
use crate::check::Checker;
use crate::places::Path;
use crate::syntax::shortened;
use crate::workload::postgres::{PostgresWorkload, SqlStatement};

/// The most statements of one transaction.
const STATEMENTS_MAX: usize = 1_000;
/// The protocol counts parameters in 16 bits.
const PARAMETERS_MAX: usize = 65_535;

/// First words of statements that the client writes itself, or that do not answer with rows.
const NOT_ALLOWED: [&str; 12] = [
    "BEGIN",
    "START",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "COPY",
];

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, postgres: &PostgresWorkload) {
    for (field, name) in [("user", &postgres.user), ("database", &postgres.database)] {
        if name.is_empty() || name.contains('\0') {
            let message = format!("`{}` is not the name of a {field}", shortened(name));
            checker.tell(&path.then(field), message, "write its name, such as `\"shop\"`");
        }
    }
    if let Some(name) = &postgres.password_env {
        variable(checker, &path.then("password_env"), name);
    }
    let path = path.then("transactions");
    filled(checker, &path, postgres.transactions.len(), "transactions: [(query: \"SELECT 1\")]");
    for (index, transaction) in postgres.transactions.iter().enumerate() {
        let path = path.then(index);
        if transaction.isolation.is_none() {
            transaction.statements.iter().for_each(|of| statement(checker, &path, of));
            continue;
        }
        let path = path.then("transaction");
        length(checker, &path, transaction.statements.len());
        for (place, of) in transaction.statements.iter().enumerate() {
            statement(checker, &path.then(place), of);
        }
    }
}

fn length(checker: &mut Checker<'_>, path: &Path, length: usize) {
    if length == 0 {
        let help = "write `transaction: [(query: \"SELECT 1\")]`";
        checker.tell(path, "a transaction without statements does nothing", help);
    }
    if length > STATEMENTS_MAX {
        let message = format!("a transaction of {length} statements is too long");
        checker.tell(path, message, format!("allowed: 1 to {STATEMENTS_MAX}"));
    }
}

fn statement(checker: &mut Checker<'_>, path: &Path, statement: &SqlStatement) {
    let SqlStatement { query, with, .. } = statement;
    let at = path.then("query");
    let first =
        query.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default();
    if query.trim().is_empty() {
        checker.tell(&at, "there is no statement", "write one such as `\"SELECT 1\"`");
    } else if NOT_ALLOWED.iter().any(|not| first.eq_ignore_ascii_case(not)) {
        let message = format!("`{}` cannot be part of a load", shortened(&first.to_ascii_uppercase()));
        let help = "write `transaction: [(query: …), …]`: the client begins, commits and prepares by itself";
        checker.tell(&at, message, help);
    }
    if query.contains("{n}") {
        let help = "write `$1` there, and `with: [\"{n}\"]`: the statement is prepared once";
        checker.tell(&at, "`{n}` cannot stand in a statement", help);
    }
    for (what, at) in
        with.iter().zip(0..).map(|(with, place)| (with, path.then("with").then(place))).chain([(query, at)])
    {
        if what.contains('\0') {
            checker.tell(&at, "the protocol cannot carry a zero character", "remove it");
        }
    }
    parameters(checker, path, query, with.len());
}

/// That there are as many parameters as the statement has places for.
fn parameters(checker: &mut Checker<'_>, path: &Path, query: &str, given: usize) {
    if given > PARAMETERS_MAX {
        let message = format!("{given} parameters are too many");
        return checker.tell(&path.then("with"), message, format!("allowed: 0 to {PARAMETERS_MAX}"));
    }
    let places = query.split('$').skip(1);
    let number = |text: &str| {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..digits].parse::<usize>().ok()
    };
    let wanted = places.filter_map(number).max().unwrap_or(0);
    if wanted != given {
        let message = format!("the statement has places up to `${wanted}`, and {given} parameters are given");
        let help = "write one text for each of `$1`, `$2`, …: `with: [\"{n}\"]`";
        checker.tell(&path.then("with"), message, help);
    }
}
