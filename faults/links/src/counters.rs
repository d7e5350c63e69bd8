//! What passed through a link, in the same few numbers whatever it speaks, and in all that it counts.

use shakedown_datagram_faults::dns::DnsCounters;
use shakedown_datagram_faults::udp::{HURRIED, UdpCounters, UdpLimits};
use shakedown_http_faults::proxy::HttpCounters;
use shakedown_tls_faults::TlsCounters;

/// What passed through a link, cumulative but for `open`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that were accepted; of UDP sessions; of DNS queries that came.
    pub accepted: u64,
    /// Connections or sessions that are open now.
    pub open: u64,
    /// Bytes from clients to the server, where they are counted: not by HTTP and DNS.
    pub up: u64,
    /// Bytes from the server to clients, where they are counted.
    pub down: u64,
    /// All that is counted, by names that are the same for all links of a kind.
    pub all: Vec<(&'static str, u64)>,
}

// === impl Counters ===

impl Counters {
    /// For whom a link of UDP had no room, in words behind its name; nothing where there was room, or for other links.
    #[must_use]
    pub fn crowding(&self) -> Option<String> {
        let (_, hurried) = self.all.iter().find(|(name, count)| *name == "hurried" && *count > 0)?;
        let most = UdpLimits::default().sessions;
        Some(format!(
            "keeps {most} clients at a time and gave {hurried} up for others within {HURRIED} of their last datagram: \
             what was answered to these later is lost"
        ))
    }
}

impl From<HttpCounters> for Counters {
    fn from(from: HttpCounters) -> Self {
        let all = vec![
            ("accepted", from.accepted),
            ("open", from.open),
            ("requests", from.requests),
            ("refused", from.refused),
            ("upstream_failures", from.upstream_failures),
            ("tunnels", from.tunnels),
        ];
        Self { accepted: from.accepted, open: from.open, up: 0, down: 0, all }
    }
}

impl From<TlsCounters> for Counters {
    fn from(from: TlsCounters) -> Self {
        let all = vec![
            ("accepted", from.accepted),
            ("open", from.open),
            ("handshakes", from.handshakes),
            ("handshake_failures", from.handshake_failures),
            ("dial_failures", from.dial_failures),
            ("bytes_up", from.up),
            ("bytes_down", from.down),
            ("truncated", from.truncated),
        ];
        Self { accepted: from.accepted, open: from.open, up: from.up, down: from.down, all }
    }
}

impl From<UdpCounters> for Counters {
    fn from(from: UdpCounters) -> Self {
        let all = vec![
            ("sessions", from.sessions),
            ("open", from.open),
            ("expired", from.expired),
            ("evicted", from.evicted),
            ("hurried", from.hurried),
            ("refused", from.refused),
            ("datagrams_up", from.up.came),
            ("bytes_up", from.up.bytes_came),
            ("datagrams_down", from.down.came),
            ("bytes_down", from.down.bytes_came),
            ("overflowed", from.overflowed),
            ("unsendable", from.unsendable),
            ("left_behind", from.left_behind),
            ("unreachable", from.unreachable),
        ];
        Self {
            accepted: from.sessions,
            open: from.open,
            up: from.up.bytes_came,
            down: from.down.bytes_came,
            all,
        }
    }
}

impl From<DnsCounters> for Counters {
    fn from(from: DnsCounters) -> Self {
        let queries = from.datagrams + from.streamed;
        let all = vec![
            ("queries", queries),
            ("open", from.open),
            ("answered", from.answered),
            ("silent", from.silent),
            ("forwarded", from.forwarded),
            ("forward_failures", from.forward_failures),
            ("overflowed", from.overflowed),
            ("unsendable", from.unsendable),
            ("connections", from.connections),
            ("turned_away", from.turned_away),
            ("given_up", from.given_up),
        ];
        Self { accepted: queries, open: from.open, up: 0, down: 0, all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_tells_for_whom_it_had_no_room() {
        let of =
            |evicted, hurried| Counters::from(UdpCounters { evicted, hurried, ..UdpCounters::default() });
        assert_eq!(of(9, 0).crowding(), None, "those had their time");
        let told = of(9, 2).crowding().unwrap();
        assert!(
            told.starts_with("keeps 1024 clients at a time and gave 2 up for others within 1s of"),
            "{told}"
        );
        assert_eq!(Counters::from(HttpCounters::default()).crowding(), None);
    }
}
