//! SQL statements and transactions over PostgreSQL's protocol, version 3.0.
//!
//! A connection logs in, prepares each statement when it first needs it, and goes through a transaction one statement after
//! the other, as a program would: locks are held while the network is slow. What is not right is rolled back.

mod account;
mod login;
mod message;
pub(crate) mod operations;
mod scram;

use shakedown_scenarios::workload::postgres::{PostgresWorkload, SqlExpect, SqlStatement, SqlTransaction};

use self::account::Account;
use self::login::Login;
use self::message::{MessageReader, ROW, field, rows, text, write, write_text};
use crate::client::telling::quoted;
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::dial::SealingRequest;
use crate::mix::Ask;
use crate::template::Template;

/// The transactions of a workload, ready to send.
#[derive(Debug)]
pub(crate) struct PostgresClient {
    account: Account,
    transactions: Vec<Transaction>,
    /// Of all transactions, in their order.
    statements: Vec<Prepared>,
}

#[derive(Debug)]
struct Transaction {
    /// `BEGIN`, as a message; `None`: one statement alone.
    begin: Option<Vec<u8>>,
    /// Its statements: from here, so many.
    first: usize,
    count: usize,
}

#[derive(Debug)]
struct Prepared {
    /// What prepares it, as a message.
    parse: Vec<u8>,
    name: String,
    with: Vec<Template>,
    expect: Expect,
}

#[derive(Debug)]
enum Expect {
    Any,
    Rows(u64),
    Value(Template),
}

/// The state of one connection.
#[derive(Debug, Default)]
pub(crate) struct PostgresAnswer {
    reader: MessageReader,
    stage: Stage,
    login: Option<Login>,
    kind: usize,
    key: u64,
    /// Which statements this connection has prepared.
    prepared: Vec<bool>,
    verdict: Option<ErrorClass>,
    /// Why the verdict is so, for people.
    why: Option<String>,
    /// Of the present statement: rows that came, rows that its tag tells, and whether the first one is right.
    rows: u64,
    told: Option<u64>,
    value: Option<bool>,
    /// The first one, where it is not right; `None`: NULL.
    other: Option<Vec<u8>>,
    /// Whether the last command was the one that was sent, and no other.
    committed: bool,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Logging in.
    #[default]
    Login,
    /// Beginning a transaction.
    Begin,
    /// At this statement of the transaction.
    Statement(usize),
    /// Committing.
    Commit,
    /// Rolling back what was not right.
    Rollback,
    /// Nothing is asked.
    Idle,
}

/// What a message means for the request.
enum Step {
    Goes,
    Over(Reading),
}

/// How much is kept of a value that is compared, so that it can be told.
const VALUE_BYTES_KEPT: usize = 64;

/// What is told of a transaction that the server rolled back when it was to commit.
const UNDONE: &str = "expected COMMIT to be done, found the transaction rolled back";

const BROKEN: Reading = Reading::Whole { verdict: Err(ErrorClass::Protocol), keep: false };

// === impl PostgresClient ===

impl PostgresClient {
    /// Prepares the transactions of a workload, and reads its password from the environment.
    pub(crate) fn new(postgres: &PostgresWorkload, seed: u64) -> Result<Self, ClientError> {
        let PostgresWorkload { user, database, password_env, .. } = postgres;
        let account = Account::new(user, database, password_env.as_deref(), seed)?;
        let mut statements = Vec::new();
        let mut transactions = Vec::new();
        for of in &postgres.transactions {
            transactions.push(Transaction::new(of, statements.len()));
            for statement in &of.statements {
                statements.push(Prepared::new(statement, statements.len()));
            }
        }
        Ok(Self { account, transactions, statements })
    }

    fn statements_of(&self, transaction: &Transaction) -> &[Prepared] {
        &self.statements[transaction.first..][..transaction.count]
    }

    /// The statement that a connection is at.
    fn statement(&self, answer: &PostgresAnswer) -> Option<&Prepared> {
        let Stage::Statement(at) = answer.stage else { return None };
        self.statements_of(&self.transactions[answer.kind]).get(at)
    }

    /// How much of a row's first value must be kept to judge it.
    fn keep(&self, answer: &PostgresAnswer) -> usize {
        match self.statement(answer).map(|statement| &statement.expect) {
            Some(Expect::Value(text)) => (text.length(answer.key) + 1).max(VALUE_BYTES_KEPT),
            _ => 0,
        }
    }

    /// Sends a statement, and what prepares it where this connection has not.
    fn send(&self, answer: &mut PostgresAnswer, at: usize, out: &mut Vec<u8>) {
        let transaction = &self.transactions[answer.kind];
        let number = transaction.first + at;
        let statement = &self.statements[number];
        answer.stage = Stage::Statement(at);
        (answer.rows, answer.told, answer.value) = (0, None, None);
        if !answer.prepared[number] {
            out.extend_from_slice(&statement.parse);
        }
        statement.render(answer.key, out);
    }

    /// One message came.
    fn step(&self, answer: &mut PostgresAnswer, of: u8, reply: &mut Vec<u8>) -> Step {
        match of {
            // Notices, settings and notifications may come at any time.
            b'N' | b'S' | b'A' => Step::Goes,
            b'E' => self.refused(answer),
            _ if answer.stage == Stage::Login => self.login(answer, of, reply),
            b'1' => {
                if let Stage::Statement(at) = answer.stage {
                    answer.prepared[self.transactions[answer.kind].first + at] = true;
                }
                Step::Goes
            }
            ROW => {
                self.row(answer);
                Step::Goes
            }
            b'C' => match text(answer.reader.body()) {
                Some((tag, _)) => {
                    (answer.told, answer.committed) = (rows(tag), tag == b"COMMIT");
                    Step::Goes
                }
                None => Step::Over(BROKEN),
            },
            b'2' | b'I' => Step::Goes,
            b'Z' => match answer.reader.body() {
                [status @ (b'I' | b'T' | b'E')] => self.ready(answer, *status, reply),
                _ => Step::Over(BROKEN),
            },
            _ => Step::Over(BROKEN),
        }
    }

    fn login(&self, answer: &mut PostgresAnswer, of: u8, reply: &mut Vec<u8>) -> Step {
        let step = self.account.step(answer.login.as_mut(), of, answer.reader.body(), reply);
        if let Step::Over(Reading::Whole { verdict: Ok(()), .. }) = step {
            answer.stage = Stage::Idle;
        }
        step
    }

    fn refused(&self, answer: &mut PostgresAnswer) -> Step {
        let body = answer.reader.body();
        let class = class_of(field(body, b'C').unwrap_or_default());
        // `V` is the severity in English, whatever language the server speaks; servers before 9.6 have only `S`.
        let severity = field(body, b'V').or_else(|| field(body, b'S'));
        let goes_on = severity == Some(b"ERROR") && answer.stage != Stage::Login;
        if answer.why.is_none() {
            let told = self.account.told(body);
            answer.why = Some(answer.stage.told(&told));
        }
        if !goes_on {
            return Step::Over(Reading::Whole { verdict: Err(class), keep: false });
        }
        answer.verdict = answer.verdict.or(Some(class));
        Step::Goes
    }

    fn row(&self, answer: &mut PostgresAnswer) {
        answer.rows += 1;
        let Some(Expect::Value(expected)) = self.statement(answer).map(|statement| &statement.expect) else {
            return;
        };
        if answer.rows == 1 {
            let mut text = Vec::new();
            expected.render(answer.key, &mut text);
            let value = answer.reader.value();
            let is_as_long = value.bytes.is_some_and(|bytes| u64::from(bytes) == text.len() as u64);
            answer.value = Some(is_as_long && value.text == text);
            if answer.value == Some(false) {
                answer.other = value.bytes.is_some().then(|| value.text.clone());
            }
        }
    }

    /// The server is ready for the next query: what comes next.
    fn ready(&self, answer: &mut PostgresAnswer, status: u8, reply: &mut Vec<u8>) -> Step {
        let is_outside = status == b'I';
        if let Some(statement) = self.statement(answer)
            && answer.verdict.is_none()
            && let Err(class) = statement.expect.judge(answer)
        {
            answer.why = Some(answer.stage.told(&statement.expect.told(answer)));
            answer.verdict = Some(class);
        }
        let transaction = &self.transactions[answer.kind];
        let next = match answer.stage {
            Stage::Begin => Some(0),
            Stage::Statement(at) => Some(at + 1).filter(|next| *next < transaction.count),
            _ => None,
        };
        match (answer.verdict, next) {
            (Some(_), _) if !is_outside && answer.stage != Stage::Rollback => {
                query("ROLLBACK", reply);
                answer.stage = Stage::Rollback;
                Step::Goes
            }
            (None, Some(next)) => {
                self.send(answer, next, reply);
                Step::Goes
            }
            (None, None) if transaction.begin.is_some() && answer.stage != Stage::Commit => {
                query("COMMIT", reply);
                answer.stage = Stage::Commit;
                Step::Goes
            }
            (verdict, _) => {
                // A transaction that the server rolled back when it was to commit is not done.
                let undone = answer.stage == Stage::Commit && !answer.committed;
                if undone && verdict.is_none() {
                    answer.why = Some(UNDONE.to_owned());
                }
                let verdict = verdict.or(undone.then_some(ErrorClass::Check));
                answer.stage = Stage::Idle;
                Step::Over(Reading::Whole { verdict: verdict.map_or(Ok(()), Err), keep: is_outside })
            }
        }
    }
}

impl Client for PostgresClient {
    type Answer = PostgresAnswer;

    fn answer(&self) -> PostgresAnswer {
        PostgresAnswer::default()
    }

    fn greet(&self, answer: &mut PostgresAnswer, out: &mut Vec<u8>) -> bool {
        *answer = PostgresAnswer {
            login: Some(self.account.begin(out)),
            prepared: vec![false; self.statements.len()],
            ..PostgresAnswer::default()
        };
        true
    }

    fn asks_for_tls(&self) -> Option<&'static SealingRequest> {
        Some(&login::TLS)
    }

    fn has_key(&self, kind: usize) -> bool {
        let statements = self.transactions.get(kind).map_or(&[][..], |of| self.statements_of(of));
        statements.iter().any(|of| of.with.iter().any(Template::has_place))
    }

    fn ask(&self, ask: &Ask, answer: &mut PostgresAnswer, out: &mut Vec<u8>) {
        (answer.kind, answer.key, answer.verdict, answer.why) = (ask.kind as usize, ask.key, None, None);
        answer.committed = false;
        match &self.transactions[answer.kind].begin {
            Some(begin) => {
                answer.stage = Stage::Begin;
                out.extend_from_slice(begin);
            }
            None => self.send(answer, 0, out),
        }
    }

    fn whole_at_once(&self, _: &PostgresAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut PostgresAnswer, bytes: &[u8], reply: &mut Vec<u8>) -> Reading {
        let mut rest = bytes;
        loop {
            let keep = self.keep(answer);
            let of = match answer.reader.read(&mut rest, keep) {
                Ok(Some(of)) => of,
                Ok(None) => return Reading::More,
                Err(_) => return BROKEN,
            };
            if let Step::Over(reading) = self.step(answer, of, reply) {
                return with_what_follows(reading, &mut answer.reader, rest);
            }
        }
    }

    fn may_quote(&self) -> bool {
        self.account.may_quote()
    }

    fn why(&self, answer: &PostgresAnswer, class: ErrorClass) -> Option<String> {
        why(answer.why.as_ref(), class, answer.stage == Stage::Login)
    }

    fn closed(&self, _: &mut PostgresAnswer) -> Result<(), ErrorClass> {
        Err(ErrorClass::Closed)
    }

    fn unasked(&self, answer: &mut PostgresAnswer, bytes: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        is_nothing(&mut answer.reader, bytes)
    }
}

/// Why an answer is wrong, whichever client read it.
fn why(told: Option<&String>, class: ErrorClass, is_login: bool) -> Option<String> {
    match class {
        ErrorClass::Protocol => {
            Some("expected PostgreSQL's protocol, version 3, found something else".to_owned())
        }
        ErrorClass::Status if is_login && told.is_none() => Some(
            "the server wants a password that was not given, or a login other than SCRAM-SHA-256".to_owned(),
        ),
        _ => told.cloned(),
    }
}

/// The end of an answer. What follows at once is no answer to anything, but may be a notice.
fn with_what_follows(reading: Reading, reader: &mut MessageReader, rest: &[u8]) -> Reading {
    match reading {
        Reading::Whole { verdict, keep } => {
            Reading::Whole { verdict, keep: keep && is_nothing(reader, rest) }
        }
        other => other,
    }
}

/// Whether bytes that nobody asked for mean nothing: notices, new settings and notifications.
fn is_nothing(reader: &mut MessageReader, bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        match reader.read(&mut rest, 0) {
            Ok(None) => return true,
            Ok(Some(b'N' | b'S' | b'A')) => {}
            // An error here tells that the server ends the connection.
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}

/// The class of an error by its SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn class_of(state: &[u8]) -> ErrorClass {
    match state {
        // serialization_failure, deadlock_detected
        b"40001" | b"40P01" => ErrorClass::Conflict,
        // too_many_connections, cannot_connect_now
        b"53300" | b"57P03" => ErrorClass::Refused,
        // admin_shutdown, crash_shutdown
        b"57P01" | b"57P02" => ErrorClass::Closed,
        _ => ErrorClass::Status,
    }
}

/// A simple query, for what has no parameters and no rows.
fn query(sql: &str, out: &mut Vec<u8>) {
    write(b'Q', out, |out| write_text(sql.as_bytes(), out));
}

// === impl Transaction ===

impl Transaction {
    fn new(of: &SqlTransaction, first: usize) -> Self {
        let begin = of.isolation.map(|isolation| {
            let mut begin = Vec::new();
            query(&format!("BEGIN ISOLATION LEVEL {}", isolation.sql()), &mut begin);
            begin
        });
        Self { begin, first, count: of.statements.len() }
    }
}

// === impl Prepared ===

impl Prepared {
    fn new(of: &SqlStatement, number: usize) -> Self {
        let name = format!("s{number}");
        let mut parse = Vec::new();
        write(b'P', &mut parse, |out| {
            write_text(name.as_bytes(), out);
            write_text(of.query.as_bytes(), out);
            // No types are given: the server infers them.
            out.extend_from_slice(&0_u16.to_be_bytes());
        });
        let with = of.with.iter().map(|text| Template::new(text)).collect();
        let expect = match &of.expect {
            SqlExpect::Any => Expect::Any,
            SqlExpect::Rows(rows) => Expect::Rows(*rows),
            SqlExpect::Value(text) => Expect::Value(Template::new(text)),
        };
        Self { parse, name, with, expect }
    }

    /// Bind, Execute and Sync.
    fn render(&self, key: u64, out: &mut Vec<u8>) {
        write(b'B', out, |out| {
            // The unnamed portal, and all parameters as text.
            out.push(0);
            write_text(self.name.as_bytes(), out);
            out.extend_from_slice(&0_u16.to_be_bytes());
            let count = u16::try_from(self.with.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&count.to_be_bytes());
            for with in self.with.iter().take(usize::from(count)) {
                let length = u32::try_from(with.length(key)).unwrap_or(u32::MAX);
                out.extend_from_slice(&length.to_be_bytes());
                with.render(key, out);
            }
            // All columns as text.
            out.extend_from_slice(&0_u16.to_be_bytes());
        });
        write(b'E', out, |out| {
            out.push(0);
            // All rows.
            out.extend_from_slice(&0_u32.to_be_bytes());
        });
        write(b'S', out, |_| {});
    }
}

// === impl Stage ===

impl Stage {
    /// What was found there, for people.
    fn told(self, found: &str) -> String {
        match self {
            Self::Login => format!("logging in: {found}"),
            Self::Begin => format!("BEGIN: {found}"),
            Self::Statement(at) => format!("statement {}: {found}", at + 1),
            Self::Commit => format!("COMMIT: {found}"),
            Self::Rollback => format!("ROLLBACK: {found}"),
            Self::Idle => found.to_owned(),
        }
    }
}

// === impl Expect ===

impl Expect {
    /// What was expected, and what came instead.
    fn told(&self, answer: &PostgresAnswer) -> String {
        let rows = answer.told.unwrap_or(answer.rows);
        match self {
            Self::Any => "expected anything".to_owned(),
            Self::Rows(expected) => format!("expected {expected} rows, found {rows}"),
            Self::Value(expected) => {
                let mut text = Vec::new();
                expected.render(answer.key, &mut text);
                let found = match &answer.other {
                    _ if rows == 0 => "no row".to_owned(),
                    Some(other) => quoted(other),
                    None => "NULL".to_owned(),
                };
                format!("expected {}, found {found}", quoted(&text))
            }
        }
    }

    fn judge(&self, answer: &PostgresAnswer) -> Result<(), ErrorClass> {
        let rows = answer.told.unwrap_or(answer.rows);
        match self {
            Self::Any => Ok(()),
            Self::Rows(expected) if rows == *expected => Ok(()),
            Self::Value(_) if answer.value == Some(true) => Ok(()),
            Self::Rows(_) | Self::Value(_) if rows == 0 => Err(ErrorClass::Miss),
            Self::Rows(_) | Self::Value(_) => Err(ErrorClass::Check),
        }
    }
}

#[cfg(test)]
mod tests;
