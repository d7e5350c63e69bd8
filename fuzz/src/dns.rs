//! Queries, as the DNS responder answers them, with and without faults.

use shakedown_datagram_faults::dns::{
    DnsFault, DnsFaults, DnsHolding, Transport, What, Zone, ZoneDescription, respond,
};
use shakedown_scenarios::seed::Streams;
use simple_dns::{Packet, PacketFlag};

const ZONE: &str = r#"{
    "names": {"db.test": ["127.0.0.1", "::1"], "*.shop.test": ["127.0.0.4"]},
    "elsewhere": {"forward": "127.0.0.1:53"}
}"#;

const FAULTS: [&str; 4] = [
    r#"{"act": "random_address", "probability": "50%"}"#,
    r#"{"act": "ttl_zero", "name": "*.shop.test"}"#,
    r#"{"act": {"slow": {"delay": "1ms", "jitter": "1ms"}}, "every": 2}"#,
    r#"{"act": "nxdomain", "qtype": "aaaa", "probability": "50%"}"#,
];

/// The longest answer to a client that does not say what it takes, bytes (RFC 1035, 4.2.1).
const PLAIN_MOST: usize = 512;

/// Whatever is answered is an answer to this query, fits where it goes, can be read by another implementation, and is the
/// same from the same seed.
pub fn check(bytes: &[u8]) {
    let description: ZoneDescription = serde_json::from_str(ZONE).expect("it is written above");
    let zone = Zone::new(&description).expect("nothing is wrong with it");
    for transport in [Transport::Udp, Transport::Tcp] {
        for faults in [&[][..], &FAULTS] {
            let decide = || {
                let mut chance = Streams::new(7).stream("fuzz");
                respond(bytes, &zone, &mut holding(faults), &mut chance, transport)
            };
            let answer = decide();
            assert_eq!(answer, decide(), "the same seed answers otherwise");
            if let What::Reply(reply) = &answer.what {
                check_reply(bytes, reply, transport);
            }
        }
    }
}

fn holding(texts: &[&str]) -> DnsFaults {
    let holding = (1..).zip(texts).fold(DnsHolding::default(), |holding, (id, text)| {
        let fault: DnsFault = serde_json::from_str(text).expect("it is written above");
        holding.with(id, fault).expect("its number is free")
    });
    let mut faults = DnsFaults::default();
    faults.follow(&holding);
    faults
}

fn check_reply(query: &[u8], reply: &[u8], transport: Transport) {
    assert_eq!(reply[..2], query[..2], "it is the answer to another query");
    let most = if transport == Transport::Udp { usize::from(u16::MAX) } else { 1 << 16 };
    assert!(reply.len() <= most, "{} bytes", reply.len());
    let Ok(packet) = Packet::parse(reply) else {
        // The question goes back letter by letter, and the other implementation does not know all types and classes.
        return;
    };
    assert!(packet.has_flags(PacketFlag::RESPONSE));
    let asks_more = packet.opt().is_some();
    assert!(transport == Transport::Tcp || asks_more || reply.len() <= PLAIN_MOST, "{} bytes", reply.len());
}
