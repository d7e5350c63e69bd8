use shakedown_scenarios::units::Rate;
use shakedown_scenarios::workload::{Arrivals, Destination};

use super::*;

fn client(protocol: Spoken) -> MalformedClient {
    let workload = MalformedWorkload {
        to: Destination::Target("shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(2.0).unwrap()),
        timeout: shakedown_scenarios::units::Span::secs(1),
        connections: 1,
        protocol,
        path: None,
        leave_out: Vec::new(),
    };
    MalformedClient::new("shop", &workload).unwrap()
}

/// A request of this opening, as far as its first connection.
fn asked(client: &MalformedClient, name: &str) -> (MalformedAnswer, Vec<u8>) {
    let kind = client.openings.iter().position(|known| known.name == name).unwrap() as u32;
    let (mut answer, mut out) = (client.answer(), Vec::new());
    client.ask(&Ask { due: 0, key: 7, kind, row: 0 }, &mut answer, &mut out);
    (answer, out)
}

const RIGHT: Reading = Reading::Whole { verdict: Ok(()), keep: false };

#[test]
fn a_refusal_is_followed_by_a_well_formed_opening() {
    let client = client(Spoken::Redis);
    let (mut answer, said) = asked(&client, "array length of letters");
    assert_eq!(said, b"*two\r\n");
    assert_eq!(client.read(&mut answer, b"-ERR Protocol error", &mut Vec::new()), RIGHT);
    let mut verdict = Ok(());
    assert!(client.goes_on(&mut answer, &mut verdict));
    let mut out = Vec::new();
    client.goes_on_with(&mut answer, &mut out);
    assert_eq!(out, b"*1\r\n$4\r\nPING\r\n");
    assert_eq!(client.closed(&mut answer), Err(ErrorClass::Closed), "a well-formed one is to be answered");
    assert_eq!(client.read(&mut answer, b"+PONG\r\n", &mut Vec::new()), RIGHT);
    assert!(!client.goes_on(&mut answer, &mut verdict));
}

#[test]
fn an_end_of_the_connection_is_a_refusal_and_silence_is_not() {
    let client = client(Spoken::Postgres);
    for (came, judged) in [
        (Ok(()), Ok(())),
        (Err(ErrorClass::Reset), Ok(())),
        (Err(ErrorClass::Timeout), Err(ErrorClass::Timeout)),
        (Err(ErrorClass::Status), Err(ErrorClass::Status)),
    ] {
        let (mut answer, _) = asked(&client, "length of zero");
        assert_eq!(client.closed(&mut answer), Ok(()));
        let mut verdict = came;
        assert_eq!((client.goes_on(&mut answer, &mut verdict), verdict), (judged.is_ok(), judged));
    }
}

#[test]
fn whoever_cannot_be_reached_has_refused_nothing() {
    let client = client(Spoken::Http);
    let mut verdict = Err(ErrorClass::Reset);
    assert!(!client.goes_on(&mut client.answer(), &mut verdict));
    assert_eq!(verdict, Err(ErrorClass::Reset));
    // The same for the second connection: it says nothing of what the last one was.
    let (mut answer, _) = asked(&client, "no host");
    assert!(client.goes_on(&mut answer, &mut Ok(())));
    assert!(!client.goes_on(&mut answer, &mut verdict));
    assert_eq!(verdict, Err(ErrorClass::Reset));
}

#[test]
fn only_what_is_cut_ends_the_clients_side() {
    let client = client(Spoken::Http);
    let ends = |name| client.sends_no_more(&asked(&client, name).0);
    assert_eq!((ends("cut request line"), ends("noise"), ends("two hosts")), (true, true, false));
}

/// The right answer to an upgrade.
fn accepted(request: &[u8]) -> Vec<u8> {
    let request = std::str::from_utf8(request).unwrap();
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    format!("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
}

#[test]
fn a_hostile_frame_follows_a_right_upgrade_and_is_refused_by_a_close() {
    let client = client(Spoken::WebSocket);
    let (mut answer, request) = asked(&client, "frame without a mask");
    let mut frame = Vec::new();
    // What the server says to everybody comes with its answer.
    let came = [accepted(&request).as_slice(), b"\x81\x02hi"].concat();
    assert_eq!(client.read(&mut answer, &came, &mut frame), Reading::More);
    assert_eq!(frame, b"\x81\x05hello");
    assert_eq!(client.read(&mut answer, b"\x89\x00\x88\x02\x03\xea", &mut Vec::new()), RIGHT);
    assert!(client.goes_on(&mut answer, &mut Ok(())));
    let mut again = Vec::new();
    client.goes_on_with(&mut answer, &mut again);
    assert_eq!(client.read(&mut answer, &accepted(&again), &mut Vec::new()), RIGHT);
}

#[test]
fn a_socket_that_cannot_be_opened_is_no_refusal() {
    let client = client(Spoken::WebSocket);
    let (mut answer, _) = asked(&client, "reserved bits");
    let refused = client.read(&mut answer, b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", &mut Vec::new());
    assert_eq!(refused, Reading::Whole { verdict: Err(ErrorClass::Status), keep: false });
    let (mut answer, _) = asked(&client, "upgrade without a key");
    assert_eq!(client.read(&mut answer, b"HTTP/1.1 400 B\r\n", &mut Vec::new()), RIGHT);
}

#[test]
fn no_more_is_kept_of_an_answer_than_is_needed() {
    let client = client(Spoken::Postgres);
    let (mut answer, _) = asked(&client, "no user");
    assert!(client.goes_on(&mut answer, &mut Ok(())));
    client.goes_on_with(&mut answer, &mut Vec::new());
    let mut reading = client.read(&mut answer, b"E\0\0\x3f\xff", &mut Vec::new());
    for _ in 0..20 {
        if reading == Reading::More {
            reading = client.read(&mut answer, &[b'a'; 1_000], &mut Vec::new());
        }
    }
    assert_eq!(reading, Reading::Whole { verdict: Err(ErrorClass::Status), keep: false });
    assert!(answer.head.len() <= HEAD_BYTES_MAX);
}
