//! Logins and checks of HTTP workloads: that they can be sent, and that some answer could be right.

use super::{header, is_token, variable};
use crate::check::Checker;
use crate::places::{Path, Step};
use crate::syntax::shortened;
use crate::units::{Size, Span};
use crate::workload::{HttpAuth, HttpExpect, HttpRequest, HttpVersion, Workload};

/// The largest program of a regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;
/// The most requests under way at once on all connections of HTTP/2.
const SEATS_MAX: u64 = 100_000;
/// The most bytes that answers may be held with which are read slowly.
const UNREAD_MAX: Size = Size::bytes(1 << 30);
/// Headers that no request of HTTP/2 has (RFC 9113, section 8.2.2).
const OF_CONNECTIONS: [&str; 4] = ["connection", "keep-alive", "proxy-connection", "upgrade"];
/// What no path or query of HTTP/2 has (RFC 3986, section 3.3).
const OF_NO_PATH: [char; 5] = ['"', '#', '<', '>', '`'];
/// The most headers, or values in JSON, that one answer is asked for.
const CHECKS_MAX: usize = 100;

pub(super) fn auth(checker: &mut Checker<'_>, path: &Path, auth: Option<&HttpAuth>) {
    match auth {
        None => {}
        Some(HttpAuth::Bearer { env }) => variable(checker, &path.then("env"), env),
        Some(HttpAuth::Basic { user, password_env }) => {
            variable(checker, &path.then("password_env"), password_env);
            if user.contains(':') || user.chars().any(char::is_control) {
                let message = format!("`{}` cannot be a user", shortened(user));
                checker.tell(&path.then("user"), message, "a user has no `:` and no control characters");
            }
        }
        Some(HttpAuth::Header { name, env }) => {
            header(checker, &path.then("name"), name, "");
            variable(checker, &path.then("env"), env);
        }
    }
}

/// What requests of HTTP/2 cannot say; `parts` is where they stand.
pub(super) fn version<'r>(
    checker: &mut Checker<'_>,
    path: &Path,
    (version, parts): (HttpVersion, &'static str),
    requests: impl Iterator<Item = &'r HttpRequest>,
) {
    if version == HttpVersion::Http1 {
        return;
    }
    for (index, request) in requests.enumerate() {
        let path = path.then(parts).then(index);
        for (name, _) in &request.headers {
            if OF_CONNECTIONS.iter().any(|of| name.eq_ignore_ascii_case(of)) {
                let message = format!("`{}` is about connections of HTTP/1.1", shortened(name));
                let at = path.then("headers").then(name).then(Step::Key);
                checker.tell(&at, message, "remove it: in HTTP/2 a request says nothing of its connection");
            }
        }
        if request.method.eq_ignore_ascii_case("CONNECT") {
            checker.tell(&path.then("method"), "a tunnel is not answered", "write another method");
        }
        if let Some(found) = request.path.chars().find(|letter| OF_NO_PATH.contains(letter)) {
            let message = format!("a path of HTTP/2 cannot hold `{found}`");
            let help = format!("write it percent-encoded: `%{:02X}`", u32::from(found));
            checker.tell(&path.then("path"), message, help);
        }
    }
}

/// That streams can be counted, and what comes on those that are read slowly can be held.
pub(super) fn streams(checker: &mut Checker<'_>, path: &Path, workload: &Workload) {
    let (connections, streams) = (workload.connections(), workload.streams());
    let seats = u64::from(connections) * u64::from(streams);
    if workload.arrivals().users().is_none() && seats > SEATS_MAX {
        let message = format!("{connections} connections of {streams} streams are {seats} requests at once");
        checker.tell(&path.then("connections"), message, format!("allowed: at most {SEATS_MAX}"));
    }
    let Some(ahead) = workload.habits().ahead().filter(|_| workload.is_in_streams()) else { return };
    let seats = workload.arrivals().users().map_or(seats, u64::from);
    let held = Size::bytes(seats.saturating_mul(u64::from(ahead)));
    if held > UNREAD_MAX {
        let message = format!("{seats} streams that are read slowly may hold {held} unread");
        let help = format!("allowed: at most {UNREAD_MAX}; ask for fewer at once, or read more slowly");
        checker.tell(&path.then("read_rate"), message, help);
    }
}

pub(super) fn expect(checker: &mut Checker<'_>, path: &Path, expect: &HttpExpect) {
    for (name, _) in &expect.headers {
        if name.is_empty() || !name.bytes().all(is_token) {
            let message = format!("`{}` is not the name of a header", shortened(name));
            let at = path.then("headers").then(name).then(Step::Key);
            checker.tell(&at, message, "a header's name has letters, digits and `-`, and no `:`");
        }
    }
    if let Some(text) = &expect.matches {
        regex(checker, &path.then("matches"), text);
    }
    for (text, _) in &expect.json {
        pointer(checker, &path.then("json").then(text).then(Step::Key), text);
    }
    for (what, count) in [("headers", expect.headers.len()), ("json", expect.json.len())] {
        if count > CHECKS_MAX {
            let message = format!("{count} checks of one answer are too many");
            checker.tell(&path.then(what), message, format!("allowed: at most {CHECKS_MAX}"));
        }
    }
    sizes(checker, path, "body", (expect.at_least, expect.at_most));
    within(checker, path, expect.within);
}

/// That something can have a size between these.
pub(super) fn sizes(
    checker: &mut Checker<'_>,
    path: &Path,
    what: &str,
    (at_least, at_most): (Option<Size>, Option<Size>),
) {
    if let (Some(least), Some(most)) = (at_least, at_most)
        && least > most
    {
        let message = format!("no {what} has at least {least} and at most {most}");
        checker.tell(&path.then("at_least"), message, "make `at_least` no more than `at_most`");
    }
}

/// That there is time to answer.
pub(super) fn within(checker: &mut Checker<'_>, path: &Path, within: Option<Span>) {
    if within.is_some_and(|within| within.is_zero()) {
        let message = "with no time to answer every answer is late";
        checker.tell(&path.then("within"), message, "write a time such as `\"250ms\"`");
    }
}

/// That a text is a regular expression; how many groups it has, the whole match being one.
pub(super) fn regex(checker: &mut Checker<'_>, path: &Path, text: &str) -> Option<usize> {
    let built = regex::bytes::RegexBuilder::new(text).unicode(false).size_limit(REGEX_BYTES_MAX).build();
    match built {
        Ok(regex) => Some(regex.captures_len()),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let message = format!("this is no regular expression: {}", shortened(&why));
            checker.tell(path, message, "write one such as `\"item-[0-9]+\"`");
            None
        }
    }
}

/// That a text is a JSON Pointer.
pub(super) fn pointer(checker: &mut Checker<'_>, path: &Path, pointer: &str) {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let message = format!("`{}` does not point into JSON", shortened(pointer));
        checker.tell(path, message, "write a path such as `\"/items/0/name\"`");
    }
    // RFC 6901, section 3.
    if pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
        let message = format!("a `~` in `{}` stands for nothing", shortened(pointer));
        checker.tell(path, message, "in such a path write `~0` for `~`, and `~1` for `/`");
    }
}
