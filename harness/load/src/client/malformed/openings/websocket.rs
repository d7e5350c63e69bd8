//! WebSocket: upgrades that RFC 6455 has refused (section 4.2), and frames that end a socket (section 5).

use super::{Opening, Pen, cut, whole};

pub(super) const OPENINGS: &[Opening] = &[
    whole("upgrade without a key", |pen| pen.upgrade("Sec-WebSocket-Version: 13\r\n")),
    whole("upgrade of version 99", |pen| {
        pen.upgrade("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 99\r\n");
    }),
    framed(whole("frame without a mask", |pen| pen.put(b"\x81\x05hello"))),
    framed(whole("reserved kind of frame", |pen| pen.frame(0x83, b"hello"))),
    framed(whole("reserved bits", |pen| pen.frame(0xf1, b"hello"))),
    framed(whole("ping of 126 bytes", |pen| pen.frame(0x89, &[b'a'; 126]))),
    framed(whole("ping in pieces", |pen| pen.frame(0x09, b"hello"))),
    framed(whole("text of no UTF-8", |pen| pen.frame(0x81, b"\xff\xfe\xfd"))),
    framed(whole("continuation of nothing", |pen| pen.frame(0x80, b"hello"))),
    framed(whole("length of 2^63", |pen| pen.huge(1 << 63))),
    framed(whole("length of 2^62", |pen| pen.huge(1 << 62))),
    framed(whole("close of one byte", |pen| pen.frame(0x88, b"a"))),
    framed(whole("close code 999", |pen| pen.frame(0x88, &999_u16.to_be_bytes()))),
    framed(cut("cut frame", |pen| pen.put(b"\x81\xfe\x00"))),
];

const fn framed(opening: Opening) -> Opening {
    Opening { is_framed: true, ..opening }
}

// === impl Pen ===

impl Pen<'_> {
    fn upgrade(&mut self, headers: &str) {
        let (path, host) = (self.path, self.host);
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{headers}\r\n"
        );
        self.put(head);
    }

    /// A frame with this first byte and a mask, in the shortest form of its length.
    fn frame(&mut self, first: u8, content: &[u8]) {
        let mask = self.random::<4>();
        match u8::try_from(content.len()) {
            Ok(length @ ..=125) => self.put([first, 0x80 | length]),
            _ => {
                self.put([first, 0x80 | 126]);
                self.put(u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes());
            }
        }
        self.put(mask);
        let masked = content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        self.out.extend(masked);
    }

    /// A frame that says it is so long, and the beginning of it.
    fn huge(&mut self, length: u64) {
        self.put([0x82, 0x80 | 127]);
        self.put(length.to_be_bytes());
        let mask = self.random::<4>();
        self.put(mask);
        self.repeat(b"a", 1_000);
    }
}
