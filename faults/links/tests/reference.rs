//! The reference of experiments, as far as it is in the words of protocols: every entry can be meant, each comment is right
//! about what happens without its field, and no word that a protocol knows is missing.

#[path = "../../../scenarios/src/reference/frames.rs"]
mod frames;
#[path = "reference/told.rs"]
mod told;

use std::cell::RefCell;
use std::fmt::Debug;

use frames::frame;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shakedown_datagram_faults::dns::{DnsFault, ZoneDescription};
use shakedown_datagram_faults::udp::UdpFault;
use shakedown_http_faults::fault::HttpFault;
use shakedown_link_faults::Vocabulary;
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::problem::Problems;
use shakedown_scenarios::protocol::Protocol;
use shakedown_scenarios::read::read_with;
use shakedown_scenarios::reference::{Entry, groups};
use shakedown_scenarios::target::Link;
use shakedown_scenarios::words::{self, Spelling};
use shakedown_tls_faults::{TlsFault, TlsOptions};
use shakedown_websocket_faults::WebSocketFault;
use told::{Told, Words};

/// A word of JSON that an experiment writes in another way: `Http11Required`.
const SPELT_OTHERWISE: [&str; 1] = ["HTTP StreamCode: `http_1_1_required`"];

/// Entries whose words are understood on this floor.
fn entries() -> Vec<Entry> {
    let groups = groups().into_iter().filter(|group| ["links", "protocols"].contains(&group.name));
    groups.flat_map(|group| group.entries).collect()
}

/// Reads a form with the words of protocols, and with certificates where it takes some.
fn read(entry: &Entry, form: &str, set: &[(String, String)]) -> Result<Experiment, Problems> {
    let text = frame(entry.place, entry.name, form);
    read_with("entry.ron", &text, if text.contains("variables:") { set } else { &[] }, &Vocabulary)
}

fn certificate() -> [(String, String); 2] {
    let made = rcgen::generate_simple_self_signed(["shop.test".to_owned()]).expect("it is a name");
    [("certificate".to_owned(), made.cert.pem()), ("key".to_owned(), made.signing_key.serialize_pem())]
}

/// What an experiment's links and faults mean, in words that are the same where they mean the same.
fn meaning(experiment: &Experiment, words: &RefCell<Words>) -> String {
    let mut meaning = String::new();
    for link in experiment.links.values() {
        match link {
            Link::Tls(link) => meaning += &understood::<TlsOptions>("TLS", &link.options, words),
            Link::Http(link) => {
                let tls = link.options.get("tls");
                tls.into_iter().for_each(|tls| meaning += &understood::<TlsOptions>("TLS", tls, words));
            }
            Link::Dns(link) => meaning += &understood::<ZoneDescription>("DNS", &link.zone, words),
            Link::Tcp(_) | Link::Udp(_) => {}
        }
    }
    for fault in &experiment.faults {
        let Act::Protocol { protocol, fault, .. } = &fault.act else { continue };
        let understand = match protocol {
            Protocol::Http => understood::<HttpFault>,
            Protocol::WebSocket => understood::<WebSocketFault>,
            Protocol::Tls => understood::<TlsFault>,
            Protocol::Udp => understood::<UdpFault>,
            Protocol::Dns => understood::<DnsFault>,
        };
        meaning += &understand(protocol.name(), fault, words);
    }
    meaning
}

fn understood<T: DeserializeOwned + Debug>(of: &str, value: &Value, words: &RefCell<Words>) -> String {
    let told = T::deserialize(Told { of, value, words }).unwrap_or_else(|wrong| panic!("{value}: {wrong}"));
    let read = words::read::<T>(value, Spelling::Camel).unwrap_or_else(|wrong| panic!("{value}: {wrong}"));
    assert_eq!(format!("{told:?}"), format!("{read:?}"));
    format!("{read:?}\n")
}

#[test]
fn every_entry_can_be_meant_and_its_comments_are_right() {
    let (set, words) = (certificate(), RefCell::default());
    for entry in entries() {
        for form in entry.forms() {
            let place = format!("{} in {}:\n{form}", entry.name, entry.place);
            let whole = read(&entry, form, &set).unwrap_or_else(|problems| panic!("{place}\n{problems}"));
            let lines: Vec<&str> = form.lines().collect();
            for at in 0..lines.len() {
                let comment = lines[at].rsplit_once(" // ").map_or("", |(_, comment)| comment);
                if !lines[at].starts_with("    ") || lines[at].trim_start().starts_with("//") {
                    continue;
                }
                let rest = [&lines[..at], &lines[at + 1..]].concat().join("\n");
                match read(&entry, &rest, &set) {
                    Err(_) => assert!(comment.starts_with("needed"), "{place}\n{}", lines[at]),
                    Ok(rest) if comment.starts_with("default") => {
                        assert_eq!(meaning(&rest, &words), meaning(&whole, &words), "{place}\n{}", lines[at]);
                    }
                    Ok(_) => assert!(comment.starts_with("optional"), "{place}\n{}", lines[at]),
                }
            }
        }
    }
}

#[test]
fn whatever_a_protocol_knows_stands_in_the_reference() {
    let (set, words) = (certificate(), RefCell::<Words>::default());
    for entry in entries() {
        for form in entry.forms() {
            let experiment = read(&entry, form, &set).unwrap_or_else(|problems| panic!("{problems}"));
            let _ = meaning(&experiment, &words);
        }
    }
    let words = words.into_inner();
    let missing: Vec<String> =
        words.missing().filter(|word| !SPELT_OTHERWISE.contains(&word.as_str())).collect();
    assert!(missing.is_empty(), "missing in scenarios/src/reference:\n{}", missing.join("\n"));
    assert!(words.asked.len() > 60, "only {} structs and sets of words were told of", words.asked.len());
}
