use proptest::prelude::*;
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::{Arrivals, Destination};

use super::*;

const OK: Reading = Reading::Whole { verdict: Ok(()), keep: true };

fn ends(class: ErrorClass) -> Reading {
    Reading::Whole { verdict: Err(class), keep: false }
}

fn client(send: Sending, expect: Option<&str>) -> WebSocketClient {
    let workload = WebSocketWorkload {
        to: Destination::Target("chat".into()),
        arrivals: Arrivals::Constant(Rate::default()),
        timeout: Span::secs(1),
        sockets: 1,
        tls: None,
        path: "/chat?a=b".into(),
        headers: vec![("X-Room".into(), "blue".into())],
        messages: vec![WebSocketMessage { send, expect: expect.map(Into::into), weight: 1, keys: 9 }],
    };
    WebSocketClient::new("shop:80", &workload, 1).unwrap()
}

fn talk() -> WebSocketClient {
    client(Sending::Text("say {n}".into()), Some("heard {n}"))
}

/// A frame of a server.
fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(content.len()).unwrap() {
        short @ 0..=125 => frame.push(short as u8),
        long => {
            frame.push(126);
            frame.extend_from_slice(&long.to_be_bytes());
        }
    }
    frame.extend_from_slice(content);
    frame
}

fn text(content: &str) -> Vec<u8> {
    frame(0x81, content.as_bytes())
}

/// What a client's frames say, and their opcodes.
fn unmasked(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!((first & 0xf0, second & 0x80), (0x80, 0x80), "whole, and with a mask");
        let length = usize::from(second & 0x7f);
        let (mask, rest) = rest.split_at(4);
        let content = rest[..length].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        frames.push((first & 0x0f, content.collect()));
        bytes = &rest[length..];
    }
    frames
}

/// A socket that is open and has asked with key 7; what was sent.
fn asked(client: &WebSocketClient) -> (WebSocketAnswer, Vec<u8>) {
    let mut answer = WebSocketAnswer::default();
    let mut out = Vec::new();
    client.ask(&Ask { due: 0, key: 7, kind: 0, row: 0 }, &mut answer, &mut out);
    (answer, out)
}

fn read<P: AsRef<[u8]>>(client: &WebSocketClient, pieces: &[P]) -> (Reading, Vec<u8>) {
    let (mut answer, _) = asked(client);
    let (mut reading, mut reply) = (Reading::More, Vec::new());
    for piece in pieces {
        if reading == Reading::More {
            reading = client.read(&mut answer, piece.as_ref(), &mut reply);
        }
    }
    (reading, reply)
}

#[test]
fn an_upgrade_is_asked_for_and_its_answer_checked() {
    let client = talk();
    let mut answer = client.answer();
    let mut out = Vec::new();
    assert!(client.greet(&mut answer, &mut out) && client.holds());
    let request = String::from_utf8(out).unwrap();
    assert!(request.starts_with("GET /chat?a=b HTTP/1.1\r\nHost: shop:80\r\n"), "{request}");
    for line in ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "X-Room: blue"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
    // The example of RFC 6455, section 1.3.
    let verdict = |answer: &str| {
        let mut upgrade = Upgrade::of("dGhlIHNhbXBsZSBub25jZQ==");
        upgrade.read(&mut answer.as_bytes())
    };
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let right =
        format!("HTTP/1.1 101 Switching\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n{accept}\r\n\r\n");
    assert_eq!(verdict(&right), Ok(true));
    assert_eq!(verdict(&right[..right.len() - 1]), Ok(false));
    assert_eq!(verdict(&right.replace("s3p", "S3p")), Err(ErrorClass::Protocol));
    assert_eq!(verdict(&right.replace("upgrade: WebSocket", "x: y")), Err(ErrorClass::Protocol));
    let extended = right.replace("Connection", "Sec-WebSocket-Extensions: x\r\nConnection");
    assert_eq!(verdict(&extended), Err(ErrorClass::Protocol));
    assert_eq!(verdict("HTTP/1.1 403 No\r\n\r\n"), Err(ErrorClass::Status));
    assert_eq!(verdict("SSH-2.0\r\n\r\n"), Err(ErrorClass::Protocol));
    assert_eq!(verdict(&"x".repeat(20_000)), Err(ErrorClass::Protocol));
}

#[test]
fn what_came_with_the_upgrade_is_read_as_well() {
    let client = talk();
    let mut answer = client.answer();
    let mut out = Vec::new();
    client.greet(&mut answer, &mut out);
    let request = String::from_utf8(out).unwrap();
    let key = request.split("Sec-WebSocket-Key: ").nth(1).unwrap().trim();
    assert_eq!(key.len(), 24);
    let accept = {
        use base64::Engine as _;
        use sha1::Digest as _;
        let hash = sha1::Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
        base64::engine::general_purpose::STANDARD.encode(hash)
    };
    let head = format!("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
    let mut reply = Vec::new();
    let bytes = [head.into_bytes(), text("welcome"), frame(0x89, b"are you there")].concat();
    assert_eq!(client.read(&mut answer, &bytes, &mut reply), OK);
    assert_eq!(unmasked(&reply), [(PONG, b"are you there".to_vec())]);
}

#[test]
fn messages_are_masked_and_of_any_length() {
    let (_, sent) = asked(&talk());
    assert_eq!(unmasked(&sent), [(TEXT, b"say 7".to_vec())]);
    for (length, head) in [(126, 8), (65_535, 8), (65_536, 14)] {
        let (_, sent) = asked(&client(Sending::Text("x".repeat(length)), None));
        assert_eq!(sent.len(), length + head);
    }
    let (answer, _) = asked(&client(Sending::Text("x".into()), None));
    assert!(talk().whole_at_once(&answer), "nothing is waited for");
}

#[test]
fn the_answer_is_the_message_that_holds_what_is_expected() {
    let client = talk();
    assert_eq!(read(&client, &[text("all heard 7 now")]).0, OK);
    assert_eq!(read(&client, &[text("heard 8"), text("say 7")]).0, Reading::More);
    assert_eq!(read(&client, &[text("heard 8"), text("heard 7")]).0, OK);
    // Cut into frames, with a ping between them.
    let cut = [frame(0x01, b"hea"), frame(0x89, b"p"), frame(0x00, b"rd "), frame(0x80, b"7")].concat();
    let (reading, reply) = read(&client, &[cut]);
    assert_eq!((reading, unmasked(&reply)), (OK, vec![(PONG, b"p".to_vec())]));
    // What is expected does not lie across two messages.
    assert_eq!(read(&client, &[text("heard"), text(" 7")]).0, Reading::More);
    assert_eq!(read(&client, &[[text("heard 7"), text("heard 9")].concat()]).0, OK);
    assert_eq!(read(&client, &[frame(0x82, b"\xffheard 7")]).0, OK, "binary messages count as well");
}

#[test]
fn a_heartbeat_waits_for_its_own_pong() {
    let client = client(Sending::Ping("beat {n}".into()), None);
    let (_, sent) = asked(&client);
    assert_eq!(unmasked(&sent), [(PING, b"beat 7".to_vec())]);
    assert_eq!(read(&client, &[frame(0x8a, b"beat 6"), text("beat 7")]).0, Reading::More);
    assert_eq!(read(&client, &[frame(0x8a, b"beat 6"), frame(0x8a, b"beat 7")]).0, OK);
}

#[test]
fn a_close_and_what_is_no_frame_end_the_socket() {
    let client = talk();
    assert_eq!(read(&client, &[frame(0x88, &[3, 232])]).0, ends(ErrorClass::Closed));
    let behind = [text("heard 7"), frame(0x88, b"")].concat();
    assert_eq!(read(&client, &[behind]).0, Reading::Whole { verdict: Ok(()), keep: false });
    let long = |length: u64| [&[0x82, 127][..], &length.to_be_bytes()].concat();
    for bytes in [
        b"HTTP/1.1 400 Bad Request".to_vec(),
        vec![0xc1, 0],
        vec![0x81, 0x80],
        vec![0x83, 0],
        vec![0x80, 0],
        vec![0x09, 0],
        vec![0x89, 126, 0, 126],
        vec![0x81, 126, 0, 125],
        long(65_535),
        long(1 << 63),
        [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        text("a").iter().map(|byte| if *byte == b'a' { 0xff } else { *byte }).collect(),
        frame(0x81, b"\xc3"),
        [frame(0x01, b"\xc3"), frame(0x80, b"x")].concat(),
    ] {
        assert_eq!(read(&client, &[&bytes]).0, ends(ErrorClass::Protocol), "{bytes:?}");
    }
    assert_eq!(read(&client, &[frame(0x01, b"\xc3"), frame(0x80, b"\xa9")]).0, Reading::More);
}

#[test]
fn what_nobody_asked_for_is_passed_over_and_pings_are_answered() {
    let client = talk();
    let mut answer = WebSocketAnswer::default();
    let mut reply = Vec::new();
    let mut unasked = |bytes: &[u8]| client.unasked(&mut answer, bytes, u64::MAX, &mut reply);
    assert!(unasked(&text("news")) && unasked(&frame(0x89, b"x")) && unasked(&frame(0x8a, b"x")));
    assert!(unasked(&text("half")[..3]) && unasked(&text("half")[3..]));
    assert!(!unasked(&frame(0x88, b"")));
    assert_eq!(unmasked(&reply), [(PONG, b"x".to_vec())]);
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![
        "[a-z7é]{0,6}".prop_map(|content| text(&content)),
        Just(text("heard 7")),
        "[a-z]{0,6}".prop_map(|content| frame(0x89, content.as_bytes())),
        ("[a-z é]{0,4}", "[a-z]{0,4}").prop_map(|(one, other)| [
            frame(0x01, one.as_bytes()),
            frame(0x80, other.as_bytes())
        ]
        .concat()),
        Just(text(&"long".repeat(100))),
        Just(vec![0x83, 0]),
    ];
    proptest::collection::vec(one, 0..6).prop_map(|frames| frames.concat())
}

proptest! {
    /// However frames are cut, they are read alike.
    #[test]
    fn any_cut_of_the_bytes_gives_the_same_reading(
        bytes in frames(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let client = talk();
        let verdict = |reading| match reading {
            Reading::Whole { verdict, .. } => Some(verdict),
            Reading::More => None,
        };
        let whole = verdict(read(&client, &[&bytes]).0);
        let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
        places.sort_unstable();
        let ends = places.iter().copied().chain([bytes.len()]);
        let starts = [0].into_iter().chain(places.iter().copied());
        let pieces: Vec<&[u8]> = starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect();
        prop_assert_eq!(verdict(read(&client, &pieces).0), whole);
    }

    #[test]
    fn nonsense_is_read_without_harm(bytes in proptest::collection::vec(prop_oneof![Just(0x81_u8), Just(1), Just(0), Just(0x89), any::<u8>()], 0..80)) {
        let client = talk();
        let (mut answer, _) = asked(&client);
        client.read(&mut answer, &bytes, &mut Vec::new());
        prop_assert!(answer.frames.control().len() <= 125);
    }
}
