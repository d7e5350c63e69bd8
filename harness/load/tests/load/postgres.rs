//! Transactions against a real PostgreSQL.

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::postgres::{
    Isolation, PostgresWorkload, SqlExpect, SqlStatement, SqlTransaction,
};
use shakedown_scenarios::workload::{Arrivals, Destination, Tls, Workload};

use crate::servers::{Server, postgres_server, postgres_server_with};
use crate::support::{Totals, run};

/// Constant arrivals of transactions, with a timeout of 10 s.
pub fn postgres(per_second: f64, connections: u32, transactions: Vec<SqlTransaction>) -> PostgresWorkload {
    PostgresWorkload {
        to: Destination::Target("db".into()),
        arrivals: Arrivals::Constant(Rate::per_second(per_second).unwrap()),
        timeout: Span::secs(10),
        connections,
        habits: Default::default(),
        tls: None,
        user: "postgres".into(),
        database: "postgres".into(),
        password_env: None,
        transactions,
    }
}

fn statement(query: &str, with: &[&str], expect: SqlExpect) -> SqlStatement {
    SqlStatement { query: query.into(), with: with.iter().map(ToString::to_string).collect(), expect }
}

/// One statement alone.
pub fn query(query: &str, with: &[&str], expect: SqlExpect) -> SqlTransaction {
    SqlTransaction { isolation: None, statements: vec![statement(query, with, expect)], weight: 1, keys: 100 }
}

fn transaction(isolation: Isolation, statements: Vec<SqlStatement>) -> SqlTransaction {
    SqlTransaction { isolation: Some(isolation), statements, weight: 1, keys: 100 }
}

async fn totals(server: &Server, workload: PostgresWorkload) -> Totals {
    let (totals, _) = run(Workload::Postgres(workload), server.address, Span::secs(1)).await;
    totals.assert_complete();
    totals
}

/// Does one statement, rightly.
async fn does(server: &Server, sql: &str, expect: SqlExpect) {
    let totals = totals(server, postgres(1.0, 1, vec![query(sql, &[], expect)])).await;
    assert_eq!((totals.due, totals.ok), (1, 1), "{sql}: {:?}", totals.errors);
}

fn value(text: &str) -> SqlExpect {
    SqlExpect::Value(text.to_owned())
}

const ACCOUNTS: &str = "CREATE TABLE accounts AS SELECT id, 100 AS balance FROM generate_series(0, 99) AS id";

#[tokio::test]
async fn transfers_move_money_and_make_none() {
    let test = "transfers_move_money_and_make_none";
    let Some(server) = postgres_server(test, None, &[]).await else { return };
    does(&server, ACCOUNTS, SqlExpect::Any).await;
    for isolation in [Isolation::ReadCommitted, Isolation::Serializable] {
        let take = "UPDATE accounts SET balance = balance - 1 WHERE id = $1::int";
        let give = "UPDATE accounts SET balance = balance + 1 WHERE id = ($1::int * 7 + 1) % 100";
        let statements = vec![
            statement(take, &["{n}"], SqlExpect::Rows(1)),
            statement(give, &["{n}"], SqlExpect::Rows(1)),
        ];
        let sum = query("SELECT sum(balance) FROM accounts", &[], value("10000"));
        let transfers = transaction(isolation, statements);
        let totals = totals(&server, postgres(200.0, 8, vec![transfers, sum])).await;
        assert_eq!(totals.ok + totals.failed("conflict"), 200, "{isolation:?}: {:?}", totals.errors);
        assert!(totals.ok > 100, "{isolation:?}: {:?}", totals.errors);
    }
    does(&server, "SELECT sum(balance) FROM accounts", value("10000")).await;
    does(&server, "SELECT count(*) > 0 FROM accounts WHERE balance <> 100", value("t")).await;
}

#[tokio::test]
async fn transactions_in_each_others_way_are_conflicts_and_leave_nothing() {
    let test = "transactions_in_each_others_way_are_conflicts_and_leave_nothing";
    let Some(server) = postgres_server(test, None, &[]).await else { return };
    does(&server, "CREATE TABLE counters AS SELECT 0 AS count", SqlExpect::Any).await;
    let statements = vec![
        statement("SELECT count FROM counters", &[], SqlExpect::Rows(1)),
        // Everybody has read before anybody writes.
        statement("SELECT pg_sleep(0.1)", &[], SqlExpect::Rows(1)),
        statement("UPDATE counters SET count = count + 1", &[], SqlExpect::Rows(1)),
    ];
    let counting = transaction(Isolation::RepeatableRead, statements);
    let totals = totals(&server, postgres(100.0, 10, vec![counting])).await;
    assert!(totals.failed("conflict") > 0, "{:?}", totals.errors);
    assert_eq!(totals.ok + totals.failed("conflict"), 100, "{:?}", totals.errors);
    does(&server, "SELECT count FROM counters", value(&totals.ok.to_string())).await;
}

#[tokio::test]
async fn what_is_not_right_has_its_class_and_is_rolled_back() {
    let test = "what_is_not_right_has_its_class_and_is_rolled_back";
    let Some(server) = postgres_server(test, None, &[]).await else { return };
    does(&server, "CREATE TABLE things (id int PRIMARY KEY)", SqlExpect::Any).await;
    let insert = |expect| {
        let id = "INSERT INTO things SELECT coalesce(max(id), 0) + 1 FROM things";
        transaction(Isolation::ReadCommitted, vec![statement(id, &[], SqlExpect::Rows(1)), expect])
    };
    let count = "SELECT count(*) FROM things WHERE id > 0";
    let kinds = [
        (
            query("SELECT 1 FROM nowhere", &[], SqlExpect::Any),
            "status",
            "`relation \"nowhere\" does not exist` (SQLSTATE `42P01`)",
        ),
        (
            query("SELECT 1 WHERE $1::int < 0", &["{n}"], value("1")),
            "miss",
            "statement 1: expected `1`, found no row",
        ),
        (query("SELECT $1::text || 'x'", &["{n}"], value("{n}")), "check", "statement 1: expected `"),
        (insert(statement(count, &[], value("-1"))), "check", "statement 2: expected `-1`, found `1`"),
        (
            insert(statement("SELECT 1 / $1::int", &["0"], SqlExpect::Any)),
            "status",
            "statement 2: the error `division by zero` (SQLSTATE `22012`)",
        ),
    ];
    for (kind, class, why) in kinds {
        let totals = totals(&server, postgres(20.0, 1, vec![kind.clone()])).await;
        assert_eq!((totals.due, totals.failed(class)), (20, 20), "{kind:?}: {:?}", totals.errors);
        assert!(totals.whys(class)[0].contains(why), "{:?}", totals.whys(class));
    }
    does(&server, count, value("0")).await;
}

/// A variable that is there wherever tests run; what it holds is the password.
const SECRET: &str = "PATH";

#[tokio::test]
async fn connections_log_in_by_scram_with_a_password_of_the_environment() {
    let secret = std::env::var(SECRET).unwrap();
    let test = "connections_log_in_by_scram_with_a_password_of_the_environment";
    let Some(server) = postgres_server(test, Some(&secret), &[]).await else { return };
    let outside = postgres(20.0, 4, vec![query("SELECT current_user", &[], value("postgres"))]);
    let refused = totals(&server, outside.clone()).await;
    assert_eq!(refused.failed("status"), 20, "{:?}", refused.errors);
    let inside = PostgresWorkload { password_env: Some(SECRET.to_owned()), ..outside.clone() };
    let served = totals(&server, inside).await;
    assert_eq!(served.ok, 20, "{:?}", served.errors);
    let wrong = PostgresWorkload { password_env: Some("HOME".to_owned()), ..outside };
    let refused = totals(&server, wrong).await;
    assert_eq!(refused.failed("status"), 20, "{:?}", refused.errors);
}

#[tokio::test]
async fn a_server_that_has_no_room_refuses() {
    let room =
        ["-c", "max_connections=4", "-c", "superuser_reserved_connections=0", "-c", "max_wal_senders=0"];
    let Some(server) = postgres_server("a_server_that_has_no_room_refuses", None, &room).await else {
        return;
    };
    let slow = query("SELECT pg_sleep(0.3)", &[], SqlExpect::Rows(1));
    let totals = totals(&server, postgres(40.0, 20, vec![slow])).await;
    assert!(totals.failed("refused") > 0 && totals.ok > 0, "{:?}", totals.errors);
    assert_eq!(totals.ok + totals.failed("refused"), 40, "{:?}", totals.errors);
}

#[tokio::test]
async fn statements_go_over_tls_where_the_server_is_believed() {
    let secret = std::env::var(SECRET).unwrap();
    let test = "statements_go_over_tls_where_the_server_is_believed";
    let key = rcgen::generate_simple_self_signed(["db.local".to_owned()]).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["db.local".to_owned()]).unwrap();
    let files = [("server.crt", key.cert.pem()), ("server.key", key.signing_key.serialize_pem())];
    let dir = tempfile::tempdir().unwrap();
    let trusted = |name: &str, pem: String| {
        let file = dir.path().join(name);
        std::fs::write(&file, pem).unwrap();
        Some(file.display().to_string())
    };
    let (ca, other) = (trusted("ca.pem", key.cert.pem()), trusted("other.pem", stranger.cert.pem()));
    let Some(server) = postgres_server_with(test, Some(&secret), &[], &files).await else { return };
    let sealed = query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[], value("t"));
    let over = |tls: Option<Tls>| PostgresWorkload {
        tls,
        password_env: Some(SECRET.to_owned()),
        ..postgres(20.0, 2, vec![sealed.clone()])
    };
    let believing = |ca: &Option<String>, name: Option<&str>| {
        let verify = ca.is_some();
        over(Some(Tls { ca: ca.clone(), name: name.map(Into::into), verify }))
    };
    // In the clear the same server tells that nothing is sealed. Before it has TLS, whoever asks for it is told so.
    assert_eq!(totals(&server, over(None)).await.failed("check"), 20);
    assert_eq!(totals(&server, believing(&None, None)).await.failed("tls"), 20);
    for set in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        let set = PostgresWorkload { transactions: vec![query(set, &[], SqlExpect::Any)], ..over(None) };
        assert_eq!(totals(&server, PostgresWorkload { arrivals: once(), ..set }).await.ok, 1);
    }
    until_sealed(&server, believing(&None, None)).await;
    for (workload, class) in [
        (believing(&ca, Some("db.local")), None),
        (believing(&ca, Some("other.local")), Some("tls")),
        (believing(&other, Some("db.local")), Some("tls")),
    ] {
        let totals = totals(&server, workload).await;
        assert_eq!(
            class.map_or(totals.ok, |class| totals.failed(class)),
            20,
            "{class:?}: {:?}",
            totals.errors
        );
    }
}

fn once() -> Arrivals {
    Arrivals::Constant(Rate::per_second(1.0).unwrap())
}

/// A server reads its settings again some time after it was told to.
async fn until_sealed(server: &Server, workload: PostgresWorkload) {
    let workload = PostgresWorkload { arrivals: once(), ..workload };
    for _ in 0..20 {
        if totals(server, workload.clone()).await.ok == 1 {
            return;
        }
    }
    panic!("the server has no TLS after 20 seconds");
}
