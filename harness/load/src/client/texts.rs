//! The texts of a request of HTTP that are written anew each time, for the values of a row or of a user, whatever the version.

use shakedown_scenarios::workload::HttpRequest;

use crate::client::http::defines_a_body;
use crate::client::phrase::{Phrase, Place};

/// Path, headers and body with names in them; the names of its headers are kept as `N`.
#[derive(Debug)]
pub(crate) struct Texts<N = String> {
    path: Phrase,
    headers: Vec<(N, Phrase)>,
    body: Phrase,
    /// Whether it says how long its body is though that is empty.
    has_length: bool,
}

// === impl Texts ===

impl Texts {
    /// Of a request whose texts know these names.
    pub(crate) fn new(request: &HttpRequest, names: &[&str]) -> Self {
        let headers = request.headers.iter().map(|(name, value)| (name.clone(), Phrase::new(value, names)));
        Self::with(request, names, headers.collect())
    }

    /// Whether the experiment itself writes this header.
    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }
}

impl<N> Texts<N> {
    /// The same with headers that were prepared before.
    pub(crate) fn with(request: &HttpRequest, names: &[&str], headers: Vec<(N, Phrase)>) -> Self {
        let (path, body) = (Phrase::new(&request.path, names), Phrase::new(&request.body, names));
        Self { path, headers, body, has_length: defines_a_body(&request.method) }
    }

    /// Whether the number has a place in it.
    pub(crate) fn has_number(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        [&self.path, &self.body].into_iter().chain(headers).any(Phrase::has_number)
    }

    /// Appends the path.
    pub(crate) fn path(&self, number: u64, values: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
        self.path.write(number, values, Place::Path, out);
    }

    /// Tells each header in its order.
    pub(crate) fn headers(&self, number: u64, values: &[impl AsRef<[u8]>], mut tell: impl FnMut(&N, &[u8])) {
        let mut value = Vec::new();
        for (name, phrase) in &self.headers {
            value.clear();
            phrase.write(number, values, Place::Header, &mut value);
            tell(name, &value);
        }
    }

    /// Appends the body.
    pub(crate) fn body(&self, number: u64, values: &[impl AsRef<[u8]>], out: &mut Vec<u8>) {
        self.body.write(number, values, Place::Body, out);
    }

    /// How many bytes the body has, if the request says so.
    pub(crate) fn length(&self, number: u64, values: &[impl AsRef<[u8]>]) -> Option<usize> {
        Some(self.body.body_length(number, values)).filter(|length| self.has_length || *length > 0)
    }
}
