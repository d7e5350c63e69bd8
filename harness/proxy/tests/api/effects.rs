//! What each of Toxiproxy's toxics does to bytes, and what an update of a proxy does to its connections.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::peers::{connect, echo, echoes, wait};
use crate::support::{Api, LONG};

struct Stage {
    api: Api,
    client: TcpStream,
}

/// A proxy in front of an echo with one connection that is through.
fn stage() -> Stage {
    let api = Api::start();
    let proxy = api.proxy("p", &echo().to_string());
    let mut client = connect(proxy);
    assert!(echoes(&mut client, b"through"));
    Stage { api, client }
}

impl Stage {
    #[track_caller]
    fn toxic(&self, kind: &str, stream: &str, attributes: &str) {
        let body = format!(r#"{{"name":"t","type":"{kind}","stream":"{stream}","attributes":{attributes}}}"#);
        self.api.json("POST /proxies/p/toxics", &body);
    }

    fn remove(&self) {
        assert_eq!(self.api.ask("DELETE /proxies/p/toxics/t", "").status, 204);
    }

    #[track_caller]
    fn takes_at_least(&mut self, bytes: &[u8], least: Duration) {
        let begin = now();
        assert!(echoes(&mut self.client, bytes));
        assert!(begin.elapsed() >= least, "{:?} of {least:?}", begin.elapsed());
    }

    /// Nothing comes for a while, and no end either.
    #[track_caller]
    fn is_silent(&mut self) {
        self.client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let error = self.client.read(&mut [0; 64]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        self.client.set_read_timeout(Some(LONG)).unwrap();
    }

    fn bit(&self) -> bool {
        self.api.json("GET /v1/proxies/p/toxics/t", "")["evidence"]["bit"] == true
    }
}

#[expect(clippy::disallowed_methods, reason = "a test measures in real time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn latency_delays_and_an_update_holds_at_once() {
    let mut stage = stage();
    stage.toxic("latency", "downstream", r#"{"latency":100}"#);
    stage.takes_at_least(b"late", Duration::from_millis(100));
    assert!(wait(|| stage.bit()));
    stage.api.json("POST /proxies/p/toxics/t", r#"{"attributes":{"latency":300}}"#);
    stage.takes_at_least(b"later", Duration::from_millis(300));
    stage.remove();
    assert!(echoes(&mut stage.client, b"at once"));
}

#[test]
fn a_latency_of_zero_does_nothing_until_it_is_updated() {
    let mut stage = stage();
    stage.toxic("latency", "upstream", "{}");
    assert!(echoes(&mut stage.client, b"at once"));
    stage.api.json("PATCH /proxies/p/toxics/t", r#"{"attributes":{"latency":200}}"#);
    stage.takes_at_least(b"late", Duration::from_millis(200));
}

#[test]
fn a_kilobyte_of_bandwidth_has_a_thousand_bytes() {
    let mut stage = stage();
    stage.toxic("bandwidth", "downstream", r#"{"rate":100}"#);
    // 50 kB at 100 kB/s take half a second, less what may be saved up.
    stage.takes_at_least(&[7; 50_000], Duration::from_millis(450));
    assert!(wait(|| stage.bit()));
}

#[test]
fn a_bandwidth_of_zero_stalls_until_it_goes() {
    let mut stage = stage();
    stage.toxic("bandwidth", "downstream", "{}");
    stage.client.write_all(b"held").unwrap();
    stage.is_silent();
    stage.remove();
    let mut back = [0; 4];
    stage.client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"held");
}

#[test]
fn slow_close_passes_data_at_once_and_the_end_later() {
    let mut stage = stage();
    stage.toxic("slow_close", "downstream", r#"{"delay":300}"#);
    assert!(echoes(&mut stage.client, b"data"));
    let begin = now();
    stage.client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stage.client.read(&mut [0; 8]).unwrap(), 0);
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
}

#[test]
fn a_timeout_of_zero_swallows_for_ever_and_its_end_closes() {
    let mut stage = stage();
    stage.toxic("timeout", "downstream", "{}");
    stage.client.write_all(b"lost").unwrap();
    stage.is_silent();
    stage.remove();
    let end = stage.client.read(&mut [0; 8]);
    assert!(matches!(end, Ok(0)) || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
}

#[test]
fn limit_data_closes_after_so_many_bytes() {
    let mut stage = stage();
    stage.toxic("limit_data", "downstream", r#"{"bytes":5}"#);
    stage.client.write_all(b"more than five").unwrap();
    let mut back = Vec::new();
    let _ = stage.client.read_to_end(&mut back);
    assert_eq!(back, b"more ");
}

#[test]
fn slicer_cuts_into_pieces_and_loses_none() {
    let mut stage = stage();
    stage.toxic("slicer", "downstream", r#"{"average_size":100,"size_variation":20,"delay":1000}"#);
    let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    // About 50 pieces with a millisecond between two.
    stage.takes_at_least(&bytes, Duration::from_millis(25));
}

#[test]
fn a_noop_passes() {
    let mut stage = stage();
    stage.toxic("noop", "downstream", "{}");
    assert!(echoes(&mut stage.client, b"as if nothing were there"));
}

#[test]
fn a_toxicity_of_zero_spares_everybody() {
    let mut stage = stage();
    let body = r#"{"name":"t","type":"timeout","toxicity":0}"#;
    stage.api.json("POST /proxies/p/toxics", body);
    assert!(echoes(&mut stage.client, b"spared"));
}

#[test]
fn a_disabled_proxy_closes_its_connections_and_refuses_new_ones() {
    let mut stage = stage();
    let proxy = stage.client.peer_addr().unwrap();
    stage.api.json("POST /proxies/p", r#"{"enabled":false}"#);
    let end = stage.client.read(&mut [0; 8]);
    assert!(matches!(end, Ok(0)) || end.is_err(), "{end:?}");
    assert!(TcpStream::connect(proxy).is_err());
    stage.api.json("POST /proxies/p", r#"{"enabled":true}"#);
    assert!(echoes(&mut connect(proxy), b"again"));
}

#[test]
fn an_upstream_that_changes_is_where_new_connections_go() {
    let stage = stage();
    let proxy = stage.client.peer_addr().unwrap();
    stage.api.json("POST /proxies/p", r#"{"upstream":"127.0.0.1:1"}"#);
    assert!(!echoes(&mut connect(proxy), b"nobody there"));
    assert!(wait(|| stage.api.json("GET /v1/proxies/p", "")["counters"]["dial_failures"] == 1));
    stage.api.json("POST /proxies/p", &format!(r#"{{"upstream":"{}"}}"#, echo()));
    assert!(echoes(&mut connect(proxy), b"there"));
}

#[test]
fn an_upstream_is_a_name_that_is_looked_up_for_each_connection() {
    let api = Api::start();
    let port = echo().port();
    let proxy = api.proxy("p", &format!("localhost:{port}"));
    let lost = api.proxy("q", "no such name:1");
    assert!(!echoes(&mut connect(lost), b"x"));
    assert!(echoes(&mut connect(proxy), b"found"));
}

#[test]
fn a_partition_holds_bytes_back_and_loses_none() {
    let mut stage = stage();
    stage.api.json("POST /v1/partitions/cut", r#"{"between":["p"]}"#);
    stage.client.write_all(b"held").unwrap();
    stage.is_silent();
    assert_eq!(stage.api.ask("DELETE /v1/partitions/cut", "").status, 204);
    let mut back = [0; 4];
    stage.client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"held");
}

#[test]
fn connections_are_listed_while_they_live() {
    let stage = stage();
    let listed = stage.api.json("GET /v1/proxies/p/connections", "");
    assert_eq!((&listed["open"], &listed["connections"][0]["number"]), (&1.into(), &0.into()));
    assert_eq!(listed["connections"][0]["client"], stage.client.local_addr().unwrap().to_string());
    assert_eq!(listed["connections"][0]["up"], 7);
    drop(stage.client);
    let api = stage.api;
    assert!(wait(|| api.json("GET /v1/proxies/p/connections", "")["open"] == 0));
}
