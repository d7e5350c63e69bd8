//! Many proxies at once: the body of `/populate`, which is the config file's form too.

use serde::Serialize;

use super::draft;
use super::json::{self, Fields};
use super::show::ProxyShown;
use crate::collection::{Collection, MOST_PROXIES, ProxyDraft};
use crate::engine::Engine;
use crate::error::ApiError;
use crate::handle::Response;

/// Why proxies could not be made, and those that were before.
#[derive(Debug)]
pub struct Stopped {
    /// Why.
    pub error: ApiError,
    /// The names of those that are there; none where nothing was begun.
    pub made: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Made<'a> {
    proxies: Option<Vec<ProxyShown<'a>>>,
}

#[derive(Serialize)]
struct NotMade<'a> {
    error: String,
    status: u16,
    proxies: Option<Vec<ProxyShown<'a>>>,
}

/// `/populate`.
pub(super) fn answer<E: Engine>(collection: &mut Collection<E>, method: &str, body: &str) -> Response {
    if method != "POST" {
        return Response::not_allowed();
    }
    match populate(collection, body) {
        Ok(names) if names.is_empty() => Response::json(201, &Made { proxies: None }),
        Ok(names) => Response::json(201, &Made { proxies: Some(shown(collection, &names)) }),
        Err(Stopped { error, made }) => {
            let proxies = made.map(|names| shown(collection, &names));
            let body = NotMade { error: error.to_string(), status: error.status(), proxies };
            Response::json(error.status(), &body)
        }
    }
}

fn shown<'a, E: Engine>(collection: &'a Collection<E>, names: &[String]) -> Vec<ProxyShown<'a>> {
    names.iter().filter_map(|name| collection.entry(name).ok()).map(ProxyShown::of).collect()
}

/// Makes the proxies of a list, each with its toxics, and gives their names. All are checked before one is made.
///
/// # Errors
/// The first that went wrong; earlier ones stay.
pub fn populate<E: Engine>(collection: &mut Collection<E>, body: &str) -> Result<Vec<String>, Stopped> {
    let drafts = drafts(body).map_err(|error| Stopped { error, made: None })?;
    let mut made = Vec::new();
    for draft in drafts {
        let name = draft.name.clone();
        if let Err(error) = collection.populate(draft) {
            return Err(Stopped { error, made: Some(made) });
        }
        made.push(name);
    }
    Ok(made)
}

fn drafts(body: &str) -> Result<Vec<ProxyDraft>, ApiError> {
    let entries: Vec<Fields> = json::read::<Option<Vec<Fields>>>(body)?.unwrap_or_default();
    if entries.len() > MOST_PROXIES {
        return Err(ApiError::TooMany { what: "proxies", most: MOST_PROXIES });
    }
    let at = |number: usize| {
        move |error| match error {
            ApiError::Missing(field) => ApiError::MissingAt(field, number),
            error => ApiError::At(Box::new(error), number),
        }
    };
    entries
        .iter()
        .zip(1..)
        .map(|(fields, number)| draft::proxy(fields, |_| false).map_err(at(number)))
        .collect()
}
