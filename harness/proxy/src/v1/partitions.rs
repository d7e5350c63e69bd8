//! Partitions in the native API: a group of proxies that is cut at once, and joined again at once.
//!
//! Whoever tests a cluster has a proxy for each link between two nodes. A partition names the proxies that it cuts; or it
//! names groups of nodes, and cuts the proxies that go from one group to another (`from` and `to` of a proxy say which
//! nodes are at its ends). Nothing of it is kept but the toxics on these proxies, so that it is always what it shows; a
//! proxy that is made later is not in it.

mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::{Aim, Toxic};

use super::Answer;
use super::body;
use super::problem::Refused;
use crate::collection::Collection;
use crate::engine::Engine;
use crate::error::ApiError;
use crate::handle::Response;
use crate::held::{Cut, Draft, Origin};
use wanted::Wanted;

/// A partition as it is shown.
#[derive(Debug, Serialize)]
struct Partition<'a> {
    name: &'a str,
    /// As it was asked for: groups, or the proxies.
    between: Value,
    way: Way,
    /// The proxies.
    cuts: Vec<&'a str>,
}

/// `/v1/partitions`.
pub fn list<E: Engine>(collection: &Collection<E>, method: &str) -> Response {
    if method != "GET" {
        return Response::not_allowed();
    }
    let partitions: Vec<Partition<'_>> = all(collection).into_values().collect();
    Response::json(200, &json!({ "partitions": partitions }))
}

/// `/v1/partitions/{name}`.
pub fn one<E: Engine>(collection: &mut Collection<E>, method: &str, name: &str, body: &[u8]) -> Answer {
    match method {
        "GET" => shown(collection, 200, name),
        "POST" => {
            body::name(name)?;
            let wanted = Wanted::read(collection, body)?;
            cut(collection, name, wanted)?;
            shown(collection, 201, name)
        }
        "DELETE" => {
            find(collection, name)?;
            join(collection, name);
            Ok(Response::empty(204))
        }
        _ => Ok(Response::not_allowed()),
    }
}

/// Every proxy or none.
fn cut<E: Engine>(collection: &mut Collection<E>, name: &str, wanted: Wanted) -> Result<(), Refused> {
    if find(collection, name).is_ok() {
        return Err(Refused::new(409, "partition already exists"));
    }
    let cut = Arc::new(Cut { name: name.to_owned(), groups: wanted.groups });
    for proxy in &wanted.proxies {
        let origin = Origin::Partition(Arc::clone(&cut));
        let toxic = format!("partition/{name}");
        let draft = Draft::native(toxic, Toxic::Partition {}, Aim::at(wanted.way), origin);
        let outcome: Result<(), ApiError> =
            collection.entry_mut(proxy).and_then(|entry| entry.add(draft).map(drop));
        if let Err(error) = outcome {
            join(collection, name);
            return Err(error.into());
        }
    }
    Ok(())
}

fn join<E: Engine>(collection: &mut Collection<E>, name: &str) {
    for entry in collection.entries_mut() {
        entry.remove_all(|origin| matches!(origin, Origin::Partition(cut) if cut.name == name));
    }
}

fn shown<E: Engine>(collection: &Collection<E>, status: u16, name: &str) -> Answer {
    Ok(Response::json(status, &find(collection, name)?))
}

fn find<'a, E: Engine>(collection: &'a Collection<E>, name: &str) -> Result<Partition<'a>, Refused> {
    all(collection).remove(name).ok_or_else(|| Refused::new(404, "partition not found"))
}

fn all<E: Engine>(collection: &Collection<E>) -> BTreeMap<&str, Partition<'_>> {
    let mut all: BTreeMap<&str, Partition<'_>> = BTreeMap::new();
    for entry in collection.entries() {
        for held in entry.toxics() {
            if let Origin::Partition(cut) = &held.draft.origin {
                let (name, way) = (cut.name.as_str(), held.draft.aim.way);
                let fresh = || Partition { name, between: json!(cut.groups), way, cuts: Vec::new() };
                all.entry(name).or_insert_with(fresh).cuts.push(entry.name());
            }
        }
    }
    for partition in all.values_mut().filter(|partition| partition.between == json!([])) {
        partition.between = json!(partition.cuts);
    }
    all
}
