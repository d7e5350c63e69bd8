use proptest::prelude::*;
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::redis::RedisCommand;
use shakedown_scenarios::workload::{Arrivals, Destination};

use super::*;

const OK: Reading = Reading::Whole { verdict: Ok(()), keep: true };

fn wrong(class: ErrorClass) -> Reading {
    Reading::Whole { verdict: Err(class), keep: true }
}

const BROKEN: Reading = Reading::Whole { verdict: Err(ErrorClass::Protocol), keep: false };

fn client(protocol: Resp, commands: &[(&[&str], RedisExpect)]) -> RedisClient {
    let command = |(arguments, expect): &(&[&str], RedisExpect)| RedisCommand {
        arguments: arguments.iter().map(ToString::to_string).collect(),
        expect: expect.clone(),
    };
    let request = RedisRequest { commands: commands.iter().map(command).collect(), weight: 1, keys: 9 };
    let workload = RedisWorkload {
        to: Destination::Target("cache".into()),
        arrivals: Arrivals::Constant(Rate::default()),
        timeout: Span::secs(1),
        connections: 1,
        habits: Default::default(),
        tls: None,
        protocol,
        user: None,
        password_env: None,
        commands: vec![request],
    };
    RedisClient::new(&workload).unwrap()
}

fn one(expect: RedisExpect) -> RedisClient {
    client(Resp::Resp2, &[(&["GET", "k:{n}"], expect)])
}

/// Reads the pieces until the answer is whole.
fn read(client: &RedisClient, pieces: &[&[u8]]) -> Reading {
    let mut answer = client.answer();
    client.ask(&Ask { due: 0, key: 7, kind: 0, row: 0 }, &mut answer, &mut Vec::new());
    let mut reading = Reading::More;
    for piece in pieces {
        if reading == Reading::More {
            reading = client.read(&mut answer, piece, &mut Vec::new());
        }
    }
    reading
}

fn check(expect: RedisExpect, reply: &str, expected: Reading) {
    assert_eq!(read(&one(expect), &[reply.as_bytes()]), expected, "{reply:?}");
}

#[test]
fn commands_are_written_with_the_lengths_that_the_key_gives_them() {
    let pipeline: [(&[&str], _); 2] =
        [(&["SET", "k:{n}", "é"], RedisExpect::Any), (&["GET", "{n}{n}"], RedisExpect::Any)];
    let client = client(Resp::Resp2, &pipeline);
    let mut out = Vec::new();
    client.ask(&Ask { due: 0, key: 12, kind: 0, row: 0 }, &mut client.answer(), &mut out);
    let expected = "*3\r\n$3\r\nSET\r\n$4\r\nk:12\r\n$2\r\né\r\n*2\r\n$3\r\nGET\r\n$4\r\n1212\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert!(client.has_key(0) && !one(RedisExpect::Any).has_key(1));
}

#[test]
fn a_connection_asks_for_resp3_before_its_first_command() {
    let mut out = Vec::new();
    let client = client(Resp::Resp3, &[(&["PING"], RedisExpect::Text("PONG".into()))]);
    let mut answer = client.answer();
    assert!(client.greet(&mut answer, &mut out));
    assert_eq!(String::from_utf8(out).unwrap(), "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
    let hello = b"%1\r\n+proto\r\n:3\r\n";
    assert_eq!(client.read(&mut answer, hello, &mut Vec::new()), OK);
    assert!(client.greet(&mut answer, &mut Vec::new()));
    let refused = client.read(&mut answer, b"-NOPROTO unsupported\r\n", &mut Vec::new());
    assert_eq!(refused, wrong(ErrorClass::Status));
    assert!(!one(RedisExpect::Any).greet(&mut answer, &mut Vec::new()), "RESP2 needs no word before");
}

#[test]
fn every_reply_is_judged_by_what_it_is() {
    use RedisExpect::{Any, Error, Found, NilOr, Text, Whole};
    for reply in
        ["+OK\r\n", "$-1\r\n", "*-1\r\n", "_\r\n", ":-5\r\n", "$0\r\n\r\n", "*0\r\n", "#t\r\n", ",1.5e3\r\n"]
    {
        check(Any, reply, OK);
    }
    for reply in [
        "(-12345678901234567890\r\n",
        "%1\r\n+a\r\n*1\r\n:1\r\n",
        "~1\r\n$1\r\nx\r\n",
        "|1\r\n+a\r\n:1\r\n+OK\r\n",
    ] {
        check(Any, reply, OK);
    }
    for reply in ["-ERR no\r\n", "*2\r\n+a\r\n-ERR within\r\n", "!5\r\nERR x\r\n"] {
        check(Any, reply, wrong(ErrorClass::Status));
    }
    check(Found, "$-1\r\n", wrong(ErrorClass::Miss));
    check(Found, "_\r\n", wrong(ErrorClass::Miss));
    check(Found, "$1\r\nx\r\n", OK);
    check(Whole, ":12\r\n", OK);
    check(Whole, "+12\r\n", wrong(ErrorClass::Check));
    let value = || Text("v-{n}".into());
    for (reply, expected) in [
        ("$3\r\nv-7\r\n", OK),
        ("+v-7\r\n", OK),
        ("=7\r\ntxt:v-7\r\n", OK),
        ("$3\r\nv-8\r\n", wrong(ErrorClass::Check)),
        ("$4\r\nv-77\r\n", wrong(ErrorClass::Check)),
        ("$2\r\nv-\r\n", wrong(ErrorClass::Check)),
        ("$-1\r\n", wrong(ErrorClass::Miss)),
    ] {
        check(value(), reply, expected);
    }
    check(NilOr("v-{n}".into()), "$-1\r\n", OK);
    check(NilOr("v-{n}".into()), "$3\r\nv-8\r\n", wrong(ErrorClass::Check));
    check(Error("WRONGTYPE".into()), "-WRONGTYPE no\r\n", OK);
    check(Error("WRONGTYPE".into()), "-ERR no\r\n", wrong(ErrorClass::Status));
    check(Error("WRONGTYPE".into()), "+OK\r\n", wrong(ErrorClass::Check));
}

#[test]
fn what_is_no_resp_or_passes_its_bounds_is_told_at_once() {
    for reply in [
        "HTTP/1.1 400",
        "\r\n",
        "+OK\n",
        "+O\rK\r\n",
        ":\r\n",
        ":1x\r\n",
        ":99999999999999999999\r\n",
        "$-2\r\n",
        "$x\r\n",
        "$9223372036854775807\r\n",
        "$3\r\nabcd\r\n",
        "$1\r\nab",
        "*9223372036854775807\r\n",
        "%18446744073709551615\r\n",
        "#x\r\n",
        "_x\r\n",
        ",\r\n",
        ",1,5\r\n",
        "(1.5\r\n",
        "$?\r\n",
        "*1\r\n>1\r\n",
        "!-1\r\n",
        "%-1\r\n",
    ] {
        check(RedisExpect::Any, reply, BROKEN);
    }
    check(RedisExpect::Any, &format!("+{}\r\n", "x".repeat(65_537)), BROKEN);
    check(RedisExpect::Any, &"*1\r\n".repeat(33), BROKEN);
    check(RedisExpect::Any, &format!("{}:1\r\n", "*1\r\n".repeat(32)), OK);
}

#[test]
fn the_first_wrong_reply_of_a_pipeline_is_its_verdict_and_all_are_read() {
    let pipeline: [(&[&str], _); 3] = [
        (&["GET", "a"], RedisExpect::Found),
        (&["INCR", "b"], RedisExpect::Whole),
        (&["PING"], RedisExpect::Any),
    ];
    let client = client(Resp::Resp2, &pipeline);
    assert_eq!(read(&client, &[b"$1\r\nx\r\n:1\r\n"]), Reading::More);
    assert_eq!(read(&client, &[b"$1\r\nx\r\n:1\r\n", b"+PONG\r\n"]), OK);
    assert_eq!(read(&client, &[b"$-1\r\n-ERR\r\n+PONG\r\n"]), wrong(ErrorClass::Miss));
}

#[test]
fn a_reply_that_nobody_asked_for_ends_the_connection_and_a_push_does_not() {
    let behind = |rest: &str| read(&one(RedisExpect::Any), &[format!("+OK\r\n{rest}").as_bytes()]);
    assert_eq!(behind("+OK\r\n"), Reading::Whole { verdict: Ok(()), keep: false });
    assert_eq!(behind(">2\r\n+invalidate\r\n*1\r\n-x\r\n"), OK);
    let client = one(RedisExpect::Any);
    let mut answer = client.answer();
    let mut unasked = |bytes: &[u8]| client.unasked(&mut answer, bytes, 0, &mut Vec::new());
    assert!(unasked(b">1\r\n") && unasked(b"+a\r\n") && unasked(b">"));
    assert!(!unasked(b"x\r\n"));
    let mut answer = client.answer();
    assert!(!client.unasked(&mut answer, b"-ERR bye\r\n", 0, &mut Vec::new()));
}

/// Replies of every type, nested.
fn replies() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z ]{0,9}".prop_map(|text| format!("+{text}\r\n")),
        "[A-Z]{1,4} [a-z]{0,9}".prop_map(|text| format!("-{text}\r\n")),
        any::<i64>().prop_map(|number| format!(":{number}\r\n")),
        "[ -~\r\n]{0,9}".prop_map(|text| format!("${}\r\n{text}\r\n", text.len())),
        Just("$-1\r\n".to_owned()),
        Just("_\r\n".to_owned()),
        any::<f64>().prop_map(|number| format!(",{number}\r\n").to_lowercase()),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..4);
        let pair = proptest::collection::vec((inner.clone(), inner), 0..3);
        prop_oneof![
            list.prop_map(|items| format!("*{}\r\n{}", items.len(), items.concat())),
            pair.prop_map(|items| {
                let text: String = items.iter().map(|(key, value)| format!("{key}{value}")).collect();
                format!("%{}\r\n{text}", items.len())
            }),
        ]
    })
}

/// Cuts bytes into pieces at these places.
fn cut<'b>(bytes: &'b [u8], places: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let ends = places.iter().copied().chain([bytes.len()]);
    let starts = [0].into_iter().chain(places.iter().copied());
    starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect()
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    proptest::collection::vec(any::<prop::sample::Index>(), 0..6)
}

proptest! {
    /// However right replies are cut, they are read alike, to their last byte and no further.
    #[test]
    fn any_cut_of_the_bytes_gives_the_same_reading(reply in replies(), places in places()) {
        let client = one(RedisExpect::Text("v-{n}".into()));
        let whole = read(&client, &[reply.as_bytes()]);
        prop_assert!(matches!(whole, Reading::Whole { keep: true, .. }), "{whole:?} of {reply:?}");
        prop_assert_eq!(read(&client, &cut(reply.as_bytes(), &places)), whole);
        let short = &reply.as_bytes()[..reply.len() - 1];
        prop_assert_eq!(read(&client, &[short]), Reading::More);
    }

    /// The same for bytes that are no replies; and whatever comes, little is kept.
    #[test]
    fn any_cut_of_nonsense_gives_the_same_verdict(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'*'), Just(b'$'), Just(b'1'), Just(b'-'), any::<u8>()], 0..80),
        places in places(),
    ) {
        let client = one(RedisExpect::Found);
        let verdict = |reading| match reading {
            Reading::Whole { verdict, .. } => Some(verdict),
            Reading::More => None,
        };
        let whole = verdict(read(&client, &[&bytes]));
        prop_assert_eq!(verdict(read(&client, &cut(&bytes, &places))), whole);
    }
}

#[test]
fn a_reply_of_any_length_is_read_in_little_memory() {
    let client = one(RedisExpect::Text("v-{n}".into()));
    let mut answer = client.answer();
    client.ask(&Ask { due: 0, key: 7, kind: 0, row: 0 }, &mut answer, &mut Vec::new());
    let head = format!("${}\r\n", 512 * 1024 * 1024);
    assert_eq!(client.read(&mut answer, head.as_bytes(), &mut Vec::new()), Reading::More);
    let piece = vec![b'x'; 1024 * 1024];
    for _ in 0..512 {
        assert_eq!(client.read(&mut answer, &piece, &mut Vec::new()), Reading::More);
    }
    assert!(answer.reader.reply().text.capacity() < 1_024);
    assert_eq!(client.read(&mut answer, b"\r\n", &mut Vec::new()), wrong(ErrorClass::Check));
}
