//! What a link or a fault is asked to be.

use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use shakedown_link_faults::{LinkFault, LinkSpec};
use shakedown_scenarios::protocol::{LinkKind, Protocol};
use shakedown_scenarios::words::{self, Spelling, Wrong};

use super::super::body::Body;
use super::super::problem::{Problem, Refused};
use crate::address;
use crate::collection::LISTEN;
use crate::links::LinkDraft;

const KINDS: &str = "one of http, tls, udp, dns; plain TCP is PUT /v1/proxies/{name}";

/// Reads a link.
///
/// # Errors
/// All that is wrong with it.
pub fn link(name: &str, mut body: Body) -> Result<LinkDraft, Refused> {
    let mut asked = body.whole();
    if let Some(fields) = asked.as_object_mut() {
        fields.remove("listen");
    }
    let kind = kind(&mut body)?;
    let (_, listen) = address_in(&mut body, "listen", Some(LISTEN));
    let (upstream, to) = match kind {
        LinkKind::Dns => (None, None),
        _ => address_in(&mut body, "upstream", None),
    };
    let spec = spec(&mut body, kind, to);
    let problems = body.found();
    match (listen, spec) {
        (Some(listen), Some(spec)) if problems.is_empty() => {
            Ok(LinkDraft { name: name.to_owned(), listen, upstream, spec, asked })
        }
        _ => Err(Refused::all(problems)),
    }
}

/// Without a kind nobody knows which fields there may be, so that its problem is told alone.
fn kind(body: &mut Body) -> Result<LinkKind, Refused> {
    let word = body.field::<Value>("kind", KINDS).unwrap_or_default();
    let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
    let kinds =
        [("http", LinkKind::Http), ("tls", LinkKind::Tls), ("udp", LinkKind::Udp), ("dns", LinkKind::Dns)];
    let found = kinds.into_iter().find(|(known, _)| *known == word).map(|(_, kind)| kind);
    found.ok_or_else(|| {
        let shown: String = word.chars().take(60).collect();
        let message =
            if word == "null" { "it is missing".to_owned() } else { format!("there is no kind {shown:?}") };
        Refused::all(vec![Problem::new("kind", message, KINDS)])
    })
}

/// An address as it was said, and as it was found.
fn address_in(
    body: &mut Body,
    field: &'static str,
    usual: Option<&str>,
) -> (Option<String>, Option<SocketAddr>) {
    let help = "write an address such as \"127.0.0.1:8080\"";
    let before = body.problem_count();
    let said = body.address(field).or_else(|| usual.map(str::to_owned));
    let Some(text) = said else {
        if body.problem_count() == before {
            body.problem(field, "it is missing", help);
        }
        return (None, None);
    };
    let found = address::resolve(&text);
    if let Err(error) = &found
        && body.problem_count() == before
    {
        body.problem(field, error.to_string(), help);
    }
    (Some(text), found.ok())
}

fn spec(body: &mut Body, kind: LinkKind, to: Option<SocketAddr>) -> Option<LinkSpec> {
    match kind {
        LinkKind::Http => match body.field("tls", "write options of TLS, such as {\"terminate\": {}}") {
            None => Some(LinkSpec::Http { upstream: to?, tls: None }),
            Some(options) => {
                let tls = options_of(body, &options, "tls");
                Some(LinkSpec::Http { upstream: to?, tls: Some(tls?) })
            }
        },
        LinkKind::Tls => {
            let options = members(body, ["terminate", "originate", "dial_timeout"]);
            let options = options_of(body, &options, "");
            Some(LinkSpec::Tls { upstream: to?, options: options? })
        }
        LinkKind::Dns => {
            let zone = members(body, ["names", "ttl", "elsewhere"]);
            options_of(body, &zone, "").map(|zone| LinkSpec::Dns { zone })
        }
        LinkKind::Udp | LinkKind::Tcp => to.map(|upstream| LinkSpec::Udp { upstream }),
    }
}

/// Some fields of a body as an object of their own.
fn members(body: &mut Body, names: [&'static str; 3]) -> Value {
    let member = |name| Some((name, body.field::<Value>(name, "")?));
    let members = names.into_iter().filter_map(member);
    Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn options_of<T: DeserializeOwned>(body: &mut Body, value: &Value, field: &str) -> Option<T> {
    let read = words::read(value, Spelling::Snake);
    read.map_err(|wrong| {
        let wrong = if field.is_empty() { wrong } else { wrong.within(field) };
        body.problems([Problem::from(wrong)]);
    })
    .ok()
}

/// Reads a fault: its protocol's name, and behind it that protocol's words.
///
/// # Errors
/// All that is wrong with it.
pub fn fault(mut body: Body) -> Result<LinkFault, Refused> {
    let names = ["http", "websocket", "tls", "udp", "dns"];
    let said = names.into_iter().zip(Protocol::ALL);
    let said: Vec<(&str, Protocol, Value)> =
        said.filter_map(|(name, protocol)| Some((name, protocol, body.field(name, "")?))).collect();
    let problems = body.found();
    match said.as_slice() {
        [(name, protocol, words)] if problems.is_empty() => {
            LinkFault::read(*protocol, words).map_err(|wrongs| {
                let below = |wrong: Wrong| Problem::from(wrong).below(name);
                Refused::all(wrongs.0.into_iter().map(below).collect())
            })
        }
        _ if problems.is_empty() => {
            let message = format!("expected one protocol, found {}", said.len());
            let help = "write one such as {\"udp\": {\"loss\": {\"probability\": \"5%\"}}}";
            Err(Refused::all(vec![Problem::new("", message, help)]))
        }
        _ => Err(Refused::all(problems)),
    }
}

impl From<Wrong> for Problem {
    fn from(wrong: Wrong) -> Self {
        Self::new(wrong.field, wrong.message, wrong.help)
    }
}
