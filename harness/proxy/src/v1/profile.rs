//! Profiles in the native API: a proxy that behaves like a network people know by name.

use serde_json::json;
use shakedown_scenarios::toxic::{PROFILES, Profile};

use super::Answer;
use super::body::Body;
use super::problem::{Problem, Refused};
use super::show::ProxyShown;
use crate::collection::Collection;
use crate::engine::{Engine, Plane};
use crate::entry::Entry;
use crate::error::ApiError;
use crate::handle::Response;
use crate::held::{Draft, Origin};

/// `/v1/profiles`.
pub fn list(method: &str) -> Response {
    if method != "GET" {
        return Response::not_allowed();
    }
    let profiles: Vec<_> = PROFILES.iter().map(|it| json!({ "name": it.name, "about": it.about })).collect();
    Response::json(200, &json!({ "profiles": profiles }))
}

/// `/v1/proxies/{proxy}/profile`.
pub fn one<E: Engine>(collection: &mut Collection<E>, method: &str, proxy: &str, body: &[u8]) -> Answer {
    let entry = collection.entry_mut(proxy)?;
    match method {
        "POST" => {
            let profile = read(body)?;
            take_off(entry);
            put_on(entry, profile)?;
            Ok(Response::json(200, &ProxyShown::of(entry)))
        }
        "DELETE" => {
            take_off(entry);
            Ok(Response::empty(204))
        }
        _ => Ok(Response::not_allowed()),
    }
}

fn read(body: &[u8]) -> Result<&'static Profile, Refused> {
    let known: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
    let help = format!("one of {}", known.join(", "));
    let mut body = Body::read(body)?;
    let name: String = body.field("name", &help).unwrap_or_default();
    body.end()?;
    let unknown = || Refused::all(vec![Problem::new("name", format!("there is no profile {name:?}"), help)]);
    Profile::find(&name).ok_or_else(unknown)
}

fn take_off<P: Plane>(entry: &mut Entry<P>) {
    entry.remove_all(|origin| matches!(origin, Origin::Profile(_)));
}

/// All of it or nothing.
fn put_on<P: Plane>(entry: &mut Entry<P>, profile: &'static Profile) -> Result<(), ApiError> {
    for (name, toxic, aim) in profile.toxics() {
        let draft = Draft::native(format!("profile-{name}"), toxic, aim, Origin::Profile(profile.name));
        if let Err(error) = entry.add(draft) {
            take_off(entry);
            return Err(error);
        }
    }
    Ok(())
}
