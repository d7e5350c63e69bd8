//! Requests to the control plane, on an engine that opens no socket.
//!
//! The input is a few requests: a line `METHOD PATH` each, its body, and a line `====` between two of them.

use shakedown_proxy::collection::{Collection, Exposed};
use shakedown_proxy::engine::Paper;
use shakedown_proxy::handle::{Request, Response, handle};

/// No input has more.
const MOST_REQUESTS: usize = 20;

/// Every answer is one, what calls itself JSON is JSON, what only asks changes nothing, and neither does what is refused.
pub fn check(bytes: &[u8]) {
    let mut collection = Collection::new(Paper::default(), 42, Exposed { proxies: true, runtime: None });
    for part in split(bytes).take(MOST_REQUESTS) {
        let Some(request) = read(part).filter(|request| !looks_up(request.body)) else { continue };
        let before = snapshot(&mut collection);
        let response = handle(&mut collection, request);
        let status = response.status;
        assert!((200..=599).contains(&status), "{status}");
        // Toxiproxy's own status where an address cannot be listened on, or found; nothing else goes wrong within.
        let text = String::from_utf8_lossy(&response.body);
        assert!(status != 500 || text.contains("listen tcp") || text.contains("lookup "), "{text}");
        if is_json(&response) && !response.body.is_empty() {
            let read: Result<serde_json::Value, _> = serde_json::from_slice(&response.body);
            assert!(read.is_ok(), "{:?}", String::from_utf8_lossy(&response.body));
        }
        if request.method == "GET" || (status >= 400 && !may_stop_halfway(&request)) {
            assert_eq!(snapshot(&mut collection), before, "{} {}: {status}", request.method, request.path);
        }
    }
}

fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let all = rest?;
        let end = all.windows(6).position(|six| six == b"\n====\n");
        rest = end.map(|end| &all[end + 6..]);
        Some(&all[..end.unwrap_or(all.len())])
    })
}

fn read(part: &[u8]) -> Option<Request<'_>> {
    let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
    let line = std::str::from_utf8(&part[..end]).ok()?;
    let (method, path) = line.split_once(' ')?;
    let body = part.get(end + 1..).unwrap_or_default();
    Some(Request { method, path, is_bare: body.len().is_multiple_of(2), body })
}

/// Whether somebody else would be asked for the address to listen on: that is neither decided nor the same each time.
fn looks_up(body: &[u8]) -> bool {
    let text = unescaped(&String::from_utf8_lossy(body)).to_ascii_lowercase();
    let mut parts = text.split("listen");
    parts.next();
    parts.any(|after| {
        let value = after.trim_start_matches(['"', ' ', '\n', '\r', '\t', ':']);
        let starts = ["127.0.0.1:", "localhost:", "[::1]:", "null", "}", ","];
        !starts.iter().any(|start| value.starts_with(start))
    })
}

/// With the letters that `\u` stands for.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let letter =
            part.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        out.extend(letter);
        out.push_str(part.get(4..).filter(|_| letter.is_some()).unwrap_or(part));
    }
    out
}

fn is_json(response: &Response) -> bool {
    response.headers.iter().any(|(name, value)| *name == "content-type" && value.contains("json"))
}

/// Toxiproxy makes the proxies of a list one after the other, and stops at one that is wrong.
fn may_stop_halfway(request: &Request<'_>) -> bool {
    request.path.contains("populate")
}

fn snapshot(collection: &mut Collection<Paper>) -> Vec<u8> {
    let mut get = |path| handle(collection, Request { method: "GET", path, is_bare: false, body: b"" }).body;
    [get("/proxies"), get("/v1/links")].concat()
}
