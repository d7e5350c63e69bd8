//! Journeys over HTTP/2: each user is one stream at a time on a connection that it shares with others.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use shakedown_scenarios::workload::JourneyWorkload;

use super::answer::fields;
use super::request::Prepared;
use super::talk::{Parcel, Talk};
use crate::client::http::answer::Sink as _;
use crate::client::journey::{Field, Journey, User};
use crate::client::{ClientError, ErrorClass};
use crate::mix::Ask;

/// A journey, ready to be said in streams.
#[derive(Debug)]
pub(crate) struct Journeys(Journey);

/// A user on a journey, and the status of what it is answered.
#[derive(Debug)]
pub(crate) struct Traveller {
    user: User,
    status: u16,
}

// === impl Journeys ===

impl Journeys {
    /// Prepares the steps of a journey, and reads its secret from the environment.
    pub(crate) fn new(journey: &JourneyWorkload) -> Result<Self, ClientError> {
        // A step is a request whose texts have places in them, and braces may stand wherever those are.
        journey.steps.iter().try_for_each(|step| Prepared::new(None, &step.request, None).map(drop))?;
        Journey::new(journey).map(Self)
    }
}

impl Talk for Journeys {
    type Answer = Traveller;

    fn answer(&self) -> Traveller {
        Traveller { user: self.0.user(), status: 0 }
    }

    fn has_key(&self, _: usize) -> bool {
        self.0.has_number()
    }

    fn begins(&self, ask: &Ask, traveller: &mut Traveller, now: u64) {
        self.0.begin(ask, &mut traveller.user, now);
    }

    /// What answers have given may make a path or a head too long for HTTP/2.
    fn ask(&self, _: &Ask, traveller: &Traveller) -> Result<Parcel, ErrorClass> {
        let asked = self.0.asked(&traveller.user);
        let (mut headers, mut fit) = (HeaderMap::new(), true);
        asked.fields(|field| match header(field) {
            Some((name, value)) => drop(headers.append(name, value)),
            None => fit = false,
        });
        let method = Method::from_bytes(asked.method.as_bytes()).ok().filter(|_| fit);
        let path = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(asked.path)).ok();
        let (method, path) = method.zip(path).ok_or(ErrorClass::Protocol)?;
        Ok(Parcel { method, path, headers, body: asked.body.into() })
    }

    fn head(&self, _: &Ask, traveller: &mut Traveller, status: StatusCode, headers: &HeaderMap) {
        traveller.status = status.as_u16();
        self.0.eyes(&mut traveller.user, true).head(&fields(headers));
    }

    fn body(&self, _: &Ask, traveller: &mut Traveller, piece: &[u8]) {
        self.0.eyes(&mut traveller.user, false).body(piece);
    }

    fn judge(&self, _: &Ask, traveller: &mut Traveller, _: Option<&HeaderMap>) -> Result<(), ErrorClass> {
        self.0.judge(&mut traveller.user, traveller.status)
    }

    fn why(&self, _: &Ask, traveller: &Traveller, class: ErrorClass) -> Option<String> {
        self.0.why(&traveller.user, traveller.status, class)
    }

    fn within(&self, ask: &Ask) -> Option<u64> {
        self.0.within(ask)
    }

    fn follows(&self, ask: &Ask) -> Option<u32> {
        self.0.follows(ask)
    }
}

/// A field as HTTP/2 has it: its name in lower case, nothing around its value (RFC 9113, section 8.2), and what is secret is not kept
/// in tables of headers.
fn header(field: Field<'_>) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_bytes(field.value.trim_ascii()).ok()?;
    value.set_sensitive(field.is_secret);
    Some((name, value))
}

#[cfg(test)]
mod tests;
