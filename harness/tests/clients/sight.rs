//! What is seen of a proxy from outside: what the API says is on it, and how bytes fare that go through it.
//!
//! Bounds are lower ones. The only upper ones are those of reads, far above anything that takes its time here.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::peers::{connect, echoes};
use crate::served::Served;
use crate::support::LONG;

type Seen = Result<(), String>;

/// Looks at the proxy at an address: `clean`, `shouting` and `down` are without toxics, all else is one toxic and the
/// stream it is on. `got` is what the server behind it gets over each connection.
///
/// # Errors
/// What is not as it should be.
pub fn look(served: &Served, got: &Receiver<Vec<u8>>, sight: &str, listen: &str) -> Seen {
    let (what, stream) = sight.split_once(' ').map_or((sight, None), |(what, stream)| (what, Some(stream)));
    has(served, listen, stream.map(|stream| toxic(what, stream)))?;
    let address: SocketAddr = listen.parse().map_err(|error| format!("{error}"))?;
    if what == "down" {
        let error = TcpStream::connect(address).err().map(|error| error.kind());
        return is(&error, &Some(ErrorKind::ConnectionRefused));
    }
    let begin = now();
    let mut client = connect(address);
    let sent = payload(what, &client);
    match what {
        "shouting" => shouts(&mut client)?,
        "slow_close" => ends_late(&mut client, &sent)?,
        "timeout" => swallows(&mut client, &sent)?,
        "reset_peer" => resets(&mut client, &sent)?,
        "limit_data" => limits(&mut client, &sent, stream == Some("downstream"))?,
        _ => through(&mut client, &sent)?,
    }
    let (took, least) = (begin.elapsed(), least(what));
    if took < least {
        return Err(format!("it took {took:?}; expected at least {least:?}"));
    }
    drop(client);
    match (what, stream) {
        // Another server, and a question of who is faster.
        ("shouting" | "reset_peer", _) => Ok(()),
        ("timeout", Some("upstream")) => server_got(got, b""),
        ("limit_data", Some("upstream")) => server_got(got, &sent[..5]),
        _ => server_got(got, &sent),
    }
}

/// Bytes that no other connection sends: they begin with the client's port.
fn payload(what: &str, client: &TcpStream) -> Vec<u8> {
    let length = match what {
        "bandwidth" => 50_000,
        "slicer" => 5_000,
        _ => 13,
    };
    let port = client.local_addr().unwrap().port().to_be_bytes();
    port.into_iter().chain((0..=250).cycle()).take(length).collect()
}

/// What the drivers give to each toxic.
fn toxic(what: &str, stream: &str) -> Value {
    let (kind, attributes) = match what {
        "latency" => (what, json!({ "latency": 150, "jitter": 0 })),
        "latency_updated" => ("latency", json!({ "latency": 400, "jitter": 0 })),
        "bandwidth" => (what, json!({ "rate": 100 })),
        "slow_close" => (what, json!({ "delay": 200 })),
        "timeout" => (what, json!({ "timeout": 150 })),
        "reset_peer" => (what, json!({ "timeout": 50 })),
        "slicer" => (what, json!({ "average_size": 100, "size_variation": 20, "delay": 2000 })),
        "limit_data" => (what, json!({ "bytes": 5 })),
        _ => (what, json!({})),
    };
    let name = format!("{kind}_{stream}");
    json!({ "name": name, "type": kind, "stream": stream, "toxicity": 1, "attributes": attributes })
}

/// What all of it takes at least.
const fn least(what: &str) -> Duration {
    let millis = match what.as_bytes() {
        b"latency" => 150,
        b"latency_updated" => 400,
        // 50 kB at 100 kB/s, less what may be saved up.
        b"bandwidth" => 450,
        b"slow_close" => 200,
        b"timeout" => 150,
        b"reset_peer" => 50,
        // At least 41 pieces of at most 120 bytes, with 2 ms between two of them.
        b"slicer" => 80,
        _ => 0,
    };
    Duration::from_millis(millis)
}

/// The API's own word, whatever the client made of it.
fn has(served: &Served, listen: &str, toxic: Option<Value>) -> Seen {
    let proxies = served.proxies();
    let proxy = proxies.values().find(|proxy| proxy["listen"] == listen);
    let toxics = proxy.ok_or("there is no such proxy")?["toxics"].clone();
    is(&toxics, &toxic.into_iter().collect())
}

fn through(client: &mut TcpStream, bytes: &[u8]) -> Seen {
    if echoes(client, bytes) { Ok(()) } else { Err(format!("{} bytes did not come back", bytes.len())) }
}

fn shouts(client: &mut TcpStream) -> Seen {
    client.write_all(b"quiet").unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).map_err(|error| error.to_string())?;
    is(&&back, &b"QUIET")
}

/// Data is not held up, only the end is.
fn ends_late(client: &mut TcpStream, bytes: &[u8]) -> Seen {
    through(client, bytes)?;
    client.shutdown(Shutdown::Write).unwrap();
    is(&client.read(&mut [0; 8]).map_err(|error| error.kind()), &Ok(0))
}

/// Nothing comes back, and the connection ends by itself.
fn swallows(client: &mut TcpStream, bytes: &[u8]) -> Seen {
    client.write_all(bytes).unwrap();
    is(&until_closed(client)?.as_slice(), &b"".as_slice())
}

/// Until its time has come, data passes.
fn resets(client: &mut TcpStream, bytes: &[u8]) -> Seen {
    let sent = client.write_all(bytes).and_then(|()| client.read_to_end(&mut Vec::new()));
    is(&sent.map_err(|error| error.kind()), &Err(ErrorKind::ConnectionReset))
}

/// Five bytes come back. Of five that reached the server, what comes back before the end is a question of luck.
fn limits(client: &mut TcpStream, bytes: &[u8], on_the_way_back: bool) -> Seen {
    client.write_all(bytes).unwrap();
    let back = until_closed(client)?;
    let expected = if on_the_way_back { &bytes[..5] } else { &bytes[..back.len().min(5)] };
    is(&back.as_slice(), &expected)
}

fn until_closed(client: &mut TcpStream) -> Result<Vec<u8>, String> {
    let mut back = Vec::new();
    match client.read_to_end(&mut back) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(format!("expected the end: {error}")),
        _ => Ok(back),
    }
}

/// All else is passed over: what came through a connection that was reset, and visits of strangers, who took the
/// server's port for that of somebody who had it before.
fn server_got(got: &Receiver<Vec<u8>>, expected: &[u8]) -> Seen {
    let mut others = Vec::new();
    while let Ok(all) = got.recv_timeout(LONG) {
        if all == expected {
            return Ok(());
        }
        others.push(String::from_utf8_lossy(&all).into_owned());
    }
    Err(format!("the server did not get {expected:?} but {others:?}"))
}

fn is<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Seen {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
}

#[expect(clippy::disallowed_methods, reason = "a test measures in real time")]
fn now() -> Instant {
    Instant::now()
}
