//! What can be told instead of the truth, as it is written down, and of which queries.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::{Ratio, Span};

use crate::injections::Problem;
use crate::udp::{MOST_WAIT, check_share, check_wait};

/// A fault on the answers of a DNS responder: what is done, and to which queries.
///
/// ```
/// use shakedown_datagram_faults::dns::DnsFault;
///
/// // Every third question for an address below `shop.test` gets SERVFAIL.
/// let fault: DnsFault =
///     serde_json::from_str(r#"{"act": "servfail", "name": "*.shop.test", "qtype": "a", "every": 3}"#)?;
/// assert!(fault.check().is_empty());
/// let slow: DnsFault = serde_json::from_str(r#"{"act": {"slow": {"delay": "2s"}}, "probability": "25%"}"#)?;
/// assert!(slow.check().is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsFault {
    /// What is done.
    pub act: DnsAct,
    /// Only to queries for names of this pattern (`*`: any run of characters, `?`: one); to all where nothing is said.
    #[serde(default = "all_names")]
    pub name: String,
    /// Only to queries of this type; to all where nothing is said.
    #[serde(default)]
    pub qtype: Option<QueryType>,
    /// Only to every so manieth of those; 1 where nothing is said.
    #[serde(default = "each")]
    pub every: u32,
    /// And to those only with this probability; 100 % where nothing is said.
    #[serde(default = "always")]
    pub probability: Ratio,
}

/// What is done to an answer.
///
/// Of several that hold, the first that ends a query decides how; those that only change it all act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DnsAct {
    /// The name does not exist.
    Nxdomain,
    /// The server has failed.
    Servfail,
    /// The server does not want to answer.
    Refused,
    /// There is no answer at all. Over TCP the connection stays.
    Timeout,
    /// The answer comes later.
    Slow {
        /// How much, up to one hour.
        delay: Span,
        /// Drawn evenly from -jitter to +jitter for each answer; a sum below zero is no delay.
        #[serde(default)]
        jitter: Span,
    },
    /// A name that has addresses has these instead, as far as they are of the kind that was asked for. Where nothing is said:
    /// 192.0.2.1 and 2001:db8::1, which are kept for documents (RFC 5737, RFC 3849).
    WrongAddress {
        /// The addresses, 1 to 16.
        #[serde(default = "for_documents")]
        addresses: Vec<IpAddr>,
    },
    /// A name that has addresses has as many others, drawn for each answer from the networks that are kept for
    /// benchmarks and documents (198.18.0.0/15, RFC 2544; 2001:db8::/32, RFC 3849): they lead to nobody.
    RandomAddress,
    /// Over UDP an answer is empty and says that it was cut; over TCP it is whole.
    Truncated,
    /// Answers may not be kept.
    TtlZero,
    /// Names have no IPv4 addresses.
    OnlyAaaa,
}

/// A type of query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Another name.
    Cname,
    /// How to reach a web server.
    Https,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
    /// The name of an address.
    Ptr,
    /// What is said of a zone.
    Soa,
    /// Where a service is.
    Srv,
    /// Text.
    Txt,
}

/// As many addresses as it may take to be wrong.
const MOST_WRONG: usize = 16;

/// A pattern longer than any name that prints plainly matches nothing.
const LONGEST_PATTERN: usize = 255;

// === impl DnsFault ===

impl DnsFault {
    /// This act on all queries.
    #[must_use]
    pub fn on_all(act: DnsAct) -> Self {
        Self { act, name: all_names(), qtype: None, every: each(), probability: always() }
    }

    /// Everything that cannot be meant; empty if all is well.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.act.check();
        problems.extend(check_share("probability", self.probability));
        if self.every == 0 {
            problems.push(Problem::new("every", "expected 1 (each) or more, found 0"));
        }
        if self.name.is_empty() || self.name.len() > LONGEST_PATTERN {
            let message = format!("expected 1 to {LONGEST_PATTERN} characters, found {}", self.name.len());
            problems.push(Problem::new("name", message));
        }
        problems
    }
}

// === impl DnsAct ===

impl DnsAct {
    fn check(&self) -> Vec<Problem> {
        match self {
            Self::Slow { delay, jitter } => {
                let none = delay.is_zero() && jitter.is_zero();
                let none = none.then(|| Problem::new("delay", "expected a delay or a jitter, found neither"));
                [check_wait("delay", *delay), check_wait("jitter", *jitter), none]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Self::WrongAddress { addresses } if !(1..=MOST_WRONG).contains(&addresses.len()) => {
                let message = format!("expected 1 to {MOST_WRONG} addresses, found {}", addresses.len());
                vec![Problem::new("addresses", message)]
            }
            _ => Vec::new(),
        }
    }
}

// === impl QueryType ===

impl QueryType {
    /// Its number (RFC 1035, RFC 2782, RFC 3596, RFC 9460).
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Ptr => 12,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Https => 65,
        }
    }
}

fn all_names() -> String {
    "*".to_owned()
}

const fn each() -> u32 {
    1
}

fn always() -> Ratio {
    Ratio::new(1.0).expect("one is a ratio")
}

fn for_documents() -> Vec<IpAddr> {
    vec![IpAddr::from([192, 0, 2, 1]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])]
}

const _: () =
    assert!(MOST_WAIT.as_nanos() == Span::secs(3_600).as_nanos(), "the documentation says one hour");

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DnsFault {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_act_has_its_word() {
        let acts = [
            (r#""nxdomain""#, DnsAct::Nxdomain),
            (r#""servfail""#, DnsAct::Servfail),
            (r#""refused""#, DnsAct::Refused),
            (r#""timeout""#, DnsAct::Timeout),
            (r#"{"slow": {"delay": "1s"}}"#, DnsAct::Slow { delay: Span::secs(1), jitter: Span::ZERO }),
            (r#"{"wrong_address": {}}"#, DnsAct::WrongAddress { addresses: for_documents() }),
            (r#""random_address""#, DnsAct::RandomAddress),
            (r#""truncated""#, DnsAct::Truncated),
            (r#""ttl_zero""#, DnsAct::TtlZero),
            (r#""only_aaaa""#, DnsAct::OnlyAaaa),
        ];
        for (text, act) in acts {
            let fault = read(&format!(r#"{{"act": {text}}}"#));
            assert_eq!(fault, DnsFault::on_all(act));
            assert_eq!(fault.check(), []);
            assert_eq!(read(&serde_json::to_string(&fault).unwrap()), fault);
        }
    }

    #[test]
    fn unknown_words_are_refused() {
        for text in [
            r#"{"act": "nx"}"#,
            r#"{"act": "timeout", "names": "*"}"#,
            r#"{"act": "timeout", "qtype": "A"}"#,
            r#"{"act": {"slow": {"delay": "1s", "jiter": "1s"}}}"#,
            r#"{"name": "*"}"#,
        ] {
            assert!(serde_json::from_str::<DnsFault>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let cases = [
            (r#"{"act": {"slow": {"delay": "2h", "jitter": "2h"}}, "every": 0}"#, "delay jitter every"),
            (r#"{"act": {"slow": {"delay": "0s"}}, "probability": "2"}"#, "delay probability"),
            (r#"{"act": {"wrong_address": {"addresses": []}}, "name": ""}"#, "addresses name"),
        ];
        for (text, expected) in cases {
            let fields: Vec<&str> = read(text).check().iter().map(|problem| problem.field).collect();
            assert_eq!(fields.join(" "), expected, "{text}");
        }
    }
}
