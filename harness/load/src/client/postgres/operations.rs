//! Transactions whose meaning is known, and the history of what came of them: transfers of a bank, and appends to lists.
//!
//! Each goes statement by statement, and writes what it worked out from what it read, as a program would: it is the database
//! that has to keep transactions apart. Before COMMIT is sent nothing is done, and whatever ends the transaction then is a
//! `fail`; what becomes of one whose COMMIT is not answered nobody knows.

use std::cell::RefCell;

use shakedown_scenarios::workload::operations::{
    Operation, OperationModel, OperationsSql, OperationsWorkload,
};
use shakedown_scenarios::workload::postgres::Isolation;

use super::account::Account;
use super::login::{self, Login};
use super::message::{MessageReader, ROW, field, rows, text};
use super::{BROKEN, Step, UNDONE, class_of, is_nothing, query, with_what_follows};
use crate::client::notebook::{Deed, Notebook};
use crate::client::telling::quoted;
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::dial::SealingRequest;
use crate::history::{History, HistoryEnd, Kind};
use crate::mix::Ask;

/// Transactions of a workload, and the history of them.
#[derive(Debug)]
pub(crate) struct SqlOperationsClient {
    model: OperationModel,
    keys: u64,
    operations_per_key: u32,
    isolation: Isolation,
    account: Account,
    /// The bank's name, and what the names of all lists begin with.
    names: String,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    lists: Vec<List>,
    /// The last element that was appended: each is one above the one before.
    element: u64,
    notebook: Notebook,
}

/// The list that stands at one place at the moment.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    generation: u32,
    operations: u32,
}

/// The transaction of a connection, and where it is.
#[derive(Debug, Default)]
pub(crate) struct SqlOperationsAnswer {
    reader: MessageReader,
    login: Option<Login>,
    stage: Stage,
    begun: Option<Begun>,
    verdict: Option<ErrorClass>,
    /// Why the verdict is so, for people.
    why: Option<String>,
    seen: Seen,
    commit: Commit,
}

/// What came in answer to the present statement.
#[derive(Debug, Default)]
struct Seen {
    rows: u64,
    changed: Option<u64>,
    /// The first value of its first row; `None`: NULL, no text, or too long.
    value: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Login,
    Begin,
    /// At this part of the transaction.
    Part(usize),
    Commit,
    Rollback,
    Idle,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Commit {
    /// It was not sent: nothing is done.
    #[default]
    Unsent,
    /// It was sent: nobody knows.
    Sent,
    /// The server says that it is done.
    Done,
    /// The server says that it is not done.
    Refused,
}

#[derive(Debug)]
struct Begun {
    seat: usize,
    operation: Operation,
    parts: Vec<Part>,
    /// What each part found, as JSON; empty where it finds nothing.
    found: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Balance {
        account: u64,
    },
    /// Writes what the other part found, and so much more.
    Pay {
        account: u64,
        found_by: usize,
        more: i64,
    },
    AllBalances,
    Append {
        list: String,
        element: u64,
    },
    Read {
        list: String,
    },
}

/// The longest text of all balances, or of a list, that is taken in.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// The most that goes from one account to another.
const AMOUNT_MOST: u64 = 5;
/// The most steps of a transaction on lists.
const STEPS_MOST: u64 = 3;

// === impl SqlOperationsClient ===

impl SqlOperationsClient {
    /// The transactions of a workload, on a bank or lists whose names begin with this.
    pub(crate) fn new(
        workload: &OperationsWorkload,
        sql: &OperationsSql,
        names: &str,
        seed: u64,
        history: Option<History>,
    ) -> Result<Self, ClientError> {
        let lists = vec![List::default(); workload.keys as usize];
        let OperationsSql { user, database, password_env, .. } = sql;
        Ok(Self {
            model: workload.model,
            keys: u64::from(workload.keys.max(1)),
            operations_per_key: workload.operations_per_key.max(1),
            isolation: sql.isolation,
            account: Account::new(user, database, password_env.as_deref(), seed)?,
            names: names.chars().filter(|it| it.is_ascii_alphanumeric() || "-_.:".contains(*it)).collect(),
            state: RefCell::new(State { lists, element: 0, notebook: Notebook::new(history) }),
        })
    }

    fn parts(&self, operation: Operation, chance: &mut u64, state: &mut State) -> Vec<Part> {
        match operation {
            Operation::Transfer => self.transfer(chance),
            Operation::Txn => {
                let steps = 1 + draw(chance, STEPS_MOST);
                (0..steps).map(|_| self.step_on_list(chance, state)).collect()
            }
            _ => vec![Part::AllBalances],
        }
    }

    fn transfer(&self, chance: &mut u64) -> Vec<Part> {
        let from = draw(chance, self.keys);
        let to = (from + 1 + draw(chance, self.keys.saturating_sub(1).max(1))) % self.keys;
        let amount = 1 + draw(chance, AMOUNT_MOST).cast_signed();
        vec![
            Part::Balance { account: from },
            Part::Balance { account: to },
            Part::Pay { account: from, found_by: 0, more: -amount },
            Part::Pay { account: to, found_by: 1, more: amount },
        ]
    }

    fn step_on_list(&self, chance: &mut u64, state: &mut State) -> Part {
        let place = draw(chance, self.keys);
        let at = &mut state.lists[place as usize];
        let list = format!("{}:{place}:{}", self.names, at.generation);
        at.operations += 1;
        if at.operations >= self.operations_per_key {
            *at = List { generation: at.generation.wrapping_add(1), operations: 0 };
        }
        if draw(chance, 2) == 0 {
            return Part::Read { list };
        }
        state.element += 1;
        Part::Append { list, element: state.element }
    }

    /// A statement. Names have no letter that would end a text, and everything else is a number.
    fn statement(&self, begun: &Begun, at: usize) -> Result<String, ErrorClass> {
        let bank = &self.names;
        Ok(match &begun.parts[at] {
            Part::Balance { account } => {
                format!("SELECT balance FROM accounts WHERE bank = '{bank}' AND account = {account}")
            }
            Part::Pay { account, found_by, more } => {
                let found: i64 = begun.found[*found_by].parse().map_err(|_| ErrorClass::Check)?;
                let balance = found.checked_add(*more).ok_or(ErrorClass::Check)?;
                format!(
                    "INSERT INTO accounts (bank, account, balance) VALUES ('{bank}', {account}, {balance}) \
                     ON CONFLICT (bank, account) DO UPDATE SET balance = excluded.balance"
                )
            }
            Part::AllBalances => {
                format!(
                    "SELECT string_agg(account || ':' || balance, ',') FROM accounts WHERE bank = '{bank}'"
                )
            }
            Part::Append { list, element } => format!(
                "INSERT INTO lists (list, elements) VALUES ('{list}', '{element}') \
                 ON CONFLICT (list) DO UPDATE SET elements = lists.elements || ',' || excluded.elements"
            ),
            Part::Read { list } => format!("SELECT elements FROM lists WHERE list = '{list}'"),
        })
    }

    /// What a part found, as JSON. An error is a result that it cannot have.
    fn found(&self, part: &Part, seen: &Seen) -> Result<String, ErrorClass> {
        let value = seen.value.as_deref();
        let found = match (part, seen.rows) {
            (Part::Pay { .. } | Part::Append { .. }, _) => (seen.changed == Some(1)).then(String::new),
            (Part::Balance { .. }, 0) => Some("0".to_owned()),
            (Part::Balance { .. }, 1) => value.and_then(|it| it.parse::<i64>().ok()).map(|it| it.to_string()),
            // A bank without a row has no text of its balances.
            (Part::AllBalances, 1) => self.balances(value.unwrap_or_default()),
            (Part::Read { .. }, 0) => Some("[]".to_owned()),
            (Part::Read { .. }, 1) => value.and_then(list),
            _ => None,
        };
        found.ok_or(ErrorClass::Check)
    }

    fn balances(&self, text: &str) -> Option<String> {
        let mut all = vec![0_i64; self.keys as usize];
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (account, balance) = pair.split_once(':')?;
            *all.get_mut(account.parse::<usize>().ok()?)? = balance.parse().ok()?;
        }
        let all = all.iter().enumerate().map(|(account, balance)| format!(r#""{account}":{balance}"#));
        Some(format!("{{{}}}", all.collect::<Vec<_>>().join(",")))
    }

    /// Sends a part of the transaction, or its end.
    fn send(&self, answer: &mut SqlOperationsAnswer, at: usize, out: &mut Vec<u8>) {
        answer.seen = Seen::default();
        let Some(begun) = &answer.begun else { return };
        if at == begun.parts.len() {
            (answer.stage, answer.commit) = (Stage::Commit, Commit::Sent);
            return query("COMMIT", out);
        }
        match self.statement(begun, at) {
            Ok(statement) => {
                answer.stage = Stage::Part(at);
                query(&statement, out);
            }
            Err(class) => self.roll_back(answer, class, out),
        }
    }

    fn roll_back(&self, answer: &mut SqlOperationsAnswer, class: ErrorClass, out: &mut Vec<u8>) {
        answer.verdict = answer.verdict.or(Some(class));
        answer.stage = Stage::Rollback;
        query("ROLLBACK", out);
    }

    /// One message came.
    fn step(&self, answer: &mut SqlOperationsAnswer, of: u8, reply: &mut Vec<u8>) -> Step {
        match of {
            b'N' | b'S' | b'A' => Step::Goes,
            b'E' => {
                let told = self.account.told(answer.reader.body());
                answer.why.get_or_insert(told);
                refused(answer)
            }
            _ if answer.stage == Stage::Login => self.login(answer, of, reply),
            // What a row looks like, and that there was no statement, say nothing.
            b'T' | b'I' => Step::Goes,
            ROW => {
                row(answer);
                Step::Goes
            }
            b'C' => match text(answer.reader.body()) {
                Some((tag, _)) => {
                    answer.seen.changed = rows(tag);
                    if answer.stage == Stage::Commit {
                        // A transaction that failed before is rolled back instead.
                        answer.commit = if tag == b"COMMIT" { Commit::Done } else { Commit::Refused };
                    }
                    Step::Goes
                }
                None => Step::Over(BROKEN),
            },
            b'Z' => match answer.reader.body() {
                [status @ (b'I' | b'T' | b'E')] => self.ready(answer, *status, reply),
                _ => Step::Over(BROKEN),
            },
            _ => Step::Over(BROKEN),
        }
    }

    fn login(&self, answer: &mut SqlOperationsAnswer, of: u8, reply: &mut Vec<u8>) -> Step {
        let step = self.account.step(answer.login.as_mut(), of, answer.reader.body(), reply);
        if let Step::Over(Reading::Whole { verdict: Ok(()), .. }) = step {
            answer.stage = Stage::Idle;
        }
        step
    }

    /// The server is ready for the next query: what comes next.
    fn ready(&self, answer: &mut SqlOperationsAnswer, status: u8, reply: &mut Vec<u8>) -> Step {
        if let (Stage::Part(at), None, Some(begun)) = (answer.stage, answer.verdict, answer.begun.as_mut()) {
            match self.found(&begun.parts[at], &answer.seen) {
                Ok(found) => begun.found.push(found),
                Err(class) => {
                    let found = answer
                        .seen
                        .value
                        .as_deref()
                        .map_or("NULL, or no text".to_owned(), |of| quoted(of.as_bytes()));
                    let rows = answer.seen.rows;
                    answer.why = Some(format!(
                        "statement {}: expected what it was to find, found {rows} rows, and {found} first",
                        at + 1
                    ));
                    answer.verdict = Some(class);
                }
            }
        }
        let is_outside = status == b'I';
        match (answer.stage, answer.verdict) {
            (Stage::Begin | Stage::Part(_), Some(class)) if !is_outside => {
                self.roll_back(answer, class, reply);
                Step::Goes
            }
            // Outside of a transaction each statement would be done alone.
            (Stage::Begin | Stage::Part(_), None) if status != b'T' => Step::Over(BROKEN),
            (Stage::Begin, None) => {
                self.send(answer, 0, reply);
                Step::Goes
            }
            (Stage::Part(at), None) => {
                self.send(answer, at + 1, reply);
                Step::Goes
            }
            (_, verdict) => {
                let undone = answer.stage == Stage::Commit && answer.commit != Commit::Done;
                let verdict = verdict.or(undone.then_some(ErrorClass::Check));
                answer.stage = Stage::Idle;
                Step::Over(Reading::Whole { verdict: verdict.map_or(Ok(()), Err), keep: is_outside })
            }
        }
    }
}

impl Client for SqlOperationsClient {
    type Answer = SqlOperationsAnswer;

    fn answer(&self) -> SqlOperationsAnswer {
        SqlOperationsAnswer::default()
    }

    fn greet(&self, answer: &mut SqlOperationsAnswer, out: &mut Vec<u8>) -> bool {
        (answer.reader, answer.stage) = (MessageReader::default(), Stage::Login);
        answer.login = Some(self.account.begin(out));
        true
    }

    fn asks_for_tls(&self) -> Option<&'static SealingRequest> {
        Some(&login::TLS)
    }

    fn has_key(&self, _: usize) -> bool {
        true
    }

    fn begins(&self, ask: &Ask, answer: &mut SqlOperationsAnswer, seat: usize, now: u64) {
        let state = &mut *self.state.borrow_mut();
        let operation =
            self.model.mix().get(ask.kind as usize).map_or(Operation::Read, |(operation, _)| *operation);
        let parts = self.parts(operation, &mut { ask.key }, state);
        let begun = Begun { seat, operation, parts, found: Vec::new() };
        state.note(&self.names, &begun, Kind::Invoke, now);
        (answer.begun, answer.commit) = (Some(begun), Commit::Unsent);
        (answer.verdict, answer.why) = (None, None);
    }

    fn ask(&self, _: &Ask, answer: &mut SqlOperationsAnswer, out: &mut Vec<u8>) {
        (answer.stage, answer.seen) = (Stage::Begin, Seen::default());
        query(&format!("BEGIN ISOLATION LEVEL {}", self.isolation.sql()), out);
    }

    fn may_quote(&self) -> bool {
        self.account.may_quote()
    }

    fn why(&self, answer: &SqlOperationsAnswer, class: ErrorClass) -> Option<String> {
        if class == ErrorClass::Check && answer.why.is_none() {
            return Some(UNDONE.to_owned());
        }
        super::why(answer.why.as_ref(), class, answer.stage == Stage::Login)
    }

    fn ends(&self, answer: &mut SqlOperationsAnswer, _: bool, now: u64) {
        let Some(begun) = answer.begun.take() else { return };
        let kind = match answer.commit {
            Commit::Unsent | Commit::Refused => Kind::Fail,
            Commit::Sent => Kind::Info,
            Commit::Done => Kind::Ok,
        };
        let state = &mut *self.state.borrow_mut();
        state.note(&self.names, &begun, kind, now);
    }

    fn second(&self) {
        self.state.borrow_mut().notebook.flush();
    }

    fn finish(&self) -> Option<HistoryEnd> {
        self.state.borrow_mut().notebook.finish()
    }

    fn whole_at_once(&self, _: &SqlOperationsAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut SqlOperationsAnswer, bytes: &[u8], reply: &mut Vec<u8>) -> Reading {
        let mut rest = bytes;
        loop {
            let of = match answer.reader.read(&mut rest, TEXT_BYTES_MAX) {
                Ok(Some(of)) => of,
                Ok(None) => return Reading::More,
                Err(_) => return BROKEN,
            };
            if let Step::Over(reading) = self.step(answer, of, reply) {
                return with_what_follows(reading, &mut answer.reader, rest);
            }
        }
    }

    fn closed(&self, _: &mut SqlOperationsAnswer) -> Result<(), ErrorClass> {
        Err(ErrorClass::Closed)
    }

    fn unasked(&self, answer: &mut SqlOperationsAnswer, bytes: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        is_nothing(&mut answer.reader, bytes)
    }
}

/// Takes a number below this out of what was drawn.
const fn draw(chance: &mut u64, below: u64) -> u64 {
    let drawn = *chance % below;
    *chance /= below;
    drawn
}

/// The elements of a list, as JSON.
fn list(text: &str) -> Option<String> {
    let is_number = |text: &str| text.parse::<u64>().is_ok_and(|it| it.to_string() == text);
    text.split(',').all(is_number).then(|| format!("[{text}]"))
}

fn row(answer: &mut SqlOperationsAnswer) {
    answer.seen.rows += 1;
    if answer.seen.rows > 1 {
        return;
    }
    let value = answer.reader.value();
    let is_whole = value.bytes.is_some_and(|bytes| u64::from(bytes) == value.text.len() as u64);
    answer.seen.value = String::from_utf8(value.text.clone()).ok().filter(|_| is_whole);
}

fn refused(answer: &mut SqlOperationsAnswer) -> Step {
    let body = answer.reader.body();
    let state = field(body, b'C').unwrap_or_default();
    let class = class_of(state);
    let severity = field(body, b'V').or_else(|| field(body, b'S'));
    if severity != Some(b"ERROR") || answer.stage == Stage::Login {
        return Step::Over(Reading::Whole { verdict: Err(class), keep: false });
    }
    answer.verdict = answer.verdict.or(Some(class));
    // 40003 is statement_completion_unknown, and 08… are troubles of a connection, which somebody in between may have.
    let is_certain = state != b"40003" && !state.starts_with(b"08");
    if answer.stage == Stage::Commit && is_certain {
        answer.commit = Commit::Refused;
    }
    Step::Goes
}

// === impl State ===

impl State {
    fn note(&mut self, names: &str, begun: &Begun, kind: Kind, time: u64) {
        let deed = || Deed { f: begun.operation.word(), key: names, value: begun.value(kind == Kind::Ok) };
        self.notebook.note(begun.seat, kind, time, deed);
    }
}

// === impl Begun ===

impl Begun {
    /// What it is to do, as JSON, or also what it found.
    fn value(&self, is_done: bool) -> String {
        let found = |at: usize| self.found.get(at).filter(|_| is_done).map_or("null", String::as_str);
        match self.parts.as_slice() {
            [Part::AllBalances] => found(0).to_owned(),
            [.., Part::Pay { account: from, .. }, Part::Pay { account: to, more, .. }] => {
                format!(r#"{{"from":{from},"to":{to},"amount":{more}}}"#)
            }
            steps => {
                let step = |(at, part): (usize, &Part)| match part {
                    Part::Append { list, element } => format!(r#"["append","{list}",{element}]"#),
                    Part::Read { list } => format!(r#"["r","{list}",{}]"#, found(at)),
                    Part::Balance { .. } | Part::Pay { .. } | Part::AllBalances => "null".to_owned(),
                };
                format!("[{}]", steps.iter().enumerate().map(step).collect::<Vec<_>>().join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests;
