//! Toxiproxy's HTTP API, so that every client of it drives this proxy unchanged.
//!
//! Quirks that clients depend on are kept: a toxic is created with 200, errors are JSON that is called text, `/reset`
//! starts every proxy. Where Toxiproxy fails it does the right thing: every attribute is checked, a refused request
//! changes nothing, toxics may come along with their proxy, `/reset` goes on after a failure.
//!
//! | path | methods |
//! |---|---|
//! | `/version` | GET |
//! | `/proxies` | GET, POST |
//! | `/proxies/{p}` | GET, POST or PATCH (parts of it), DELETE |
//! | `/proxies/{p}/toxics` | GET, POST |
//! | `/proxies/{p}/toxics/{t}` | GET, POST or PATCH (attributes and toxicity), DELETE |
//! | `/populate` | POST |
//! | `/reset` | POST |
//! | `/metrics` | GET, if `--proxy-metrics` or `--runtime-metrics` was asked for |
//!
//! Toxics that were put on by `/v1` are seen here where Toxiproxy could have them: one of its types, one way, attributes
//! that are whole numbers. All others exist under [`crate::v1`] alone: here they are not listed, `toxic not found`. Their
//! names are taken all the same, and `/reset` takes them off too.
//!
//! One client needs more than Toxiproxy gives: [`noxious`].

pub mod attributes;
mod draft;
pub mod json;
pub mod noxious;
mod populate;
mod show;

use crate::collection::Collection;
use crate::engine::{Engine, Plane};
use crate::entry::{Change, Entry};
use crate::error::ApiError;
use crate::handle::Response;
use crate::held::Held;
use attributes::Attributes;
use draft::address;
use json::Fields;
use show::{ProxyShown, ToxicShown};

pub use draft::{proxy, toxic};
pub use populate::populate;

/// The version of Toxiproxy that this behaves like: from 2.6.0 on, Ruby's client sends PATCH.
pub const VERSION: &str = "2.12.0";

type Answer = Result<Response, ApiError>;

/// The answer to a request; `None`: there is no such path.
pub fn answer<E: Engine>(
    collection: &mut Collection<E>,
    method: &str,
    path: &[&str],
    body: &[u8],
) -> Option<Response> {
    if path.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    let body = json::text(body);
    let answer = match path {
        ["version"] => version(method),
        ["reset"] => reset(collection, method),
        ["populate"] => Ok(populate::answer(collection, method, &body)),
        ["proxies"] => proxies(collection, method, &body),
        ["proxies", name] => one_proxy(collection, method, name, &body),
        ["proxies", name, "toxics"] => toxics(collection, method, name, &body),
        ["proxies", name, "toxics", toxic] => one_toxic(collection, method, name, toxic, &body),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|error| Response::refusal(&error)))
}

fn version(method: &str) -> Answer {
    if method != "GET" {
        return Ok(Response::not_allowed());
    }
    let body = format!("{{\"version\": \"{VERSION}\"}}\n");
    Ok(Response::new(200, Some("application/json;charset=utf-8"), body))
}

fn reset<E: Engine>(collection: &mut Collection<E>, method: &str) -> Answer {
    if method != "POST" {
        return Ok(Response::not_allowed());
    }
    collection.reset().map(|()| Response::empty(204))
}

fn proxies<E: Engine>(collection: &mut Collection<E>, method: &str, body: &str) -> Answer {
    match method {
        "GET" => Ok(Response::json(200, &show::by_name(collection.entries()))),
        "POST" => {
            let draft = draft::proxy(&json::read(body)?, |name| collection.entry(name).is_ok())?;
            collection.create(draft).map(|entry| Response::json(201, &ProxyShown::of(entry)))
        }
        _ => Ok(Response::not_allowed()),
    }
}

fn one_proxy<E: Engine>(collection: &mut Collection<E>, method: &str, name: &str, body: &str) -> Answer {
    match method {
        "GET" => Ok(Response::json(200, &ProxyShown::of(collection.entry(name)?))),
        "POST" | "PATCH" => {
            collection.entry(name)?;
            let change = change(&json::read(body)?)?;
            collection.change(name, change).map(|entry| Response::json(200, &ProxyShown::of(entry)))
        }
        "DELETE" => collection.delete(name).map(|()| Response::empty(204)),
        _ => Ok(Response::not_allowed()),
    }
}

fn change(fields: &Fields) -> Result<Change, ApiError> {
    let (listen, upstream) = (fields.string("listen")?, fields.string("upstream")?);
    let enabled = fields.bool("enabled")?;
    let (listen, upstream) = (address("listen", listen)?, address("upstream", upstream)?);
    Ok(Change { listen, upstream, enabled, ..Change::default() })
}

fn toxics<E: Engine>(collection: &mut Collection<E>, method: &str, name: &str, body: &str) -> Answer {
    match method {
        "GET" => Ok(Response::json(200, &show::toxics(collection.entry(name)?))),
        "POST" => {
            let entry = collection.entry_mut(name)?;
            let draft = draft::toxic(&json::read(body)?, |name| entry.toxic(name).is_ok())?;
            entry.add(draft).map(|held| Response::json(200, &ToxicShown::of(held)))
        }
        _ => Ok(Response::not_allowed()),
    }
}

fn one_toxic<E: Engine>(
    collection: &mut Collection<E>,
    method: &str,
    name: &str,
    toxic: &str,
    body: &str,
) -> Answer {
    match method {
        "GET" => {
            find(collection.entry(name)?, toxic).map(|(held, _)| Response::json(200, &ToxicShown::of(held)))
        }
        "POST" | "PATCH" => {
            let entry = collection.entry_mut(name)?;
            let (held, attributes) = find(entry, toxic)?;
            let draft = draft::updated(&held.draft, attributes, body)?;
            entry.update(draft).map(|held| Response::json(200, &ToxicShown::of(held)))
        }
        "DELETE" => {
            let entry = collection.entry_mut(name)?;
            find(entry, toxic)?;
            entry.remove(toxic).map(|_| Response::empty(204))
        }
        _ => Ok(Response::not_allowed()),
    }
}

/// A toxic that Toxiproxy could have.
fn find<'a, P: Plane>(entry: &'a Entry<P>, name: &str) -> Result<(&'a Held, Attributes), ApiError> {
    let held = entry.toxic(name)?;
    held.draft.for_toxiproxy().map(|attributes| (held, attributes)).ok_or(ApiError::NoToxic)
}

#[cfg(test)]
mod tests;
