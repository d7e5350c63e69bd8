//! Drives the fault proxy with the crate `noxious-client`.
//!
//! The client has no toxic reset_peer, and no call for the version. What it makes does not know the address it got:
//! that has to be asked for. It puts on a noop, and then cannot read it: it expects one without `attributes`, which
//! Toxiproxy always writes.

use std::env::args;

use noxious_client::error::{ApiErrorResponse, ClientError};
use noxious_client::{Client, Proxy, ProxyConfig, StreamDirection, Toxic, ToxicKind};
use toxiproxy_clients::{given, see};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let [api, upstream, other] = [1, 2, 3].map(|at| args().nth(at).expect("expected: API UPSTREAM OTHER"));
    let client = Client::new(&api);

    client.create_proxy("p", "127.0.0.1:0", &upstream).await.unwrap();
    let mut proxy = client.proxy("p").await.unwrap();
    let listen = proxy.config.listen.clone();
    assert!(!listen.ends_with(":0") && proxy.is_enabled());
    see(&["clean", &listen]);
    refused(client.create_proxy("p", "127.0.0.1:0", &upstream).await, 409, "proxy already exists");
    refused(client.proxy("q").await, 404, "proxy not found");
    assert_eq!(client.proxies().await.unwrap()["p"].config, proxy.config);

    toxics_come_and_go(&proxy, &listen).await;

    proxy.config.upstream = other;
    proxy.save().await.unwrap();
    see(&["shouting", &listen]);
    proxy.config.upstream = upstream.clone();
    proxy.save().await.unwrap();
    see(&["clean", &listen]);

    proxy.disable().await.unwrap();
    assert!(!client.proxy("p").await.unwrap().is_enabled());
    see(&["down", &listen]);
    proxy.enable().await.unwrap();
    assert!(client.proxy("p").await.unwrap().is_enabled());
    see(&["clean", &listen]);

    let timeout = toxic(ToxicKind::Timeout { timeout: 0 }, StreamDirection::Downstream);
    proxy.add_toxic(&timeout).await.unwrap();
    proxy.disable().await.unwrap();
    client.reset_state().await.unwrap();
    let proxy = client.proxy("p").await.unwrap();
    assert!(proxy.is_enabled() && proxy.toxics().await.unwrap().is_empty());
    see(&["clean", &listen]);

    let config = |name: &str| ProxyConfig {
        name: name.to_owned(),
        listen: "127.0.0.1:0".to_owned(),
        upstream: upstream.clone(),
        enabled: true,
        rand_seed: None,
    };
    for made in client.populate(&[config("a"), config("b")]).await.unwrap() {
        assert!(!made.config.listen.ends_with(":0"));
        see(&["clean", &made.config.listen]);
    }
    let all = client.proxies().await.unwrap();
    assert_eq!(all.len(), 3);
    for proxy in all.into_values() {
        proxy.delete().await.unwrap();
    }
    refused(client.proxy("p").await, 404, "proxy not found");
    assert!(client.proxies().await.unwrap().is_empty());
}

async fn toxics_come_and_go(proxy: &Proxy, listen: &str) {
    let [average_size, size_variation, delay] = given::SLICER.map(u64::from);
    let kinds = [
        ToxicKind::Latency { latency: given::LATENCY.into(), jitter: 0 },
        ToxicKind::Bandwidth { rate: given::RATE.into() },
        ToxicKind::SlowClose { delay: given::CLOSE_DELAY.into() },
        ToxicKind::Timeout { timeout: given::TIMEOUT.into() },
        ToxicKind::Slicer { average_size, size_variation, delay },
        ToxicKind::LimitData { bytes: given::LIMIT.into() },
    ];
    for direction in [StreamDirection::Downstream, StreamDirection::Upstream] {
        for kind in kinds {
            let toxic = toxic(kind, direction);
            same(&proxy.add_toxic(&toxic).await.unwrap(), &toxic);
            let listed = proxy.toxics().await.unwrap();
            assert_eq!(listed.len(), 1, "{listed:?}");
            same(&listed[0], &toxic);
            see(&[word(&kind), &direction.to_string(), listen]);
            if matches!(kind, ToxicKind::Latency { .. }) {
                let more = ToxicKind::Latency { latency: given::LATENCY_UPDATED.into(), jitter: 0 };
                let updated = proxy.update_toxic(&toxic.name, 1.0, more, direction).await.unwrap();
                same(&updated, &Toxic { kind: more, ..toxic.clone() });
                see(&["latency_updated", &direction.to_string(), listen]);
            }
            proxy.remove_toxic(&toxic.name).await.unwrap();
            refused(proxy.remove_toxic(&toxic.name).await, 404, "toxic not found");
        }
        let noop = toxic(ToxicKind::Noop, direction);
        unread(proxy.add_toxic(&noop).await);
        unread(proxy.toxics().await);
        see(&["noop", &direction.to_string(), listen]);
        proxy.remove_toxic(&noop.name).await.unwrap();
    }
    let rare = Toxic { toxicity: 0.25, ..toxic(kinds[0], StreamDirection::Upstream) };
    same(&proxy.add_toxic(&rare).await.unwrap(), &rare);
    refused(proxy.add_toxic(&rare).await, 409, "toxic already exists");
    let wrong = ToxicKind::Slicer { average_size: 0, size_variation: 0, delay: 0 };
    let wrong = proxy.add_toxic(&toxic(wrong, StreamDirection::Upstream)).await;
    assert!(matches!(&wrong, Err(ClientError::ApiError(error)) if error.status_code == 400), "{wrong:?}");
    proxy.remove_toxic(&rare.name).await.unwrap();
    see(&["clean", listen]);
}

fn toxic(kind: ToxicKind, direction: StreamDirection) -> Toxic {
    Toxic { kind, name: format!("{}_{direction}", word(&kind)), toxicity: 1.0, direction }
}

const fn word(kind: &ToxicKind) -> &'static str {
    match kind {
        ToxicKind::Noop => "noop",
        ToxicKind::Latency { .. } => "latency",
        ToxicKind::Timeout { .. } => "timeout",
        ToxicKind::Bandwidth { .. } => "bandwidth",
        ToxicKind::SlowClose { .. } => "slow_close",
        ToxicKind::Slicer { .. } => "slicer",
        ToxicKind::LimitData { .. } => "limit_data",
    }
}

/// The client itself takes two toxics of one name for the same.
#[track_caller]
fn same(found: &Toxic, expected: &Toxic) {
    let all = |toxic: &Toxic| (toxic.name.clone(), toxic.kind, toxic.toxicity, toxic.direction);
    assert_eq!(all(found), all(expected));
}

#[track_caller]
fn unread<T>(answer: Result<T, ClientError>) {
    let error = answer.err().expect("the client cannot read it");
    assert!(matches!(&error, ClientError::IoError(text) if text.contains("ToxicKind::Noop")), "{error}");
}

#[track_caller]
fn refused<T>(answer: Result<T, ClientError>, status_code: u16, message: &str) {
    let error = answer.err().expect("it was refused");
    assert_eq!(error, ClientError::ApiError(ApiErrorResponse { message: message.to_owned(), status_code }));
}
