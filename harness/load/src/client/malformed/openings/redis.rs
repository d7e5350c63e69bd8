//! Redis: requests that RESP does not have, and what a server bounds. None names a command.

use super::{Opening, cut, noise, whole};

pub(super) const OPENINGS: &[Opening] = &[
    whole("array length of letters", |pen| pen.put("*two\r\n")),
    whole("array length of 2^63", |pen| pen.put("*9223372036854775808\r\n")),
    whole("bulk length of letters", |pen| pen.put("*1\r\n$two\r\n")),
    whole("bulk length of 2^63", |pen| pen.put("*1\r\n$9223372036854775808\r\n")),
    whole("negative bulk length", |pen| pen.put("*1\r\n$-5\r\n")),
    whole("number for a name", |pen| pen.put("*1\r\n:1\r\n")),
    whole("nested arrays", |pen| pen.repeat(b"*1\r\n", 1_000)),
    whole("endless array length", |pen| {
        pen.put("*");
        pen.repeat(b"1", 128 * 1024);
    }),
    whole("inline of 128 KiB", |pen| pen.repeat(b"a", 128 * 1024)),
    whole("quote not closed", |pen| pen.put("a \"b\r\n")),
    whole("name of no UTF-8", |pen| pen.put(b"*1\r\n$4\r\n\xff\xfe\x00\x80\r\n")),
    whole("an HTTP request", |pen| {
        let request = format!("POST / HTTP/1.1\r\nHost: {}\r\n\r\n", pen.host);
        pen.put(request);
    }),
    cut("cut command", |pen| pen.put("*2\r\n$4\r\nECHO\r\n$10\r\nabc")),
    cut("noise", noise),
];
