use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{Arrivals, Destination};

use super::*;

fn client(model: OperationModel, retries: u32) -> OperationsClient {
    let workload = OperationsWorkload {
        to: Destination::Target("kv".to_owned()),
        arrivals: Arrivals::Constant(Rate::per_second(1.0).unwrap()),
        timeout: Span::secs(1),
        connections: 2,
        tls: None,
        model,
        keys: 2,
        operations_per_key: 3,
        retries,
        sql: None,
    };
    OperationsClient::new(&workload, "run\r\n-7", None)
}

fn kind_of(model: OperationModel, operation: Operation) -> u32 {
    model.mix().iter().position(|(it, _)| *it == operation).unwrap() as u32
}

/// Asks for this, on the first of the objects, and gives what was sent.
fn asked(client: &OperationsClient, answer: &mut OperationsAnswer, operation: Operation) -> String {
    let ask = Ask { due: 0, key: 0, kind: kind_of(client.model, operation), row: 0 };
    client.begins(&ask, answer, 0, 5);
    let mut out = Vec::new();
    client.ask(&ask, answer, &mut out);
    String::from_utf8(out).unwrap()
}

/// What an answer is taken for, and the verdict on it.
fn told(model: OperationModel, operation: Operation, reply: &str) -> (Found, Reading) {
    let client = client(model, 0);
    let mut answer = client.answer();
    asked(&client, &mut answer, operation);
    let reading = client.read(&mut answer, reply.as_bytes(), &mut Vec::new());
    (answer.found, reading)
}

fn whole(verdict: Result<(), ErrorClass>) -> Reading {
    Reading::Whole { verdict, keep: true }
}

#[test]
fn an_answer_says_what_was_done_or_leaves_it_open() {
    use Operation::{Add, Cas, Read, Write};
    use OperationModel::{CasRegister, Counter, Set};
    let check = |model, operation, reply: &str, found: Found, verdict| {
        assert_eq!(told(model, operation, reply), (found, whole(verdict)), "{operation:?} {reply:?}");
    };
    let value = |text: &str| Found::Value(text.to_owned());
    check(CasRegister, Read, "$2\r\n17\r\n", value("17"), Ok(()));
    check(CasRegister, Read, "$-1\r\n", value("null"), Ok(()));
    check(Counter, Read, "$-1\r\n", value("0"), Ok(()));
    check(Set, Read, "$5\r\n1,2,3\r\n", value("[1,2,3]"), Ok(()));
    check(Set, Read, "$0\r\n\r\n", value("[]"), Ok(()));
    check(Set, Read, "$-1\r\n", Found::Unknown, Err(ErrorClass::Check));
    check(CasRegister, Read, "$3\r\n\"},\r\n", Found::Unknown, Err(ErrorClass::Check));
    check(CasRegister, Read, "$2\r\n07\r\n", Found::Unknown, Err(ErrorClass::Check));
    check(CasRegister, Write, "+OK\r\n", Found::Done, Ok(()));
    check(CasRegister, Write, "$2\r\nNO\r\n", Found::Unknown, Err(ErrorClass::Check));
    check(CasRegister, Cas, "$2\r\nOK\r\n", Found::Done, Ok(()));
    check(CasRegister, Cas, "$2\r\nNO\r\n", Found::NotDone, Ok(()));
    check(Counter, Add, ":3\r\n", Found::Done, Ok(()));
    check(Counter, Add, "-LOADING Redis is loading\r\n", Found::NotDone, Err(ErrorClass::Status));
    // A proxy may say so after the target did it.
    check(Counter, Add, "-ERR upstream timed out\r\n", Found::Unknown, Err(ErrorClass::Status));
    let (found, reading) = told(Counter, Add, "hello\r\n");
    assert_eq!(
        (found, reading),
        (Found::Unknown, Reading::Whole { verdict: Err(ErrorClass::Protocol), keep: false })
    );
    assert_eq!(told(Counter, Add, ":3").1, Reading::More);
}

#[test]
fn values_are_written_once_and_objects_make_room_for_new_ones() {
    let client = client(OperationModel::CasRegister, 0);
    let mut answer = client.answer();
    let mut one = |operation: Operation, reply: &str| {
        let sent = asked(&client, &mut answer, operation);
        client.read(&mut answer, reply.as_bytes(), &mut Vec::new());
        client.ends(&mut answer, true, 6);
        sent
    };
    assert_eq!(one(Operation::Write, "+OK\r\n"), "*3\r\n$3\r\nSET\r\n$9\r\nrun-7:0:0\r\n$1\r\n1\r\n");
    let cas = one(Operation::Cas, "$2\r\nOK\r\n");
    assert!(cas.ends_with("$9\r\nrun-7:0:0\r\n$1\r\n1\r\n$1\r\n2\r\n"), "{cas}");
    assert!(one(Operation::Read, "$1\r\n2\r\n").ends_with("run-7:0:0\r\n"));
    let next = one(Operation::Cas, "$2\r\nNO\r\n");
    assert!(
        next.ends_with("$9\r\nrun-7:0:1\r\n$1\r\n0\r\n$1\r\n3\r\n"),
        "a new object holds nothing: {next}"
    );
}

#[test]
fn only_what_may_have_been_done_takes_a_new_process() {
    let client = client(OperationModel::Counter, 0);
    let mut answer = client.answer();
    let mut process_after = |was_sent: bool, reply: &str| {
        asked(&client, &mut answer, Operation::Add);
        client.read(&mut answer, reply.as_bytes(), &mut Vec::new());
        client.ends(&mut answer, was_sent, 6);
        client.state.borrow_mut().notebook.process(0)
    };
    assert_eq!(process_after(true, ":1\r\n"), 0);
    assert_eq!(process_after(false, ""), 0, "nothing was sent");
    assert_eq!(process_after(true, "-OOM no room\r\n"), 0, "the answer says that nothing was done");
    assert_eq!(process_after(true, ""), 1, "it was sent, and nobody answered");
    assert_eq!(process_after(true, ":"), 2, "half an answer is none");
}

#[test]
fn a_careless_client_sends_what_was_not_answered_again_and_no_more_often_than_it_is_told() {
    let client = client(OperationModel::CasRegister, 2);
    let mut answer = client.answer();
    asked(&client, &mut answer, Operation::Cas);
    assert!(!client.asks_again(&mut answer, ErrorClass::Status));
    assert!(client.asks_again(&mut answer, ErrorClass::Timeout));
    assert!(client.asks_again(&mut answer, ErrorClass::Reset));
    assert!(!client.asks_again(&mut answer, ErrorClass::Closed));
    client.read(&mut answer, b"$2\r\nNO\r\n", &mut Vec::new());
    client.ends(&mut answer, true, 6);
    assert_eq!(client.state.borrow_mut().notebook.process(0), 1, "the first one may have been done");
}
