//! Whom a toxic hits: which way, which connections, from which byte on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::target::Way;
use crate::units::{Ratio, Size};

/// Whom a toxic hits. All that is said must hold together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Aim {
    /// Which way.
    pub way: Way,
    /// The share of connections, 0 to 1, drawn once for each: both ways of a connection are hit or neither.
    pub toxicity: Ratio,
    /// Only connections from these networks; empty: from anywhere.
    pub clients: Vec<Network>,
    /// Only every nth connection of the link, counted from its start: 1 is all of them.
    pub nth: u64,
    /// Only the first so many connections that begin while it holds; none: all, open ones too.
    pub first: Option<u64>,
    /// Only what comes after so many bytes of a way, counted from when it first meets the connection.
    pub after_bytes: Size,
}

/// A network in CIDR form: `127.0.0.0/8`, `::1`, `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a network such as `127.0.0.0/8`, `10.1.2.3` or `fd00::/8`, found `{found}`")]
pub struct NetworkError {
    /// The text.
    pub found: String,
}

// === impl Aim ===

impl Aim {
    /// All connections, these bytes.
    #[must_use]
    pub fn at(way: Way) -> Self {
        Self { way, ..Self::default() }
    }

    /// Whether every connection is meant, from its first byte on.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.toxicity.value() >= 1.0
            && self.clients.is_empty()
            && self.nth <= 1
            && self.first.is_none()
            && self.after_bytes.as_bytes() == 0
    }

    /// Whether a connection from this address is meant, as far as the address goes.
    #[must_use]
    pub fn hits_client(&self, client: IpAddr) -> bool {
        self.clients.is_empty() || self.clients.iter().any(|network| network.contains(client))
    }

    /// Whether a connection with this number is meant, the first one being 0.
    #[must_use]
    pub const fn hits_number(&self, number: u64) -> bool {
        self.nth <= 1 || (number + 1).is_multiple_of(self.nth)
    }
}

impl Default for Aim {
    fn default() -> Self {
        Self {
            way: Way::Both,
            toxicity: Ratio::new(1.0).unwrap_or_default(),
            clients: Vec::new(),
            nth: 1,
            first: None,
            after_bytes: Size::default(),
        }
    }
}

// === impl Network ===

impl Network {
    /// This machine, by its addresses of IPv4.
    pub const LOOPBACK: Self = Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), prefix: 8 };

    /// Whether an address is in it. An IPv4 address that came in the clothes of IPv6 is one of IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
            (own, other) => (bits(own) ^ bits(other)) & self.mask() == 0,
        }
    }

    /// The bits that count, with those of IPv4 at the end of IPv6's.
    fn mask(&self) -> u128 {
        let width: u32 = if self.address.is_ipv4() { 32 } else { 128 };
        let free = width - u32::from(self.prefix);
        u128::MAX.checked_shl(free).unwrap_or(0)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError { found: text.chars().take(60).collect() };
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(widest), |prefix| prefix.parse().map_err(|_| wrong()))?;
        if prefix > widest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, inside: &[&str], outside: &[&str]) {
        let network: Network = network.parse().unwrap();
        for (addresses, expected) in [(inside, true), (outside, false)] {
            for address in addresses {
                assert_eq!(network.contains(address.parse().unwrap()), expected, "{network} {address}");
            }
        }
    }

    #[test]
    fn a_network_holds_its_own_addresses() {
        check("127.0.0.0/8", &["127.0.0.1", "127.255.0.9", "::ffff:127.0.0.1"], &["128.0.0.1", "::1"]);
        check("10.1.2.3", &["10.1.2.3"], &["10.1.2.2"]);
        check("0.0.0.0/0", &["1.2.3.4"], &["::1"]);
        check("fd00::/8", &["fd12::1"], &["fe80::1", "127.0.0.1"]);
        check("::/0", &["::1"], &["127.0.0.1"]);
        check("::1", &["::1"], &["::2"]);
    }

    #[test]
    fn what_is_no_network_is_told() {
        for text in ["", "localhost", "127.0.0.1/33", "::1/129", "1.2.3.4/", "1.2.3.4/-1", "1.2.3"] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.to_string().contains(&format!("found `{text}`")), "{error}");
        }
    }

    #[test]
    fn every_nth_counts_from_one() {
        let aim = Aim { nth: 3, ..Aim::default() };
        let hit: Vec<u64> = (0..9).filter(|number| aim.hits_number(*number)).collect();
        assert_eq!(hit, [2, 5, 8]);
        assert!((0..9).all(|number| Aim::default().hits_number(number)));
    }
}
