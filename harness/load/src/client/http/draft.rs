//! Requests of HTTP/1.1 that are written anew each time, for the values of a row or of a user.

use std::io::Write as _;

use shakedown_scenarios::workload::HttpRequest;

use super::{USER_AGENT, checked, defines_a_body};
use crate::client::ClientError;
use crate::client::phrase::{Phrase, Place};
use crate::client::secret::Secret;

/// A request with names in it.
#[derive(Debug)]
pub(crate) struct Draft {
    method: String,
    path: Phrase,
    /// Host and the like, and what it logs in with.
    fixed: Secret,
    headers: Vec<(String, Phrase)>,
    body: Phrase,
    /// Whether it says how long its body is though that is empty.
    has_length: bool,
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
        let phrase = |text: &str| Phrase::new(text, names);
        let has = |wanted: &str| request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut fixed = Vec::new();
        if !has("host") {
            fixed.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        if !has("user-agent") {
            fixed.extend_from_slice(format!("User-Agent: {USER_AGENT}\r\n").as_bytes());
        }
        if let Some((name, secret)) = login {
            fixed.extend_from_slice(&[name.as_bytes(), b": ", secret.bytes(), b"\r\n"].concat());
        }
        Ok(Self {
            method: request.method.clone(),
            path: phrase(&request.path),
            fixed: Secret::new(fixed),
            headers: request.headers.iter().map(|(name, value)| (name.clone(), phrase(value))).collect(),
            body: phrase(&request.body),
            has_length: defines_a_body(&request.method),
        })
    }

    /// Whether the number has a place in it.
    pub(crate) fn has_number(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        [&self.path, &self.body].into_iter().chain(headers).any(Phrase::has_number)
    }

    /// Appends the path alone.
    pub(crate) fn path(&self, number: u64, values: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
        self.path.write(number, values, Place::Path, out);
    }

    /// Appends the whole request; `more` appends headers of its own.
    pub(crate) fn write(
        &self,
        number: u64,
        values: &[impl AsRef<[u8]>],
        more: impl FnOnce(&mut Vec<u8>),
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        self.path(number, values, out);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        out.extend_from_slice(self.fixed.bytes());
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            value.write(number, values, Place::Header, out);
            out.extend_from_slice(b"\r\n");
        }
        more(out);
        let length = self.body.body_length(number, values);
        if self.has_length || length > 0 {
            write!(out, "Content-Length: {length}\r\n").expect("writing into a Vec cannot fail");
        }
        out.extend_from_slice(b"\r\n");
        self.body.write(number, values, Place::Body, out);
    }
}
