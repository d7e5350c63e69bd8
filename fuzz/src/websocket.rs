//! Frames, as the relay splits and breaks them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::Span;
use shakedown_websocket_faults::{Connection, Faults, Piece, Pipe, Sender, Splitter, WebSocketFault};

const FAULTS: [&str; 4] = [
    r#"{"drop": {"which": {"opcodes": ["text"], "every": 2}}}"#,
    r#"{"duplicate": {"which": {"every": 3}}}"#,
    r#"{"corrupt": {"which": {"every": 2}}}"#,
    r#"{"fragment": {"size": "64B"}}"#,
];

/// What a faulty pipe may keep and make, over what it is given: each of its bytes twice, and a few headers.
const GROWTH: usize = 4;

/// Where bytes are cut makes no difference to frames; without faults every byte comes out as it went in; with faults not
/// much more comes out.
pub fn check(bytes: &[u8]) {
    for (sender, lenient) in
        [(Sender::Client, true), (Sender::Client, false), (Sender::Server, true), (Sender::Server, false)]
    {
        let whole = split([bytes], sender, lenient);
        assert_eq!(split(bytes.chunks(1), sender, lenient), whole, "byte by byte");
        assert_eq!(split(bytes.chunks(13), sender, lenient), whole, "in pieces of 13");
        let connection = Connection { streams: Streams::new(42), ordinal: 0, lenient };
        let clean = through(Pipe::new(sender, connection), bytes);
        assert_eq!(clean[..], bytes[..clean.len()], "without faults");
        assert!(clean.len() == bytes.len() || !lenient, "{} of {} bytes", clean.len(), bytes.len());
        let mut faulty = Pipe::new(sender, connection);
        faulty.renew(&faults(), Span::ZERO);
        let broken = through(faulty, bytes);
        assert!(broken.len() <= GROWTH * (bytes.len() + 16), "{} of {} bytes", broken.len(), bytes.len());
    }
}

/// A digest of every frame's header and length of payload, and of whether and where it is refused.
fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, sender: Sender, lenient: bool) -> u64 {
    let (mut splitter, mut digest, mut length) =
        (Splitter::new(sender, lenient), DefaultHasher::new(), 0_u64);
    for mut input in pieces {
        loop {
            match splitter.next(&mut input) {
                Ok(Some(Piece::Head(head))) => {
                    let header = head.header;
                    let number = header.head().bytes().to_vec();
                    (length, number, header.fin, header.reserved, header.mask).hash(&mut digest);
                    length = 0;
                }
                Ok(Some(Piece::Payload(part))) => length += part.len() as u64,
                Ok(None) => break,
                Err(malformed) => {
                    (length, malformed.frame, malformed.offset).hash(&mut digest);
                    return digest.finish();
                }
            }
        }
        assert!(input.is_empty(), "it asks for more and has {} bytes", input.len());
    }
    (length, splitter.finish().is_ok(), splitter.torn()).hash(&mut digest);
    digest.finish()
}

fn faults() -> Arc<Faults> {
    Arc::new((1..).zip(FAULTS).fold(Faults::default(), |faults, (id, text)| {
        let fault: WebSocketFault = serde_json::from_str(text).expect("it is written above");
        faults.with(id, fault).expect("its number is free")
    }))
}

/// What comes out, as far as it is not refused.
fn through(mut pipe: Pipe, bytes: &[u8]) -> Vec<u8> {
    let (mut out, never) = (Vec::new(), Span::secs(1 << 30));
    let mut drain = |pipe: &mut Pipe| {
        while !pipe.due(never).is_empty() {
            let due = pipe.due(never);
            out.extend_from_slice(due);
            let count = due.len();
            pipe.sent(count);
        }
    };
    let refused = bytes.chunks(64).any(|piece| {
        let pushed = pipe.push(Span::ZERO, piece);
        drain(&mut pipe);
        pushed.is_err()
    });
    // A refused pipe is not used any more.
    if !refused {
        let _ = pipe.finish(Span::ZERO);
        drain(&mut pipe);
    }
    out
}
