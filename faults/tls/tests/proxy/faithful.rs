//! Without faults: every byte, every end, and errors of either side as they are.

use std::io::ErrorKind;

use rustls::CertificateError;
use sha2::{Digest, Sha256};
use shakedown_scenarios::units::Span;
use shakedown_tls_faults::{Given, OptionsError, StartError, Terminate, TlsOptions, TlsProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    SEED, any, config, connect, connect_named, connect_with, echo, echoes, refusal, rest, serve, soon,
    terminating, terminating_to, tls_error, until,
};

/// A mebibyte in which no part is like another, different for each of both ways.
fn mebibyte(salt: u64) -> Vec<u8> {
    (0..1 << 20).map(|place: u64| ((place ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[tokio::test]
async fn a_mebibyte_each_way_at_once_is_hash_equal() {
    let (sent, received) = tokio::sync::oneshot::channel();
    let mut sent = Some(sent);
    let upstream = serve(move |stream| {
        let sent = sent.take().unwrap();
        async move {
            let (mut read, mut write) = stream.into_split();
            let writing = tokio::spawn(async move {
                write.write_all(&mebibyte(2)).await.unwrap();
                write.shutdown().await.unwrap();
            });
            let mut got = Vec::new();
            read.read_to_end(&mut got).await.unwrap();
            writing.await.unwrap();
            sent.send(hash(&got)).unwrap();
        }
    })
    .await;
    let proxy = terminating_to(upstream);
    let (mut read, mut write) = tokio::io::split(connect(&proxy).await.unwrap());
    let writing = tokio::spawn(async move {
        write.write_all(&mebibyte(1)).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let (got, end) = rest(&mut read).await;
    end.unwrap();
    soon("writing", writing).await.unwrap();
    assert_eq!(hash(&got), hash(&mebibyte(2)));
    assert_eq!(soon("the server", received).await.unwrap(), hash(&mebibyte(1)));
    let counters = proxy.counters();
    assert_eq!((counters.up, counters.down, counters.truncated), (1 << 20, 1 << 20, 0));
    until("the connection's end", || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn a_close_notify_ends_one_way_only() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = terminating_to(listener.local_addr().unwrap());
    let mut client = connect(&proxy).await.unwrap();
    let (mut server, _) = soon("accepting", listener.accept()).await.unwrap();
    client.write_all(b"question").await.unwrap();
    soon("ending", client.shutdown()).await.unwrap();
    let (got, end) = rest(&mut server).await;
    assert_eq!((got.as_slice(), end.is_ok()), (&b"question"[..], true));
    server.write_all(b"answer").await.unwrap();
    let mut answer = [0; 6];
    soon("the answer", client.read_exact(&mut answer)).await.unwrap();
    server.shutdown().await.unwrap();
    let (got, end) = rest(&mut client).await;
    assert_eq!((answer, got.len(), end.is_ok()), (*b"answer", 0, true));
}

#[tokio::test]
async fn the_servers_end_is_a_close_notify_and_the_client_may_go_on() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = terminating_to(listener.local_addr().unwrap());
    let mut client = connect(&proxy).await.unwrap();
    let (mut server, _) = soon("accepting", listener.accept()).await.unwrap();
    server.write_all(b"bye").await.unwrap();
    server.shutdown().await.unwrap();
    let (got, end) = rest(&mut client).await;
    assert_eq!((got.as_slice(), end.is_ok()), (&b"bye"[..], true));
    client.write_all(b"wait").await.unwrap();
    client.flush().await.unwrap();
    let mut late = [0; 4];
    soon("what came late", server.read_exact(&mut late)).await.unwrap();
    assert_eq!(&late, b"wait");
}

#[tokio::test]
async fn a_reset_upstream_is_a_reset_to_the_client() {
    let upstream = serve(|mut stream| async move {
        let _ = stream.read(&mut [0]).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let proxy = terminating_to(upstream);
    let mut client = connect(&proxy).await.unwrap();
    client.write_all(b"x").await.unwrap();
    let error = rest(&mut client).await.1.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_a_reset_after_the_handshake() {
    let nobody = TcpListener::bind(any()).await.unwrap().local_addr().unwrap();
    let proxy = terminating_to(nobody);
    match connect(&proxy).await {
        Ok(mut client) => assert!(rest(&mut client).await.1.is_err()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    until("the failure", || proxy.counters().dial_failures == 1).await;
}

#[tokio::test]
async fn a_client_that_ends_without_a_close_notify_is_counted() {
    let listener = TcpListener::bind(any()).await.unwrap();
    let proxy = terminating_to(listener.local_addr().unwrap());
    let mut client = connect(&proxy).await.unwrap();
    let (mut server, _) = soon("accepting", listener.accept()).await.unwrap();
    client.write_all(b"cut o").await.unwrap();
    client.flush().await.unwrap();
    client.get_mut().0.shutdown().await.unwrap();
    let (got, end) = rest(&mut server).await;
    assert_eq!((got.as_slice(), end.is_ok()), (&b"cut o"[..], true));
    assert_eq!(proxy.counters().truncated, 1);
}

#[tokio::test]
async fn certificates_are_for_the_names_that_were_asked_for() {
    let terminate = Terminate { names: vec!["db.internal".to_owned()], ..Terminate::default() };
    let options = TlsOptions { terminate: Some(terminate), ..TlsOptions::default() };
    let proxy = TlsProxy::start(any(), echo().await, options, SEED).unwrap();
    let trusting = config(proxy.ca_pem().unwrap(), rustls::ALL_VERSIONS);
    let client = connect_named(proxy.address(), trusting, "db.internal").await;
    echoes(&mut client.unwrap(), b"by name").await;
    assert!(matches!(
        refusal(&proxy).await,
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
    ));
}

#[tokio::test]
async fn an_address_is_a_name_too() {
    let proxy = terminating().await;
    let trusting = config(proxy.ca_pem().unwrap(), rustls::ALL_VERSIONS);
    let client = connect_named(proxy.address(), trusting, "127.0.0.1").await;
    echoes(&mut client.unwrap(), b"by address").await;
}

#[tokio::test]
async fn a_given_certificate_is_shown_and_another_authority_is_not_trusted() {
    let given = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificates, key) = (given.cert.pem(), given.signing_key.serialize_pem());
    let given = Some(Given { certificates: certificates.clone(), key });
    let options =
        TlsOptions { terminate: Some(Terminate { given, ..Terminate::default() }), ..TlsOptions::default() };
    let proxy = TlsProxy::start(any(), echo().await, options, SEED).unwrap();
    let client = connect_with(&proxy, config(&certificates, rustls::ALL_VERSIONS)).await;
    echoes(&mut client.unwrap(), b"given").await;
    let error = connect(&proxy).await.map(drop).unwrap_err();
    assert_eq!(tls_error(&error), &rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
}

#[tokio::test]
async fn options_that_cannot_work_are_refused_at_the_start() {
    let start = |terminate| {
        let options = TlsOptions { terminate, ..TlsOptions::default() };
        TlsProxy::start(any(), any(), options, SEED).map(drop).unwrap_err()
    };
    assert!(matches!(start(None), StartError::Options(OptionsError::Neither)));
    let one = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let mixed = Given { certificates: one.cert.pem(), key: other.signing_key.serialize_pem() };
    let mixed = Terminate { given: Some(mixed), ..Terminate::default() };
    assert!(matches!(start(Some(mixed)), StartError::Options(OptionsError::Refused { .. })));
    let hasty = Terminate { handshake_timeout: Span::ZERO, ..Terminate::default() };
    assert!(matches!(start(Some(hasty)), StartError::Options(OptionsError::NoTime { .. })));
    let nameless = Terminate { names: vec!["not a näme".to_owned()], ..Terminate::default() };
    assert!(matches!(start(Some(nameless)), StartError::Options(OptionsError::Certificate { .. })));
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let taken = TcpListener::bind(any()).await.unwrap();
    let options = TlsOptions { terminate: Some(Terminate::default()), ..TlsOptions::default() };
    let error = TlsProxy::start(taken.local_addr().unwrap(), any(), options, SEED).map(drop).unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    let _ = TcpStream::connect(taken.local_addr().unwrap()).await.unwrap();
}
