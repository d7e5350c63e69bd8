//! The head of an HTTP/1 request, read as strictly as the standard allows a server to be.
//!
//! hyper alone takes heads that other servers understand in another way. What passes here has one meaning: one `Host`,
//! one way to tell the body's length, no line that could belong to the one before it.

use super::refusal::Refusal;

/// What is known of a request whose head passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow.
    Chunked,
}

/// The longest method. Those of the registry have at most 17 characters.
const METHOD_MAX: usize = 64;

// === the head ===

/// Reads a head, from its first line to its empty one.
pub(super) fn read(head: &[u8], lines_max: usize) -> Result<Framing, Refusal> {
    check_characters(head)?;
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let newer = request_line(lines.next().unwrap_or_default())?;
    let (mut fields, mut count) = (Fields::default(), 0);
    for line in lines.filter(|line| !line.is_empty()) {
        count += 1;
        if count > lines_max {
            return Err(Refusal::TooManyLines);
        }
        fields.add(line)?;
    }
    fields.framing(newer)
}

/// Every carriage return has its line feed and the other way round, and there are no other control characters but tabs.
fn check_characters(head: &[u8]) -> Result<(), Refusal> {
    let mut before = 0;
    for byte in head {
        match (before, *byte) {
            (b'\r', b'\n') => {}
            (b'\r', _) | (_, b'\n') => return Err(Refusal::BareLineEnd),
            (_, b'\t' | b'\r') => {}
            (_, 0..=0x1f | 0x7f) => return Err(Refusal::ControlCharacter),
            _ => {}
        }
        before = *byte;
    }
    Ok(())
}

/// Whether the request is of HTTP/1.1 and not of 1.0.
fn request_line(line: &[u8]) -> Result<bool, Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, parts.next()) else {
        return Err(Refusal::RequestLine);
    };
    if !is_token(method) || target.is_empty() || target.contains(&b'\t') {
        return Err(Refusal::RequestLine);
    }
    if method.len() > METHOD_MAX || method == b"CONNECT" {
        return Err(Refusal::Method);
    }
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        other if other.starts_with(b"HTTP/") => Err(Refusal::Version),
        _ => Err(Refusal::RequestLine),
    }
}

/// What headers say about host and length.
#[derive(Default)]
struct Fields {
    host: bool,
    length: Option<u64>,
    chunked: bool,
}

// === impl Fields ===

impl Fields {
    fn add(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err(Refusal::FoldedLine);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Refusal::HeaderName)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !is_token(name) {
            return Err(Refusal::HeaderName);
        }
        if name.eq_ignore_ascii_case(b"host") {
            self.add_host(value)
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.add_length(value)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.add_encoding(value)
        } else {
            Ok(())
        }
    }

    fn add_host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.host, true) {
            return Err(Refusal::TwoHosts);
        }
        let wrong = |byte: &u8| !byte.is_ascii_graphic() || b"/\\?#@,<>\"".contains(byte);
        if value.iter().any(wrong) { Err(Refusal::Host) } else { Ok(()) }
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() || value.contains(&b',') {
            return Err(Refusal::TwoLengths);
        }
        // No sign and no space: what a number may begin with differs from language to language.
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).map_err(|_| Refusal::Length)?;
        let length = text.parse().ok().filter(|length| digits && *length <= i64::MAX as u64);
        self.length = Some(length.ok_or(Refusal::Length)?);
        Ok(())
    }

    fn add_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let first = !std::mem::replace(&mut self.chunked, true);
        if first && value.eq_ignore_ascii_case(b"chunked") { Ok(()) } else { Err(Refusal::TransferEncoding) }
    }

    fn framing(&self, newer: bool) -> Result<Framing, Refusal> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Refusal::TwoFramings),
            (true, None) if !newer => Err(Refusal::TransferEncoding),
            _ if newer && !self.host => Err(Refusal::NoHost),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &str, expected: Result<Framing, Refusal>) {
        assert_eq!(read(format!("{head}\r\n\r\n").as_bytes(), 100), expected, "{head:?}");
    }

    #[test]
    fn heads_with_one_meaning_pass() {
        let none = Ok(Framing::Length(0));
        check("GET / HTTP/1.1\r\nHost: a", none);
        check("GET / HTTP/1.1\r\nhost:", none);
        check("GET / HTTP/1.0", none);
        check("GET http://a/b?c HTTP/1.1\r\nHost: a:80\r\nX: \ta b\t\r\nY:", none);
        check("OPTIONS * HTTP/1.1\r\nHost: [::1]:80", none);
        check("GET /\u{fc} HTTP/1.1\r\nHost: a\r\nX: \u{fc}", none);
        check("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 012", Ok(Framing::Length(12)));
        check("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked", Ok(Framing::Chunked));
    }

    #[test]
    fn heads_with_two_meanings_do_not() {
        let host = "GET / HTTP/1.1\r\nHost: a\r\n";
        let with = |lines: &str, refusal| check(&format!("{host}{lines}"), Err(refusal));
        with("Host: a", Refusal::TwoHosts);
        with("Content-Length: 1\r\nTransfer-Encoding: chunked", Refusal::TwoFramings);
        with("Transfer-Encoding: chunked\r\nContent-Length: 1", Refusal::TwoFramings);
        with("Content-Length: 1\r\nContent-Length: 1", Refusal::TwoLengths);
        with("Content-Length: 1, 1", Refusal::TwoLengths);
        for length in ["", "+1", "-1", "0x1", "1 1", "9223372036854775808", "99999999999999999999"] {
            with(&format!("Content-Length: {length}"), Refusal::Length);
        }
        for encoding in ["", "identity", "gzip, chunked", "chunked, chunked", "xchunked", "\"chunked\""] {
            with(&format!("Transfer-Encoding: {encoding}"), Refusal::TransferEncoding);
        }
        with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Refusal::TransferEncoding);
        check("GET / HTTP/1.0\r\nTransfer-Encoding: chunked", Err(Refusal::TransferEncoding));
        with(" X: a", Refusal::FoldedLine);
        with("X: a\r\n\tb", Refusal::FoldedLine);
        for line in ["X : a", ": a", "X", "X Y: a", "X\u{fc}: a", "(X): a"] {
            with(line, Refusal::HeaderName);
        }
        with("X: a\nY: b", Refusal::BareLineEnd);
        with("X: a\rY: b", Refusal::BareLineEnd);
        with("X: a\0b", Refusal::ControlCharacter);
        with("X: a\u{7f}b", Refusal::ControlCharacter);
        check("GET / HTTP/1.1", Err(Refusal::NoHost));
        check("GET / HTTP/1.1\r\nHost: a b", Err(Refusal::Host));
        check("GET / HTTP/1.1\r\nHost: a,b", Err(Refusal::Host));
    }

    #[test]
    fn first_lines_are_read_strictly() {
        for line in ["", "GET", "GET /", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET / x"] {
            check(&format!("{line}\r\nHost: a"), Err(Refusal::RequestLine));
        }
        check("G(T / HTTP/1.1\r\nHost: a", Err(Refusal::RequestLine));
        for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/11", "HTTP/1.10"] {
            check(&format!("GET / {version}\r\nHost: a"), Err(Refusal::Version));
        }
        check(&format!("{} / HTTP/1.1\r\nHost: a", "A".repeat(65)), Err(Refusal::Method));
        check("CONNECT a:1 HTTP/1.1\r\nHost: a", Err(Refusal::Method));
    }

    #[test]
    fn lines_are_counted() {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: a\r\n".repeat(10));
        assert_eq!(read(head.as_bytes(), 11), Ok(Framing::Length(0)));
        assert_eq!(read(head.as_bytes(), 10), Err(Refusal::TooManyLines));
    }
}
