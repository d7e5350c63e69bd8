//! The tower layer that does what a set of faults says.
//!
//! It goes around any service over HTTP: a hyper server, axum, tonic, or a client. Its error is a [`CallError`], and an
//! abort is such an error: hyper closes the connection or resets the stream then. Frameworks that insist on handlers
//! which cannot fail (`axum::Router::layer`) take it around the whole router instead of inside:
//! `faults.layer().layer(router)` is a service that hyper serves.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use shakedown_scenarios::units::Span;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::act::{Asked, Dressing, Instead};
use crate::body::{FaultBody, Stages};
use crate::clock::now;
use crate::error::{BoxError, CallError};
use crate::fault::HttpFault;
use crate::matching::{LOOKED_AT, LOOKED_FOR};
use crate::problem::Problems;
use crate::set::{Bite, Faults, InjectError, Mark, Touched};
use crate::wait::{Wait, Waited};

/// Puts a set of faults around services.
///
/// ```
/// use shakedown_http_faults::act::Delay;
/// use shakedown_http_faults::fault::HttpFault;
/// use shakedown_http_faults::layer::FaultLayer;
/// use shakedown_scenarios::units::Span;
///
/// // One fault for good, or a set that changes: `Faults::layer`.
/// let slow = FaultLayer::one(HttpFault::always(Delay::before(Span::millis(250))), 42);
/// assert!(slow.is_ok());
/// let problems = FaultLayer::one(HttpFault::always(Delay::default()), 42).unwrap_err();
/// assert!(problems.to_string().contains("above 0s"));
/// ```
#[derive(Clone, Debug)]
pub struct FaultLayer {
    faults: Faults,
}

/// A service under faults. It needs clones of the service below, since a delayed request waits beside others.
#[derive(Clone, Debug)]
pub struct FaultService<S> {
    faults: Faults,
    inner: S,
}

/// A request that waits because of a fault. It tells when it goes on, or is given up: a client that went away before its
/// delay was over was bitten by it too.
struct Held<'a> {
    mark: &'a Mark,
    began: Instant,
    healed: bool,
}

/// The number under which [`FaultLayer::one`] holds its fault.
const ONE: u32 = 0;

// === impl FaultLayer ===

impl FaultLayer {
    pub(crate) const fn new(faults: Faults) -> Self {
        Self { faults }
    }

    /// A layer with this fault for good. Its evidence is that of injection 0 of [`faults`](Self::faults).
    ///
    /// # Errors
    /// If the fault cannot be done as it is written.
    pub fn one(fault: HttpFault, seed: u64) -> Result<Self, Problems> {
        let faults = Faults::new(seed);
        match faults.inject(ONE, fault) {
            Err(InjectError::Wrong(problems)) => Err(problems),
            Ok(()) | Err(InjectError::Taken(_)) => Ok(Self::new(faults)),
        }
    }

    /// The set that it does.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> FaultService<S> {
        FaultService { faults: self.faults.clone(), inner }
    }
}

// === impl FaultService ===

impl<S, Asking, Answering> Service<Request<Asking>> for FaultService<S>
where
    S: Service<Request<Asking>, Response = Response<Answering>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    Asking: Send + 'static,
    Answering: Body + Send + 'static,
    Answering::Error: Into<BoxError>,
{
    type Response = Response<FaultBody<Answering>>;
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, CallError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(|error| CallError::Inner(error.into()))
    }

    fn call(&mut self, request: Request<Asking>) -> Self::Future {
        let (head, body) = request.into_parts();
        let touched = self.faults.touching(&head);
        let request = Request::from_parts(head, body);
        // The service that was polled ready is the one to call; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        if touched.is_nothing() {
            let asking = inner.call(request);
            return Box::pin(async move { untouched(asking.await) });
        }
        Box::pin(exchange(self.faults.clone(), touched, inner, request))
    }
}

fn untouched<B: Body, E: Into<BoxError>>(
    answer: Result<Response<B>, E>,
) -> Result<Response<FaultBody<B>>, CallError> {
    let response = answer.map_err(|error| CallError::Inner(error.into()))?;
    Ok(response.map(FaultBody::untouched))
}

/// A whole exchange under at least one fault.
async fn exchange<S, Asking, Answering>(
    faults: Faults,
    mut touched: Touched,
    mut inner: S,
    request: Request<Asking>,
) -> Result<Response<FaultBody<Answering>>, CallError>
where
    S: Service<Request<Asking>, Response = Response<Answering>>,
    S::Error: Into<BoxError>,
    Answering: Body,
    Answering::Error: Into<BoxError>,
{
    let bites = &mut touched.bites;
    wait_before(bites).await;
    let (mut head, body) = request.into_parts();
    let (method, uri, version) = (head.method.clone(), head.uri.clone(), head.version);
    edit_request(bites, &mut head);
    let asked = Asked { method: &method, uri: &uri, version };
    let response = match instead(bites, asked) {
        Some(Instead::Abort(aborted)) => return Err(CallError::Aborted(aborted)),
        Some(Instead::Answer(answer)) => answer.map(FaultBody::canned),
        None => untouched(inner.call(Request::from_parts(head, body)).await)?,
    };
    faults.answered(&mut touched, response.status());
    let response = if touched.wants_body() { look(&faults, &mut touched, response).await } else { response };
    Ok(dress(&mut touched.bites, asked, response))
}

/// Waits one after the other: delays of several faults add up.
async fn wait_before(bites: &mut [Bite]) {
    for bite in bites {
        let length = bite.act().wait_before(bite);
        if !length.is_zero() {
            let mut held = Held { mark: bite.mark(), began: now(), healed: false };
            held.healed = Wait::until(held.began + length.duration(), bite.healed()).await == Waited::Healed;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.mark.waited(Span::from(self.began.elapsed()));
        if !self.healed {
            self.mark.bit();
        }
    }
}

/// Reads the beginning of a body for the faults that it matters to, for a while at most, and hands the body on whole.
async fn look<B>(
    faults: &Faults,
    touched: &mut Touched,
    response: Response<FaultBody<B>>,
) -> Response<FaultBody<B>>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    let mut body = body.kept();
    tokio::select! {
        biased;
        () = touched.all_healed() => {}
        () = tokio::time::sleep_until(now() + LOOKED_FOR) => {}
        () = body.look(LOOKED_AT) => {}
    }
    faults.read(touched, &body.beginning());
    Response::from_parts(head, body)
}

fn edit_request(bites: &mut [Bite], request: &mut http::request::Parts) {
    for bite in bites {
        bite.act().edit_request(request, bite);
    }
}

/// The first fault that has something to say in upstream's place says it; a later one does not bite.
fn instead(bites: &mut [Bite], asked: Asked<'_>) -> Option<Instead> {
    bites.iter_mut().find_map(|bite| bite.act().instead(asked, bite))
}

fn dress<B>(bites: &mut [Bite], asked: Asked<'_>, response: Response<FaultBody<B>>) -> Response<FaultBody<B>>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (mut head, body) = response.into_parts();
    let (mut stages, mut replaced): (Stages, Option<Bytes>) = (Vec::new(), None);
    let length = body.size_hint().exact();
    let mut dressing =
        Dressing { head: &mut head, stages: &mut stages, replaced: &mut replaced, length, asked };
    for bite in bites {
        bite.act().dress(&mut dressing, bite);
    }
    let body = replaced.map_or(body, FaultBody::canned);
    Response::from_parts(head, body.with_stages(stages))
}
