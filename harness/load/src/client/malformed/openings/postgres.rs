//! PostgreSQL: startup packets that are none. All come before the login, so that none can do anything.

use super::{Opening, Pen, cut, noise, whole};

/// Protocol 3.0.
const VERSION: [u8; 4] = [0, 3, 0, 0];

pub(super) const OPENINGS: &[Opening] = &[
    whole("length of zero", |pen| pen.startup(0, VERSION, b"user\0a\0\0")),
    whole("length of three", |pen| pen.startup(3, VERSION, b"user\0a\0\0")),
    whole("length of -1", |pen| pen.startup(u32::MAX, VERSION, b"user\0a\0\0")),
    whole("length of 2^31 - 1", |pen| pen.startup(0x7fff_ffff, VERSION, b"user\0a\0\0")),
    whole("startup of 64 KiB", |pen| {
        let parameters = [b"user\0".as_slice(), &[b'a'; 64 * 1024], b"\0\0"].concat();
        pen.packet(VERSION, &parameters);
    }),
    whole("version 9.9", |pen| pen.packet([0, 9, 0, 9], b"user\0a\0\0")),
    whole("no user", |pen| pen.packet(VERSION, b"database\0a\0\0")),
    whole("no end of the parameters", |pen| pen.packet(VERSION, b"user\0abcdef")),
    whole("query before the login", |pen| pen.put(b"Q\0\0\0\x0dSELECT 1\0")),
    whole("an HTTP request", |pen| {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", pen.host);
        pen.put(request);
    }),
    cut("cut startup", |pen| pen.startup(100, VERSION, b"user\0a")),
    cut("noise", noise),
];

// === impl Pen ===

impl Pen<'_> {
    /// A startup packet that says it has this length.
    fn startup(&mut self, length: u32, version: [u8; 4], parameters: &[u8]) {
        self.put(length.to_be_bytes());
        self.put(version);
        self.put(parameters);
    }

    /// A startup packet of its own length.
    fn packet(&mut self, version: [u8; 4], parameters: &[u8]) {
        let length = u32::try_from(8 + parameters.len()).unwrap_or(u32::MAX);
        self.startup(length, version, parameters);
    }
}
