//! Whole experiments around the entries of the reference, so that tests can read them.

/// An experiment in which each entry has its place.
const WHOLE: &str = r#"Experiment(
    name: "whole",
    variables: {"certificate": "", "key": ""},
    targets: {
        "shop": Process(argv: ["./shop", "{port}"], exports: [Prometheus(metrics: ["queue_length"])]),
        "db": Process(argv: ["./db", "{port}"]),
    },
    links: {
        "clients-shop": Http(to: "shop"),
        "clients-web": Tcp(to: "shop"),
        "shop-db": Tcp(to: "db", from: "shop"),
        "secure": Http(to: "shop", tls: (terminate: ())),
        "datagrams": Udp(to: "db"),
        "names": Dns(names: {"db.test": ["127.0.0.1"]}),
    },
    workloads: {
        "browse": Http(to: Link("clients-shop"), arrivals: Poisson("100/s"), requests: [(get: "/")]),
        "registers": Operations(to: Target("db"), arrivals: Poisson("100/s"), model: Register),
    },
    phases: (chaos: "10m"),
    faults: [(name: "slow", at: "0s", hold: "1s", do: Latency(link: "shop-db", delay: "1ms"))],
    hypothesis: [Tcp(name: "healthy", target: "shop")],
    gates: [NoLeak(of: "shop")],
    guard: (allow: ["192.0.2.1:80"]),
    races: [],
    consistency: [],
)"#;

/// For each place what of it is replaced, and by what; `@` is the entry.
const FRAMES: &[(&str, &str, &str)] = &[
    ("Experiment phases", r#"(chaos: "10m")"#, "@"),
    ("Experiment guard", r#"(allow: ["192.0.2.1:80"])"#, "@"),
    ("Experiment races", "races: []", "races: [@]"),
    ("Experiment consistency", "consistency: []", "consistency: [@]"),
    (
        "Experiment faults",
        r#"[(name: "slow", at: "0s", hold: "1s", do: Latency(link: "shop-db", delay: "1ms"))]"#,
        "[@]",
    ),
    ("races engine", "races: []", r#"races: [(manifest: "Cargo.toml", engine: @)]"#),
    ("races build", "races: []", r#"races: [(manifest: "Cargo.toml", build: @)]"#),
    ("any field time", r#"(chaos: "10m")"#, r#"(warmup: @, chaos: "10m")"#),
    ("any field rate", r#""100/s"), requests"#, "@), requests"),
    ("any field share", "[NoLeak", r#"[ErrorRatio(of: "browse", below: @), NoLeak"#),
    ("any field size", "guard: (", "guard: (keep_available: @, "),
    ("any field bandwidth", "requests: [", "read_rate: @, requests: ["),
    ("workloads to", r#""browse": Http(to: Link("clients-shop")"#, r#""browse": Http(to: @"#),
    ("workloads tls", r#"to: Link("clients-shop")"#, r#"to: Link("secure"), tls: @"#),
    ("Http and Journey version", "requests: [", "version: @, requests: ["),
    ("Http and Journey data", "requests: [", "data: @, requests: ["),
    ("Http, Journey and Grpc auth", "requests: [", "auth: @, requests: ["),
    ("data order", "requests: [", r#"data: (file: "a.csv", columns: ["a"], order: @), requests: ["#),
    ("Operations model", "model: Register", "model: @"),
    ("arrivals", r#"arrivals: Poisson("100/s"), requests"#, "arrivals: @, requests"),
    ("Stages stages", r#"arrivals: Poisson("100/s"), requests"#, "arrivals: Stages(stages: [@]), requests"),
    (
        "Stages, Spikes, Sine and Daily spacing",
        r#"arrivals: Poisson("100/s"), requests"#,
        r#"arrivals: Sine(mean: "2/s", amplitude: "1/s", period: "1m", spacing: @), requests"#,
    ),
    (
        "Replay format",
        r#"arrivals: Poisson("100/s"), requests"#,
        r#"arrivals: Replay(file: "a.csv", format: @), requests"#,
    ),
    (
        "Closed think",
        r#"arrivals: Poisson("100/s"), requests"#,
        "arrivals: Closed(users: 1, think: @), requests",
    ),
    ("Http requests", r#"[(get: "/")]"#, "[@]"),
    ("requests and steps expect", r#"[(get: "/")]"#, r#"[(get: "/", expect: @)]"#),
    ("hypothesis", r#"hypothesis: [Tcp(name: "healthy", target: "shop")"#, "hypothesis: [@"),
    ("Http tolerance", "hypothesis: [", r#"hypothesis: [Http(target: "shop", tolerance: @), "#),
    ("Exec tolerance", "hypothesis: [", r#"hypothesis: [Exec(argv: ["true"], tolerance: @), "#),
    ("gates", "gates: [", "gates: [@, "),
    ("NoLeak resources", "gates: [", r#"gates: [NoLeak(of: "shop", resources: [@]), "#),
    ("gates over", "gates: [", r#"gates: [P95(of: "browse", below: "1s", over: @), "#),
    ("stop_if", "guard: (", "guard: (stop_if: [@], "),
    ("stop_on", "guard: (", "guard: (stop_on: [@], "),
];

/// Places in a target, and the target around each.
const TARGETS: &[(&str, &str)] = &[
    ("targets", "@"),
    ("Process port", r#"Process(argv: ["x", "{port}"], port: @)"#),
    ("Process ready", r#"Process(argv: ["x", "{port}"], ready: @)"#),
    ("Process restart", r#"Process(argv: ["x", "{port}"], restart: @)"#),
    ("exports", r#"Process(argv: ["x", "{port}"], exports: [@])"#),
    ("Json figures", r#"Process(argv: ["x", "{port}"], exports: [Json(path: "/", figures: [@])])"#),
    (
        "figures unit",
        r#"Process(argv: ["x", "{port}"], exports: [Json(path: "/", figures: [(name: "a", pointer: "/a", unit: @)])])"#,
    ),
];

/// Places in a link, and the link around each.
const LINKS: &[(&str, &str)] = &[
    ("links", "@"),
    ("Tls terminate", r#"Tls(to: "shop", terminate: @)"#),
    ("Tls originate", r#"Tls(to: "shop", originate: @)"#),
    ("originate trust", r#"Tls(to: "shop", originate: (trust: @))"#),
    ("Dns elsewhere", "Dns(names: {}, elsewhere: @)"),
];

/// Places in a workload, and the workload around each.
const LOADS: &[(&str, &str)] = &[
    ("workloads", "@"),
    ("Malformed protocol", r#"Malformed(to: Target("shop"), arrivals: Constant("1/s"), protocol: @)"#),
    ("Journey steps", r#"Journey(to: Link("clients-shop"), arrivals: Poisson("1/s"), steps: [@])"#),
    (
        "steps capture",
        r#"Journey(to: Link("clients-shop"), arrivals: Poisson("1/s"), steps: [(get: "/", capture: {"a": @})])"#,
    ),
    ("Tcp and Udp exchanges", r#"Tcp(to: Link("shop-db"), arrivals: Poisson("1/s"), exchanges: [@])"#),
    (
        "Redis protocol",
        r#"Redis(to: Link("shop-db"), arrivals: Poisson("1/s"), protocol: @, commands: [(get: "a")])"#,
    ),
    ("Redis commands", r#"Redis(to: Link("shop-db"), arrivals: Poisson("1/s"), commands: [@])"#),
    (
        "commands pipeline",
        r#"Redis(to: Link("shop-db"), arrivals: Poisson("1/s"), commands: [(pipeline: [@])])"#,
    ),
    (
        "commands expect",
        r#"Redis(to: Link("shop-db"), arrivals: Poisson("1/s"), commands: [(get: "a", expect: @)])"#,
    ),
    (
        "Postgres transactions",
        r#"Postgres(to: Link("shop-db"), arrivals: Poisson("1/s"), transactions: [@])"#,
    ),
    (
        "transactions transaction",
        r#"Postgres(to: Link("shop-db"), arrivals: Poisson("1/s"), transactions: [(transaction: [@])])"#,
    ),
    (
        "transactions expect",
        r#"Postgres(to: Link("shop-db"), arrivals: Poisson("1/s"), transactions: [(query: "SELECT 1", expect: @)])"#,
    ),
    (
        "transactions and Operations isolation",
        r#"Postgres(to: Link("shop-db"), arrivals: Poisson("1/s"), transactions: [(transaction: [(query: "SELECT 1")], isolation: @)])"#,
    ),
    ("WebSocket messages", r#"WebSocket(to: Link("clients-shop"), arrivals: Poisson("1/s"), messages: [@])"#),
    ("Grpc calls", r#"Grpc(to: Link("clients-shop"), arrivals: Poisson("1/s"), calls: [@])"#),
    (
        "calls expect",
        r#"Grpc(to: Link("clients-shop"), arrivals: Poisson("1/s"), calls: [(call: "a.B/C", expect: @)])"#,
    ),
    (
        "expect status",
        r#"Grpc(to: Link("clients-shop"), arrivals: Poisson("1/s"), calls: [(call: "a.B/C", expect: (status: @))])"#,
    ),
];

/// Places in what a fault does, and that around each.
const ACTS: &[(&str, &str)] = &[
    ("do", "@"),
    ("Partition way", r#"Partition(between: (["shop"], ["db"]), way: @)"#),
    ("toxics way", r#"DropEnd(link: "shop-db", way: @)"#),
    ("Latency distribution", r#"Latency(link: "shop-db", delay: "10ms", distribution: @)"#),
    ("Wave shape", r#"Wave(link: "shop-db", amplitude: "1s", period: "1s", shape: @)"#),
    ("Bandwidth per", r#"Bandwidth(link: "shop-db", rate: "1MB/s", per: @)"#),
    ("Blackhole mode", r#"Blackhole(link: "shop-db", mode: @)"#),
    ("LimitData and LimitTime then", r#"LimitData(link: "shop-db", bytes: "1KiB", then: @)"#),
    ("Reset side", r#"Reset(link: "shop-db", side: @)"#),
    ("Dial outcome", r#"Dial(link: "shop-db", delay: "1s", outcome: @)"#),
    ("Corrupt per", r#"Corrupt(link: "shop-db", probability: "1%", per: @)"#),
    ("Corrupt damage", r#"Corrupt(link: "shop-db", probability: "1%", damage: @)"#),
    ("HttpFault matches", r#"HttpFault(link: "clients-shop", act: KeepAliveClose, matches: @)"#),
    ("matches path", r#"HttpFault(link: "clients-shop", act: KeepAliveClose, matches: (path: @))"#),
    ("matches headers", r#"HttpFault(link: "clients-shop", act: KeepAliveClose, matches: (headers: [@]))"#),
    (
        "matches response_body",
        r#"HttpFault(link: "clients-shop", act: KeepAliveClose, matches: (response_body: @))"#,
    ),
    ("HttpFault act", r#"HttpFault(link: "clients-shop", act: @)"#),
    ("Abort how", r#"HttpFault(link: "clients-shop", act: Abort(how: @))"#),
    ("Abort code", r#"HttpFault(link: "clients-shop", act: Abort(code: @))"#),
    ("Header on", r#"HttpFault(link: "clients-shop", act: Header(name: "a", edit: Remove, on: @))"#),
    ("Header edit", r#"HttpFault(link: "clients-shop", act: Header(name: "a", edit: @))"#),
    ("TruncateBody end", r#"HttpFault(link: "clients-shop", act: TruncateBody(keep: "1B", end: @))"#),
    ("BadChunk kind", r#"HttpFault(link: "clients-shop", act: BadChunk(kind: @))"#),
    ("WebSocketFault act", r#"WebSocketFault(link: "clients-shop", act: @)"#),
    ("WebSocketFault act which", r#"WebSocketFault(link: "clients-shop", act: Drop(which: @))"#),
    ("which opcodes", r#"WebSocketFault(link: "clients-shop", act: Drop(which: (opcodes: [@])))"#),
    ("which direction", r#"WebSocketFault(link: "clients-shop", act: Drop(which: (direction: @)))"#),
    ("Close to", r#"WebSocketFault(link: "clients-shop", act: Close(code: 1000, to: @))"#),
    ("TlsFault act", r#"TlsFault(link: "secure", act: @)"#),
    ("Alert description", r#"TlsFault(link: "secure", act: Alert(description: @))"#),
    ("Reset at", r#"TlsFault(link: "secure", act: Reset(at: @))"#),
    ("UdpFault act", r#"UdpFault(link: "datagrams", act: @)"#),
    ("Delay distribution", r#"UdpFault(link: "datagrams", act: Delay(delay: "1s", distribution: @))"#),
    ("UdpFault act direction", r#"UdpFault(link: "datagrams", act: Blackhole(direction: @))"#),
    ("DnsFault act", r#"DnsFault(link: "names", act: @)"#),
    ("DnsFault qtype", r#"DnsFault(link: "names", act: Servfail, qtype: @)"#),
];

/// The experiment around a form of an entry that is called `name` and stands in `place`.
pub fn frame(place: &str, name: &str, form: &str) -> String {
    if place == "the file" {
        return form.to_owned();
    }
    // Where entries share a place that is no list of its own, the field's name tells what is around them.
    let field = format!("{place} {name}");
    let around = [field.as_str(), place].into_iter().find_map(|of| around(of, form));
    around.unwrap_or_else(|| panic!("there is no frame for `{name}` in `{place}`"))
}

fn around(of: &str, form: &str) -> Option<String> {
    // A comment reaches to the end of its line.
    let form = format!("{form}\n");
    let find = |table: &[(&str, &str)]| {
        table.iter().find(|(place, _)| *place == of).map(|(_, around)| around.replace('@', &form))
    };
    let before = |part: &str, text: String| WHOLE.replacen(part, &(text + part), 1);
    if let Some(target) = find(TARGETS) {
        return Some(before("\"db\": P", format!("\"here\": {target}, ")));
    }
    if let Some(link) = find(LINKS) {
        return Some(before("\"datagrams\"", format!("\"here\": {link}, ")));
    }
    if let Some(load) = find(LOADS) {
        return Some(before("\"browse\": H", format!("\"here\": {load}, ")));
    }
    if let Some(act) = find(ACTS) {
        let is_instant = ["Kill(", "Restart("].iter().any(|kind| act.starts_with(kind));
        let hold = if is_instant { "" } else { "hold: \"10s\", " };
        return Some(before("(name: \"slow\"", format!("(name: \"here\", at: \"2m\", {hold}do: {act}), ")));
    }
    let (_, part, around) = FRAMES.iter().find(|(place, ..)| *place == of)?;
    assert!(WHOLE.contains(part), "{part}");
    Some(WHOLE.replacen(part, &around.replace('@', &form), 1))
}
