//! Toxics in the native API: put on, changed and taken off by their names.

use serde_json::json;

use super::Answer;
use super::body::{self, Body};
use super::problem::Refused;
use super::show::ToxicShown;
use crate::collection::Collection;
use crate::engine::Engine;
use crate::handle::Response;
use crate::held::{Held, Origin};

/// `/v1/proxies/{proxy}/toxics/{name}`.
pub fn one<E: Engine>(
    collection: &mut Collection<E>,
    method: &str,
    proxy: &str,
    name: &str,
    body: &[u8],
) -> Answer {
    match method {
        "GET" => shown(collection, 200, proxy, name),
        "PUT" => {
            body::name(name)?;
            put(collection, proxy, name, body)
        }
        "DELETE" => {
            let entry = collection.entry_mut(proxy)?;
            stands_for_itself(entry.toxic(name)?)?;
            let heal = entry.remove(name)?;
            Ok(Response::json(200, &json!({ "proven": heal.proven, "evidence": heal.evidence })))
        }
        _ => Ok(Response::not_allowed()),
    }
}

fn put<E: Engine>(collection: &mut Collection<E>, proxy: &str, name: &str, body: &[u8]) -> Answer {
    let entry = collection.entry_mut(proxy)?;
    let mut body = Body::read(body)?;
    let draft = body.toxic(name);
    body.end()?;
    let draft = draft.ok_or_else(|| Refused::new(400, "the toxic cannot be read"))?;
    let status = match entry.toxic(name) {
        Ok(held) => {
            stands_for_itself(held)?;
            entry.update(draft)?;
            200
        }
        Err(_) => {
            entry.add(draft)?;
            201
        }
    };
    shown(collection, status, proxy, name)
}

fn shown<E: Engine>(collection: &Collection<E>, status: u16, proxy: &str, name: &str) -> Answer {
    let entry = collection.entry(proxy)?;
    Ok(Response::json(status, &ToxicShown::of(entry, entry.toxic(name)?)))
}

/// What is part of something comes and goes with it.
fn stands_for_itself(held: &Held) -> Result<(), Refused> {
    let whole = match &held.draft.origin {
        Origin::Itself => return Ok(()),
        Origin::Profile(name) => format!("profile `{name}`; use the path that ends in /profile"),
        Origin::Partition(cut) => format!("partition `{}`; use /v1/partitions", cut.name),
    };
    Err(Refused::new(409, format!("the toxic is part of {whole}")))
}
