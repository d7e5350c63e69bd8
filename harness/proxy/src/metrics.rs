//! `/metrics`: Prometheus' text format.
//!
//! Toxiproxy's two counters have its names and labels, and move while connections live. Ours add what each proxy, each
//! toxic and each connection did. Connections are capped at [`MOST_CONNECTIONS`], the newest; the others are one row.

mod text;

use crate::collection::Collection;
use crate::engine::{Connection, Counters, Engine, Plane};
use crate::entry::Entry;
use text::{Kind, Text};

/// A figure of this process.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The metric's name.
    pub name: &'static str,
    /// What it is, for people.
    pub help: &'static str,
    /// Whether it only grows.
    pub is_counter: bool,
    /// Its value.
    pub value: f64,
}

/// The most connections with rows of their own: the newest of all proxies. The rest is summed under `others`.
pub const MOST_CONNECTIONS: usize = 1_000;

/// The whole page.
pub(crate) fn write<E: Engine>(collection: &Collection<E>) -> String {
    let mut text = Text::default();
    let entries: Vec<&Entry<E::Proxy>> = collection.entries().collect();
    if collection.exposed.proxies {
        reference(&mut text, &entries);
        proxies(&mut text, &entries);
        toxics(&mut text, &entries);
        connections(&mut text, &entries);
        links(&mut text, collection);
    }
    for figure in collection.exposed.runtime.map(|figures| figures()).unwrap_or_default() {
        let kind = if figure.is_counter { Kind::Counter } else { Kind::Gauge };
        text.family(figure.name, kind, figure.help);
        text.row(figure.name, &[], figure.value);
    }
    text.done()
}

/// Toxiproxy's own.
fn reference<P: Plane>(text: &mut Text, entries: &[&Entry<P>]) {
    let received = "toxiproxy_proxy_received_bytes_total";
    text.family(received, Kind::Counter, "Bytes received, by the way they go");
    for entry in entries {
        let counters = entry.counters();
        both_ways(text, received, entry, [counters.up_received, counters.down_received]);
    }
    let sent = "toxiproxy_proxy_sent_bytes_total";
    text.family(sent, Kind::Counter, "Bytes handed on, by the way they go");
    for entry in entries {
        let counters = entry.counters();
        both_ways(text, sent, entry, [counters.up, counters.down]);
    }
}

fn both_ways<P: Plane>(text: &mut Text, name: &str, entry: &Entry<P>, bytes: [u64; 2]) {
    for (direction, bytes) in ["upstream", "downstream"].into_iter().zip(bytes) {
        let labels = [
            ("direction", direction),
            ("listener", entry.listen()),
            ("proxy", entry.name()),
            ("upstream", entry.upstream()),
        ];
        text.row(name, &labels, bytes as f64);
    }
}

fn proxies<P: Plane>(text: &mut Text, entries: &[&Entry<P>]) {
    type Read = fn(Counters) -> u64;
    let families: [(&str, Kind, &str, Read); 3] = [
        ("shakedown_proxy_connections_total", Kind::Counter, "Connections accepted", |it| it.accepted),
        ("shakedown_proxy_connections_open", Kind::Gauge, "Connections open now", |it| it.open),
        ("shakedown_proxy_dial_failures_total", Kind::Counter, "Connects to the target that failed", |it| {
            it.dial_failures
        }),
    ];
    text.family("shakedown_proxy_enabled", Kind::Gauge, "Whether the proxy listens");
    for entry in entries {
        text.row(
            "shakedown_proxy_enabled",
            &[("proxy", entry.name())],
            f64::from(u8::from(entry.is_enabled())),
        );
    }
    for (name, kind, help, read) in families {
        text.family(name, kind, help);
        for entry in entries {
            text.row(name, &[("proxy", entry.name())], read(entry.counters()) as f64);
        }
    }
}

fn toxics<P: Plane>(text: &mut Text, entries: &[&Entry<P>]) {
    let (bit, effects) = ("shakedown_proxy_toxic_bit", "shakedown_proxy_toxic_effects");
    text.family(bit, Kind::Gauge, "Whether it is proven that the toxic did what it says");
    let mut counted = Vec::new();
    for entry in entries {
        for held in entry.toxics() {
            let (bite, kind) = (entry.evidence(held), held.draft.kind());
            let labels =
                [("name", held.draft.name.as_str()), ("proxy", entry.name()), ("type", kind.as_str())];
            text.row(bit, &labels, f64::from(u8::from(bite.bit)));
            counted.push((labels.map(|(label, value)| (label, value.to_owned())), bite.effects));
        }
    }
    text.family(effects, Kind::Gauge, "What the toxic did since the proxy was started, by effect");
    for (labels, bites) in counted {
        for (effect, number) in bites {
            let [name, proxy, kind] = &labels;
            let labels = [("effect", effect), (name.0, &name.1), (proxy.0, &proxy.1), (kind.0, &kind.1)];
            text.row(effects, &labels, number as f64);
        }
    }
}

/// What links of other protocols count, and whether their faults bit.
fn links<E: Engine>(text: &mut Text, collection: &Collection<E>) {
    let (counters, bit) = ("shakedown_link_counters", "shakedown_link_fault_bit");
    text.family(counters, Kind::Gauge, "What the link counts, by counter; all but open only grow");
    for entry in collection.links() {
        for (counter, number) in entry.counters().all {
            let labels = [("counter", counter), ("kind", entry.kind_word()), ("link", entry.name())];
            text.row(counters, &labels, number as f64);
        }
    }
    text.family(bit, Kind::Gauge, "Whether it is proven that the fault did what it says");
    for entry in collection.links() {
        for held in entry.faults() {
            let did = entry.evidence(held).is_some_and(|evidence| evidence.bit);
            let protocol = held.fault.protocol().name();
            let labels = [("link", entry.name()), ("name", held.name.as_str()), ("protocol", protocol)];
            text.row(bit, &labels, f64::from(u8::from(did)));
        }
    }
}

fn connections<P: Plane>(text: &mut Text, entries: &[&Entry<P>]) {
    let of = |entry: &&Entry<P>| {
        let name = entry.name().to_owned();
        entry.connections().into_iter().map(move |connection| (name.clone(), connection))
    };
    let mut all: Vec<(String, Connection)> = entries.iter().flat_map(of).collect();
    all.sort_by_key(|(_, connection)| connection.age);
    let others = all.split_off(all.len().min(MOST_CONNECTIONS));
    let bytes = "shakedown_proxy_connection_bytes";
    text.family(
        bytes,
        Kind::Gauge,
        "Bytes handed on, by open connection: the 1,000 newest, and the others together",
    );
    for (proxy, connection) in &all {
        let (number, client) = (connection.number.to_string(), connection.client.to_string());
        let labels = |way| {
            [("client", client.as_str()), ("connection", &number), ("direction", way), ("proxy", proxy)]
        };
        text.row(bytes, &labels("upstream"), connection.up as f64);
        text.row(bytes, &labels("downstream"), connection.down as f64);
    }
    let sum = |read: fn(&Connection) -> u64| others.iter().map(|(_, it)| read(it) as f64).sum::<f64>();
    if !others.is_empty() {
        text.row(bytes, &[("connection", "others"), ("direction", "upstream")], sum(|it| it.up));
        text.row(bytes, &[("connection", "others"), ("direction", "downstream")], sum(|it| it.down));
    }
    let capped = "shakedown_proxy_connections_summed";
    text.family(capped, Kind::Gauge, "Open connections that have no row of their own");
    text.row(capped, &[], others.len() as f64);
}
