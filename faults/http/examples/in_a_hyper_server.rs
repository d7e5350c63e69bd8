//! Faults in a server of one's own: a few lines around what it serves already.
//!
//!     cargo run -p shakedown-http-faults --example in_a_hyper_server
//!
//! It serves a word over HTTP/1.1 and HTTP/2 (without TLS) on a free port, lets its own client ask a few times, and says
//! what the faults did. `--serve` keeps it running, for `curl -v http://127.0.0.1:PORT/` to try.

#![allow(clippy::print_stdout, reason = "an example talks to people")]

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use shakedown_http_faults::fault::HttpFault;
use shakedown_http_faults::set::Faults;
use tokio::net::{TcpListener, TcpStream};
use tower_layer::Layer;
use tower_service::Service;

/// What somebody's server serves: any tower service over HTTP, an axum router for one.
#[derive(Clone)]
struct Greeter;

impl Service<Request<Incoming>> for Greeter {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        ready(Ok(Response::new(Full::from("good morning\n"))))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The set can be changed from anywhere while requests are under way; the seed decides all chance in it.
    let faults = Faults::new(42);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, faults.clone()));
    println!("serving on http://{address}/");

    // A fault as a file would say it: every second GET is slow, and every third answer breaks off.
    let slow = r#"{"matches": {"methods": ["GET"], "every": 2}, "act": {"delay": {"before": "200ms"}}}"#;
    let short = r#"{"matches": {"every": 3}, "act": {"truncate_body": {"keep": "4B"}}}"#;
    faults.inject(1, serde_json::from_str::<HttpFault>(slow)?)?;
    faults.inject(2, serde_json::from_str::<HttpFault>(short)?)?;

    for number in 1..=6 {
        println!("request {number}: {}", ask(address).await);
    }
    for id in [1, 2] {
        println!("injection {id}: {}", faults.evidence(id).ok_or("it was injected")?);
        println!("healed: {}", faults.heal(id));
    }
    println!("and then: {}", ask(address).await);
    if std::env::args().any(|argument| argument == "--serve") {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// What a server does with its connections anyway; only the layer is new.
async fn serve(listener: TcpListener, faults: Faults) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(faults.layer().layer(Greeter));
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            // A connection that a fault ended is an error here, and no reason to stop.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// One request, and how it went.
async fn ask(address: std::net::SocketAddr) -> String {
    match try_to_ask(address).await {
        Ok(text) => format!("{text:?}"),
        Err(error) => format!("failed: {error}"),
    }
}

async fn try_to_ask(address: std::net::SocketAddr) -> Result<String, Box<dyn Error>> {
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let request = Request::get("/").header("host", address.to_string()).body(Empty::<Bytes>::new())?;
    let body = sender.send_request(request).await?.into_body().collect().await?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}
