//! What can be broken in HTTP, and how: in somebody's own server, or in a proxy before it.
//!
//! Read in this order: [`fault`] (what a fault is, as text and as a value), [`matching`] (which requests it touches),
//! [`act`] (what it does to them, one file each), [`set`] (the faults that hold now, and what they did), [`layer`] (the
//! tower layer that does them), [`body`] (a response's body under faults), [`wire`] (what only bytes can show), [`proxy`]
//! (the same faults for a server that cannot be changed).
//!
//! A fault decides purely: from the request, from its number among the requests that fit, and from chance that is named
//! after the fault and that number. So one seed and one order of requests give the same decisions, and a fault more does
//! not change what another one does.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use shakedown_http_faults::act::{Answer, HttpAct};
//! use shakedown_http_faults::fault::HttpFault;
//! use shakedown_http_faults::matching::Match;
//! use shakedown_http_faults::set::Faults;
//! use tower_layer::Layer;
//! use tower_service::Service;
//!
//! # #[derive(Clone)]
//! # struct Shop;
//! # impl Service<http::Request<Full<Bytes>>> for Shop {
//! #     type Response = http::Response<Full<Bytes>>;
//! #     type Error = std::convert::Infallible;
//! #     type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
//! #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
//! #         std::task::Poll::Ready(Ok(()))
//! #     }
//! #     fn call(&mut self, _: http::Request<Full<Bytes>>) -> Self::Future {
//! #         std::future::ready(Ok(http::Response::new(Full::from("two apples"))))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let faults = Faults::new(42);
//! let mut shop = faults.layer().layer(Shop); // any tower service over HTTP
//!
//! let every_second = Match { path: Some("/items/*".parse()?), every: Some(2), ..Match::default() };
//! faults.inject(7, HttpFault { matches: every_second, act: HttpAct::Answer(Answer::status(503)) })?;
//!
//! let get = || http::Request::get("/items/12").body(Full::default());
//! assert_eq!(shop.call(get()?).await?.status(), 200);
//! assert_eq!(shop.call(get()?).await?.status(), 503);
//!
//! assert_eq!(faults.evidence(7).map(|seen| (seen.matched, seen.bitten)), Some((1, 1)));
//! assert!(faults.heal(7).proven);
//! let healthy = shop.call(get()?).await?;
//! assert_eq!(healthy.into_body().collect().await?.to_bytes(), "two apples");
//! # Ok(())
//! # }
//! ```

pub mod act;
pub mod body;
mod clock;
pub mod error;
pub mod fault;
pub mod layer;
pub mod matching;
pub mod problem;
pub mod proxy;
pub mod set;
mod wait;
pub mod wire;
