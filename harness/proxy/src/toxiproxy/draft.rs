//! Proxies and toxics as a body of Toxiproxy's API asks for them, checked before anything is done.

use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::Aim;

use super::attributes::{Attributes, Kind};
use super::json::{self, Fields};
use super::noxious;
use crate::collection::{LISTEN, LONGEST_ADDRESS, LONGEST_NAME, ProxyDraft};
use crate::entry::{Ends, MOST_TOXICS};
use crate::error::ApiError;
use crate::held::{Draft, Form, Origin, share};

/// A proxy. `is_taken` tells whether one of a name is there.
///
/// # Errors
/// The first that is wrong, in the order that Toxiproxy checks in: name, upstream, whether it is there; then toxics.
pub fn proxy(fields: &Fields, is_taken: impl Fn(&str) -> bool) -> Result<ProxyDraft, ApiError> {
    let (name, upstream) = (fields.string("name")?, fields.string("upstream")?);
    let (listen, enabled) = (fields.string("listen")?, fields.bool("enabled")?);
    let toxics = fields.objects("toxics")?.unwrap_or_default();
    let name = name.filter(|name| !name.is_empty()).ok_or(ApiError::Missing("name"))?;
    short("name", &name, LONGEST_NAME)?;
    let upstream = address("upstream", upstream)?.ok_or(ApiError::Missing("upstream"))?;
    if is_taken(&name) {
        return Err(ApiError::ProxyExists);
    }
    let listen = address("listen", listen)?.unwrap_or_else(|| LISTEN.to_owned());
    let (enabled, toxics, ends) = (enabled.unwrap_or(true), all(&toxics)?, Ends::default());
    Ok(ProxyDraft { name, listen, upstream, enabled, toxics, ends })
}

fn all(toxics: &[Fields]) -> Result<Vec<Draft>, ApiError> {
    if toxics.len() > MOST_TOXICS {
        return Err(ApiError::TooMany { what: "toxics on a proxy", most: MOST_TOXICS });
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for fields in toxics {
        let draft = toxic(fields, |name| drafts.iter().any(|draft| draft.name == name))?;
        drafts.push(draft);
    }
    Ok(drafts)
}

/// An address, if it is said: it must say something, and not more than an address can.
pub fn address(field: &'static str, text: Option<String>) -> Result<Option<String>, ApiError> {
    match &text {
        Some(text) if text.is_empty() && field == "listen" => {
            let why = "an empty address would listen on every interface; write one such as 127.0.0.1:0";
            Err(ApiError::Value(format!("listen: {why}")))
        }
        Some(text) if text.is_empty() => Err(ApiError::Missing(field)),
        Some(some) => short(field, some, LONGEST_ADDRESS).map(|()| text),
        None => Ok(None),
    }
}

fn short(field: &str, text: &str, most: usize) -> Result<(), ApiError> {
    if text.len() <= most {
        return Ok(());
    }
    Err(ApiError::Value(format!("{field} has {} bytes; allowed are at most {most}", text.len())))
}

/// A toxic. `is_taken` tells whether one of a name is on the proxy.
///
/// # Errors
/// The first that is wrong, in the order that Toxiproxy checks in: stream, type, whether it is there, attributes.
pub fn toxic(fields: &Fields, is_taken: impl Fn(&str) -> bool) -> Result<Draft, ApiError> {
    let (name, stream, kind) = (fields.string("name")?, fields.string("stream")?, fields.string("type")?);
    let (toxicity, attributes) = (fields.float("toxicity")?, fields.object("attributes")?);
    let stream = stream.or_else(|| noxious::direction(fields)).unwrap_or_else(|| "downstream".to_owned());
    let way = way(&stream).ok_or(ApiError::Stream)?;
    let kind = kind.as_deref().and_then(Kind::find).ok_or(ApiError::Type)?;
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{}_{stream}", kind.word()));
    short("name", &name, LONGEST_NAME)?;
    if is_taken(&name) {
        return Err(ApiError::ToxicExists);
    }
    let attributes = Attributes::zero(kind).with(&attributes.unwrap_or_default())?;
    let aim = with_toxicity(Aim::at(way), toxicity)?;
    Ok(Draft { name, stream, form: Form::Toxiproxy(attributes), aim, origin: Origin::Itself })
}

/// A toxic with the changes that a body says: only attributes and toxicity can change.
///
/// # Errors
/// The first that is wrong.
pub fn updated(draft: &Draft, attributes: Attributes, body: &str) -> Result<Draft, ApiError> {
    let fields: Fields = json::read(body)?;
    let aim = with_toxicity(draft.aim.clone(), fields.float("toxicity")?)?;
    let attributes = attributes.with(&fields.object("attributes")?.unwrap_or_default())?;
    Ok(Draft { form: Form::Toxiproxy(attributes), aim, ..draft.clone() })
}

fn with_toxicity(aim: Aim, toxicity: Option<f32>) -> Result<Aim, ApiError> {
    let Some(toxicity) = toxicity else { return Ok(aim) };
    let wrong = || ApiError::Value(format!("toxicity is {toxicity}; allowed are 0 to 1"));
    Ok(Aim { toxicity: share(toxicity).ok_or_else(wrong)?, ..aim })
}

fn way(stream: &str) -> Option<Way> {
    [("upstream", Way::Upstream), ("downstream", Way::Downstream)]
        .into_iter()
        .find(|(word, _)| stream.eq_ignore_ascii_case(word))
        .map(|(_, way)| way)
}
