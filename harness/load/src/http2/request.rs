//! Requests of HTTP/2, ready to send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{Method, Request, Uri};
use shakedown_scenarios::workload::feeder::Feeder;
use shakedown_scenarios::workload::grpc::GrpcCall;
use shakedown_scenarios::workload::{HttpAuth, HttpRequest, Workload};

use super::answer::Expected;
use super::fed::Fed;
use super::grpc::Call;
use crate::client::ClientError;
use crate::client::http::{self as http1, checks::Checks, login, shown};
use crate::client::secret::Secret;
use crate::mix::Ask;
use crate::rows;
use crate::template::Template;

/// The requests of a workload, ready to send.
#[derive(Debug)]
pub(crate) struct Http2Client {
    requests: Vec<Prepared>,
    /// Rows, of which each request has one; none where the workload has no data.
    rows: Vec<Vec<String>>,
    scheme: Scheme,
    authority: Authority,
    streams: usize,
}

/// One kind of request with everything that does not change from one to the next.
#[derive(Debug)]
struct Prepared {
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

/// What a workload is to its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// What the target is called.
    pub host: &'a str,
    /// Whether TLS is spoken.
    pub is_sealed: bool,
    /// Streams of one connection.
    pub streams: u32,
    /// What every request logs in with.
    pub auth: Option<&'a HttpAuth>,
}

// === impl Frame ===

impl<'a> Frame<'a> {
    /// Of a workload that calls its target `host`.
    pub(crate) const fn of(host: &'a str, workload: &Workload, auth: Option<&'a HttpAuth>) -> Self {
        Self { host, is_sealed: workload.tls().is_some(), streams: workload.streams(), auth }
    }
}

// === impl Http2Client ===

impl Http2Client {
    /// Prepares the requests of a mix, each of which has a row of `data`.
    pub(crate) fn new(
        frame: Frame<'_>,
        requests: &[HttpRequest],
        data: Option<&Feeder>,
    ) -> Result<Self, ClientError> {
        let login = frame.auth.map(login).transpose()?;
        let prepared = requests.iter().map(|request| Prepared::new(login.as_ref(), request, data));
        let prepared = prepared.collect::<Result<_, _>>()?;
        Self::of(frame, prepared, data.map(rows::table).transpose()?.unwrap_or_default())
    }

    /// Prepares the unary calls of a mix.
    pub(crate) fn calling(frame: Frame<'_>, calls: &[GrpcCall]) -> Result<Self, ClientError> {
        let login = frame.auth.map(login).transpose()?;
        let prepared = calls.iter().map(|call| Prepared::calling(login.as_ref(), call));
        Self::of(frame, prepared.collect::<Result<_, _>>()?, Vec::new())
    }

    fn of(frame: Frame<'_>, requests: Vec<Prepared>, rows: Vec<Vec<String>>) -> Result<Self, ClientError> {
        let authority = Authority::try_from(frame.host);
        Ok(Self {
            requests,
            rows,
            scheme: if frame.is_sealed { Scheme::HTTPS } else { Scheme::HTTP },
            authority: authority.map_err(|_| ClientError::Host(shown(frame.host)))?,
            streams: frame.streams.max(1) as usize,
        })
    }

    /// Streams of one connection.
    pub(super) const fn streams(&self) -> usize {
        self.streams
    }

    pub(crate) fn has_key(&self, kind: usize) -> bool {
        self.requests.get(kind).is_some_and(|request| match &request.form {
            Form::Fixed { path, .. } => path.has_place(),
            Form::Fed(fed) => fed.has_number(),
        })
    }

    /// What is expected of the answer.
    pub(super) fn expected(&self, ask: &Ask) -> &Expected {
        &self.requests[ask.kind as usize].expected
    }

    /// How long a request may take from when it was due, in nanoseconds.
    pub(super) fn within(&self, ask: &Ask) -> Option<u64> {
        self.expected(ask).within()
    }

    /// A request, and its body.
    pub(crate) fn request(&self, ask: &Ask) -> (Request<()>, Bytes) {
        let Prepared { method, headers, form, .. } = &self.requests[ask.kind as usize];
        let row = self.rows.get(ask.row as usize).map_or(&[][..], Vec::as_slice);
        let path = match form {
            Form::Fixed { path, .. } => rendered(path, ask.key),
            Form::Fed(fed) => fed.path(ask.key, row),
        };
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.expect("it was a path with another number before the load began"));
        *request.uri_mut() = Uri::from_parts(parts).expect("it has all its parts");
        request.headers_mut().clone_from(headers);
        let body = match form {
            Form::Fixed { body, .. } => body.clone(),
            Form::Fed(fed) => fed.write(ask.key, row, request.headers_mut()),
        };
        (request, body)
    }
}

fn rendered(path: &Template, key: u64) -> Option<PathAndQuery> {
    let mut bytes = Vec::new();
    path.render(key, &mut bytes);
    PathAndQuery::from_maybe_shared(Bytes::from(bytes)).ok()
}

// === impl Prepared ===

impl Prepared {
    fn new(
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
