//! Writing an answer.

use std::net::IpAddr;

use super::query::{Edns, HEADER, Header, Query};

/// What an answer says of its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Code {
    /// It is answered.
    NoError = 0,
    /// It is malformed.
    FormErr = 1,
    /// The server has failed.
    ServFail = 2,
    /// The name does not exist.
    NxDomain = 3,
    /// Such queries are not answered.
    NotImp = 4,
    /// The server does not want to.
    Refused = 5,
    /// EDNS of that version is not spoken (RFC 6891, section 6.1.3).
    BadVersion = 16,
}

/// An address of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) address: IpAddr,
    pub(super) ttl: u32,
}

const ANSWER: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
const CUT: u16 = 0x0200;
/// A stub resolver wants to hear that it may leave the work to us.
const RECURSION_AVAILABLE: u16 = 0x0080;

/// A pointer to the question's name, right behind the header.
const QUESTION_NAME: u16 = 0xc000 | HEADER as u16;
const IN: u16 = 1;
const OPT: u16 = 41;

/// What we take over UDP, and tell so: it passes every network without being cut (the value of DNS Flag Day 2020).
pub(super) const PAYLOAD: u16 = 1_232;

/// What every client takes over UDP (RFC 1035, section 4.2.1).
const PLAIN_PAYLOAD: u16 = 512;

/// What a client takes over UDP, as long as we send so much.
pub(super) fn longest_over_udp(edns: Option<Edns>) -> usize {
    edns.map_or(PLAIN_PAYLOAD, |edns| edns.payload.clamp(PLAIN_PAYLOAD, PAYLOAD)).into()
}

/// An answer to a query that could not be read: its header and nothing else.
pub(super) fn to_header(header: Header, code: Code) -> Vec<u8> {
    let flags = ANSWER | header.repeated() | RECURSION_AVAILABLE | (code as u16 & 0xf);
    [header.id, flags, 0, 0, 0, 0].into_iter().flat_map(u16::to_be_bytes).collect()
}

/// An answer with these records, or without any and the word that it was cut if they are too long together.
pub(super) fn to_query(query: &Query<'_>, code: Code, records: &[Record], longest: usize) -> Vec<u8> {
    let whole = write(query, code, records, 0);
    if whole.len() <= longest { whole } else { cut(query) }
}

/// An answer without records that says that it was cut.
pub(super) fn cut(query: &Query<'_>) -> Vec<u8> {
    write(query, Code::NoError, &[], CUT)
}

fn write(query: &Query<'_>, code: Code, records: &[Record], cut: u16) -> Vec<u8> {
    let flags =
        ANSWER | query.header.repeated() | AUTHORITATIVE | RECURSION_AVAILABLE | cut | (code as u16 & 0xf);
    // A zone's names have few enough addresses.
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(HEADER + query.question.len() + 28 * records.len() + 11);
    for number in [query.header.id, flags, 1, count, 0, u16::from(query.edns.is_some())] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(query.question);
    for record in records.iter().take(count.into()) {
        put(&mut bytes, record);
    }
    if query.edns.is_some() {
        put_opt(&mut bytes, code);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, record: &Record) {
    let kind: u16 = if record.address.is_ipv4() { 1 } else { 28 };
    for number in [QUESTION_NAME, kind, IN] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(record.ttl.to_be_bytes());
    match record.address {
        IpAddr::V4(address) => {
            bytes.extend(4_u16.to_be_bytes());
            bytes.extend(address.octets());
        }
        IpAddr::V6(address) => {
            bytes.extend(16_u16.to_be_bytes());
            bytes.extend(address.octets());
        }
    }
}

/// The root, OPT, our payload, the upper bits of the code, version 0 and no options.
fn put_opt(bytes: &mut Vec<u8>, code: Code) {
    bytes.push(0);
    bytes.extend(OPT.to_be_bytes());
    bytes.extend(PAYLOAD.to_be_bytes());
    bytes.extend([(code as u16 >> 4) as u8, 0, 0, 0, 0, 0]);
}
