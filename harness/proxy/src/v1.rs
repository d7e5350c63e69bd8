//! The native API under `/v1`: the same words as an experiment's, and every problem at once.
//!
//! | path | methods |
//! |---|---|
//! | `/v1` | GET: who answers, with which seed and limits |
//! | `/v1/proxies` | GET |
//! | `/v1/proxies/{p}` | GET, PUT `{"listen", "upstream", "enabled", "toxics", "from", "to"}`, DELETE |
//! | `/v1/proxies/{p}/toxics/{t}` | GET, PUT `{"toxic", "aim"}`, DELETE |
//! | `/v1/proxies/{p}/profile` | POST `{"name": "3g"}`, DELETE |
//! | `/v1/proxies/{p}/connections` | GET |
//! | `/v1/profiles` | GET |
//! | `/v1/links` | GET |
//! | `/v1/links/{l}` | GET, PUT `{"kind": "http", "listen", "upstream", …}`, DELETE |
//! | `/v1/links/{l}/faults/{f}` | GET, PUT `{"http": {"act", "matches"}}`, DELETE |
//! | `/v1/partitions` | GET |
//! | `/v1/partitions/{n}` | GET, POST `{"between": [proxies], "way"}` or `{"between": [[names], [names]], "way"}`, DELETE |
//!
//! A change is done whole or not at all. `from` and `to` name the nodes at a proxy's ends, which partitions between groups
//! of them go by.

mod body;
mod links;
mod partitions;
mod problem;
mod profile;
mod proxies;
mod show;
mod toxics;

use crate::collection::{Collection, LONGEST_NAME, MOST_PROXIES};
use crate::engine::Engine;
use crate::entry::MOST_TOXICS;
use crate::handle::{LARGEST_BODY, Response};
use crate::links::{MOST_FAULTS, MOST_LINKS};
use problem::Refused;

type Answer = Result<Response, Refused>;

/// The answer to a request; the path is what stands behind `/v1`.
pub fn answer<E: Engine>(
    collection: &mut Collection<E>,
    method: &str,
    path: &[&str],
    body: &[u8],
) -> Response {
    let answer = match path {
        [] => Ok(about(collection, method)),
        ["profiles"] => Ok(profile::list(method)),
        ["links"] => Ok(links::list(collection, method)),
        ["links", name] => links::one(collection, method, name, body),
        ["links", name, "faults", fault] => links::fault(collection, method, name, fault, body),
        ["partitions"] => Ok(partitions::list(collection, method)),
        ["partitions", name] => partitions::one(collection, method, name, body),
        ["proxies"] => Ok(proxies::list(collection, method)),
        ["proxies", name] => proxies::one(collection, method, name, body),
        ["proxies", name, "connections"] => proxies::connections(collection, method, name),
        ["proxies", name, "profile"] => profile::one(collection, method, name, body),
        ["proxies", name, "toxics", toxic] => toxics::one(collection, method, name, toxic, body),
        _ => Err(Refused::new(404, "no such path; GET /v1 tells who answers here")),
    };
    answer.unwrap_or_else(|refused| refused.response())
}

fn about<E: Engine>(collection: &Collection<E>, method: &str) -> Response {
    if method != "GET" {
        return Response::not_allowed();
    }
    let about = serde_json::json!({
        "name": "shakedown proxy",
        "version": env!("CARGO_PKG_VERSION"),
        "toxiproxy": crate::toxiproxy::VERSION,
        "seed": collection.seed(),
        "limits": {
            "proxies": MOST_PROXIES,
            "toxics_on_a_proxy": MOST_TOXICS,
            "links": MOST_LINKS,
            "faults_on_a_link": MOST_FAULTS,
            "bytes_in_a_name": LONGEST_NAME,
            "bytes_in_a_body": LARGEST_BODY,
            "connections_listed": proxies::MOST_LISTED,
        },
    });
    Response::json(200, &about)
}
