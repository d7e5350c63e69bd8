//! From the bytes of a query to what is done about it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::Span;

use super::answer::{Answer, Slowness, What};
use super::fault::DnsAct;
use super::faults::{DnsFaults, Hit};
use super::query::{Query, Unreadable};
use super::reply::{self, Code, Record};
use super::zone::{Elsewhere, Found, Zone};

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As a datagram: an answer has to fit in one.
    Udp,
    /// Over a connection.
    Tcp,
}

const A: u16 = 1;
const AAAA: u16 = 28;
const IXFR: u16 = 251;
const AXFR: u16 = 252;
const ANY: u16 = 255;
const IN: u16 = 1;

/// Decides about a query: bytes in, what to do out. It never panics, whatever the bytes are, looks at none beyond them, and
/// takes no longer than their number and the number of faults say.
///
/// ```
/// use shakedown_datagram_faults::dns::{DnsFaults, Transport, What, Zone, ZoneDescription, respond};
/// use shakedown_scenarios::seed::Streams;
///
/// let description: ZoneDescription = serde_json::from_str(r#"{"names": {"db.test": ["127.0.0.1"]}}"#)?;
/// let zone = Zone::new(&description).expect("nothing is wrong with it");
/// let query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01";
/// let mut chance = Streams::new(42).stream("docs");
/// let answer = respond(query, &zone, &mut DnsFaults::default(), &mut chance, Transport::Udp);
/// let What::Reply(bytes) = answer.what else { panic!("{answer:?}") };
/// assert!(bytes.ends_with(&[127, 0, 0, 1]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn respond(
    query: &[u8],
    zone: &Zone,
    faults: &mut DnsFaults,
    chance: &mut Chance,
    transport: Transport,
) -> Answer {
    let query = match Query::read(query) {
        Ok(query) => query,
        Err(unreadable) => return Answer::at_once(unreadable.met_with()),
    };
    if let Some(code) = refusal(&query) {
        return Answer::at_once(What::Reply(reply::to_query(&query, code, &[], usize::MAX)));
    }
    let hits = faults.on(&query, transport, chance);
    let after = slowness(&hits, chance);
    let what = end(&query, &hits).unwrap_or_else(|| truth(&query, zone, &hits, chance, transport));
    Answer { what, after }
}

/// Why such a query is not answered, whatever it is for.
fn refusal(query: &Query<'_>) -> Option<Code> {
    if query.edns.is_some_and(|edns| edns.version > 0) {
        return Some(Code::BadVersion);
    }
    let is_transfer = matches!(query.qtype, AXFR | IXFR);
    let is_of_class = matches!(query.qclass, IN | ANY);
    (is_transfer || !is_of_class).then_some(Code::Refused)
}

/// How long the answer waits. Those that it is owed to count it when it is over.
fn slowness(hits: &[Hit], chance: &mut Chance) -> Vec<Slowness> {
    let mut after = Vec::new();
    for hit in hits {
        if let DnsAct::Slow { delay, jitter } = hit.act {
            hit.tally.hit();
            let drawn = chance.between(Span::ZERO, jitter.plus(jitter));
            after.push(Slowness { since: hit.since, time: delay.plus(drawn).minus(jitter) });
        }
    }
    after
}

/// What the first fault says that leaves nothing to be said.
fn end(query: &Query<'_>, hits: &[Hit]) -> Option<What> {
    let coded = |code| What::Reply(reply::to_query(query, code, &[], usize::MAX));
    hits.iter().find_map(|hit| {
        let what = match hit.act {
            DnsAct::Timeout => What::Silence,
            DnsAct::Nxdomain => coded(Code::NxDomain),
            DnsAct::Servfail => coded(Code::ServFail),
            DnsAct::Refused => coded(Code::Refused),
            DnsAct::Truncated => What::Reply(reply::cut(query)),
            _ => return None,
        };
        hit.tally.hit();
        Some(what)
    })
}

/// What the zone says, as far as the other faults let it.
fn truth(query: &Query<'_>, zone: &Zone, hits: &[Hit], chance: &mut Chance, transport: Transport) -> What {
    let longest = match transport {
        Transport::Udp => reply::longest_over_udp(query.edns),
        Transport::Tcp => usize::from(u16::MAX),
    };
    let coded = |code| What::Reply(reply::to_query(query, code, &[], longest));
    let mut records = match zone.find(&query.name) {
        Found::Nothing => Vec::new(),
        Found::Elsewhere(Elsewhere::Nxdomain) => return coded(Code::NxDomain),
        Found::Elsewhere(Elsewhere::Refused) => return coded(Code::Refused),
        Found::Elsewhere(Elsewhere::Forward(_)) => match made_up(query.qtype, hits) {
            Some(records) => records,
            None => return forwarded(hits),
        },
        Found::Records(found) => {
            let wanted = found.addresses.iter().filter(|address| is_wanted(query.qtype, address));
            wanted.map(|address| Record { address: *address, ttl: found.ttl }).collect()
        }
    };
    for hit in hits {
        if change(&mut records, query.qtype, &hit.act, chance) {
            hit.tally.hit();
        }
    }
    What::Reply(reply::to_query(query, Code::NoError, &records, longest))
}

fn is_wanted(qtype: u16, address: &IpAddr) -> bool {
    qtype == ANY || qtype == if address.is_ipv4() { A } else { AAAA }
}

/// Stands for the answer of another resolver where faults leave nothing of it: an address that they will change, whatever
/// it is.
fn made_up(qtype: u16, hits: &[Hit]) -> Option<Vec<Record>> {
    let changes = |act: &DnsAct| match act {
        DnsAct::WrongAddress { .. } | DnsAct::RandomAddress => matches!(qtype, A | AAAA),
        DnsAct::OnlyAaaa => qtype == A,
        _ => false,
    };
    let any = if qtype == A { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    hits.iter().any(|hit| changes(&hit.act)).then(|| vec![Record { address: any, ttl: 60 }])
}

fn forwarded(hits: &[Hit]) -> What {
    let zero = hits.iter().filter(|hit| hit.act == DnsAct::TtlZero);
    let ttl_zero = zero.map(|hit| hit.tally.hit()).count() > 0;
    What::Forward { ttl_zero }
}

/// Changes the records as an act says; whether anything changed.
fn change(records: &mut Vec<Record>, qtype: u16, act: &DnsAct, chance: &mut Chance) -> bool {
    let before = records.clone();
    match act {
        DnsAct::OnlyAaaa => records.retain(|record| record.address.is_ipv6()),
        DnsAct::TtlZero => records.iter_mut().for_each(|record| record.ttl = 0),
        DnsAct::RandomAddress => {
            records.iter_mut().for_each(|record| record.address = drawn(record.address, chance));
        }
        DnsAct::WrongAddress { addresses } => {
            if let Some(ttl) = records.first().map(|record| record.ttl) {
                let wrong = addresses.iter().filter(|address| is_wanted(qtype, address));
                *records = wrong.map(|address| Record { address: *address, ttl }).collect();
            }
        }
        _ => {}
    }
    *records != before
}

/// An address of the same kind that leads to nobody.
fn drawn(address: IpAddr, chance: &mut Chance) -> IpAddr {
    let random = chance.u64();
    match address {
        IpAddr::V4(_) => {
            let [one, other, ..] = random.to_be_bytes();
            IpAddr::from([198, 18 | (other & 1), one, (random & 0xff) as u8])
        }
        IpAddr::V6(_) => Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(random)).into(),
    }
}

// === impl Unreadable ===

impl Unreadable {
    fn met_with(self) -> What {
        match self {
            Self::Silence => What::Silence,
            Self::Malformed(header) => What::Reply(reply::to_header(header, Code::FormErr)),
            Self::NotQuery(header) => What::Reply(reply::to_header(header, Code::NotImp)),
        }
    }
}

#[cfg(test)]
mod tests;
