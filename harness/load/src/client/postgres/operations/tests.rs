use shakedown_histories::{Fate, Model, Rules, Segments};
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::postgres::Isolation;
use shakedown_scenarios::workload::{Arrivals, Destination};

use super::super::message::write;
use super::*;
use crate::history::HistoryPlace;

const OK: Reading = Reading::Whole { verdict: Ok(()), keep: true };

fn client(model: OperationModel, history: Option<History>) -> SqlOperationsClient {
    let sql = OperationsSql {
        isolation: Isolation::Serializable,
        user: "postgres".to_owned(),
        database: "postgres".to_owned(),
        password_env: None,
    };
    let workload = OperationsWorkload {
        to: Destination::Target("db".to_owned()),
        arrivals: Arrivals::Constant(Rate::per_second(1.0).unwrap()),
        timeout: Span::secs(1),
        connections: 2,
        tls: None,
        model,
        keys: 2,
        operations_per_key: 3,
        retries: 0,
        sql: Some(sql.clone()),
    };
    SqlOperationsClient::new(&workload, &sql, "run'\r\n-7", 1, history).unwrap()
}

fn message(of: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write(of, &mut out, |out| out.extend_from_slice(body));
    out
}

/// A row of one column, and the tag that follows it.
fn value(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    let body = [&1_u16.to_be_bytes()[..], &length, text.as_bytes()].concat();
    [message(b'T', b"\0\0"), message(b'D', &body), tag("SELECT 1")].concat()
}

fn tag(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

fn error(severity: &str, state: &str) -> Vec<u8> {
    message(b'E', format!("S{severity}\0V{severity}\0C{state}\0\0").as_bytes())
}

fn then(mut messages: Vec<u8>, status: u8) -> Vec<u8> {
    messages.extend(message(b'Z', &[status]));
    messages
}

/// A connection that is logged in.
fn connected(client: &SqlOperationsClient) -> SqlOperationsAnswer {
    let mut answer = client.answer();
    assert!(client.greet(&mut answer, &mut Vec::new()));
    let welcome = then([message(b'R', &[0; 4]), message(b'K', &[0; 8])].concat(), b'I');
    assert_eq!(client.read(&mut answer, &welcome, &mut Vec::new()), OK);
    answer
}

/// Plays a transaction against these answers. The statements that were sent, and how it ended.
fn play(
    client: &SqlOperationsClient,
    answer: &mut SqlOperationsAnswer,
    (kind, key): (u32, u64),
    answers: &[Vec<u8>],
) -> (Vec<String>, Reading) {
    let ask = Ask { due: 0, key, kind, row: 0 };
    client.begins(&ask, answer, 0, 1);
    let mut out = Vec::new();
    client.ask(&ask, answer, &mut out);
    let mut reading = Reading::More;
    for bytes in answers {
        assert_eq!(reading, Reading::More);
        // Byte by byte: it must not matter how they are cut.
        reading = bytes.iter().fold(Reading::More, |before, byte| {
            assert_eq!(before, Reading::More);
            client.read(answer, &[*byte], &mut out)
        });
    }
    let sent = out.split(|byte| *byte == 0).filter(|it| it.len() > 3);
    let words = sent.map(|it| {
        String::from_utf8_lossy(it).trim_start_matches(|it: char| !it.is_ascii_uppercase()).to_owned()
    });
    (words.collect(), reading)
}

/// From account 1 to 0, 3 of it.
const TRANSFER: (u32, u64) = (1, 1 + 2 * 2);

fn begun() -> Vec<u8> {
    then(tag("BEGIN"), b'T')
}

fn transfer(end: Vec<u8>) -> Vec<Vec<u8>> {
    let paid = || then(tag("INSERT 0 1"), b'T');
    let nothing = then([message(b'T', b"\0\0"), tag("SELECT 0")].concat(), b'T');
    vec![begun(), then(value("10"), b'T'), nothing, paid(), paid(), end]
}

#[test]
fn a_transfer_writes_what_it_worked_out_from_what_it_read() {
    let client = client(OperationModel::Bank, None);
    let mut answer = connected(&client);
    let (sent, reading) = play(&client, &mut answer, TRANSFER, &transfer(then(tag("COMMIT"), b'I')));
    assert_eq!((reading, answer.commit), (OK, Commit::Done));
    assert!(sent[0].ends_with("BEGIN ISOLATION LEVEL SERIALIZABLE"), "{sent:?}");
    assert!(sent[1].ends_with("WHERE bank = 'run-7' AND account = 1"), "{sent:?}");
    assert!(sent[3].contains("VALUES ('run-7', 1, 7)"), "{sent:?}");
    assert!(sent[4].contains("VALUES ('run-7', 0, 3)"), "an account without a row has nothing: {sent:?}");
    assert!(sent[5].ends_with("COMMIT") && sent.len() == 6, "{sent:?}");
}

#[test]
fn what_becomes_of_a_transaction_is_known_until_it_is_to_be_committed() {
    let check = |end: Vec<u8>, expected: Commit| {
        let client = client(OperationModel::Bank, None);
        let mut answer = connected(&client);
        play(&client, &mut answer, TRANSFER, &transfer(end));
        assert_eq!(answer.commit, expected);
    };
    check(Vec::new(), Commit::Sent);
    check(then(tag("ROLLBACK"), b'I'), Commit::Refused);
    check(then(error("ERROR", "40001"), b'I'), Commit::Refused);
    check(error("FATAL", "57P01"), Commit::Sent);
    check(then(error("ERROR", "40003"), b'I'), Commit::Sent);
    let client = client(OperationModel::Bank, None);
    let mut answer = connected(&client);
    let refused = [begun(), then(error("ERROR", "40001"), b'E'), then(tag("ROLLBACK"), b'I')];
    let (sent, reading) = play(&client, &mut answer, TRANSFER, &refused);
    assert_eq!(reading, Reading::Whole { verdict: Err(ErrorClass::Conflict), keep: true });
    assert_eq!((answer.commit, sent.last().unwrap().as_str()), (Commit::Unsent, "ROLLBACK"));
    // What a statement finds outside of a transaction is none of ours.
    let (_, reading) = play(&client, &mut connected(&client), TRANSFER, &[then(tag("BEGIN"), b'I')]);
    assert_eq!(reading, BROKEN);
}

#[test]
fn results_that_cannot_be_are_rolled_back() {
    let check = |model, of, answer_to_first: Vec<u8>| {
        let client = client(model, None);
        let mut answer = connected(&client);
        let end = then(tag("ROLLBACK"), b'I');
        let (sent, reading) = play(&client, &mut answer, of, &[begun(), then(answer_to_first, b'T'), end]);
        assert_eq!(reading, Reading::Whole { verdict: Err(ErrorClass::Check), keep: true });
        assert_eq!((answer.commit, sent.last().unwrap().as_str()), (Commit::Unsent, "ROLLBACK"));
    };
    check(OperationModel::Bank, TRANSFER, value("ten"));
    check(OperationModel::Bank, TRANSFER, value("9223372036854775808"));
    check(OperationModel::Bank, (0, 0), value("0:1,7:2"));
    check(OperationModel::Bank, (0, 0), value("\"},"));
    // One step that reads the first list.
    check(OperationModel::ListAppend, (0, 0), value("1,x"));
    check(OperationModel::ListAppend, (0, 0), value(""));
}

#[test]
fn what_is_noted_is_read_back_as_a_history() {
    let folder = tempfile::tempdir().unwrap();
    let place = HistoryPlace { folder: folder.path().to_owned(), run: "r".into() };
    let read = |name: &str, model| {
        shakedown_histories::read(Segments::open(&place.folder, name).unwrap(), &Rules::of(model)).unwrap()
    };
    let bank = client(OperationModel::Bank, Some(History::begin(&place, "bank")));
    let mut answer = connected(&bank);
    let mut go = |of, answers: &[Vec<u8>]| {
        play(&bank, &mut answer, of, answers);
        bank.ends(&mut answer, true, 1);
    };
    let end = || then(tag("COMMIT"), b'I');
    go(TRANSFER, &transfer(end()));
    go((0, 0), &[begun(), then(value("1:7,0:3"), b'T'), end()]);
    go(TRANSFER, &transfer(Vec::new()));
    go(TRANSFER, &[begun()]);
    assert_eq!(Client::finish(&bank).unwrap().cut, None);
    let history = read("bank", Model::Bank);
    assert_eq!(history.words(&history.ops[0]), ("transfer", "1 → 0: 3".to_owned()));
    let fates: Vec<Fate> = history.ops.iter().map(|op| op.fate).collect();
    assert_eq!(fates, [Fate::Done, Fate::Done, Fate::Open, Fate::Failed]);
    assert_ne!(history.ops[2].process, history.ops[3].process, "the old one may still be at it");

    let lists = client(OperationModel::ListAppend, Some(History::begin(&place, "lists")));
    let mut answer = connected(&lists);
    // Two steps: append to the first list, read the second one.
    let of = (0, 1 + 3 * (2 + 4));
    let (sent, reading) = play(
        &lists,
        &mut answer,
        of,
        &[begun(), then(tag("INSERT 0 1"), b'T'), then(value("4,5"), b'T'), end()],
    );
    lists.ends(&mut answer, true, 1);
    assert_eq!((reading, sent.len()), (OK, 4), "{sent:?}");
    assert_eq!(Client::finish(&lists).unwrap().cut, None);
    let history = read("lists", Model::ListAppend);
    let expected = r#"append "run-7:0:0" 1; r "run-7:1:0" [4,5]"#;
    assert_eq!(history.words(&history.ops[0]), ("txn", expected.to_owned()));
}
