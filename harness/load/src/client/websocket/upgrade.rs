//! From a new connection to an open socket: the upgrade of RFC 6455, section 4.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest as _, Sha1};
use shakedown_scenarios::workload::WebSocketWorkload;

use crate::client::http::{USER_AGENT, checked_host, checked_path, is_token, shown};
use crate::client::telling::quoted;
use crate::client::{ClientError, ErrorClass};

/// The longest answer to an upgrade.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
/// What a key is hashed with (section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The request but for its key.
pub(super) fn request(host: &str, websocket: &WebSocketWorkload) -> Result<String, ClientError> {
    let WebSocketWorkload { path, headers, .. } = websocket;
    checked_host(host)?;
    checked_path(path)?;
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n");
    request += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    for (name, value) in headers {
        if !is_token(name) || value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(ClientError::Header(shown(&format!("{name}: {value}"))));
        }
        request += &format!("{name}: {value}\r\n");
    }
    Ok(request)
}

/// A key, as it is written.
pub(in crate::client) fn key(bytes: [u8; 16]) -> String {
    BASE64.encode(bytes)
}

/// The answer to an upgrade, as far as it has come.
#[derive(Debug, Default)]
pub(in crate::client) struct Upgrade {
    head: Vec<u8>,
    accept: String,
}

// === impl Upgrade ===

impl Upgrade {
    /// The upgrade that was asked for with this key.
    pub(in crate::client) fn of(key: &str) -> Self {
        let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
        Self { head: Vec::new(), accept: BASE64.encode(hash) }
    }

    /// Reads on, at most to the end of the answer; whether it is whole.
    pub(in crate::client) fn read(&mut self, bytes: &mut &[u8]) -> Result<bool, ErrorClass> {
        while let Some((first, rest)) = bytes.split_first() {
            *bytes = rest;
            self.head.push(*first);
            if self.head.ends_with(b"\r\n\r\n") {
                return self.judge().map(|()| true);
            }
            if self.head.len() >= HEAD_BYTES_MAX {
                return Err(ErrorClass::Protocol);
            }
        }
        Ok(false)
    }

    /// Why it was refused so, for people.
    pub(in crate::client) fn why(&self, class: ErrorClass) -> Option<String> {
        let line = self.head.split(|byte| *byte == b'\r').next().map(quoted)?;
        match class {
            ErrorClass::Status => {
                Some(format!("expected an upgrade to WebSocket (status 101), found {line}"))
            }
            ErrorClass::Protocol => Some(format!(
                "expected an upgrade as RFC 6455, section 4.2.2, has it, found another ({line})"
            )),
            _ => None,
        }
    }

    fn judge(&self) -> Result<(), ErrorClass> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&self.head).map_err(|_| ErrorClass::Protocol)?;
        if parsed.is_partial() {
            return Err(ErrorClass::Protocol);
        }
        if response.code != Some(101) {
            return Err(ErrorClass::Status);
        }
        let has = |wanted: &str, value: &[u8]| {
            let mut named = response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(wanted));
            named.any(|header| header.value == value)
        };
        // Nothing was offered that could be chosen.
        let chose = |name: &str| response.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
        let upgrades = response.headers.iter().any(|header| {
            header.name.eq_ignore_ascii_case("upgrade") && header.value.eq_ignore_ascii_case(b"websocket")
        });
        let is_right = upgrades
            && has("sec-websocket-accept", self.accept.as_bytes())
            && !chose("sec-websocket-extensions");
        if is_right { Ok(()) } else { Err(ErrorClass::Protocol) }
    }
}
