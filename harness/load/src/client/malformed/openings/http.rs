//! HTTP/1.1: what RFC 9112 and RFC 9110 have refused, and what servers bound.

use super::{Opening, Pen, cut, noise, whole};

pub(super) const OPENINGS: &[Opening] = &[
    // RFC 9112, section 3.2: no Host, or two.
    whole("no host", |pen| pen.request("GET", "HTTP/1.1", &[])),
    whole("two hosts", |pen| pen.with("GET", "Host: another", "")),
    // Section 3: neither a method nor a version is made of this.
    whole("brackets in the method", |pen| pen.with("G(E)T", "Accept: */*", "")),
    whole("version of letters", |pen| pen.request("GET", "HTTP/x.y", &[])),
    whole("version 9.9", |pen| pen.request("GET", "HTTP/9.9", &[])),
    whole("nul in the path", |pen| pen.get_of("/\0")),
    whole("percent without digits", |pen| pen.get_of("/%zz")),
    // Section 5.1.
    whole("space before a colon", |pen| pen.with("GET", "Accept : */*", "")),
    // Section 6.3.
    whole("negative length", |pen| pen.with("POST", "Content-Length: -1", "")),
    whole("length of letters", |pen| pen.with("POST", "Content-Length: ten", "0123456789")),
    // Cut to 64 bits it would be one.
    whole("length beyond 64 bits", |pen| pen.with("POST", "Content-Length: 18446744073709551617", "0")),
    whole("two lengths", |pen| pen.with("POST", "Content-Length: 3\r\nContent-Length: 4", "abcd")),
    // Section 6.1.
    whole("unknown coding", |pen| pen.with("POST", "Transfer-Encoding: gibberish", "abc")),
    // Section 7.1.
    whole("chunk size of letters", |pen| pen.with("POST", "Transfer-Encoding: chunked", "xyz\r\nabc\r\n")),
    whole("chunk size beyond 64 bits", |pen| {
        pen.with("POST", "Transfer-Encoding: chunked", "fffffffffffffffff\r\nabc\r\n");
    }),
    // Bounds.
    whole("path of 70,000 bytes", |pen| {
        let path = format!("/{}", "a".repeat(69_999));
        pen.get_of(&path);
    }),
    whole("header of 512 KiB", |pen| {
        let header = format!("X-Long: {}", "a".repeat(512 * 1024));
        pen.with("GET", &header, "");
    }),
    whole("20,000 headers", |pen| {
        let headers = "A: b\r\n".repeat(19_999) + "A: b";
        pen.with("GET", &headers, "");
    }),
    cut("cut request line", |pen| pen.put("GET /ab")),
    whole("a TLS hello", |pen| {
        let random = pen.random::<32>();
        pen.put(b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03");
        pen.put(random);
        pen.put(b"\x00\x00\x02\x13\x01\x01\x00");
    }),
    cut("noise", noise),
];

// === impl Pen ===

impl Pen<'_> {
    fn request(&mut self, method: &str, version: &str, headers: &[&str]) {
        let line = format!("{method} {} {version}\r\n", self.path);
        self.put(line);
        headers.iter().for_each(|header| self.put(format!("{header}\r\n")));
        self.put("\r\n");
    }

    /// A request with a Host, with these headers and this body.
    fn with(&mut self, method: &str, headers: &str, body: &str) {
        let host = format!("Host: {}", self.host);
        self.request(method, "HTTP/1.1", &[&host, headers]);
        self.put(body);
    }

    fn get_of(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.put(request);
    }
}
