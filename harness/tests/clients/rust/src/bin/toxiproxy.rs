//! Drives the fault proxy with the crate `toxiproxy_rust`.
//!
//! The client makes proxies by `/populate` alone. It has no toxics reset_peer and noop. It cannot change a toxic, remove
//! a single one, or change a proxy but to enable and disable it. It does not look at the status of an answer.

use std::env::args;

use toxiproxy_clients::{given, see};
use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::{Proxy, ProxyPack};

fn main() {
    let [api, upstream] = [1, 2].map(|at| args().nth(at).expect("expected: API UPSTREAM"));
    let client = Client::new(api.as_str());
    assert!(client.is_running());
    assert!(client.version().unwrap().contains("2.12."));

    let pack = |name: &str| ProxyPack::new(name.to_owned(), "127.0.0.1:0".to_owned(), upstream.clone());
    let proxy = client.populate(vec![pack("p")]).unwrap().remove(0);
    let listen = proxy.proxy_pack.listen.clone();
    assert!(!listen.ends_with(":0") && proxy.proxy_pack.enabled);
    see(&["clean", &listen]);

    toxics_come_and_go(&client, &proxy, &listen);

    proxy
        .with_down(|| {
            assert!(!client.find_proxy("p").unwrap().proxy_pack.enabled);
            see(&["down", &listen]);
        })
        .unwrap();
    assert!(client.find_proxy("p").unwrap().proxy_pack.enabled);
    see(&["clean", &listen]);

    proxy.with_timeout("downstream".to_owned(), 0, 1.0).disable().unwrap();
    client.reset().unwrap();
    let proxy = client.find_proxy("p").unwrap();
    assert!(proxy.proxy_pack.enabled && proxy.proxy_pack.toxics.is_empty());
    see(&["clean", &listen]);

    for made in client.populate(vec![pack("a"), pack("b")]).unwrap() {
        see(&["clean", &made.proxy_pack.listen]);
    }
    let all = client.all().unwrap();
    assert_eq!(all.len(), 3);
    all.values().for_each(|proxy| proxy.delete().unwrap());
    assert!(client.find_proxy("p").is_err());
    assert!(client.all().unwrap().is_empty());
}

fn toxics_come_and_go(client: &Client, proxy: &Proxy, listen: &str) {
    for stream in ["downstream", "upstream"] {
        let to = || stream.to_owned();
        let come_and_go = |with: &Proxy, kind: &str, attributes: &[(&str, u32)]| {
            has(with, kind, stream, attributes);
            see(&[kind, stream, listen]);
            with.delete_all_toxics().unwrap();
            assert!(with.toxics().unwrap().is_empty());
        };
        let latency = [("latency", given::LATENCY), ("jitter", 0)];
        come_and_go(proxy.with_latency(to(), given::LATENCY, 0, 1.0), "latency", &latency);
        let bandwidth = [("rate", given::RATE)];
        come_and_go(proxy.with_bandwidth(to(), given::RATE, 1.0), "bandwidth", &bandwidth);
        let slow_close = [("delay", given::CLOSE_DELAY)];
        come_and_go(proxy.with_slow_close(to(), given::CLOSE_DELAY, 1.0), "slow_close", &slow_close);
        let timeout = [("timeout", given::TIMEOUT)];
        come_and_go(proxy.with_timeout(to(), given::TIMEOUT, 1.0), "timeout", &timeout);
        let [average, variation, delay] = given::SLICER;
        let slicer = [("average_size", average), ("size_variation", variation), ("delay", delay)];
        come_and_go(proxy.with_slicer(to(), average, variation, delay, 1.0), "slicer", &slicer);
        let limit_data = [("bytes", given::LIMIT)];
        come_and_go(proxy.with_limit_data(to(), given::LIMIT, 1.0), "limit_data", &limit_data);
    }
    // `apply` takes off again what was put on for it.
    let both = proxy.with_latency("downstream".to_owned(), 1, 0, 0.25);
    both.with_bandwidth("upstream".to_owned(), 9, 0.5)
        .apply(|| {
            let toxics = client.find_proxy("p").unwrap().proxy_pack.toxics;
            let shares: Vec<_> = toxics.iter().map(|toxic| (toxic.name.as_str(), toxic.toxicity)).collect();
            assert_eq!(shares, [("bandwidth_upstream", 0.5), ("latency_downstream", 0.25)]);
        })
        .unwrap();
    proxy.with_timeout("upstream".to_owned(), 0, 1.0);
    client.find_and_reset_proxy("p").unwrap();
    see(&["clean", listen]);
}

#[track_caller]
fn has(proxy: &Proxy, kind: &str, stream: &str, attributes: &[(&str, u32)]) {
    let mut toxics = proxy.toxics().unwrap();
    let toxic = toxics.pop().expect("it was put on");
    assert!(toxics.is_empty(), "{toxics:?}");
    assert_eq!((toxic.r#type.as_str(), toxic.stream.as_str(), toxic.toxicity), (kind, stream, 1.0));
    assert_eq!(toxic.attributes.len(), attributes.len(), "{toxic:?}");
    for (name, value) in attributes {
        assert_eq!(toxic.attributes.get(*name), Some(value), "{toxic:?}");
    }
}
