//! Requests over HTTP/1, as the proxy's reader lets them on to a server.

use shakedown_http_faults::proxy::{Admitted, Limits, Refusal, admit};

/// Where bytes are cut makes no difference; what goes on is the beginning of what came; and another reader of HTTP/1 finds
/// the same requests in it.
pub fn check(bytes: &[u8]) {
    let limits = Limits::default();
    let whole = admit([bytes], &limits);
    assert!(whole.bytes <= bytes.len());
    for size in [1, 7, 100] {
        let cut = admit(bytes.chunks(size), &limits);
        assert_eq!(cut.requests, whole.requests, "in pieces of {size}");
        assert_eq!(cut.refusal.is_some(), whole.refusal.is_some(), "in pieces of {size}");
        // Of a chunk that turns out to be wrong, what came before the wrong byte may have gone on.
        let grew = cut.bytes > whole.bytes && cut.refusal == Some(Refusal::Chunk);
        assert!(cut.bytes == whole.bytes || grew, "in pieces of {size}: {cut:?} and {whole:?}");
    }
    compare(&bytes[..whole.bytes], &whole);
}

/// Reads what went on with `httparse`. Where that refuses something nobody is deceived; where it reads on, it reads the
/// same.
fn compare(mut passed: &[u8], whole: &Admitted) {
    let mut requests = 0;
    while requests < whole.requests {
        let mut lines = [httparse::EMPTY_HEADER; 128];
        let mut request = httparse::Request::new(&mut lines);
        let head = match request.parse(passed) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => panic!("a part of a head went on: {passed:?}"),
            Err(_) => return,
        };
        requests += 1;
        let value = |name: &str| {
            let line = request.headers.iter().find(|line| line.name.eq_ignore_ascii_case(name));
            line.map(|line| String::from_utf8_lossy(line.value).trim().to_owned())
        };
        let body = &passed[head..];
        let length = match (value("transfer-encoding"), value("content-length")) {
            (Some(_), Some(_)) => panic!("two framings went on"),
            (Some(_), None) => chunked(body),
            (None, Some(length)) => length.parse().ok(),
            (None, None) => Some(0),
        };
        match length.filter(|length| *length <= body.len()) {
            Some(length) => passed = &body[length..],
            // The last body has not come whole.
            None => break,
        }
    }
    assert_eq!(requests, whole.requests, "another reader finds other requests");
    let rest = passed.iter().all(|byte| b"\r\n".contains(byte));
    assert!(rest || requests == whole.requests, "{passed:?} went on without a head");
}

/// How long a chunked body is, if it is whole.
fn chunked(body: &[u8]) -> Option<usize> {
    let mut place = 0;
    loop {
        let Ok(httparse::Status::Complete((head, size))) = httparse::parse_chunk_size(&body[place..]) else {
            return None;
        };
        place += head;
        if size == 0 {
            break;
        }
        place = place.checked_add(usize::try_from(size).ok()?)?.checked_add(2)?;
        if place > body.len() {
            return None;
        }
    }
    // Trailers, up to an empty line.
    loop {
        let line = body[place..].windows(2).position(|two| two == b"\r\n")?;
        place += line + 2;
        if line == 0 {
            return Some(place);
        }
    }
}
