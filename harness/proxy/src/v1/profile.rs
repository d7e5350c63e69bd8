//! Profiles in the native API: a proxy that behaves like a network people know by name.

use serde_json::json;
use shakedown_scenarios::toxic::{PROFILES, Profile};

use super::Answer;
use super::body::Body;
use super::problem::{Problem, Refused};
use super::show::ProxyShown;
use crate::collection::Collection;
use crate::engine::Engine;
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
            entry.exchange(is_profile, drafts(profile))?;
            Ok(Response::json(200, &ProxyShown::of(entry)))
        }
        "DELETE" => {
            entry.remove_all(is_profile);
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

const fn is_profile(origin: &Origin) -> bool {
    matches!(origin, Origin::Profile(_))
}

fn drafts(profile: &'static Profile) -> Vec<Draft> {
    let origin = Origin::Profile(profile.name);
    let toxics = profile.toxics().into_iter();
    let drafts =
        toxics.map(|(name, toxic, aim)| Draft::native(format!("profile-{name}"), toxic, aim, origin.clone()));
    drafts.collect()
}
