//! Links in the native API: HTTP with WebSocket, TLS, UDP and DNS, and the faults on them.
//!
//! | kind | members beside `kind` and `listen` | faults |
//! |---|---|---|
//! | `http` | `upstream`, `tls` | `{"http": …}`, `{"websocket": …}`, and `{"tls": …}` where `tls.terminate` is said |
//! | `tls` | `upstream`, `terminate`, `originate`, `dial_timeout` | `{"tls": …}` |
//! | `udp` | `upstream` | `{"udp": …}` |
//! | `dns` | `names`, `ttl`, `elsewhere` | `{"dns": …}` |
//!
//! A fault stands under the name of its protocol, in that protocol's own words:
//! `{"http": {"matches": {"path": "/items/*", "every": 2}, "act": {"answer": {"status": 503}}}}`, `{"tls":
//! "expired_certificate"}`, `{"udp": {"loss": {"probability": "5%"}}}`, `{"dns": {"act": "nxdomain", "name": "*.test"}}`.
//! `upstream` is looked up once, when the link is made or changed. A PUT on a link that is there changes it: to another
//! upstream, other options, another address (without `listen`, or with port 0, it keeps the one it has). It is started anew
//! for that: its connections end, its counters begin again, its faults stay and count anew, and what terminates TLS has a new
//! certificate. What cannot be done is refused, and the link runs on as it was: an address that is taken, a fault that could
//! not stay. Another kind is another link: take the one away first (409).

mod show;
mod wanted;

use serde_json::json;

use super::Answer;
use super::body::{self, Body};
use super::problem::{Problem, Refused};
use crate::collection::{Collection, LinkError};
use crate::engine::Engine;
use crate::handle::Response;
use show::{FaultShown, LinkShown};

/// `/v1/links`.
pub fn list<E: Engine>(collection: &Collection<E>, method: &str) -> Response {
    if method != "GET" {
        return Response::not_allowed();
    }
    let links: Vec<_> = collection.links().map(LinkShown::of).collect();
    Response::json(200, &json!({ "links": links }))
}

/// `/v1/links/{name}`.
pub fn one<E: Engine>(collection: &mut Collection<E>, method: &str, name: &str, body: &[u8]) -> Answer {
    match method {
        "GET" => Ok(Response::json(200, &LinkShown::of(collection.link(name)?))),
        "PUT" => {
            body::name(name)?;
            let draft = wanted::link(name, Body::read(body)?)?;
            let status = if collection.put_link(draft)? { 201 } else { 200 };
            Ok(Response::json(status, &LinkShown::of(collection.link(name)?)))
        }
        "DELETE" => Ok(collection.delete_link(name).map(|()| Response::empty(204))?),
        _ => Ok(Response::not_allowed()),
    }
}

/// `/v1/links/{link}/faults/{name}`.
pub fn fault<E: Engine>(
    collection: &mut Collection<E>,
    method: &str,
    link: &str,
    name: &str,
    body: &[u8],
) -> Answer {
    let entry = collection.link_mut(link)?;
    match method {
        "GET" => Ok(Response::json(200, &FaultShown::of(entry, entry.fault(name)?))),
        "PUT" => {
            body::name(name)?;
            let fault = wanted::fault(Body::read(body)?)?;
            let status = if entry.put(name, fault)? { 201 } else { 200 };
            Ok(Response::json(status, &FaultShown::of(entry, entry.fault(name)?)))
        }
        "DELETE" => {
            let Some(ending) = entry.heal(name)? else { return Ok(Response::empty(204)) };
            let did = json!({ "bit": ending.did.bit, "words": ending.did.told });
            let healed = ending.healed;
            Ok(Response::json(
                200,
                &json!({ "proven": healed.proven, "evidence": healed.evidence, "did": did }),
            ))
        }
        _ => Ok(Response::not_allowed()),
    }
}

impl From<LinkError> for Refused {
    fn from(error: LinkError) -> Self {
        use shakedown_link_faults::StartError;

        match error {
            LinkError::Refused(error) => error.into(),
            LinkError::Start(StartError::Wrong(wrongs)) => {
                Self::all(wrongs.0.into_iter().map(Problem::from).collect())
            }
            LinkError::Start(StartError::Listen { .. }) => Self::new(500, error.told()),
        }
    }
}
