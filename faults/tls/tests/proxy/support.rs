//! What tests of the proxy share: bounded waits, clients that verify, and upstreams of a few kinds.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use shakedown_scenarios::units::Ratio;
use shakedown_tls_faults::{Terminate, TlsOptions, TlsProxy};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub const SEED: u64 = 42;

/// Far more than anything here takes, and far less than a stuck CI job.
pub const LONG: Duration = Duration::from_secs(20);

pub type Client = TlsStream<TcpStream>;

pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn always() -> Ratio {
    Ratio::new(1.0).unwrap()
}

/// Fails the test if this does not come to an end.
pub async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, doing).await.unwrap_or_else(|_| panic!("{what} took longer than {LONG:?}"))
}

/// Waits until something holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        while !holds() {
            tick.tick().await;
        }
    })
    .await;
}

/// A server that does the same with every connection.
pub async fn serve<F, D>(mut each: F) -> SocketAddr
where
    F: FnMut(TcpStream) -> D + Send + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(each(stream));
        }
    });
    address
}

/// Sends back what comes, and ends when the other side does.
pub async fn echo_on(stream: impl AsyncRead + AsyncWrite) {
    let (mut read, mut write) = tokio::io::split(stream);
    let _ = tokio::io::copy(&mut read, &mut write).await;
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
}

/// A plain server that sends back what it gets.
pub async fn echo() -> SocketAddr {
    serve(echo_on).await
}

/// A proxy that terminates with its own certificates, before a plain echo server.
pub async fn terminating() -> TlsProxy {
    terminating_to(echo().await)
}

pub fn terminating_to(upstream: SocketAddr) -> TlsProxy {
    let options = TlsOptions { terminate: Some(Terminate::default()), ..TlsOptions::default() };
    TlsProxy::start(any(), upstream, options, SEED).unwrap()
}

/// What a client trusts and speaks.
pub fn config(ca_pem: &str, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A client that trusts the proxy's authority and nobody else, and asks for `localhost`.
pub async fn connect(proxy: &TlsProxy) -> io::Result<Client> {
    connect_with(proxy, config(proxy.ca_pem().unwrap(), rustls::ALL_VERSIONS)).await
}

pub async fn connect_with(proxy: &TlsProxy, config: ClientConfig) -> io::Result<Client> {
    connect_named(proxy.address(), config, "localhost").await
}

pub async fn connect_named(address: SocketAddr, config: ClientConfig, name: &str) -> io::Result<Client> {
    let tcp = soon("connecting", TcpStream::connect(address)).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
}

/// The error of rustls within one of a stream.
pub fn tls_error(error: &io::Error) -> &rustls::Error {
    let within = error.get_ref().unwrap_or_else(|| panic!("{error:?} holds no TLS error"));
    within.downcast_ref().unwrap_or_else(|| panic!("{within:?} is no TLS error"))
}

/// Why a handshake failed, as the client was told.
pub async fn refusal(proxy: &TlsProxy) -> rustls::Error {
    let error = connect(proxy).await.map(drop).expect_err("the handshake should fail");
    tls_error(&error).clone()
}

/// Sends some bytes and gets them back.
pub async fn echoes(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) {
    use tokio::io::AsyncWriteExt;
    soon("writing", async {
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
    })
    .await;
    let mut got = vec![0; bytes.len()];
    soon("reading", stream.read_exact(&mut got)).await.unwrap();
    assert_eq!(got, bytes);
}

/// All that comes until the end, and how it ended.
pub async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> (Vec<u8>, io::Result<()>) {
    let mut got = Vec::new();
    let end = soon("the end", stream.read_to_end(&mut got)).await;
    (got, end.map(drop))
}
