//! What is true: names and their addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Span;

use super::name::Name;
use crate::injections::Problem;

/// A zone as it is written down.
///
/// ```
/// use shakedown_datagram_faults::dns::{Zone, ZoneDescription};
///
/// let description: ZoneDescription = serde_json::from_str(
///     r#"{"ttl": "30s", "names": {"db.test": ["127.0.0.1", "::1"], "*.shop.test": ["127.0.0.2"]}}"#,
/// )?;
/// let zone = Zone::new(&description).expect("nothing is wrong with it");
/// # let _ = zone;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneDescription {
    /// Names and their addresses, at most [`MOST_NAMES`] with at most [`MOST_ADDRESSES`] each; without any, a name exists
    /// and has none. `*.shop.test` stands for all names below `shop.test` that do not exist otherwise (RFC 4592).
    pub names: BTreeMap<String, Vec<IpAddr>>,
    /// How long answers may be kept, in whole seconds.
    #[serde(default = "a_minute")]
    pub ttl: Span,
    /// What becomes of all other names.
    #[serde(default)]
    pub elsewhere: Elsewhere,
}

/// What becomes of names that a zone does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// They do not exist.
    #[default]
    Nxdomain,
    /// They are not answered for.
    Refused,
    /// Another resolver is asked.
    Forward(SocketAddr),
}

/// A zone that can be answered from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Names with addresses, and the names above them, which exist and have none.
    nodes: BTreeMap<Name, Option<Records>>,
    elsewhere: Elsewhere,
}

/// What a name has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Its addresses, of both kinds.
    pub addresses: Vec<IpAddr>,
    /// Seconds that they may be kept.
    pub ttl: u32,
}

/// What a zone says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// It has this.
    Records(&'a Records),
    /// It exists only as a part of other names.
    Nothing,
    /// It is not in the zone.
    Elsewhere(Elsewhere),
}

/// At most so many names.
pub const MOST_NAMES: usize = 10_000;

/// At most so many addresses for a name: all of them fit in one answer over TCP.
pub const MOST_ADDRESSES: usize = 256;

/// RFC 2181, section 8.
const LONGEST_TTL: u64 = (1 << 31) - 1;

// === impl Zone ===

impl Zone {
    /// The zone of a description.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(description: &ZoneDescription) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut zone = Self { nodes: BTreeMap::new(), elsewhere: description.elsewhere };
        let seconds = description.ttl.as_nanos() / 1_000_000_000;
        if seconds > LONGEST_TTL {
            let message = format!("expected at most {LONGEST_TTL} seconds, found {}", description.ttl);
            problems.push(Problem::new("ttl", message));
        }
        if description.names.len() > MOST_NAMES {
            let message = format!("expected at most {MOST_NAMES} names, found {}", description.names.len());
            problems.push(Problem::new("names", message));
        }
        let ttl = u32::try_from(seconds).unwrap_or(u32::MAX);
        for (text, addresses) in description.names.iter().take(MOST_NAMES) {
            if let Err(problem) = zone.add(text, addresses, ttl) {
                problems.push(problem);
            }
        }
        if problems.is_empty() { Ok(zone) } else { Err(problems) }
    }

    fn add(&mut self, text: &str, addresses: &[IpAddr], ttl: u32) -> Result<(), Problem> {
        let name: Name = text.parse().map_err(|error| Problem::new("names", format!("{error}")))?;
        if addresses.len() > MOST_ADDRESSES {
            let found = addresses.len();
            let message = format!("expected at most {MOST_ADDRESSES} addresses for `{text}`, found {found}");
            return Err(Problem::new("names", message));
        }
        let records = Records { addresses: addresses.to_vec(), ttl };
        let mut above = Name::parent(name.wire()).map(<[u8]>::to_vec);
        while let Some((parent, _)) = above.as_deref().and_then(Name::read) {
            above = Name::parent(parent.wire()).map(<[u8]>::to_vec);
            self.nodes.entry(parent).or_insert(None);
        }
        match self.nodes.insert(name, Some(records)) {
            Some(Some(_)) => Err(Problem::new(
                "names",
                format!("`{text}` is there twice: the case of letters does not matter"),
            )),
            _ => Ok(()),
        }
    }

    /// What it says of a name.
    #[must_use]
    pub fn find(&self, name: &Name) -> Found<'_> {
        match self.nodes.get(name) {
            Some(Some(records)) => return Found::Records(records),
            // Where others are asked or nobody is, a part of a name of ours is none of ours.
            Some(None) if self.elsewhere == Elsewhere::Nxdomain => return Found::Nothing,
            Some(None) => return Found::Elsewhere(self.elsewhere),
            None => {}
        }
        match self.wildcard(name) {
            Some(records) => Found::Records(records),
            None => Found::Elsewhere(self.elsewhere),
        }
    }

    /// What the wildcard says that stands right below the closest name above that exists; no other counts.
    fn wildcard(&self, name: &Name) -> Option<&Records> {
        let mut above = Name::parent(name.wire())?;
        while !self.nodes.contains_key(above) {
            above = Name::parent(above)?;
        }
        let star = [b"\x01*", above].concat();
        self.nodes.get(&star[..])?.as_ref()
    }

    /// Who is asked for names that it does not have.
    #[must_use]
    pub const fn forwards_to(&self) -> Option<SocketAddr> {
        match self.elsewhere {
            Elsewhere::Forward(address) => Some(address),
            Elsewhere::Nxdomain | Elsewhere::Refused => None,
        }
    }
}

const fn a_minute() -> Span {
    Span::secs(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(names: &[(&str, &[&str])], elsewhere: Elsewhere) -> ZoneDescription {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let names = names.iter().map(|(name, texts)| ((*name).to_owned(), addresses(texts))).collect();
        ZoneDescription { names, ttl: Span::secs(60), elsewhere }
    }

    fn found(zone: &Zone, name: &str) -> String {
        match zone.find(&name.parse().unwrap()) {
            Found::Records(records) => {
                records.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            Found::Nothing => "nothing".to_owned(),
            Found::Elsewhere(_) => "elsewhere".to_owned(),
        }
    }

    #[test]
    fn the_closest_name_decides_about_a_wildcard() {
        let names: [(&str, &[&str]); 4] = [
            ("Db.Test", &["127.0.0.1", "::1"]),
            ("*.test", &["127.0.0.9"]),
            ("deep.down.below.test", &["127.0.0.2"]),
            ("empty.test", &[]),
        ];
        let zone = Zone::new(&described(&names, Elsewhere::Nxdomain)).unwrap();
        let cases = [
            ("db.test", "127.0.0.1 ::1"),
            ("other.test", "127.0.0.9"),
            ("a.b.other.test", "127.0.0.9"),
            ("deep.down.below.test", "127.0.0.2"),
            ("down.below.test", "nothing"),
            // `below.test` exists, and has no wildcard of its own.
            ("x.below.test", "elsewhere"),
            ("x.db.test", "elsewhere"),
            ("empty.test", ""),
            ("test", "nothing"),
            ("elsewhere.example", "elsewhere"),
        ];
        for (name, expected) in cases {
            assert_eq!(found(&zone, name), expected, "{name}");
        }
        let forwarding = Zone::new(&described(&names, Elsewhere::Refused)).unwrap();
        assert_eq!(found(&forwarding, "down.below.test"), "elsewhere");
    }

    #[test]
    fn a_star_alone_is_everything_else() {
        let zone =
            Zone::new(&described(&[("*", &["127.0.0.9"]), ("a.test", &[])], Elsewhere::Refused)).unwrap();
        assert_eq!(found(&zone, "b.example"), "127.0.0.9");
        assert_eq!(found(&zone, "b.a.test"), "elsewhere");
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let mut description =
            described(&[("a..b", &[]), ("DB.test", &[]), ("db.test", &[])], Elsewhere::Refused);
        description.ttl = Span::nanos(u64::MAX);
        description.names.insert("many.test".to_owned(), vec![IpAddr::from([127, 0, 0, 1]); 257]);
        let problems = Zone::new(&description).unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["ttl", "names", "names", "names"], "{problems:?}");
    }

    #[test]
    fn it_is_written_in_snake_case_and_nothing_unknown_is_taken() {
        let text = r#"{"names": {"db.test": ["127.0.0.1"]}, "elsewhere": {"forward": "127.0.0.1:53"}}"#;
        let description: ZoneDescription = serde_json::from_str(text).unwrap();
        let zone = Zone::new(&description).unwrap();
        assert_eq!(zone.forwards_to(), Some(SocketAddr::from(([127, 0, 0, 1], 53))));
        for wrong in [r#"{"names": {}, "tll": "1s"}"#, r#"{"names": {}, "elsewhere": "nowhere"}"#, "{}"] {
            assert!(serde_json::from_str::<ZoneDescription>(wrong).is_err(), "{wrong}");
        }
    }
}
