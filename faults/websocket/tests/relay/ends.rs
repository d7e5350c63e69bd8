//! Ends, errors, back-pressure: what the relay does with streams.

use std::io::ErrorKind;
use std::time::Duration;

use shakedown_scenarios::seed::Streams;
use shakedown_websocket_faults::{Connection, Control, Malformed, relay};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

use crate::support::{control, soon};

type Relaying = JoinHandle<std::io::Result<shakedown_websocket_faults::Counters>>;

/// A client's and a server's end of small pipes with a relay between them.
fn between(control: &Control, lenient: bool) -> (DuplexStream, DuplexStream, Relaying) {
    let ((client, to_client), (server, to_server)) = (duplex(1_024), duplex(1_024));
    let connection = Connection { streams: Streams::new(42), ordinal: 0, lenient };
    (client, server, tokio::spawn(relay(to_client, to_server, control.watch(), connection)))
}

#[tokio::test]
async fn an_end_ends_one_way_only_and_nothing_before_it_is_lost() {
    let control = control(r#"{"delay":{"delay":"50ms"}}"#);
    let (mut client, mut server, relaying) = between(&control, true);
    client.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    client.shutdown().await.unwrap();
    let mut got = Vec::new();
    soon("the end", server.read_to_end(&mut got)).await.unwrap();
    assert_eq!(got, b"\x81\x82\0\0\0\0hi");
    server.write_all(b"\x81\x02yo").await.unwrap();
    server.shutdown().await.unwrap();
    got.clear();
    soon("the other end", client.read_to_end(&mut got)).await.unwrap();
    assert_eq!(got, b"\x81\x02yo");
    let counters = soon("the relay", relaying).await.unwrap().unwrap();
    assert_eq!((counters.up.frames, counters.down.frames), (1, 1));
}

#[tokio::test]
async fn broken_bytes_pass_a_lenient_relay_and_end_a_strict_one() {
    let control = Control::new();
    let broken = b"\xff\x03abc\x81";
    let (_client, mut server, relaying) = between(&control, false);
    server.write_all(broken).await.unwrap();
    let error = soon("the relay", relaying).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let malformed = error.get_ref().and_then(|error| error.downcast_ref::<Malformed>()).unwrap();
    assert_eq!((malformed.frame, malformed.offset), (0, 0));

    let (mut client, mut server, relaying) = between(&control, true);
    server.write_all(broken).await.unwrap();
    server.shutdown().await.unwrap();
    let mut got = Vec::new();
    soon("the end", client.read_to_end(&mut got)).await.unwrap();
    assert_eq!(got, broken);
    client.shutdown().await.unwrap();
    assert_eq!(soon("the relay", relaying).await.unwrap().unwrap().down.flawed, 1);
}

#[tokio::test]
async fn a_side_that_does_not_read_slows_the_other_down() {
    let control = Control::new();
    let (mut client, mut server, _relaying) = between(&control, true);
    let frame = [&b"\x82\x7e\x03\xe8"[..], &[7; 1_000]].concat();
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_secs(1), server.write_all(&frame)).await.is_ok() {
        sent += frame.len();
        assert!(sent < 1 << 20, "it should stop reading");
    }
    assert!(sent >= 256 * 1_024 - frame.len() && sent < 300 * 1_024, "{sent} bytes were taken");
    let mut got = vec![0; sent];
    soon("what was held", client.read_exact(&mut got)).await.unwrap();
    assert!(got.chunks(frame.len()).all(|chunk| chunk == frame));
}

#[tokio::test]
async fn what_is_injected_reaches_a_relay_that_nobody_reads_from() {
    let control = Control::new();
    let (client, mut server, relaying) = between(&control, true);
    let frame = [&b"\x82\x7e\x03\xe8"[..], &[7; 1_000]].concat();
    while tokio::time::timeout(Duration::from_millis(100), server.write_all(&frame)).await.is_ok() {}
    // Control does not wait for data, nor does the end of it.
    drop(control);
    let error = soon("the relay", relaying).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    drop(client);
}

#[tokio::test]
async fn a_broken_side_ends_the_relay() {
    let control = Control::new();
    let (client, mut server, relaying) = between(&control, true);
    drop(client);
    let _ = server.write_all(b"\x81\x02yo").await;
    assert!(soon("the relay", relaying).await.unwrap().is_err());
    assert!(soon("the end", server.read(&mut [0])).await.is_ok_and(|count| count == 0));
}

#[tokio::test]
async fn a_frame_of_any_length_passes_without_being_held() {
    let control = Control::new();
    let (mut client, mut server, _relaying) = between(&control, false);
    // It says that it is four gibibytes long, and sends the first of its bytes only.
    server.write_all(b"\x82\x7f\0\0\0\x01\0\0\0\0first").await.unwrap();
    let mut got = [0; 15];
    soon("the first bytes", client.read_exact(&mut got)).await.unwrap();
    assert_eq!(&got[10..], b"first");
}
