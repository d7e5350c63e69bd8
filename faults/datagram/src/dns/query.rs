//! Reading a query: its header, its one question and what it says of EDNS.

use super::name::Name;
use super::walk;

/// A query that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query<'a> {
    pub(super) header: Header,
    pub(super) name: Name,
    pub(super) qtype: u16,
    pub(super) qclass: u16,
    /// The question as it came, to be sent back letter by letter: some resolvers tell by the case who answered.
    pub(super) question: &'a [u8],
    pub(super) edns: Option<Edns>,
}

/// What an answer takes over from a query's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    flags: u16,
}

/// EDNS (RFC 6891), as far as an answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edns {
    /// The longest answer over UDP that the client takes.
    pub(super) payload: u16,
    pub(super) version: u8,
}

/// Why a query cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not even a header, or it is an answer, and two who answer each other's answers never stop: silence.
    Silence,
    /// It is malformed: FORMERR, to the header alone.
    Malformed(Header),
    /// It is not a standard query: NOTIMP.
    NotQuery(Header),
}

/// RFC 1035, section 4.1.1.
pub(super) const HEADER: usize = 12;

const OPT: u16 = 41;

// === impl Query ===

impl<'a> Query<'a> {
    /// Reads a query. What follows its last record is left alone.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let header = Header::read(bytes).ok_or(Unreadable::Silence)?;
        if header.is_answer() {
            return Err(Unreadable::Silence);
        }
        if header.opcode() != 0 {
            return Err(Unreadable::NotQuery(header));
        }
        Self::read_body(header, bytes).ok_or(Unreadable::Malformed(header))
    }

    fn read_body(header: Header, bytes: &'a [u8]) -> Option<Self> {
        // More than one question was never given a meaning (RFC 9619).
        if walk::number(bytes, 4)? != 1 {
            return None;
        }
        let (name, len) = Name::read(bytes.get(HEADER..)?)?;
        let end = HEADER + len + 4;
        let question = bytes.get(HEADER..end)?;
        let (qtype, qclass) = (walk::number(bytes, end - 4)?, walk::number(bytes, end - 2)?);
        let edns = read_edns(bytes, end)?;
        Some(Self { header, name, qtype, qclass, question, edns })
    }
}

/// Walks over all records; `None` if one is malformed or there are two OPT (RFC 6891, section 6.1.1).
fn read_edns(bytes: &[u8], mut at: usize) -> Option<Option<Edns>> {
    let [answers, authority, additional] = [6, 8, 10].map(|place| walk::number(bytes, place));
    let before = u32::from(answers?) + u32::from(authority?);
    let mut edns = None;
    for count in 0..before + u32::from(additional?) {
        // Each takes at least eleven bytes, so the message's length bounds this walk.
        let record = walk::record(bytes, at)?;
        if record.kind == OPT {
            if edns.is_some() || count < before || !record.is_of_root {
                return None;
            }
            edns = Some(Edns { payload: record.class, version: *bytes.get(record.ttl + 1)? });
        }
        at = record.end;
    }
    Some(edns)
}

// === impl Header ===

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        Some(Self { id: walk::number(header, 0)?, flags: walk::number(header, 2)? })
    }

    pub(super) const fn is_answer(self) -> bool {
        self.flags & 0x8000 != 0
    }

    const fn opcode(self) -> u16 {
        self.flags >> 11 & 0xf
    }

    /// What an answer repeats: opcode, RD ("recursion desired") and CD ("checking disabled").
    pub(super) const fn repeated(self) -> u16 {
        self.flags & 0b0111_1001_0001_0000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use simple_dns::{CLASS, Packet, QCLASS, QTYPE, Question, TYPE};

    fn asked(name: &str) -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        let name = simple_dns::Name::new(name).unwrap();
        packet.questions.push(Question::new(name, QTYPE::TYPE(TYPE::AAAA), QCLASS::CLASS(CLASS::IN), false));
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn a_query_of_another_implementation_is_read() {
        let bytes = asked("Db.Test");
        let query = Query::read(&bytes).unwrap();
        assert_eq!((query.header.id, query.qtype, query.qclass, query.edns), (7, 28, 1, None));
        assert_eq!(query.name, "db.test".parse().unwrap());
        assert_eq!(query.question, b"\x02Db\x04Test\x00\x00\x1c\x00\x01");
    }

    #[test]
    fn edns_is_read_once_and_in_its_place() {
        let opt = b"\x00\x00\x29\x04\xd0\x00\x03\x00\x00\x00\x00";
        let with = |sections: [u8; 3], records: &[&[u8]]| {
            let mut bytes = asked("db.test");
            (bytes[7], bytes[9], bytes[11]) = (sections[0], sections[1], sections[2]);
            bytes.extend(records.concat());
            Query::read(&bytes).map(|query| query.edns).ok()
        };
        assert_eq!(with([0, 0, 1], &[opt]), Some(Some(Edns { payload: 1_232, version: 3 })));
        assert_eq!(with([0, 0, 2], &[opt, opt]), None);
        assert_eq!(with([1, 0, 0], &[opt]), None);
        assert_eq!(with([0, 0, 2], &[opt]), None);
        // Another record before it, whose name is a pointer.
        assert_eq!(
            with([0, 0, 2], &[b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00\x00\x02ab", opt])
                .flatten()
                .map(|edns| edns.version),
            Some(3)
        );
    }

    #[test]
    fn what_is_wrong_is_told_or_met_with_silence() {
        let right = asked("db.test");
        let header = Header::read(&right).unwrap();
        let changed = |at: usize, to: u8| {
            let mut bytes = right.clone();
            bytes[at] = to;
            let header = Header::read(&bytes).unwrap();
            (Query::read(&bytes).map(|_| ()), header)
        };
        assert_eq!(Query::read(&right[..11]).map(|_| ()), Err(Unreadable::Silence));
        assert_eq!(Query::read(&right[..12]).map(|_| ()), Err(Unreadable::Malformed(header)));
        assert_eq!(Query::read(&right[..right.len() - 1]).map(|_| ()), Err(Unreadable::Malformed(header)));
        assert_eq!(changed(2, 0x80).0, Err(Unreadable::Silence));
        let (found, header) = changed(2, 0x28);
        assert_eq!(found, Err(Unreadable::NotQuery(header)));
        for (at, to) in [(5, 0), (5, 2), (7, 1), (12, 0xc0), (12, 0x80), (12, 63)] {
            let (found, header) = changed(at, to);
            assert_eq!(found, Err(Unreadable::Malformed(header)), "{at} {to}");
        }
    }

    proptest! {
        /// No bytes make it panic, and what it reads lies within them.
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(query) = Query::read(&bytes) {
                prop_assert!(query.question.len() <= bytes.len() - HEADER);
            }
        }

        /// Nor do queries that are almost right.
        #[test]
        fn nearly_right_is_no_worse(at in 0usize..40, to: u8, cut in 0usize..40, tail in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut bytes = asked("db.example.test");
            bytes.extend(tail);
            let place = at % bytes.len();
            bytes[place] = to;
            bytes.truncate(bytes.len() - cut % bytes.len());
            let _ = Query::read(&bytes);
        }
    }
}
