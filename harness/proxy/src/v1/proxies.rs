//! Proxies in the native API: made, changed and replaced by one PUT that may be repeated.

use serde_json::{Value, json};

use super::Answer;
use super::body::{self, Body};
use super::problem::{Problem, Refused};
use super::show::{ConnectionShown, ProxyShown};
use crate::collection::{Collection, LISTEN, LONGEST_NAME, ProxyDraft};
use crate::engine::Engine;
use crate::entry::{Change, Ends, MOST_TOXICS};
use crate::handle::Response;
use crate::held::Draft;

/// The most connections that are listed: the newest of the proxy.
pub const MOST_LISTED: usize = 1_000;

/// What a PUT says.
struct Wanted {
    listen: Option<String>,
    upstream: Option<String>,
    enabled: Option<bool>,
    toxics: Option<Vec<Draft>>,
    from: Option<String>,
    to: Option<String>,
}

/// `/v1/proxies`.
pub fn list<E: Engine>(collection: &Collection<E>, method: &str) -> Response {
    if method != "GET" {
        return Response::not_allowed();
    }
    let proxies: Vec<_> = collection.entries().map(ProxyShown::of).collect();
    Response::json(200, &json!({ "proxies": proxies }))
}

/// `/v1/proxies/{name}`.
pub fn one<E: Engine>(collection: &mut Collection<E>, method: &str, name: &str, body: &[u8]) -> Answer {
    match method {
        "GET" => Ok(Response::json(200, &ProxyShown::of(collection.entry(name)?))),
        "PUT" => {
            body::name(name)?;
            put(collection, name, body)
        }
        "DELETE" => Ok(collection.delete(name).map(|()| Response::empty(204))?),
        _ => Ok(Response::not_allowed()),
    }
}

/// `/v1/proxies/{name}/connections`.
pub fn connections<E: Engine>(collection: &Collection<E>, method: &str, name: &str) -> Answer {
    if method != "GET" {
        return Ok(Response::not_allowed());
    }
    let mut connections = collection.entry(name)?.connections();
    let open = connections.len();
    connections.sort_by_key(|connection| std::cmp::Reverse(connection.number));
    let newest: Vec<ConnectionShown> = connections.into_iter().take(MOST_LISTED).map(Into::into).collect();
    Ok(Response::json(200, &json!({ "open": open, "connections": newest })))
}

fn put<E: Engine>(collection: &mut Collection<E>, name: &str, body: &[u8]) -> Answer {
    let is_there = collection.entry(name).is_ok();
    let wanted = Wanted::read(Body::read(body)?, !is_there)?;
    if !is_there {
        return Ok(collection
            .create(wanted.draft(name))
            .map(|entry| Response::json(201, &ProxyShown::of(entry)))?);
    }
    // Connections are closed only if an address changes.
    Ok(collection.change(name, wanted.change()).map(|entry| Response::json(200, &ProxyShown::of(entry)))?)
}

// === impl Wanted ===

impl Wanted {
    fn read(mut body: Body, must_be_whole: bool) -> Result<Self, Refused> {
        let (listen, upstream) = (body.address("listen"), body.address("upstream"));
        let enabled = body.field("enabled", "write true or false");
        let toxics: Option<Vec<Value>> = body.field("toxics", "write a list of toxics");
        let toxics = toxics.map(|toxics| drafts(&mut body, toxics));
        let (from, to) = (end(&mut body, "from"), end(&mut body, "to"));
        let problems = body.found();
        let is_told = problems.iter().any(|problem| problem.field == "upstream");
        let missing = (must_be_whole && upstream.is_none() && !is_told).then(|| {
            let help = "write where connections go, such as \"127.0.0.1:6379\"";
            Problem::new("upstream", "it is missing", help)
        });
        let problems: Vec<Problem> = missing.into_iter().chain(problems).collect();
        if !problems.is_empty() {
            return Err(Refused::all(problems));
        }
        Ok(Self { listen, upstream, enabled, toxics, from, to })
    }

    fn change(self) -> Change {
        let Self { listen, upstream, enabled, toxics, from, to } = self;
        Change { listen, upstream, enabled: enabled.or(Some(true)), toxics, from, to }
    }

    fn draft(self, name: &str) -> ProxyDraft {
        ProxyDraft {
            name: name.to_owned(),
            listen: self.listen.unwrap_or_else(|| LISTEN.to_owned()),
            upstream: self.upstream.unwrap_or_default(),
            enabled: self.enabled.unwrap_or(true),
            toxics: self.toxics.unwrap_or_default(),
            ends: Ends::default().with(self.from, self.to),
        }
    }
}

/// The name of who is at an end.
fn end(body: &mut Body, field: &'static str) -> Option<String> {
    let help = "write the name of a node, such as \"a\"; \"\" takes it away";
    let name: String = body.field(field, help)?;
    if name.len() > LONGEST_NAME {
        body.problem(field, format!("a name has at most {LONGEST_NAME} bytes, this {}", name.len()), help);
    }
    Some(name)
}

fn drafts(body: &mut Body, toxics: Vec<Value>) -> Vec<Draft> {
    if toxics.len() > MOST_TOXICS {
        body.problem("toxics", format!("{} are too many", toxics.len()), "put at most 256 on a proxy");
        return Vec::new();
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for (at, value) in toxics.into_iter().enumerate() {
        let place = format!("toxics[{at}]");
        match draft(value, &drafts) {
            Ok(draft) => drafts.push(draft),
            Err(problems) => body.problems(problems.into_iter().map(|problem| problem.below(&place))),
        }
    }
    drafts
}

fn draft(value: Value, before: &[Draft]) -> Result<Draft, Vec<Problem>> {
    let mut body = Body::of(value).map_err(|problem| vec![problem])?;
    let name: String = body.field("name", "write a name").unwrap_or_default();
    if body::name(&name).is_err() {
        body.problem("name", "a name has 1 to 256 bytes", "choose another one");
    } else if before.iter().any(|draft| draft.name == name) {
        body.problem("name", "there is another one of this name", "choose another one");
    }
    let draft = body.toxic(&name);
    let problems = body.found();
    draft.filter(|_| problems.is_empty()).ok_or(problems)
}
