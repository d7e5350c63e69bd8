//! Links and faults in the words of protocols, and partitions between groups: what is kept of them, and how they are told.

use serde_json::{Value, json};
use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::fault::{Act, GroupWay, Groups};
use shakedown_scenarios::protocol::{LinkKind, Protocol};
use shakedown_scenarios::read::read;
use shakedown_scenarios::target::Way;

const TEXT: &str = r#"Experiment(
    name: "protocols",
    variables: { "status": 503, "share": "10%" },
    targets: { "a": Process(argv: ["a", "{port}"]), "b": Process(argv: ["b", "{port}"]), "stats": Address("127.0.0.1:8125") },
    links: {
        "clients-a": Http(to: "a", from: "clients", tls: (terminate: (names: ["a.test"], alpn: ["h2"]), originate: None)),
        "a-b": Tls(to: "b", from: "a", originate: (trust: InsecureAnyCertificate)),
        "b-a": Tcp(to: "a", from: "b"),
        "b-stats": Udp(to: "stats", from: "b"),
        "names": Dns(names: {"a.test": ["127.0.0.1"]}, ttl: "5s", elsewhere: Forward("127.0.0.1:53")),
    },
    phases: (chaos: "1m"),
    faults: [
        (name: "answers", at: "0s", hold: "1s", do: HttpFault(
            link: "clients-a",
            matches: (methods: ["GET"], path: "/items/*", headers: [(name: "x-user")], share: "${share}", first: None),
            act: Answer(status: "${status}", headers: {"X-Why": "Because"}),
        )),
        (name: "header", at: "2s", hold: "1s", do: HttpFault(link: "clients-a", act: Header(name: "x", edit: Add("y")))),
        (name: "close", at: "4s", hold: "1s", do: HttpFault(link: "clients-a", act: KeepAliveClose)),
        (name: "frames", at: "6s", hold: "1s", do: WebSocketFault(link: "clients-a", act: PingLoss(pongs: false))),
        (name: "expired", at: "8s", hold: "1s", do: TlsFault(link: "clients-a", act: ExpiredCertificate())),
        (name: "lost", at: "10s", hold: "1s", do: UdpFault(link: "b-stats", act: BurstLoss(p: "1%", r: Some("50%")))),
        (name: "lies", at: "12s", hold: "1s", do: DnsFault(link: "names", act: Servfail, qtype: Aaaa, every: 3)),
        (name: "split", at: "14s", hold: "1s", do: Partition(between: (["a"], ["b", "clients"]), way: FirstToSecond)),
        (name: "cut", at: "16s", hold: "1s", do: Partition(link: "clients-a")),
    ],
    hypothesis: [Tcp(target: "a")],
)"#;

fn right() -> Experiment {
    read("right.ron", TEXT, &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn faults_are_kept_as_json_has_them() {
    let experiment = right();
    let kept = experiment.faults.iter().filter_map(|fault| match &fault.act {
        Act::Protocol { protocol, fault, .. } => Some((*protocol, fault.clone())),
        _ => None,
    });
    let answer = json!({"answer": {"status": "503", "headers": {"X-Why": "Because"}}});
    let matches =
        json!({"methods": ["GET"], "path": "/items/*", "headers": [{"name": "x-user"}], "share": "10%"});
    let expected: [(Protocol, Value); 7] = [
        (Protocol::Http, json!({"matches": matches, "act": answer})),
        (Protocol::Http, json!({"act": {"header": {"name": "x", "edit": {"add": "y"}}}})),
        (Protocol::Http, json!({"act": "keep_alive_close"})),
        (Protocol::WebSocket, json!({"ping_loss": {"pongs": false}})),
        (Protocol::Tls, json!({"expired_certificate": {}})),
        (Protocol::Udp, json!({"burst_loss": {"p": "1%", "r": "50%"}})),
        (Protocol::Dns, json!({"act": "servfail", "qtype": "aaaa", "every": 3})),
    ];
    assert_eq!(kept.collect::<Vec<_>>(), expected);
}

#[test]
fn links_know_what_they_speak_and_take() {
    let experiment = right();
    let told: Vec<_> = experiment
        .links
        .iter()
        .map(|(name, link)| {
            let takes = Protocol::ALL.into_iter().filter(|protocol| link.takes(*protocol));
            (name.as_str(), link.kind(), link.terminates_tls(), takes.collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        ("a-b", LinkKind::Tls, false, vec![]),
        ("b-a", LinkKind::Tcp, false, vec![]),
        ("b-stats", LinkKind::Udp, false, vec![Protocol::Udp]),
        ("clients-a", LinkKind::Http, true, vec![Protocol::Http, Protocol::WebSocket, Protocol::Tls]),
        ("names", LinkKind::Dns, false, vec![Protocol::Dns]),
    ];
    assert_eq!(told, expected);
    let zone =
        json!({"names": {"a.test": ["127.0.0.1"]}, "ttl": "5s", "elsewhere": {"forward": "127.0.0.1:53"}});
    assert_eq!(experiment.links["names"].options(), &zone);
    let tls = json!({"tls": {"terminate": {"names": ["a.test"], "alpn": ["h2"]}}});
    assert_eq!(experiment.links["clients-a"].options(), &tls);
}

#[test]
fn faults_are_told_as_an_experiment_writes_them() {
    let told: Vec<String> = right().faults.iter().map(|fault| fault.act.describe()).collect();
    let expected = [
        r#"HTTP Answer(headers: (X-Why: "Because"), status: "503"), matches: (headers: [(name: "x-user")], methods: ["GET"], path: "/items/*", share: "10%") on link clients-a"#,
        r#"HTTP Header(edit: (add: "y"), name: "x") on link clients-a"#,
        "HTTP KeepAliveClose on link clients-a",
        "WebSocket PingLoss(pongs: false) on link clients-a",
        "TLS ExpiredCertificate() on link clients-a",
        r#"UDP BurstLoss(p: "1%", r: "50%") on link b-stats"#,
        "DNS Servfail, qtype: Aaaa, every: 3 on link names",
        "partition between a and b, clients, first to second",
        "cut on link clients-a, both ways",
    ];
    assert_eq!(told, expected);
}

#[test]
fn groups_are_cut_where_links_lead_from_one_to_the_other() {
    let experiment = right();
    let check = |first: &[&str], second: &[&str], way, expected: &[(&str, Way)]| {
        let names = |group: &[&str]| group.iter().map(|name| (*name).to_owned()).collect();
        let groups = Groups { first: names(first), second: names(second) };
        let cuts = experiment.links_between(&groups, way);
        let cuts: Vec<(&str, Way)> = cuts.into_iter().map(|(link, way)| (link.as_str(), way)).collect();
        assert_eq!(cuts, expected, "{groups:?} {way:?}");
    };
    let (both, there, back) = (GroupWay::Both, GroupWay::FirstToSecond, GroupWay::SecondToFirst);
    check(&["a"], &["b"], both, &[("a-b", Way::Both), ("b-a", Way::Both)]);
    check(&["a"], &["b"], there, &[("a-b", Way::Upstream), ("b-a", Way::Downstream)]);
    check(&["a"], &["b"], back, &[("a-b", Way::Downstream), ("b-a", Way::Upstream)]);
    check(&["clients"], &["a", "stats"], there, &[("clients-a", Way::Upstream)]);
    check(&["stats"], &["b", "clients"], back, &[("b-stats", Way::Upstream)]);
    check(&["clients"], &["b"], both, &[]);
}
