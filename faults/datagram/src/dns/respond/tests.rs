use super::*;
use crate::dns::fault::{DnsFault, QueryType};
use crate::dns::faults::DnsHolding;
use crate::dns::zone::ZoneDescription;
use proptest::prelude::*;
use shakedown_scenarios::seed::Streams;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE};

const ZONE: &str = r#"{
    "ttl": "30s",
    "names": {
        "db.test": ["127.0.0.1", "127.0.0.2", "::1"],
        "old.test": ["127.0.0.3"],
        "*.shop.test": ["127.0.0.4"]
    },
    "elsewhere": "nxdomain"
}"#;

fn zone() -> Zone {
    Zone::new(&serde_json::from_str::<ZoneDescription>(ZONE).unwrap()).unwrap()
}

fn forwarding() -> Zone {
    let text = ZONE.replace(r#""nxdomain""#, r#"{"forward": "127.0.0.1:53"}"#);
    Zone::new(&serde_json::from_str::<ZoneDescription>(&text).unwrap()).unwrap()
}

fn asked(name: &str, qtype: QTYPE) -> Vec<u8> {
    let mut packet = Packet::new_query(7);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = simple_dns::Name::new(name).unwrap();
    packet.questions.push(Question::new(name, qtype, QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().unwrap()
}

fn a(name: &str) -> Vec<u8> {
    asked(name, QTYPE::TYPE(TYPE::A))
}

fn aaaa(name: &str) -> Vec<u8> {
    asked(name, QTYPE::TYPE(TYPE::AAAA))
}

fn under(faults: &[&str]) -> DnsFaults {
    let holding = faults.iter().zip(1..).fold(DnsHolding::default(), |holding, (text, id)| {
        let fault: DnsFault = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(fault.check(), []);
        holding.with(id, fault).unwrap()
    });
    let mut faults = DnsFaults::default();
    faults.follow(&holding);
    faults
}

fn decided(query: &[u8], faults: &mut DnsFaults) -> Answer {
    respond(query, &zone(), faults, &mut Streams::new(1).stream("dns"), Transport::Udp)
}

/// What another implementation reads in an answer: `NoError 127.0.0.1/30 …`.
fn told(what: &What) -> String {
    let bytes = match what {
        What::Silence => return "silence".to_owned(),
        What::Forward { ttl_zero } => return format!("forward {ttl_zero}"),
        What::Reply(bytes) => bytes,
    };
    let packet = Packet::parse(bytes).unwrap();
    assert!(packet.id() == 7 && packet.has_flags(PacketFlag::RESPONSE));
    let mut text = format!("{:?}", packet.rcode());
    if packet.has_flags(PacketFlag::TRUNCATION) {
        text += " cut";
    }
    for record in &packet.answers {
        let address = match &record.rdata {
            RData::A(record) => IpAddr::from(Ipv4Addr::from(record.address)),
            RData::AAAA(record) => IpAddr::from(Ipv6Addr::from(record.address)),
            other => panic!("{other:?}"),
        };
        assert_eq!(record.name, packet.questions[0].qname);
        text += &format!(" {address}/{}", record.ttl);
    }
    text
}

fn truth_of(query: &[u8]) -> String {
    told(&decided(query, &mut DnsFaults::default()).what)
}

#[test]
fn the_truth_is_told() {
    let cases = [
        (a("db.test"), "NoError 127.0.0.1/30 127.0.0.2/30"),
        (aaaa("db.test"), "NoError ::1/30"),
        (asked("db.test", QTYPE::ANY), "NoError 127.0.0.1/30 127.0.0.2/30 ::1/30"),
        (aaaa("old.test"), "NoError"),
        (asked("db.test", QTYPE::TYPE(TYPE::MX)), "NoError"),
        (a("any.shop.test"), "NoError 127.0.0.4/30"),
        (a("shop.test"), "NoError"),
        (a("nobody.test"), "NameError"),
        (asked("db.test", QTYPE::AXFR), "Refused"),
    ];
    for (query, expected) in cases {
        assert_eq!(truth_of(&query), expected);
    }
}

#[test]
fn the_question_comes_back_letter_by_letter() {
    let query = a("dB.TeSt");
    let What::Reply(bytes) = decided(&query, &mut DnsFaults::default()).what else { panic!() };
    assert_eq!(bytes[12..query.len()], query[12..]);
    // QR, AA and RA; RD as it was asked.
    assert_eq!(bytes[2..4], [0b1000_0101, 0b1000_0000]);
}

#[test]
fn what_cannot_be_read_is_told_so_or_met_with_silence() {
    let header = |rcode: u8| [0, 7, 0x81, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0].to_vec();
    let right = a("db.test");
    let changed = |at: usize, to: u8| {
        let mut bytes = right.clone();
        bytes[at] = to;
        decided(&bytes, &mut DnsFaults::default()).what
    };
    assert_eq!(changed(12, 0xc0), What::Reply(header(1)));
    assert_eq!(changed(5, 2), What::Reply(header(1)));
    assert_eq!(changed(2, 0x81), What::Silence);
    let What::Reply(notify) = changed(2, 0x21) else { panic!() };
    assert_eq!((notify.len(), notify[2], notify[3] & 0xf), (12, 0xa1, 4));
    assert_eq!(decided(&right[..5], &mut DnsFaults::default()).what, What::Silence);
    assert_eq!(told(&changed(right.len() - 1, 3)), "Refused");
}

#[test]
fn edns_is_answered_with_edns_and_a_later_version_is_refused() {
    let with_opt = |version: u8| {
        let mut query = a("db.test");
        query[11] = 1;
        query.extend([0, 0, 41, 0x10, 0, 0, version, 0, 0, 0, 0]);
        let What::Reply(bytes) = decided(&query, &mut DnsFaults::default()).what else { panic!() };
        bytes
    };
    let right = with_opt(0);
    let packet = Packet::parse(&right).unwrap();
    assert_eq!((packet.answers.len(), packet.opt().map(|opt| opt.udp_packet_size)), (2, Some(1_232)));
    let later = with_opt(1);
    // The code's upper bits stand first of all where others have their TTL (RFC 6891, section 6.1.3), then our version.
    assert!(later.ends_with(&[0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0]) && later[3] & 0xf == 0);
    assert_eq!(later[6..8], [0, 0]);
}

#[test]
fn what_does_not_fit_in_a_datagram_is_cut_and_whole_over_a_connection() {
    let many: Vec<String> = (0..100).map(|last| format!("127.1.1.{last}")).collect();
    let text = serde_json::json!({ "names": { "many.test": many } });
    let zone = Zone::new(&serde_json::from_value::<ZoneDescription>(text).unwrap()).unwrap();
    let ask = |transport, payload: Option<u16>| {
        let mut query = a("many.test");
        if let Some(payload) = payload {
            query[11] = 1;
            let [high, low] = payload.to_be_bytes();
            query.extend([0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
        }
        let mut chance = Streams::new(1).stream("dns");
        let answer = respond(&query, &zone, &mut DnsFaults::default(), &mut chance, transport);
        let told = told(&answer.what);
        (told.contains("cut"), told.matches("127.1.1.").count())
    };
    assert_eq!(ask(Transport::Udp, None), (true, 0));
    // Nothing longer than what passes everywhere is sent, whatever the client takes.
    assert_eq!(ask(Transport::Udp, Some(4_096)), (true, 0));
    assert_eq!(ask(Transport::Tcp, None), (false, 100));
}

#[test]
fn each_act_shows_in_the_answer() {
    let cases = [
        (r#"{"act": "nxdomain"}"#, a("db.test"), "NameError"),
        (r#"{"act": "servfail"}"#, a("db.test"), "ServerFailure"),
        (r#"{"act": "refused"}"#, a("db.test"), "Refused"),
        (r#"{"act": "timeout"}"#, a("db.test"), "silence"),
        (r#"{"act": "truncated"}"#, a("db.test"), "NoError cut"),
        (r#"{"act": "ttl_zero"}"#, a("db.test"), "NoError 127.0.0.1/0 127.0.0.2/0"),
        (r#"{"act": "only_aaaa"}"#, a("db.test"), "NoError"),
        (r#"{"act": "only_aaaa"}"#, aaaa("db.test"), "NoError ::1/30"),
        (r#"{"act": {"wrong_address": {}}}"#, a("db.test"), "NoError 192.0.2.1/30"),
        (r#"{"act": {"wrong_address": {}}}"#, aaaa("db.test"), "NoError 2001:db8::1/30"),
        (r#"{"act": {"wrong_address": {"addresses": ["127.9.9.9"]}}}"#, a("db.test"), "NoError 127.9.9.9/30"),
        (r#"{"act": {"wrong_address": {}}}"#, a("nobody.test"), "NameError"),
        (r#"{"act": "nxdomain", "name": "*.shop.test"}"#, a("db.test"), "NoError 127.0.0.1/30 127.0.0.2/30"),
        (r#"{"act": "nxdomain", "name": "*.shop.test"}"#, a("a.shop.test"), "NameError"),
        (r#"{"act": "nxdomain", "qtype": "aaaa"}"#, a("old.test"), "NoError 127.0.0.3/30"),
        (r#"{"act": "nxdomain", "probability": "0"}"#, a("old.test"), "NoError 127.0.0.3/30"),
    ];
    for (fault, query, expected) in cases {
        assert_eq!(told(&decided(&query, &mut under(&[fault])).what), expected, "{fault}");
    }
}

#[test]
fn a_cut_answer_is_whole_over_a_connection() {
    let mut faults = under(&[r#"{"act": "truncated"}"#]);
    let mut chance = Streams::new(1).stream("dns");
    let answer = respond(&a("old.test"), &zone(), &mut faults, &mut chance, Transport::Tcp);
    assert_eq!(told(&answer.what), "NoError 127.0.0.3/30");
}

#[test]
fn faults_that_change_an_answer_all_act_and_the_first_that_ends_it_decides() {
    let mut faults = under(&[r#"{"act": "ttl_zero"}"#, r#"{"act": {"wrong_address": {}}}"#]);
    assert_eq!(told(&decided(&a("old.test"), &mut faults).what), "NoError 192.0.2.1/0");
    let mut faults =
        under(&[r#"{"act": {"slow": {"delay": "5ms"}}}"#, r#"{"act": "servfail"}"#, r#"{"act": "timeout"}"#]);
    let answer = decided(&a("old.test"), &mut faults);
    assert_eq!(told(&answer.what), "ServerFailure");
    assert_eq!(answer.after, [Slowness { since: 1, time: Span::millis(5) }]);
}

#[test]
fn random_addresses_lead_to_nobody() {
    let mut faults = under(&[r#"{"act": "random_address"}"#]);
    let mut chance = Streams::new(1).stream("dns");
    let mut seen = std::collections::BTreeSet::new();
    for query in [a("db.test"), aaaa("db.test")].iter().cycle().take(100) {
        let answer = respond(query, &zone(), &mut faults, &mut chance, Transport::Udp);
        let told = told(&answer.what);
        for address in told.split(' ').skip(1) {
            let kept = ["198.18.", "198.19.", "2001:db8:"].iter().any(|net| address.starts_with(net));
            assert!(kept, "{address}");
            seen.insert(address.to_owned());
        }
    }
    assert!(seen.len() > 140, "{}", seen.len());
}

#[test]
fn every_third_means_the_third_and_the_sixth() {
    let mut faults = under(&[r#"{"act": "servfail", "every": 3, "name": "db.test"}"#]);
    let mut chance = Streams::new(1).stream("dns");
    let mut failed = |name: &str| {
        let answer = respond(&a(name), &zone(), &mut faults, &mut chance, Transport::Udp);
        told(&answer.what) == "ServerFailure"
    };
    let turns: Vec<bool> = (0..6).map(|_| failed("db.test")).collect();
    assert_eq!(turns, [false, false, true, false, false, true]);
    // Others do not count.
    assert!((0..5).all(|_| !failed("old.test")));
}

#[test]
fn what_is_not_in_the_zone_is_forwarded_unless_nothing_would_be_left_of_it() {
    let ask = |fault: &[&str], query: &[u8]| {
        let mut chance = Streams::new(1).stream("dns");
        told(&respond(query, &forwarding(), &mut under(fault), &mut chance, Transport::Udp).what)
    };
    let (name, wrong) = ("example.com", r#"{"act": {"wrong_address": {}}}"#);
    assert_eq!(ask(&[], &a(name)), "forward false");
    assert_eq!(ask(&[r#"{"act": "ttl_zero"}"#], &a(name)), "forward true");
    assert_eq!(ask(&[r#"{"act": "servfail"}"#], &a(name)), "ServerFailure");
    assert_eq!(ask(&[wrong], &a(name)), "NoError 192.0.2.1/60");
    assert_eq!(ask(&[wrong], &asked(name, QTYPE::TYPE(TYPE::MX))), "forward false");
    assert_eq!(ask(&[r#"{"act": "only_aaaa"}"#], &a(name)), "NoError");
    assert_eq!(ask(&[r#"{"act": "only_aaaa"}"#], &aaaa(name)), "forward false");
    assert_eq!(ask(&[], &a("old.test")), "NoError 127.0.0.3/30");
}

#[test]
fn evidence_counts_what_was_changed_and_not_what_was_asked() {
    let fault: DnsFault = serde_json::from_str(r#"{"act": {"wrong_address": {}}, "qtype": "a"}"#).unwrap();
    assert_eq!(fault.qtype, Some(QueryType::A));
    let holding = DnsHolding::default().with(1, fault.clone()).unwrap();
    let mut faults = DnsFaults::default();
    faults.follow(&holding);
    let evidence = || holding.rules()[0].tally.evidence(fault.clone());
    let _ = decided(&a("nobody.test"), &mut faults);
    let _ = decided(&aaaa("db.test"), &mut faults);
    assert!(!evidence().bit() && evidence().matched == 1);
    let _ = decided(&a("db.test"), &mut faults);
    assert!(evidence().bit());
    assert_eq!(evidence().to_string(), "1 of 2 queries that it is for were hit");
}

#[test]
fn safety_13_the_same_seed_and_order_give_the_same_answers_for_ever() {
    let mut faults = under(&[
        r#"{"act": "servfail", "probability": "20%"}"#,
        r#"{"act": "timeout", "probability": "20%", "every": 2}"#,
        r#"{"act": {"slow": {"delay": "5ms", "jitter": "5ms"}}, "probability": "50%"}"#,
        r#"{"act": "random_address", "probability": "50%"}"#,
    ]);
    let mut chance = Streams::new(42).stream("dns");
    let mut digest = crc32fast::Hasher::new();
    for query in [a("db.test"), aaaa("db.test"), a("x.shop.test"), a("no")].iter().cycle().take(2_000) {
        let answer = respond(query, &zone(), &mut faults, &mut chance, Transport::Udp);
        match &answer.what {
            What::Reply(bytes) => digest.update(bytes),
            other => digest.update(told(other).as_bytes()),
        }
        for slowness in answer.after {
            digest.update(&slowness.time.as_nanos().to_be_bytes());
        }
    }
    assert_eq!(digest.finalize(), DIGEST);
}

const DIGEST: u32 = 2_178_340_643;

proptest! {
    /// Whatever comes, nothing panics, and what goes out is an answer with the same number that fits.
    #[test]
    fn whatever_comes_what_goes_is_an_answer(
        bytes in prop::collection::vec(any::<u8>(), 0..700),
        tcp: bool,
    ) {
        let mut faults = under(&[r#"{"act": "random_address", "probability": "50%"}"#, r#"{"act": "ttl_zero"}"#]);
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let answer = respond(&bytes, &zone(), &mut faults, &mut Streams::new(1).stream("dns"), transport);
        if let What::Reply(reply) = answer.what {
            prop_assert!(reply.len() >= 12 && reply[..2] == bytes[..2] && reply[2] & 0x80 != 0);
            prop_assert!(tcp || reply.len() <= 1_232);
        }
    }

    /// The same of queries that are nearly right, which reach the code behind the reader.
    #[test]
    fn nearly_right_queries_are_met_as_well(
        label in "[a-zA-Z0-9_-]{1,63}", at in 0usize..100, to: u8, edns in prop::option::of(any::<[u8; 8]>()),
    ) {
        let mut bytes = a(&format!("{label}.shop.test"));
        if let Some(rest) = edns {
            bytes[11] = 1;
            bytes.extend([0, 0, 41]);
            bytes.extend(rest);
        }
        let place = at % bytes.len();
        bytes[place] = to;
        let answer = respond(&bytes, &forwarding(), &mut DnsFaults::default(), &mut Streams::new(1).stream("dns"), Transport::Udp);
        if let What::Reply(reply) = answer.what {
            prop_assert!(reply.len() >= 12 && reply.len() <= 1_232 && reply[..2] == bytes[..2]);
        }
    }
}
