//! Each fault, as a client that verifies sees it.

use std::io::ErrorKind;

use rustls::version::TLS13;
use rustls::{AlertDescription, CertificateError, Error, ProtocolVersion};
use shakedown_scenarios::units::Size;
use shakedown_tls_faults::{Alert, Moment, TlsFault};
use tokio::io::AsyncWriteExt;

use crate::support::{
    always, config, connect, connect_with, echoes, refusal, rest, soon, terminating, tls_error,
};

#[tokio::test]
async fn a_client_that_verifies_is_content_without_faults() {
    let proxy = terminating().await;
    let mut client = connect(&proxy).await.unwrap();
    assert_eq!(client.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    echoes(&mut client, b"hello").await;
}

#[tokio::test]
async fn a_flawed_certificate_fails_for_its_flaw_and_is_gone_when_healed() {
    let proxy = terminating().await;
    let probability = always();
    type Right = fn(&CertificateError) -> bool;
    let cases: [(TlsFault, Right); 4] = [
        (TlsFault::ExpiredCertificate { probability }, |error| {
            matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. })
        }),
        (TlsFault::NotYetValid { probability }, |error| {
            matches!(error, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })
        }),
        (TlsFault::SelfSigned { probability }, |error| matches!(error, CertificateError::UnknownIssuer)),
        (TlsFault::WrongHost { probability }, |error| {
            matches!(
                error,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            )
        }),
    ];
    for (id, (fault, right)) in (0..).zip(cases) {
        proxy.inject(id, fault).unwrap();
        let refusal = refusal(&proxy).await;
        assert!(matches!(&refusal, Error::InvalidCertificate(why) if right(why)), "{fault:?}: {refusal:?}");
        let evidence = proxy.heal(id).unwrap();
        assert_eq!(evidence.hits, 1, "{fault:?}");
        echoes(&mut connect(&proxy).await.unwrap(), b"healed").await;
    }
}

#[tokio::test]
async fn a_client_with_a_session_of_the_time_before_is_shown_the_flaw_too() {
    let proxy = terminating().await;
    // Both connections share what the client remembers of the server.
    let config = config(proxy.ca_pem().unwrap(), rustls::ALL_VERSIONS);
    for _ in 0..2 {
        echoes(&mut connect_with(&proxy, config.clone()).await.unwrap(), b"remember me").await;
    }
    proxy.inject(1, TlsFault::ExpiredCertificate { probability: always() }).unwrap();
    let error = connect_with(&proxy, config).await.map(drop).unwrap_err();
    assert!(matches!(tls_error(&error), Error::InvalidCertificate(_)), "{error:?}");
}

#[tokio::test]
async fn every_alert_is_told_as_it_was_asked_for() {
    let proxy = terminating().await;
    let cases = [
        (Alert::HandshakeFailure, AlertDescription::HandshakeFailure),
        (Alert::UnknownCa, AlertDescription::UnknownCA),
        (Alert::ProtocolVersion, AlertDescription::ProtocolVersion),
        (Alert::InternalError, AlertDescription::InternalError),
        (Alert::UnrecognizedName, AlertDescription::UnrecognisedName),
        (Alert::NoApplicationProtocol, AlertDescription::NoApplicationProtocol),
    ];
    for (id, (description, told)) in (0..).zip(cases) {
        proxy.inject(id, TlsFault::Alert { description, probability: always() }).unwrap();
        assert_eq!(refusal(&proxy).await, Error::AlertReceived(told));
        assert_eq!(proxy.heal(id).unwrap().hits, 1);
    }
}

#[tokio::test]
async fn a_capped_server_speaks_tls_1_2_and_not_with_who_wants_more() {
    let proxy = terminating().await;
    proxy.inject(1, TlsFault::VersionCap { probability: always() }).unwrap();
    let mut client = connect(&proxy).await.unwrap();
    assert_eq!(client.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    echoes(&mut client, b"old").await;
    let modern = config(proxy.ca_pem().unwrap(), &[&TLS13]);
    let error = connect_with(&proxy, modern).await.map(drop).unwrap_err();
    assert_eq!(tls_error(&error), &Error::AlertReceived(AlertDescription::ProtocolVersion));
    assert_eq!(proxy.heal(1).unwrap().hits, 2);
    let client = connect(&proxy).await.unwrap();
    assert_eq!(client.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn a_handshake_is_reset_before_or_after_the_first_answer() {
    let proxy = terminating().await;
    for (id, at) in [(1, Moment::ClientHello), (2, Moment::ServerHello)] {
        proxy.inject(id, TlsFault::Reset { at, probability: always() }).unwrap();
        let error = match connect(&proxy).await {
            Err(error) => error,
            // A client of TLS 1.3 is done with its side once it has the first flight.
            Ok(mut client) => rest(&mut client).await.1.unwrap_err(),
        };
        let broken = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
        assert!(broken, "{at:?}: {error:?}");
        assert_eq!(proxy.heal(id).unwrap().hits, 1);
    }
}

#[tokio::test]
async fn a_truncated_end_is_no_end_to_a_client() {
    let proxy = terminating().await;
    proxy.inject(1, TlsFault::Truncate { after: None, probability: always() }).unwrap();
    let mut client = connect(&proxy).await.unwrap();
    echoes(&mut client, b"all of it").await;
    soon("ending", client.shutdown()).await.unwrap();
    let (got, end) = rest(&mut client).await;
    assert_eq!((got.len(), end.unwrap_err().kind()), (0, ErrorKind::UnexpectedEof));
    assert_eq!(proxy.heal(1).unwrap().hits, 1);
}

#[tokio::test]
async fn a_stream_is_truncated_after_exactly_as_many_bytes_as_were_asked_for() {
    let proxy = terminating().await;
    for (id, most) in [(1, 1_u64), (2, 20_000)] {
        let after = Some(Size::bytes(most));
        proxy.inject(id, TlsFault::Truncate { after, probability: always() }).unwrap();
        let mut client = connect(&proxy).await.unwrap();
        soon("writing", client.write_all(&[7; 50_000])).await.unwrap();
        let (got, end) = rest(&mut client).await;
        assert_eq!((got.len() as u64, end.unwrap_err().kind()), (most, ErrorKind::UnexpectedEof));
        assert_eq!(proxy.heal(id).unwrap().hits, 1);
    }
}

#[tokio::test]
async fn a_truncation_that_heals_before_it_bites_never_bites() {
    let proxy = terminating().await;
    let after = Some(Size::bytes(100));
    proxy.inject(1, TlsFault::Truncate { after, probability: always() }).unwrap();
    proxy.inject(2, TlsFault::Truncate { after: None, probability: always() }).unwrap();
    let mut client = connect(&proxy).await.unwrap();
    echoes(&mut client, &[1; 99]).await;
    assert_eq!([1, 2].map(|id| proxy.heal(id).unwrap().hits), [0, 0]);
    echoes(&mut client, &[2; 1_000]).await;
    soon("ending", client.shutdown()).await.unwrap();
    assert!(rest(&mut client).await.1.is_ok());
}
