//! What the crate `noxious-client` needs and Toxiproxy has not: it was written for noxious, a port of Toxiproxy.
//!
//! - It says which way a toxic goes in a field `direction`. Toxiproxy does not know that field, and so puts every toxic
//!   of this client downstream. Here `direction` counts where `stream` is not said.
//! - It takes the answer of `/populate` for a bare list, as noxious sends it, and fails at Toxiproxy's
//!   `{"proxies":[…]}`. It sends no `User-Agent`. Here a request that is byte for byte of its making gets a list: it
//!   has the four headers of this client and no other, and its body has these four fields of each proxy in this
//!   order, without a space. All other requests get what Toxiproxy sends. So does an empty list, which says too little.
//!
//! What it cannot have: it reads no toxic of type noop, since noxious sends those without `attributes`, and Toxiproxy
//! with them.
//!
//! Whoever writes just such a request by hand and expects an object gets it by sending one header more.

use serde::{Deserialize, Serialize};

use super::json::Fields;
use crate::handle::{Request, Response};

/// The headers of a request of this client, and the values of those that are always the same.
pub const HEADERS: [(&str, Option<&str>); 4] = [
    ("accept", Some("*/*")),
    ("content-length", None),
    ("content-type", Some("application/json")),
    ("host", None),
];

/// A proxy as this client writes it (`ProxyConfig` of noxious 0.1.1).
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
    listen: String,
    upstream: String,
    enabled: bool,
}

/// Which way a toxic goes, in this client's word for it.
pub(super) fn direction(fields: &Fields) -> Option<String> {
    let direction = fields.string("direction").ok()??;
    matches!(direction.as_str(), "upstream" | "downstream").then_some(direction)
}

/// The answer of `/populate` to whoever asked.
pub(crate) fn populated(request: Request<'_>, answer: Response) -> Response {
    let list = answer.body.strip_prefix(br#"{"proxies":"#).and_then(|body| body.strip_suffix(b"}"));
    match list {
        Some(list) if answer.status == 201 && request.is_bare && is_of_its_making(request.body) => {
            Response { body: list.to_vec(), ..answer }
        }
        _ => answer,
    }
}

fn is_of_its_making(body: &[u8]) -> bool {
    let Ok(configs) = serde_json::from_slice::<Vec<Config>>(body) else { return false };
    !configs.is_empty() && serde_json::to_vec(&configs).is_ok_and(|written| written == body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::{Collection, Exposed};
    use crate::engine::Paper;
    use crate::handle::handle;

    const ITS: &str = r#"[{"name":"a","listen":"localhost:0","upstream":"up:1","enabled":true}]"#;

    fn populate(is_bare: bool, body: &str) -> String {
        let mut collection = Collection::new(Paper::default(), 1, Exposed { proxies: false, runtime: None });
        let request = Request { method: "POST", path: "/populate", is_bare, body: body.as_bytes() };
        let answer = handle(&mut collection, request);
        assert_eq!(answer.status, 201, "{body}");
        String::from_utf8(answer.body).unwrap()
    }

    #[test]
    fn a_list_answers_what_is_byte_for_byte_of_its_making() {
        assert!(populate(true, ITS).starts_with(r#"[{"name":"a","#));
    }

    #[test]
    fn an_object_answers_all_else() {
        for (is_bare, body) in [
            (false, ITS),
            (true, "[]"),
            (true, &ITS.replace(",\"enabled", ", \"enabled")),
            (true, &ITS.replace(",\"enabled\":true", "")),
            (true, &ITS.replace("true}", "true,\"toxics\":[]}")),
            (true, &format!("{ITS}\n")),
            (true, r#"[{"enabled":true,"listen":"localhost:0","name":"a","upstream":"up:1"}]"#),
        ] {
            assert!(populate(is_bare, body).starts_with(r#"{"proxies":"#), "{is_bare} {body}");
        }
    }

    #[test]
    fn a_direction_counts_where_no_stream_is_said() {
        let check = |body: &str, expected: &str| {
            let fields = super::super::json::read(body).unwrap();
            let draft = super::super::toxic(&fields, |_| false).unwrap();
            assert_eq!(draft.stream, expected, "{body}");
        };
        check(r#"{"type":"noop","direction":"upstream"}"#, "upstream");
        check(r#"{"type":"noop","direction":"upstream","stream":"downstream"}"#, "downstream");
        check(r#"{"type":"noop","direction":"sideways"}"#, "downstream");
        check(r#"{"type":"noop","direction":7}"#, "downstream");
    }
}
