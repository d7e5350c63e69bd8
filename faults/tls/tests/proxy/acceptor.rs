//! The acceptor alone, as a server of some other protocol uses it.

use shakedown_tls_faults::{AcceptError, Acceptor, Alert, Terminate, TlsFault};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Client, SEED, always, any, config, connect_named, echo_on, echoes, rest, soon, tls_error, until,
};

/// An acceptor, a client that shakes hands with it, and the server's end of that connection.
async fn meeting() -> (Acceptor, tokio::task::JoinHandle<std::io::Result<Client>>, TcpStream) {
    let acceptor = Acceptor::new(Terminate::default(), SEED).unwrap();
    let listener = TcpListener::bind(any()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = config(acceptor.ca_pem(), rustls::ALL_VERSIONS);
    let client = tokio::spawn(async move { connect_named(address, config, "localhost").await });
    let (tcp, _) = soon("accepting", listener.accept()).await.unwrap();
    (acceptor, client, tcp)
}

#[tokio::test]
async fn a_stream_is_handed_out_with_what_was_agreed_on() {
    let (acceptor, client, tcp) = meeting().await;
    let stream = soon("a handshake", acceptor.accept(tcp)).await.unwrap();
    assert_eq!((stream.asked(), stream.agreed(), stream.is_cut()), (Some("localhost"), None, false));
    tokio::spawn(echo_on(stream));
    echoes(&mut client.await.unwrap().unwrap(), b"through").await;
}

#[tokio::test]
async fn a_handshake_that_a_fault_ended_says_which() {
    let (acceptor, client, tcp) = meeting().await;
    acceptor.inject(9, TlsFault::Alert { description: Alert::UnknownCa, probability: always() }).unwrap();
    let accepting = tokio::spawn(acceptor.accept(tcp));
    let error = client.await.unwrap().map(drop).unwrap_err();
    assert_eq!(tls_error(&error), &rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA));
    drop(error);
    let ended = soon("the end", accepting).await.unwrap().map(drop).unwrap_err();
    assert!(matches!(ended, AcceptError::Broken { id: 9, fault: "alert" }), "{ended}");
}

#[tokio::test]
async fn an_acceptor_that_is_dropped_ends_its_stalls() {
    let (acceptor, client, tcp) = meeting().await;
    acceptor.inject(1, TlsFault::HandshakeStall { length: None, probability: always() }).unwrap();
    let accepting = tokio::spawn(acceptor.accept(tcp));
    until("the stall", || acceptor.evidence(1).unwrap().hits == 1).await;
    drop(acceptor);
    let ended = soon("the end", accepting).await.unwrap().map(drop).unwrap_err();
    assert!(matches!(ended, AcceptError::Stopped), "{ended}");
    assert!(client.await.unwrap().is_err());
}

#[tokio::test]
async fn a_stream_outlives_its_acceptor() {
    let (acceptor, client, tcp) = meeting().await;
    let stream = soon("a handshake", acceptor.accept(tcp)).await.unwrap();
    drop(acceptor);
    tokio::spawn(echo_on(stream));
    let mut client = client.await.unwrap().unwrap();
    echoes(&mut client, b"still here").await;
    tokio::io::AsyncWriteExt::shutdown(&mut client).await.unwrap();
    assert!(rest(&mut client).await.1.is_ok());
}
