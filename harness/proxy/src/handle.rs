//! A request in, a response out: where it goes, decided without sockets.

use serde::Serialize;

use crate::collection::Collection;
use crate::engine::Engine;
use crate::error::ApiError;
use crate::news::{Level, Log};
use crate::toxiproxy::noxious;
use crate::{metrics, toxiproxy, v1};

/// A request, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path with its percent signs; what stands behind a `?` does not matter.
    pub path: &'a str,
    /// Whether the head has the four headers of [`noxious::HEADERS`] and no other.
    pub is_bare: bool,
    /// The body. One that is too large is not handed on to here.
    pub body: &'a [u8],
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers: names in small letters, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The largest body of a request, in bytes.
pub const LARGEST_BODY: usize = 1 << 20;

pub(crate) const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers a request. It never panics, whatever is in it, and changes nothing where it refuses.
pub fn handle<E: Engine>(collection: &mut Collection<E>, request: Request<'_>) -> Response {
    let path = request.path.split('?').next().unwrap_or_default();
    let Some(segments) = segments(path) else { return Response::text(400, "bad path") };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let answer = match segments.as_slice() {
        ["v1", rest @ ..] => Some(v1::answer(collection, request.method, rest, request.body)),
        ["metrics"] if collection.exposed.proxies || collection.exposed.runtime.is_some() => {
            Some(match request.method {
                "GET" => Response::new(200, Some(PROMETHEUS), metrics::write(collection)),
                _ => Response::not_allowed(),
            })
        }
        ["populate"] => {
            let answer = toxiproxy::answer(collection, request.method, &segments, request.body);
            answer.map(|answer| noxious::populated(request, answer))
        }
        _ => toxiproxy::answer(collection, request.method, &segments, request.body),
    };
    let response = match answer {
        None => Response::text(404, "404 page not found"),
        Some(response) if response.status == 405 => response,
        Some(response) => response.with("x-toxiproxy-request-id", collection.request_id()),
    };
    tell(&collection.log, request.method, path, &response);
    response
}

/// What could not be done is worth to be told, what was only wrong is the client's own business.
fn tell(log: &Log, method: &str, path: &str, response: &Response) {
    let status = response.status.to_string();
    let fields = [("method", method), ("path", path), ("status", status.as_str())];
    if response.status < 500 {
        return log.tell(Level::Debug, "Answered request", fields);
    }
    let [method, path, status] = fields;
    let why = String::from_utf8_lossy(&response.body);
    log.tell(Level::Error, "Failed request", [method, path, status, ("error", why.trim_end())]);
}

/// The segments of a path, each with its percent signs read; `None`: it is no path.
fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix('/')?.split('/').map(decoded).collect()
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = behind;
            continue;
        }
        let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).ok()
}

// === impl Response ===

impl Response {
    /// An answer with a body of a kind.
    #[must_use]
    pub fn new(status: u16, kind: Option<&str>, body: impl Into<Vec<u8>>) -> Self {
        let headers = kind.map(|kind| ("content-type", kind.to_owned())).into_iter().collect();
        Self { status, headers, body: body.into() }
    }

    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("maps with names as keys can be written as JSON");
        Self::new(status, Some(JSON), body)
    }

    /// A line for people, as Go's library writes it.
    #[must_use]
    pub fn text(status: u16, line: &str) -> Self {
        Self::new(status, Some(TEXT), format!("{line}\n")).with("x-content-type-options", "nosniff")
    }

    /// No body at all.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// This path has not this method.
    #[must_use]
    pub const fn not_allowed() -> Self {
        Self::empty(405)
    }

    /// A refusal in Toxiproxy's form: JSON that is called text.
    #[must_use]
    pub fn refusal(error: &ApiError) -> Self {
        #[derive(Serialize)]
        struct Body {
            error: String,
            status: u16,
        }
        let status = error.status();
        let mut response = Self::json(status, &Body { error: error.to_string(), status });
        response.body.push(b'\n');
        response.headers = vec![("content-type", TEXT.to_owned())];
        response.with("x-content-type-options", "nosniff")
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_before_it_is_decoded() {
        let check = |path, expected: Option<&[&str]>| {
            let found = segments(path);
            assert_eq!(
                found.as_ref().map(|it| it.iter().map(String::as_str).collect()),
                expected.map(Vec::from)
            );
        };
        check("/proxies/a%2Fb/toxics", Some(&["proxies", "a/b", "toxics"]));
        check("/proxies/", Some(&["proxies", ""]));
        check("/", Some(&[""]));
        for wrong in ["proxies", "/%", "/%2", "/%zz", "/%+1", "/%ff"] {
            check(wrong, None);
        }
    }
}
