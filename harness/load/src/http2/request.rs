//! Requests of HTTP/2, ready to send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use shakedown_scenarios::workload::grpc::GrpcCall;
use shakedown_scenarios::workload::{HttpAuth, HttpRequest};

use super::answer::{Expected, Reader};
use super::grpc::Call;
use super::talk::{Parcel, Talk};
use crate::client::http::{self as http1, checks::Checks, login, shown};
use crate::client::secret::Secret;
use crate::client::{ClientError, ErrorClass};
use crate::mix::Ask;
use crate::template::Template;

/// The requests of a mix, ready to send.
#[derive(Debug)]
pub(crate) struct Requests(Vec<Prepared>);

/// One kind of request with everything that does not change from one to the next.
#[derive(Debug)]
pub(super) struct Prepared {
    method: Method,
    path: Template,
    /// What it logs in with is marked, so that it is neither shown nor kept in tables of headers.
    headers: HeaderMap,
    body: Bytes,
    expected: Expected,
}

// === impl Requests ===

impl Requests {
    /// Prepares the requests of a mix, and what they log in with.
    pub(crate) fn new(auth: Option<&HttpAuth>, requests: &[HttpRequest]) -> Result<Self, ClientError> {
        let login = auth.map(login).transpose()?;
        let prepared = requests.iter().map(|request| Prepared::new(login.as_ref(), request));
        prepared.collect::<Result<_, _>>().map(Self)
    }

    /// Prepares the unary calls of a mix, and what they log in with.
    pub(crate) fn calling(auth: Option<&HttpAuth>, calls: &[GrpcCall]) -> Result<Self, ClientError> {
        let login = auth.map(login).transpose()?;
        let prepared = calls.iter().map(|call| Prepared::calling(login.as_ref(), call));
        prepared.collect::<Result<_, _>>().map(Self)
    }

    fn prepared(&self, ask: &Ask) -> &Prepared {
        &self.0[ask.kind as usize]
    }
}

impl Talk for Requests {
    type Answer = Reader;

    fn answer(&self) -> Reader {
        Reader::default()
    }

    fn has_key(&self, kind: usize) -> bool {
        self.0.get(kind).is_some_and(|request| request.path.has_place())
    }

    fn ask(&self, ask: &Ask, _: &Reader) -> Result<Parcel, ErrorClass> {
        let Prepared { method, path, headers, body, .. } = self.prepared(ask);
        let path = rendered(path, ask.key).expect("it was a path with another number in the same place");
        Ok(Parcel { method: method.clone(), path, headers: headers.clone(), body: body.clone() })
    }

    fn head(&self, ask: &Ask, reader: &mut Reader, status: StatusCode, headers: &HeaderMap) {
        reader.begin(&self.prepared(ask).expected, status, headers);
    }

    fn body(&self, ask: &Ask, reader: &mut Reader, piece: &[u8]) {
        reader.body(&self.prepared(ask).expected, piece);
    }

    fn judge(&self, ask: &Ask, reader: &mut Reader, trailers: Option<&HeaderMap>) -> Result<(), ErrorClass> {
        reader.judge(&self.prepared(ask).expected, trailers)
    }

    fn within(&self, ask: &Ask) -> Option<u64> {
        self.prepared(ask).expected.within()
    }
}

/// A path with its number; nothing where it is none, or would lose what stands behind a `#`.
fn rendered(path: &Template, key: u64) -> Option<PathAndQuery> {
    let mut bytes = Vec::new();
    path.render(key, &mut bytes);
    let length = bytes.len();
    PathAndQuery::from_maybe_shared(Bytes::from(bytes)).ok().filter(|path| path.as_str().len() == length)
}

// === impl Prepared ===

impl Prepared {
    pub(super) fn new(login: Option<&(String, Secret)>, request: &HttpRequest) -> Result<Self, ClientError> {
        let HttpRequest { method, path, headers, body, expect, .. } = request;
        http1::checked(request)?;
        let template = Template::new(path);
        rendered(&template, 0).ok_or_else(|| ClientError::Path(shown(path)))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| ClientError::Method(shown(method)))?;
        let mut headers = fields(headers)?;
        // A method that defines a body says so even when it is empty (RFC 9110, section 8.6).
        if !body.is_empty() || [Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        log_in(&mut headers, login)?;
        Ok(Self {
            method,
            path: template,
            headers,
            body: Bytes::from(body.clone()),
            expected: Expected::Http(Checks::new(expect)?),
        })
    }

    /// A call is a request of its own kind (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
    fn calling(login: Option<&(String, Secret)>, call: &GrpcCall) -> Result<Self, ClientError> {
        let path = format!("/{}", call.method);
        let template = Template::new(&path);
        if template.has_place() || rendered(&template, 0).is_none() {
            return Err(ClientError::Path(shown(&path)));
        }
        let mut headers = fields(&call.metadata)?;
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        log_in(&mut headers, login)?;
        Ok(Self {
            method: Method::POST,
            path: template,
            headers,
            body: framed(&decoded(&call.message)?)?,
            expected: Expected::Grpc(Call::new(&call.expect)?),
        })
    }
}

/// What stands in an experiment in Base64.
pub(super) fn decoded(text: &str) -> Result<Vec<u8>, ClientError> {
    BASE64.decode(text).map_err(|_| ClientError::Base64(shown(text)))
}

/// A message that is not compressed, behind its length.
fn framed(message: &[u8]) -> Result<Bytes, ClientError> {
    let length = u32::try_from(message.len()).map_err(|_| ClientError::Base64("4 GiB".to_owned()))?;
    Ok([[0].as_slice(), &length.to_be_bytes(), message].concat().into())
}

/// Headers, those that the client adds by itself included.
fn fields(headers: &[(String, String)]) -> Result<HeaderMap, ClientError> {
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        let wrong = || ClientError::Header(shown(&format!("{name}: {value}")));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        if is_of_connections(&name, value) {
            return Err(ClientError::Connection(shown(name.as_str())));
        }
        fields.append(
            name,
            HeaderValue::from_str(value)
                .or_else(|_| HeaderValue::from_bytes(value.as_bytes()))
                .map_err(|_| wrong())?,
        );
    }
    fields.entry(USER_AGENT).or_insert(HeaderValue::from_static(http1::USER_AGENT));
    Ok(fields)
}

/// What a request of HTTP/2 may not say, for it is about connections of HTTP/1.1 (RFC 9113, section 8.2.2).
fn is_of_connections(name: &HeaderName, value: &str) -> bool {
    let names = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
    names.contains(&name.as_str()) || (name == "te" && value != "trailers")
}

fn log_in(headers: &mut HeaderMap, login: Option<&(String, Secret)>) -> Result<(), ClientError> {
    let Some((name, secret)) = login else { return Ok(()) };
    let wrong = || ClientError::Header(shown(name));
    let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    let mut value = HeaderValue::from_bytes(secret.bytes()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    headers.append(field, value);
    Ok(())
}
