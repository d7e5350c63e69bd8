//! Requests of HTTP/2, ready to send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Method, StatusCode};
use shakedown_scenarios::workload::feeder::Feeder;
use shakedown_scenarios::workload::grpc::GrpcCall;
use shakedown_scenarios::workload::{HttpAuth, HttpRequest};

use super::answer::{Expected, Reader};
use super::fed::Fed;
use super::grpc::Call;
use super::talk::{Parcel, Talk};
use crate::client::http::{self as http1, checks::Checks, login, shown};
use crate::client::secret::Secret;
use crate::client::{ClientError, ErrorClass};
use crate::mix::Ask;
use crate::rows;
use crate::template::Template;

/// The requests of a mix, ready to send.
#[derive(Debug)]
pub(crate) struct Requests {
    requests: Vec<Prepared>,
    /// Rows, of which each request has one; none where the workload has no data.
    rows: Vec<Vec<String>>,
    /// Whether answers may be quoted: where requests hold a secret they may give it back.
    may_quote: bool,
}

/// One kind of request with everything that does not change from one to the next.
#[derive(Debug)]
pub(super) struct Prepared {
    method: Method,
    /// What it logs in with is marked, so that it is neither shown nor kept in tables of headers.
    headers: HeaderMap,
    form: Form,
    expected: Expected,
}

/// What is written besides.
#[derive(Debug)]
enum Form {
    /// The same each time but for a number in the path.
    Fixed { path: Template, body: Bytes },
    /// With the values of a row; its headers come to the others.
    Fed(Fed),
}

// === impl Requests ===

impl Requests {
    /// Prepares the requests of a mix, each of which has a row of `data`, and what they log in with.
    pub(crate) fn new(
        auth: Option<&HttpAuth>,
        requests: &[HttpRequest],
        data: Option<&Feeder>,
    ) -> Result<Self, ClientError> {
        let login = auth.map(login).transpose()?;
        let prepared = requests.iter().map(|request| Prepared::new(login.as_ref(), request, data));
        let rows = data.map(rows::table).transpose()?.unwrap_or_default();
        Ok(Self { requests: prepared.collect::<Result<_, _>>()?, rows, may_quote: login.is_none() })
    }

    /// Prepares the unary calls of a mix, and what they log in with.
    pub(crate) fn calling(auth: Option<&HttpAuth>, calls: &[GrpcCall]) -> Result<Self, ClientError> {
        let login = auth.map(login).transpose()?;
        let prepared = calls.iter().map(|call| Prepared::calling(login.as_ref(), call));
        let (rows, may_quote) = (Vec::new(), login.is_none());
        Ok(Self { requests: prepared.collect::<Result<_, _>>()?, rows, may_quote })
    }

    fn prepared(&self, ask: &Ask) -> &Prepared {
        &self.requests[ask.kind as usize]
    }
}

impl Talk for Requests {
    type Answer = Reader;

    fn answer(&self) -> Reader {
        Reader::default()
    }

    fn has_key(&self, kind: usize) -> bool {
        self.requests.get(kind).is_some_and(|request| match &request.form {
            Form::Fixed { path, .. } => path.has_place(),
            Form::Fed(fed) => fed.has_number(),
        })
    }

    fn ask(&self, ask: &Ask, _: &Reader) -> Result<Parcel, ErrorClass> {
        let Prepared { method, headers, form, .. } = self.prepared(ask);
        let mut headers = headers.clone();
        let (path, body) = match form {
            Form::Fixed { path, body } => (rendered(path, ask.key), body.clone()),
            Form::Fed(fed) => {
                let row = self.rows.get(ask.row as usize).map_or(&[][..], Vec::as_slice);
                (fed.path(ask.key, row), fed.write(ask.key, row, &mut headers))
            }
        };
        let path = path.expect("it was a path with another number before the load began");
        Ok(Parcel { method: method.clone(), path, headers, body })
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

    fn why(&self, ask: &Ask, reader: &Reader, class: ErrorClass) -> Option<String> {
        reader.why(&self.prepared(ask).expected, class, self.may_quote)
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
    pub(super) fn new(
        login: Option<&(String, Secret)>,
        request: &HttpRequest,
        data: Option<&Feeder>,
    ) -> Result<Self, ClientError> {
        let HttpRequest { method, path, body, expect, .. } = request;
        http1::checked(request)?;
        let template = Template::new(path);
        rendered(&template, 0).ok_or_else(|| ClientError::Path(shown(path)))?;
        let mut headers = fields(&request.headers)?;
        let form = if let Some(feeder) = data {
            for (name, _) in &request.headers {
                headers.remove(name.as_str());
            }
            Form::Fed(Fed::new(request, feeder)?)
        } else {
            if !body.is_empty() || http1::defines_a_body(method) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            Form::Fixed { path: template, body: Bytes::from(body.clone()) }
        };
        log_in(&mut headers, login)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| ClientError::Method(shown(method)))?;
        Ok(Self { method, headers, form, expected: Expected::Http(Checks::new(expect)?) })
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
        read(call.message_file.as_ref(), Some(&call.message))?;
        read(call.expect.message_file.as_ref(), call.expect.message.as_ref())?;
        Ok(Self {
            method: Method::POST,
            headers,
            form: Form::Fixed { path: template, body: framed(&decoded(&call.message)?)? },
            expected: Expected::Grpc(Call::new(&call.expect)?),
        })
    }
}

/// That the message of a file is there: no file that was read is without bytes.
fn read(file: Option<&String>, message: Option<&String>) -> Result<(), ClientError> {
    match (file, message) {
        (Some(file), None) => Err(ClientError::Message(file.clone())),
        (Some(file), Some(message)) if message.is_empty() => Err(ClientError::Message(file.clone())),
        _ => Ok(()),
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
