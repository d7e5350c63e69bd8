//! Requests of HTTP/1.1 that are written anew each time, for the values of a row.

use std::io::Write as _;

use shakedown_scenarios::workload::HttpRequest;

use super::{USER_AGENT, checked};
use crate::client::ClientError;
use crate::client::secret::Secret;
use crate::client::texts::Texts;

/// A request with names in it.
#[derive(Debug)]
pub(crate) struct Draft {
    method: String,
    /// Host and the like, and what it logs in with.
    fixed: Secret,
    texts: Texts,
}

// === impl Draft ===

impl Draft {
    /// A request whose texts know these names.
    pub(crate) fn new(
        host: &str,
        login: Option<&(String, Secret)>,
        request: &HttpRequest,
        names: &[&str],
    ) -> Result<Self, ClientError> {
        checked(request)?;
        let (texts, mut fixed) = (Texts::new(request, names), Vec::new());
        if !texts.has("host") {
            fixed.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        if !texts.has("user-agent") {
            fixed.extend_from_slice(format!("User-Agent: {USER_AGENT}\r\n").as_bytes());
        }
        if let Some((name, secret)) = login {
            fixed.extend_from_slice(&[name.as_bytes(), b": ", secret.bytes(), b"\r\n"].concat());
        }
        Ok(Self { method: request.method.clone(), fixed: Secret::new(fixed), texts })
    }

    /// Whether the number has a place in it.
    pub(crate) fn has_number(&self) -> bool {
        self.texts.has_number()
    }

    /// Appends the whole request.
    pub(crate) fn write(&self, number: u64, row: &[String], out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        self.texts.path(number, row, out);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        out.extend_from_slice(self.fixed.bytes());
        self.texts.headers(number, row, |name, value| {
            for piece in [name.as_bytes(), b": ", value, b"\r\n"] {
                out.extend_from_slice(piece);
            }
        });
        if let Some(length) = self.texts.length(number, row) {
            write!(out, "Content-Length: {length}\r\n").expect("writing into a Vec cannot fail");
        }
        out.extend_from_slice(b"\r\n");
        self.texts.body(number, row, out);
    }
}
