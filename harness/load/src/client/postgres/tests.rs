use proptest::prelude::*;
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::postgres::Isolation;
use shakedown_scenarios::workload::{Arrivals, Destination};

use super::*;

const OK: Reading = Reading::Whole { verdict: Ok(()), keep: true };

fn wrong(class: ErrorClass) -> Reading {
    Reading::Whole { verdict: Err(class), keep: true }
}

fn ends(class: ErrorClass) -> Reading {
    Reading::Whole { verdict: Err(class), keep: false }
}

fn statement(query: &str, with: &[&str], expect: SqlExpect) -> SqlStatement {
    SqlStatement { query: query.into(), with: with.iter().map(ToString::to_string).collect(), expect }
}

fn client(isolation: Option<Isolation>, statements: Vec<SqlStatement>) -> PostgresClient {
    let workload = PostgresWorkload {
        to: Destination::Target("db".into()),
        arrivals: Arrivals::Constant(Rate::default()),
        timeout: Span::secs(1),
        connections: 1,
        habits: Default::default(),
        tls: None,
        user: "app".into(),
        database: "shop".into(),
        password_env: None,
        transactions: vec![SqlTransaction { isolation, statements, weight: 1, keys: 9 }],
    };
    PostgresClient::new(&workload, 1).unwrap()
}

fn one(expect: SqlExpect) -> PostgresClient {
    client(None, vec![statement("SELECT $1", &["{n}"], expect)])
}

fn message(of: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write(of, &mut out, |out| out.extend_from_slice(body));
    out
}

fn row(columns: &[Option<&str>]) -> Vec<u8> {
    let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for column in columns {
        let length = column.map_or(-1, |text| i32::try_from(text.len()).unwrap());
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(column.unwrap_or_default().as_bytes());
    }
    message(b'D', &body)
}

fn done(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

fn error(severity: &str, state: &str) -> Vec<u8> {
    message(b'E', format!("S{severity}\0V{severity}\0C{state}\0Mno\0\0").as_bytes())
}

/// A connection that is logged in.
fn connected(client: &PostgresClient) -> PostgresAnswer {
    let mut answer = client.answer();
    assert!(client.greet(&mut answer, &mut Vec::new()));
    let welcome =
        [message(b'R', &[0; 4]), message(b'S', b"a\0b\0"), message(b'K', &[0; 8]), ready(b'I')].concat();
    assert_eq!(client.read(&mut answer, &welcome, &mut Vec::new()), OK);
    answer
}

fn asked(client: &PostgresClient, answer: &mut PostgresAnswer) -> Vec<u8> {
    let mut out = Vec::new();
    client.ask(&Ask { due: 0, key: 7, kind: 0, row: 0 }, answer, &mut out);
    out
}

/// Reads the pieces until the answer is whole; what was replied, too.
fn read<P: AsRef<[u8]>>(
    client: &PostgresClient,
    answer: &mut PostgresAnswer,
    pieces: &[P],
) -> (Reading, Vec<u8>) {
    let (mut reading, mut reply) = (Reading::More, Vec::new());
    for piece in pieces {
        if reading == Reading::More {
            reading = client.read(answer, piece.as_ref(), &mut reply);
        }
    }
    (reading, reply)
}

fn check(expect: SqlExpect, messages: &[Vec<u8>], expected: Reading) {
    let client = one(expect);
    let mut answer = connected(&client);
    asked(&client, &mut answer);
    assert_eq!(read(&client, &mut answer, &[messages.concat()]).0, expected, "{messages:?}");
}

fn types(mut messages: &[u8]) -> String {
    let mut types = String::new();
    while let [of, length @ ..] = messages {
        types.push(char::from(*of));
        let length = u32::from_be_bytes(*length.first_chunk().unwrap());
        messages = &messages[1 + length as usize..];
    }
    types
}

#[test]
fn a_connection_says_who_it_is() {
    let mut out = Vec::new();
    login::start("app", "shop", &mut out);
    let expected = b"\0\0\0\x3b\0\x03\0\0user\0app\0database\0shop\0application_name\0shakedown\0\0";
    assert_eq!(out, expected);
    assert_eq!(out.len(), 0x3b);
}

#[test]
fn a_statement_is_prepared_once_on_each_connection() {
    let client = one(SqlExpect::Any);
    let mut answer = connected(&client);
    assert_eq!(types(&asked(&client, &mut answer)), "PBES");
    let failed = [error("ERROR", "42601"), ready(b'I')].concat();
    assert_eq!(read(&client, &mut answer, &[failed]).0, wrong(ErrorClass::Status));
    assert_eq!(types(&asked(&client, &mut answer)), "PBES", "it is not prepared yet");
    let right =
        [message(b'1', b""), message(b'2', b""), row(&[None]), done("SELECT 1"), ready(b'I')].concat();
    assert_eq!(read(&client, &mut answer, &[right]).0, OK);
    let again = asked(&client, &mut answer);
    assert_eq!(types(&again), "BES");
    assert_eq!(again[..20], *b"B\0\0\0\x13\0s0\0\0\0\0\x01\0\0\0\x017\0\0");
    assert_eq!(types(&asked(&client, &mut connected(&client))), "PBES");
}

#[test]
fn results_are_judged_by_their_rows_and_their_first_value() {
    use SqlExpect::{Any, Rows, Value};
    let found = |value| vec![row(&[value, Some("x")]), row(&[Some("other")]), done("SELECT 2"), ready(b'I')];
    check(Any, &found(None), OK);
    check(Rows(2), &found(None), OK);
    check(Rows(1), &found(None), wrong(ErrorClass::Check));
    check(Rows(3), &[done("UPDATE 3"), ready(b'I')], OK);
    check(Rows(1), &[done("INSERT 0 1"), ready(b'I')], OK);
    check(Rows(1), &[done("UPDATE 0"), ready(b'I')], wrong(ErrorClass::Miss));
    check(Rows(0), &[done("UPDATE 0"), ready(b'I')], OK);
    check(Value("v{n}".into()), &found(Some("v7")), OK);
    check(Value("v{n}".into()), &found(Some("v77")), wrong(ErrorClass::Check));
    check(Value("v{n}".into()), &found(Some("v8")), wrong(ErrorClass::Check));
    check(Value("v{n}".into()), &found(None), wrong(ErrorClass::Check));
    check(Value(String::new()), &found(Some("")), OK);
    check(Value("v{n}".into()), &[done("SELECT 0"), ready(b'I')], wrong(ErrorClass::Miss));
    check(Any, &[message(b'I', b""), ready(b'I')], OK);
}

#[test]
fn errors_are_told_apart_by_their_state() {
    let failed = |state| vec![error("ERROR", state), ready(b'I')];
    check(SqlExpect::Any, &failed("23505"), wrong(ErrorClass::Status));
    check(SqlExpect::Any, &failed("40001"), wrong(ErrorClass::Conflict));
    check(SqlExpect::Any, &failed("40P01"), wrong(ErrorClass::Conflict));
    check(SqlExpect::Any, &[error("FATAL", "57P01")], ends(ErrorClass::Closed));
    check(SqlExpect::Any, &[error("PANIC", "XX000")], ends(ErrorClass::Status));
    check(SqlExpect::Any, &[message(b'E', b"")], ends(ErrorClass::Status));
    let client = one(SqlExpect::Any);
    let mut answer = client.answer();
    client.greet(&mut answer, &mut Vec::new());
    let starting = error("FATAL", "57P03");
    assert_eq!(read(&client, &mut answer, &[starting]).0, ends(ErrorClass::Refused));
}

#[test]
fn a_transaction_waits_for_each_of_its_statements_and_commits() {
    let statements = vec![
        statement("UPDATE a", &[], SqlExpect::Rows(1)),
        statement("UPDATE b WHERE i = $1", &["{n}"], SqlExpect::Rows(1)),
    ];
    let client = client(Some(Isolation::Serializable), statements);
    assert!(client.has_key(0));
    let mut answer = connected(&client);
    let begin = asked(&client, &mut answer);
    assert_eq!(&begin[5..], b"BEGIN ISOLATION LEVEL SERIALIZABLE\0");
    let mut next = |messages: &[Vec<u8>]| read(&client, &mut answer, &[messages.concat()]);
    let (reading, first) = next(&[done("BEGIN"), ready(b'T')]);
    assert_eq!((reading, types(&first).as_str()), (Reading::More, "PBES"));
    let (reading, second) = next(&[message(b'1', b""), message(b'2', b""), done("UPDATE 1"), ready(b'T')]);
    assert_eq!((reading, types(&second).as_str()), (Reading::More, "PBES"));
    let (reading, commit) = next(&[message(b'1', b""), message(b'2', b""), done("UPDATE 1"), ready(b'T')]);
    assert_eq!((reading, &commit[5..]), (Reading::More, &b"COMMIT\0"[..]));
    assert_eq!(next(&[done("COMMIT"), ready(b'I')]).0, OK);
}

#[test]
fn what_is_not_right_in_a_transaction_is_rolled_back() {
    let statements = || vec![statement("UPDATE a", &[], SqlExpect::Rows(1))];
    let client = client(Some(Isolation::ReadCommitted), statements());
    let mut answer = connected(&client);
    for (messages, class) in [
        ([error("ERROR", "40001"), ready(b'E')].concat(), ErrorClass::Conflict),
        ([done("UPDATE 2"), ready(b'T')].concat(), ErrorClass::Check),
    ] {
        asked(&client, &mut answer);
        read(&client, &mut answer, &[done("BEGIN"), ready(b'T')]);
        let (reading, reply) = read(&client, &mut answer, &[messages]);
        assert_eq!((reading, &reply[5..]), (Reading::More, &b"ROLLBACK\0"[..]));
        let over = [done("ROLLBACK"), ready(b'I')].concat();
        assert_eq!(read(&client, &mut answer, &[over]).0, wrong(class));
    }
    // A commit that the server turned into a rollback, and one that fails.
    for (messages, class) in [
        ([done("ROLLBACK"), ready(b'I')].concat(), ErrorClass::Check),
        ([error("ERROR", "40001"), ready(b'I')].concat(), ErrorClass::Conflict),
    ] {
        asked(&client, &mut answer);
        read(&client, &mut answer, &[done("BEGIN"), ready(b'T'), done("UPDATE 1"), ready(b'T')]);
        assert_eq!(read(&client, &mut answer, &[messages]).0, wrong(class));
    }
    // A server that does not roll back when it is told to.
    asked(&client, &mut answer);
    read(&client, &mut answer, &[done("BEGIN"), ready(b'T'), error("ERROR", "40001"), ready(b'E')]);
    let stuck = [done("ROLLBACK"), ready(b'T')].concat();
    assert_eq!(read(&client, &mut answer, &[stuck]).0, ends(ErrorClass::Conflict));
}

#[test]
fn what_is_no_protocol_or_passes_its_bounds_is_told_at_once() {
    let short = |count: u16, rest: &[u8]| message(b'D', &[&count.to_be_bytes()[..], rest].concat());
    for messages in [
        b"HTTP/1.1 400 Bad Request".to_vec(),
        b"D\0\0\0\x03".to_vec(),
        b"D\x7f\xff\xff\xff".to_vec(),
        b"\0\0\0\0\x04".to_vec(),
        short(1, b""),
        short(0, b"x"),
        short(1, &[0xff, 0xff, 0xff, 0xfe]),
        short(1, &[0x7f, 0xff, 0xff, 0xff]),
        short(1, &[0, 0, 0, 1, b'x', b'y']),
        short(2, &[0, 0, 0, 0]),
        message(b'D', &[0]),
        message(b'Z', b"X"),
        message(b'Z', b""),
        message(b'C', b"SELECT 1"),
        message(b'G', &[0; 3]),
        message(b'R', &[0; 4]),
    ] {
        check(SqlExpect::Any, &[messages], BROKEN);
    }
}

#[test]
fn a_login_is_only_as_far_as_the_server_let_it() {
    let client = one(SqlExpect::Any);
    let verdict = |messages: &[Vec<u8>]| {
        let mut answer = client.answer();
        client.greet(&mut answer, &mut Vec::new());
        read(&client, &mut answer, &[messages.concat()]).0
    };
    assert_eq!(verdict(&[ready(b'I')]), BROKEN);
    assert_eq!(verdict(&[message(b'R', b"\0")]), BROKEN);
    assert_eq!(verdict(&[message(b'R', &[0, 0, 0, 12])]), BROKEN);
    // A password is wanted, and there is none; a way that is not spoken.
    for way in [3, 5, 10] {
        assert_eq!(verdict(&[message(b'R', &[0, 0, 0, way])]), ends(ErrorClass::Status));
    }
    assert_eq!(verdict(&[error("FATAL", "28P01")]), ends(ErrorClass::Status));
}

#[test]
fn notices_are_no_answers_and_other_messages_between_requests_end_the_connection() {
    let client = one(SqlExpect::Any);
    let mut answer = connected(&client);
    let mut unasked = |bytes: &[u8]| client.unasked(&mut answer, bytes, 0, &mut Vec::new());
    assert!(unasked(&message(b'N', b"Mhello\0\0")) && unasked(&message(b'S', b"a\0b\0")[..3]));
    assert!(unasked(&message(b'S', b"a\0b\0")[3..]));
    assert!(!unasked(&error("FATAL", "57P01")));
}

fn results() -> impl Strategy<Value = Vec<u8>> {
    let column = proptest::option::of("[a-z7]{0,4}");
    let rows = proptest::collection::vec(proptest::collection::vec(column, 0..4), 0..5);
    let ending = prop_oneof![
        Just(done("SELECT 1")),
        Just(error("ERROR", "40001")),
        Just([message(b'N', b"Mx\0\0"), done("INSERT 0 3")].concat()),
    ];
    (rows, ending).prop_map(|(rows, ending)| {
        let rows: Vec<u8> = rows
            .iter()
            .flat_map(|columns| row(&columns.iter().map(Option::as_deref).collect::<Vec<_>>()))
            .collect();
        [message(b'1', b""), message(b'2', b""), rows, ending, ready(b'I')].concat()
    })
}

proptest! {
    /// However results are cut, they are read alike, to their last byte and no further.
    #[test]
    fn any_cut_of_the_bytes_gives_the_same_reading(
        result in results(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let client = one(SqlExpect::Value("a{n}".into()));
        let reading = |pieces: &[&[u8]]| {
            let mut answer = connected(&client);
            asked(&client, &mut answer);
            read(&client, &mut answer, pieces).0
        };
        let whole = reading(&[&result]);
        prop_assert!(matches!(whole, Reading::Whole { keep: true, .. }), "{whole:?}");
        let mut places: Vec<usize> = places.iter().map(|place| place.index(result.len() + 1)).collect();
        places.sort_unstable();
        let ends = places.iter().copied().chain([result.len()]);
        let starts = [0].into_iter().chain(places.iter().copied());
        let pieces: Vec<&[u8]> = starts.zip(ends).map(|(start, end)| &result[start..end]).collect();
        prop_assert_eq!(reading(&pieces), whole);
        prop_assert_eq!(reading(&[&result[..result.len() - 1]]), Reading::More);
    }

    /// Whatever comes, nothing panics and little is kept.
    #[test]
    fn nonsense_is_read_without_harm(bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(4), Just(b'D'), Just(b'R'), Just(b'Z'), any::<u8>()], 0..120)) {
        let client = one(SqlExpect::Value("a{n}".into()));
        let mut answer = connected(&client);
        asked(&client, &mut answer);
        read(&client, &mut answer, &[&bytes]);
        let mut answer = client.answer();
        client.greet(&mut answer, &mut Vec::new());
        read(&client, &mut answer, &[&bytes]);
        prop_assert!(answer.reader.body().len() <= 16 * 1024);
    }
}

#[test]
fn a_row_of_any_length_is_read_in_little_memory() {
    let client = one(SqlExpect::Value("a{n}".into()));
    let mut answer = connected(&client);
    asked(&client, &mut answer);
    let value = 64 * 1024 * 1024_u32;
    let head = [b"D", &(value + 10).to_be_bytes()[..], &1_u16.to_be_bytes(), &value.to_be_bytes()].concat();
    assert_eq!(client.read(&mut answer, &head, &mut Vec::new()), Reading::More);
    let piece = vec![b'a'; 1024 * 1024];
    for _ in 0..64 {
        assert_eq!(client.read(&mut answer, &piece, &mut Vec::new()), Reading::More);
    }
    assert!(answer.reader.value().text.capacity() < 1_024);
    let rest = [done("SELECT 1"), ready(b'I')].concat();
    assert_eq!(client.read(&mut answer, &rest, &mut Vec::new()), wrong(ErrorClass::Check));
}
