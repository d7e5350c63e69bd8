//! A server over HTTP/1 and HTTP/2 with answers of every form, with a fault layer or without.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use shakedown_http_faults::set::Faults;
use tokio::net::TcpListener;
use tower_layer::Layer;
use tower_service::Service;

use crate::support::any;

/// What `/fixed` answers.
pub const FIXED: &str = "0123456789abcdefghij";

/// What `/stream` answers, in chunks of a few bytes.
pub const STREAM: [&str; 4] = ["one,", "two,", "three,", "four"];

type ShopBody = UnsyncBoxBody<Bytes, Infallible>;

/// Opens one; where it is.
pub async fn open(faults: Option<Faults>) -> SocketAddr {
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (io, faults) = (TokioIo::new(stream), faults.clone());
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                // How a connection ends is for its client to see.
                let _ = match faults {
                    Some(faults) => {
                        let service = TowerToHyperService::new(faults.layer().layer(Shop));
                        builder.serve_connection(io, service).await
                    }
                    None => builder.serve_connection(io, service_fn(answer)).await,
                };
            });
        }
    });
    address
}

/// The same as a tower service.
#[derive(Clone)]
struct Shop;

impl Service<Request<Incoming>> for Shop {
    type Response = Response<ShopBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Box::pin(answer(request))
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<ShopBody>, Infallible> {
    let (head, body) = request.into_parts();
    let mut response = match head.uri.path() {
        "/fixed" => Response::new(full(FIXED)),
        "/empty" => Response::new(full("")),
        "/stream" => Response::new(stream(STREAM.map(|part| Frame::data(Bytes::from(part))).into())),
        "/grpc" => grpc(),
        "/echo" => Response::new(full(&echo(&head))),
        "/mirror" => Response::new(body.map_err(|error| panic!("{error}")).boxed_unsync()),
        "/json" => json(r#"{"name": "apple", "price": 3, "stock": {"left": 5, "where": "here"}}"#),
        "/not-json" => json("{\"cut"),
        "/large-json" => json(&format!("\"{}\"", "x".repeat(2 << 20))),
        "/big" => Response::new(full(&"x".repeat(1 << 20))),
        _ => Response::builder().status(404).body(full("nothing here")).unwrap(),
    };
    response.headers_mut().insert("x-shop", HeaderValue::from_static("open"));
    Ok(response)
}

fn json(text: &str) -> Response<ShopBody> {
    Response::builder().header("content-type", "application/json; charset=utf-8").body(full(text)).unwrap()
}

/// As a server of gRPC answers a call: data, then trailers.
fn grpc() -> Response<ShopBody> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let message = Bytes::from_static(b"\0\0\0\0\x02ok");
    let body = stream(vec![Frame::data(message), Frame::trailers(trailers)]);
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

fn echo(head: &http::request::Parts) -> String {
    let mut lines = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        lines.push_str(&format!("{name}={}\n", value.to_str().unwrap()));
    }
    lines
}

fn full(text: &str) -> ShopBody {
    Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed_unsync()
}

fn stream(frames: Vec<Frame<Bytes>>) -> ShopBody {
    StreamBody::new(Frames(frames.into())).boxed_unsync()
}

/// Gives one frame at a time, and lets it leave before the next.
struct Frames(std::collections::VecDeque<Frame<Bytes>>);

impl futures_core::Stream for Frames {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
