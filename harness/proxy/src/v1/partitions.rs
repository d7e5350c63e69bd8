//! Partitions in the native API: a group of proxies that is cut at once, and joined again at once.
//!
//! Whoever tests a cluster has a proxy for each link between two nodes; a partition names those that it cuts. Nothing of
//! it is kept but the toxics on these proxies, so that it is always what it shows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::{Aim, Toxic};

use super::Answer;
use super::body::{self, Body};
use super::problem::{Problem, Refused};
use crate::collection::{Collection, MOST_PROXIES};
use crate::engine::Engine;
use crate::error::ApiError;
use crate::handle::Response;
use crate::held::{Draft, Origin};

#[derive(Debug, Serialize)]
struct Partition<'a> {
    name: &'a str,
    between: Vec<&'a str>,
    way: Way,
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
            let (between, way) = read(collection, body)?;
            cut(collection, name, &between, way)?;
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

fn read<E: Engine>(collection: &Collection<E>, body: &[u8]) -> Result<(Vec<String>, Way), Refused> {
    let mut body = Body::read(body)?;
    let help = "write a list of names of proxies";
    let between: Vec<String> = body.field("between", help).unwrap_or_default();
    let way = body.field("way", "write \"Both\", \"Upstream\" or \"Downstream\"").unwrap_or(Way::Both);
    if between.is_empty() || between.len() > MOST_PROXIES {
        body.problem("between", "it cuts no proxies, or more than there may be", help);
    }
    let unknown =
        between.iter().take(MOST_PROXIES).enumerate().filter(|(_, name)| collection.entry(name).is_err());
    let problems = unknown.map(|(at, name)| {
        let shown: String = name.chars().take(60).collect();
        Problem::new(
            format!("between[{at}]"),
            format!("there is no proxy {shown:?}"),
            "GET /v1/proxies lists them",
        )
    });
    body.problems(problems.collect::<Vec<_>>());
    body.end().map(|()| (between, way))
}

/// Every proxy or none.
fn cut<E: Engine>(
    collection: &mut Collection<E>,
    name: &str,
    between: &[String],
    way: Way,
) -> Result<(), Refused> {
    if find(collection, name).is_ok() {
        return Err(Refused::new(409, "partition already exists"));
    }
    let mut between: Vec<&String> = between.iter().collect();
    between.sort();
    between.dedup();
    for proxy in between {
        let origin = Origin::Partition(name.to_owned());
        let draft = Draft::native(format!("partition/{name}"), Toxic::Partition {}, Aim::at(way), origin);
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
        entry.remove_all(|origin| matches!(origin, Origin::Partition(of) if of == name));
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
            if let Origin::Partition(name) = &held.draft.origin {
                let way = held.draft.aim.way;
                let partition = all.entry(name).or_insert(Partition { name, between: Vec::new(), way });
                partition.between.push(entry.name());
            }
        }
    }
    all
}
