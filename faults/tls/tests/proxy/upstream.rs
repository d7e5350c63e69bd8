//! TLS with the upstream: what it is asked, whether it is believed, and what is offered to it.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use shakedown_tls_faults::{Originate, Terminate, TlsFault, TlsOptions, TlsProxy, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::support::{
    SEED, always, any, config, connect, connect_with, echo_on, echoes, refusal, rest, serve, soon, tls_error,
    until,
};

/// What an upstream was asked for: a name and a protocol.
type Asked = (Option<String>, Option<String>);

/// A TLS server that echoes, its certificate, and what its clients asked it for.
async fn upstream(alpn: &[&str]) -> (SocketAddr, String, mpsc::UnboundedReceiver<Asked>) {
    let (acceptor, pem) = acceptor(alpn);
    let (asked, asks) = mpsc::unbounded_channel();
    let address = serve(move |tcp| {
        let (acceptor, asked) = (acceptor.clone(), asked.clone());
        async move {
            let Ok(stream) = acceptor.accept(tcp).await else { return };
            let session = stream.get_ref().1;
            let protocol = session.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap());
            asked.send((session.server_name().map(str::to_owned), protocol)).unwrap();
            echo_on(stream).await;
        }
    })
    .await;
    (address, pem, asks)
}

fn acceptor(alpn: &[&str]) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

fn start(upstream: SocketAddr, terminate: Option<Terminate>, originate: Originate) -> TlsProxy {
    let options = TlsOptions { terminate, originate: Some(originate), ..TlsOptions::default() };
    TlsProxy::start(any(), upstream, options, SEED).unwrap()
}

async fn plain(proxy: &TlsProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

#[tokio::test]
async fn a_plain_client_reaches_an_upstream_that_is_trusted() {
    let (address, pem, mut asks) = upstream(&["h2", "http/1.1"]).await;
    let mut originate = Originate::trusting(Trust::Roots(pem));
    originate.name = Some("localhost".to_owned());
    originate.alpn = vec!["http/1.1".to_owned()];
    let proxy = start(address, None, originate);
    echoes(&mut plain(&proxy).await, b"encrypted on the way").await;
    let asked = soon("asking", asks.recv()).await.unwrap();
    assert_eq!(asked, (Some("localhost".to_owned()), Some("http/1.1".to_owned())));
    assert_eq!(proxy.ca_pem(), None);
}

#[tokio::test]
async fn an_upstream_that_is_not_trusted_is_not_reached_unless_anybody_is() {
    let (address, _, _asks) = upstream(&[]).await;
    let (_, another) = acceptor(&[]);
    let proxy = start(address, None, Originate::trusting(Trust::Roots(another)));
    assert!(rest(&mut plain(&proxy).await).await.1.is_err());
    until("the failure", || proxy.counters().dial_failures == 1).await;
    let proxy = start(address, None, Originate::trusting(Trust::InsecureAnyCertificate));
    echoes(&mut plain(&proxy).await, b"whoever you are").await;
}

#[tokio::test]
async fn a_trusted_upstream_with_another_name_is_not_reached() {
    let (address, pem, _asks) = upstream(&[]).await;
    let mut originate = Originate::trusting(Trust::Roots(pem));
    originate.name = Some("elsewhere.test".to_owned());
    let proxy = start(address, None, originate);
    assert!(rest(&mut plain(&proxy).await).await.1.is_err());
    until("the failure", || proxy.counters().dial_failures == 1).await;
}

#[tokio::test]
async fn encrypting_again_hands_on_the_name_and_the_protocol_of_the_client() {
    let (address, pem, mut asks) = upstream(&["http/1.1", "h2"]).await;
    let alpn = vec!["h2".to_owned(), "http/1.1".to_owned()];
    let terminate = Terminate { alpn, ..Terminate::default() };
    let proxy = start(address, Some(terminate), Originate::trusting(Trust::Roots(pem)));
    let trusting = || config(proxy.ca_pem().unwrap(), rustls::ALL_VERSIONS);
    for (offers, agreed) in
        [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)]
    {
        let mut config = trusting();
        config.alpn_protocols = offers.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut client = connect_with(&proxy, config).await.unwrap();
        assert_eq!(client.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes));
        echoes(&mut client, b"twice").await;
        let asked = soon("asking", asks.recv()).await.unwrap();
        assert_eq!(asked, (Some("localhost".to_owned()), agreed.map(str::to_owned)));
    }
}

#[tokio::test]
async fn a_client_that_wants_another_protocol_is_told_so() {
    let (address, pem, _asks) = upstream(&[]).await;
    let terminate = Terminate { alpn: vec!["h2".to_owned()], ..Terminate::default() };
    let proxy = start(address, Some(terminate), Originate::trusting(Trust::Roots(pem)));
    let mut config = config(proxy.ca_pem().unwrap(), rustls::ALL_VERSIONS);
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    let error = connect_with(&proxy, config).await.map(drop).unwrap_err();
    let told = rustls::AlertDescription::NoApplicationProtocol;
    assert_eq!(tls_error(&error), &rustls::Error::AlertReceived(told));
}

#[tokio::test]
async fn faults_are_done_to_clients_and_not_to_the_upstream() {
    let (address, pem, _asks) = upstream(&[]).await;
    let originate = Originate::trusting(Trust::Roots(pem));
    let proxy = start(address, Some(Terminate::default()), originate.clone());
    proxy.inject(1, TlsFault::WrongHost { probability: always() }).unwrap();
    assert!(matches!(refusal(&proxy).await, rustls::Error::InvalidCertificate(_)));
    let _ = proxy.heal(1);
    echoes(&mut connect(&proxy).await.unwrap(), b"healed").await;
    let plain = start(address, None, originate);
    let error = plain.inject(1, TlsFault::WrongHost { probability: always() }).unwrap_err();
    assert!(error.to_string().contains("start it with `terminate`"), "{error}");
}

#[tokio::test]
async fn half_closes_and_truncated_ends_pass_both_layers() {
    let (acceptor, pem) = acceptor(&[]);
    let address = serve(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(tcp).await.unwrap();
            let mut got = Vec::new();
            let orderly = stream.read_to_end(&mut got).await.is_ok();
            stream.write_all(if orderly { b"orderly" } else { b"cut off" }).await.unwrap();
            stream.flush().await.unwrap();
            // No close_notify: this server is one of the sloppy ones.
            stream.get_mut().0.shutdown().await.unwrap();
        }
    })
    .await;
    let originate = Originate::trusting(Trust::Roots(pem));
    let proxy = start(address, Some(Terminate::default()), originate);
    for (orderly, told) in [(true, b"orderly"), (false, b"cut off")] {
        let mut client = connect(&proxy).await.unwrap();
        client.write_all(b"x").await.unwrap();
        client.flush().await.unwrap();
        match orderly {
            true => client.shutdown().await.unwrap(),
            false => client.get_mut().0.shutdown().await.unwrap(),
        }
        let (got, end) = rest(&mut client).await;
        assert_eq!(got, told);
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }
    assert_eq!(proxy.counters().truncated, 3);
}
