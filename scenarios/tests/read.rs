//! What right experiments mean: every form a file may use, what it has without being written, and variables.

use std::collections::BTreeMap;

use shakedown_scenarios::experiment::{Experiment, Phase};
use shakedown_scenarios::export::{Export, Figure, FigureUnit, Form};
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::gate::{Gate, LeakResource, Quantile, Resource, Window};
use shakedown_scenarios::guard::StopRule;
use shakedown_scenarios::plan::{Plan, plan};
use shakedown_scenarios::probe::Ask;
use shakedown_scenarios::read::read;
use shakedown_scenarios::target::{Amount, Link, Port, Process, Readiness, Restart, Target, Way};
use shakedown_scenarios::toxic::{Aim, Toxic};
use shakedown_scenarios::units::{Rate, Ratio, Size, Span};
use shakedown_scenarios::workload::postgres::{Isolation, SqlExpect, SqlStatement};
use shakedown_scenarios::workload::redis::{RedisCommand, RedisExpect, Resp};
use shakedown_scenarios::workload::websocket::{Sending, WebSocketMessage};
use shakedown_scenarios::workload::{Arrivals, Destination, HttpAuth, Spacing, Stage, Workload};

fn right(text: &str) -> Experiment {
    read("right.ron", text, &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn process<'e>(experiment: &'e Experiment, name: &str) -> &'e Process {
    match &experiment.targets[name] {
        Target::Process(process) => process,
        other => panic!("{other:?}"),
    }
}

/// Everything that a file can say.
const EVERYTHING: &str = r##"
#![enable(implicit_some)]
Experiment(
    name: "everything",
    about: "Every form there is.",
    variables: { "rate": "500/s", "port": 8080, "share": 0.5 },
    targets: {
        "db": Process(argv: ["redis-server", "--port", "{port}", "--save", ""]),
        "shop": Process(
            argv: ["./shop", "--listen", "127.0.0.1:{port}", "--db", "{link:shop-db}", "{{literal}}", "$$HOME"],
            env: {"PEER": "{target:db}", "PORTS": "{link-port:shop-db},{target-port:db}"},
            dir: ".",
            files: {"conf/shop.conf": r#"server { listen {port}; ${rate} {unknown} }"#},
            port: "${port}",
            ready: Http("/healthz"),
            ready_within: "20s",
            restart: OnExit(from: "100ms", to: "3s"),
            grace: "1s",
        ),
        "worker": Process(argv: ["{shakedown}", "demo"], ready: Exec(["test", "-f", "{dir}/ready"]), restart: OnExit),
        "cron": Process(argv: ["cron"], ready: Started, restart: Never, port: Auto),
        "old": Pid(pid: 4711, address: "127.0.0.1:81"),
        "silent": Pid(pid: 4712),
        "far": Address("10.0.0.1:80"),
    },
    links: { "clients-shop": Tcp(to: "shop", listen: 8000), "shop-db": Tcp(to: "db", listen: Auto) },
    workloads: {
        "browse": Http(
            to: Link("clients-shop"), arrivals: Poisson("${rate}"), timeout: "2s", connections: 8,
            auth: Basic(user: "app", password_env: "SHOP_PASSWORD"),
            requests: [
                (get: "/items/{n}", expect: (status: 200, body: "ok", headers: {"X": "y"}, matches: "a+", json: {"/a/0": 3, "/b": "c"}, at_least: "1B", at_most: "1KiB", within: "1s"), weight: 3, keys: 50, headers: {"Accept": "text/html", "X-B": "2"}),
                (post: "/x", body: "…"), (put: "/x"), (delete: "/x"), (head: "/x"),
                (method: "PATCH", path: "/y"),
            ],
        ),
        "steps": Http(
            to: Target("old"), requests: [(get: "/")],
            arrivals: Stages(spacing: Even, stages: [(rate: "1/s", over: "0s"), (rate: "100/s", over: "10s")]),
        ),
        "cache": Tcp(
            to: Link("shop-db"), arrivals: Constant("30/min"),
            exchanges: [(send: "PING\r\n", expect: "+PONG\r\n", until: "\r\n", weight: 2, keys: 9), (send: "QUIT\r\n", expect: "+")],
        ),
        "bank": Postgres(
            to: Link("shop-db"), arrivals: Constant("30/min"), user: "app", password_env: "DB_PASSWORD",
            transactions: [
                (query: "SELECT $1", with: ["{n}"], expect: Value("{n}"), weight: 2, keys: 7),
                (transaction: [(query: "UPDATE a", expect: Rows(1)), (query: "UPDATE b")], isolation: Serializable),
                (transaction: [(query: "SELECT 1")]),
            ],
        ),
        "chat": WebSocket(
            to: Link("shop-db"), arrivals: Constant("30/min"), sockets: 7, path: "/chat", headers: {"X": "y"},
            messages: [(send: "a {n}", expect: "b {n}", weight: 3, keys: 4), (ping: "x"), (send: "quiet")],
        ),
        "redis": Redis(
            to: Link("shop-db"), arrivals: Constant("30/min"), protocol: Resp3, user: "app", password_env: "DB_PASSWORD",
            commands: [
                (get: "k:{n}", weight: 6, keys: 10), (set: ("k:{n}", "v"), lasting: "2s"), (incr: "hits", expect: Any),
                (command: ["LPUSH", "x", "{n}"], expect: Whole),
                (pipeline: [(get: "a", expect: Found), (get: "b", expect: NilOr("{n}")), (command: ["X"], expect: Error("ERR"))]),
            ],
        ),
    },
    phases: (warmup: "1s", baseline: "2s", chaos: "4m", recovery: "3s"),
    faults: [
        (name: "slow db", at: "10s", hold: "5s", every: "1m", repeat: 2, jitter: "1s",
            do: Latency(link: "shop-db", delay: "100ms", jitter: "20ms", way: Upstream)),
        (name: "lost", at: "20s", hold: "1s", do: Blackhole(link: "shop-db", way: Downstream)),
        (name: "cut", at: "22s", hold: "1s", do: Partition(link: "shop-db")),
        (name: "reset", at: "24s", hold: "1s", do: Reset(link: "shop-db")),
        (name: "refuse", at: "26s", hold: "1s", do: Refuse(link: "shop-db")),
        (name: "thin", at: "28s", hold: "1s", do: Bandwidth(link: "shop-db", rate: "1MB/s", way: Both)),
        (name: "crash", at: "1m", do: Kill(target: "shop")),
        (name: "frozen", at: "2m", hold: "1s", do: Stop(target: "old")),
        (name: "again", at: "2m", do: Restart(target: "db")),
        (name: "busy", at: "3m", hold: "1s", do: CpuPressure(workers: 2, load: "80%")),
        (name: "full", at: "3m", hold: "5s", do: MemoryPressure(size: "256MiB", ramp: "2s")),
        (name: "fuller", at: "190s", hold: "5s", do: MemoryPressure(share: 0.25)),
    ],
    hypothesis: [
        Http(name: "healthy", target: "shop", path: "/healthz", every: "500ms", timeout: "250ms", tolerance: Status(204)),
        Http(link: "clients-shop", path: "/", tolerance: Body("welcome")),
        Http(target: "shop", path: "/", tolerance: (status: 201, body: "made")),
        Tcp(target: "db"),
        Tcp(target: "db"),
        Exec(argv: ["redis-cli", "-p", "{target-port:db}"], tolerance: Stdout("PONG")),
        Exec(argv: ["false"], tolerance: Exit(1)),
    ],
    gates: [
        P50(of: "browse", below: "5ms"), P95(of: "browse", below: "500ms", over: Baseline),
        P99(of: "browse", below: "1s", over: Chaos), P999(of: "browse", below: "2s", over: Recovery),
        Max(of: "browse", below: "3s", over: Fault("slow db")),
        ErrorRatio(of: "browse", below: "1%", over: Between("3s", "1m")),
        Throughput(of: "cache", above: "20/min", over: Run),
        Rss(of: "shop", below: "200MiB"), Pss(of: "shop", below: "1GB"), Anonymous(of: "old", below: "100MiB"),
        Fds(of: "shop", below: 100), Sockets(of: "shop", below: 50), Threads(of: "shop", below: 9, over: Warmup), Cpu(of: "shop", below: 1.5),
        RecoveryTime(below: "10s"), NoLeak(of: "shop"), NoLeak(of: "old", resources: [Fds, Memory]),
    ],
    guard: (
        stop_if: [
            ErrorRatio(of: "browse", above: "90%", for: "30s"), ProbeFails(probe: "healthy", for: "10s"),
            AvailableMemory(below: "500MiB"), Rss(of: "shop", above: "1GiB"),
        ],
        allow: ["10.0.0.1:80"], max_faults_at_once: 3, keep_available: Some("1GiB"),
    ),
)
"##;

#[test]
fn targets_and_links_mean_what_they_say() {
    let experiment = right(EVERYTHING);
    let shop = process(&experiment, "shop");
    assert_eq!(shop.argv[5..], ["{{literal}}", "$HOME"]);
    assert_eq!(shop.files["conf/shop.conf"], "server { listen {port}; 500/s {unknown} }");
    assert_eq!(shop.port, Port::Fixed(8080));
    assert_eq!(shop.ready, Readiness::Http("/healthz".to_owned()));
    assert_eq!(shop.restart, Restart::OnExit { from: Span::millis(100), to: Span::secs(3) });
    assert_eq!((shop.ready_within, shop.grace), (Span::secs(20), Span::secs(1)));
    assert_eq!(
        process(&experiment, "worker").restart,
        Restart::OnExit { from: Span::millis(200), to: Span::secs(10) }
    );
    let Target::Pid(old) = &experiment.targets["old"] else { panic!("not a pid") };
    assert_eq!((old.pid, old.address.as_deref()), (4711, Some("127.0.0.1:81")));
    let Link::Tcp(link) = &experiment.links["clients-shop"] else { panic!("it is a link of TCP") };
    assert_eq!((link.to.as_str(), link.listen), ("shop", Port::Fixed(8000)));
}

#[test]
fn workloads_mean_what_they_say() {
    let experiment = right(EVERYTHING);
    let Workload::Http(browse) = &experiment.workloads["browse"] else { panic!("not HTTP") };
    assert_eq!(browse.to, Destination::Link("clients-shop".to_owned()));
    assert_eq!(browse.arrivals, Arrivals::Poisson(Rate::per_second(500.0).unwrap()));
    let methods: Vec<&str> = browse.requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]);
    let headers =
        [("Accept", "text/html"), ("X-B", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(browse.requests[0].headers, headers);
    assert_eq!((browse.requests[0].weight, browse.requests[0].keys), (3, 50));
    let expect = &browse.requests[0].expect;
    assert_eq!(
        (expect.status, expect.body.as_deref(), expect.matches.as_deref()),
        (Some(200), Some("ok"), Some("a+"))
    );
    assert_eq!(expect.headers, [("X".to_owned(), "y".to_owned())]);
    assert_eq!(
        expect.json,
        [("/a/0".to_owned(), serde_json::json!(3)), ("/b".to_owned(), serde_json::json!("c"))]
    );
    assert_eq!((expect.at_least, expect.at_most), (Some(Size::bytes(1)), Some(Size::bytes(1_024))));
    assert_eq!(expect.within, Some(Span::secs(1)));
    let auth = HttpAuth::Basic { user: "app".to_owned(), password_env: "SHOP_PASSWORD".to_owned() };
    assert_eq!(
        (browse.auth.as_ref(), experiment.workloads["browse"].secret()),
        (Some(&auth), Some("SHOP_PASSWORD"))
    );
    assert_eq!((browse.requests[1].expect.status, browse.requests[1].weight), (None, 1));
    let stage = |rate, over| Stage { rate: Rate::per_second(rate).unwrap(), over: Span::secs(over) };
    let stages = vec![stage(1.0, 0), stage(100.0, 10)];
    assert_eq!(
        *experiment.workloads["steps"].arrivals(),
        Arrivals::Stages { spacing: Spacing::Even, stages }
    );
    let Workload::Tcp(cache) = &experiment.workloads["cache"] else { panic!("not TCP") };
    assert_eq!(cache.arrivals, Arrivals::Constant(Rate::per_second(0.5).unwrap()));
    assert_eq!(
        (cache.exchanges[0].send.as_str(), cache.exchanges[0].until.as_deref()),
        ("PING\r\n", Some("\r\n"))
    );
    assert_eq!(cache.exchanges[1].until, None);
}

#[test]
fn transactions_of_postgres_mean_what_they_say() {
    let experiment = right(EVERYTHING);
    let Workload::Postgres(bank) = &experiment.workloads["bank"] else { panic!("not PostgreSQL") };
    assert_eq!((bank.user.as_str(), bank.database.as_str()), ("app", "app"));
    assert_eq!(bank.password_env.as_deref(), Some("DB_PASSWORD"));
    let statement = |query: &str, with: &[&str], expect| SqlStatement {
        query: query.to_owned(),
        with: with.iter().map(ToString::to_string).collect(),
        expect,
    };
    let [alone, transfer, plain] = bank.transactions.as_slice() else { panic!("not three") };
    let value = SqlExpect::Value("{n}".to_owned());
    assert_eq!(alone.statements, [statement("SELECT $1", &["{n}"], value)]);
    assert_eq!((alone.isolation, alone.weight, alone.keys), (None, 2, 7));
    assert_eq!(transfer.isolation, Some(Isolation::Serializable));
    let updates =
        [statement("UPDATE a", &[], SqlExpect::Rows(1)), statement("UPDATE b", &[], SqlExpect::Any)];
    assert_eq!(transfer.statements, updates);
    assert_eq!((plain.isolation, plain.weight, plain.keys), (Some(Isolation::ReadCommitted), 1, 1_000));
}

#[test]
fn messages_on_websockets_mean_what_they_say() {
    let experiment = right(EVERYTHING);
    let Workload::WebSocket(chat) = &experiment.workloads["chat"] else { panic!("not WebSocket") };
    assert_eq!((chat.sockets, chat.path.as_str(), chat.timeout), (7, "/chat", Span::secs(5)));
    assert_eq!(chat.headers, [("X".to_owned(), "y".to_owned())]);
    let message = |send, expect: Option<&str>, weight, keys| WebSocketMessage {
        send,
        expect: expect.map(str::to_owned),
        weight,
        keys,
    };
    let text = |text: &str| Sending::Text(text.to_owned());
    let expected = [
        message(text("a {n}"), Some("b {n}"), 3, 4),
        message(Sending::Ping("x".to_owned()), None, 1, 1 << 62),
        message(text("quiet"), None, 1, 1 << 62),
    ];
    assert_eq!(chat.messages, expected);
}

#[test]
fn commands_of_redis_mean_what_they_say() {
    let experiment = right(EVERYTHING);
    let Workload::Redis(redis) = &experiment.workloads["redis"] else { panic!("not Redis") };
    assert_eq!((redis.protocol, redis.timeout, redis.connections), (Resp::Resp3, Span::secs(5), 64));
    assert_eq!((redis.user.as_deref(), redis.password_env.as_deref()), (Some("app"), Some("DB_PASSWORD")));
    let shown = |command: &RedisCommand| (command.arguments.join(" "), command.expect.clone());
    let first = |index: usize| shown(&redis.commands[index].commands[0]);
    assert_eq!(first(0), ("GET k:{n}".to_owned(), RedisExpect::Any));
    assert_eq!(first(1), ("SET k:{n} v PX 2000".to_owned(), RedisExpect::Text("OK".to_owned())));
    assert_eq!(first(2), ("INCR hits".to_owned(), RedisExpect::Any));
    assert_eq!(first(3), ("LPUSH x {n}".to_owned(), RedisExpect::Whole));
    assert_eq!((redis.commands[0].weight, redis.commands[0].keys, redis.commands[1].keys), (6, 10, 1_000));
    let pipeline: Vec<_> = redis.commands[4].commands.iter().map(shown).collect();
    let expected = [
        ("GET a".to_owned(), RedisExpect::Found),
        ("GET b".to_owned(), RedisExpect::NilOr("{n}".to_owned())),
        ("X".to_owned(), RedisExpect::Error("ERR".to_owned())),
    ];
    assert_eq!(pipeline, expected);
}

#[test]
fn faults_mean_what_they_say() {
    let experiment = right(EVERYTHING);
    let kinds: Vec<&str> = experiment.faults.iter().map(|fault| fault.act.kind()).collect();
    assert!(kinds.iter().all(|kind| Act::kinds().any(|known| known == *kind)));
    let slow = &experiment.faults[0];
    assert_eq!((slow.at, slow.hold, slow.every), (Span::secs(10), Span::secs(5), Some(Span::secs(60))));
    assert_eq!((slow.repeat, slow.jitter), (Some(2), Span::secs(1)));
    let latency = Act::Toxic {
        link: "shop-db".to_owned(),
        toxic: Toxic::jittery(Span::millis(100), Span::millis(20)),
        aim: Aim::at(Way::Upstream),
    };
    assert_eq!(slow.act, latency);
    let size = Amount::Size(Size::bytes(256 << 20));
    assert_eq!(experiment.faults[10].act, Act::MemoryPressure { amount: size, ramp: Span::secs(2) });
    let share = Amount::Share(Ratio::new(0.25).unwrap());
    assert_eq!(experiment.faults[11].act, Act::MemoryPressure { amount: share, ramp: Span::secs(1) });
    assert_eq!(
        experiment.faults.iter().map(|fault| fault.act.describe()).collect::<Vec<_>>(),
        [
            "100ms ± 20ms latency on link shop-db, upstream",
            "bytes lost on link shop-db, downstream",
            "cut on link shop-db, both ways",
            "connections reset on link shop-db",
            "new connections refused on link shop-db",
            "at most 1MB/s a connection on link shop-db, both ways",
            "SIGKILL to target shop",
            "target old stopped (SIGSTOP)",
            "target db restarted (SIGTERM)",
            "2 cores of the host 80% busy",
            "256MiB of the host's memory taken within 2s",
            "25% of what is available of the host's memory taken within 1s",
        ]
    );
}

#[test]
fn probes_gates_and_the_guard_mean_what_they_say() {
    let experiment = right(EVERYTHING);
    let names: Vec<&str> = experiment.hypothesis.iter().map(|probe| probe.name.as_str()).collect();
    let expected = [
        "healthy",
        "GET / of clients-shop",
        "GET / of shop",
        "connect to db",
        "connect to db (2)",
        "run redis-cli -p {target-port:db}",
        "run false",
    ];
    assert_eq!(names, expected);
    let shop = Destination::Target("shop".to_owned());
    let made = Ask::Http { to: shop, path: "/".to_owned(), status: 201, body: Some("made".to_owned()) };
    assert_eq!(experiment.hypothesis[2].ask, made);
    assert_eq!(
        experiment.hypothesis[6].ask,
        Ask::Exec { argv: vec!["false".to_owned()], exit: 1, stdout: None }
    );
    let of = || "browse".to_owned();
    let over = Window::Phase(Phase::Baseline);
    let p95 = Gate::Latency { quantile: Quantile::P95, of: of(), below: Span::millis(500), over };
    assert_eq!(experiment.gates[1], p95);
    let over = Window::Between(Span::secs(3), Span::secs(60));
    assert_eq!(experiment.gates[5], Gate::ErrorRatio { of: of(), below: Ratio::new(0.01).unwrap(), over });
    let below = f64::from(200 << 20);
    let rss = Gate::Resource { resource: Resource::Rss, of: "shop".to_owned(), below, over: Window::Run };
    assert_eq!(experiment.gates[7], rss);
    let resources = vec![LeakResource::Fds, LeakResource::Memory];
    assert_eq!(experiment.gates[16], Gate::NoLeak { of: "old".to_owned(), resources });
    let fails = StopRule::ProbeFails { probe: "healthy".to_owned(), lasting: Span::secs(10) };
    assert_eq!(experiment.guard.stop_if[1], fails);
    assert_eq!(experiment.guard.keep_available, Some(Size::bytes(1 << 30)));
}

#[test]
fn everything_survives_its_plan_ron() {
    let plan = plan(&right(EVERYTHING), 1, 1.0).unwrap();
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
}

#[test]
fn ten_lines_are_an_experiment() {
    let experiment = right(
        r#"Experiment(
            name: "first",
            targets: { "shop": Process(argv: ["./shop", "{port}"]) },
            workloads: { "browse": Http(to: Target("shop"), arrivals: Poisson("100/s"), requests: [(get: "/")]) },
            phases: (chaos: "30s"),
            faults: [(name: "crash", at: "5s", do: Kill(target: "shop"))],
            gates: [RecoveryTime(below: "5s")],
        )"#,
    );
    let shop = process(&experiment, "shop");
    assert_eq!((&shop.ready, shop.port, &shop.restart), (&Readiness::Tcp, Port::Auto, &Restart::Never));
    assert_eq!((shop.ready_within, shop.grace), (Span::secs(10), Span::secs(5)));
    let Workload::Http(browse) = &experiment.workloads["browse"] else { panic!("not HTTP") };
    assert_eq!((browse.timeout, browse.connections, browse.requests[0].keys), (Span::secs(5), 64, 1_000));
    assert_eq!(experiment.phases.total(), Span::secs(55));
}

const WITH_VARIABLES: &str = r#"Experiment(
    name: "${name}-soak",
    variables: { "name": "shop", "rate": "500/s", "connections": 8, "hold": "1s" },
    targets: { "shop": Process(argv: ["./shop", "{port}", "a${name}b${name}c", "$", "$x", "$$", "$${name}"]) },
    links: { "${name}-link": Tcp(to: "${name}") },
    workloads: {
        "browse": Http(to: Target("shop"), arrivals: Poisson("${rate}"), connections: "${connections}", requests: [(get: "/")]),
    },
    phases: (chaos: "30s"),
    faults: [(name: "cut", at: "5s", hold: "${hold}", do: Partition(link: "shop-link"))],
    gates: [RecoveryTime(below: "5s")],
)"#;

fn set(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn variables_are_put_in_everywhere() {
    let experiment = right(WITH_VARIABLES);
    assert_eq!(experiment.name, "shop-soak");
    assert_eq!(process(&experiment, "shop").argv[2..], ["ashopbshopc", "$", "$x", "$", "${name}"]);
    assert_eq!(experiment.links.keys().collect::<Vec<_>>(), ["shop-link"]);
    let Workload::Http(browse) = &experiment.workloads["browse"] else { panic!("not HTTP") };
    assert_eq!(browse.connections, 8);
}

#[test]
fn set_takes_the_place_of_a_variable_and_the_last_one_counts() {
    let set = set(&[("rate", "1/s"), ("connections", "9"), ("rate", "100/s"), ("hold", "2s")]);
    let experiment = read("set.ron", WITH_VARIABLES, &set).unwrap();
    let Workload::Http(browse) = &experiment.workloads["browse"] else { panic!("not HTTP") };
    assert_eq!(
        (browse.connections, &browse.arrivals),
        (9, &Arrivals::Poisson(Rate::per_second(100.0).unwrap()))
    );
    assert_eq!(experiment.faults[0].hold, Span::secs(2));
}

#[test]
fn what_is_set_wrongly_is_told_where_it_is_used() {
    let set = set(&[("rat", "1/s"), ("connections", "many"), ("hold", "long"), ("name", "${rate}")]);
    let told = read("set.ron", WITH_VARIABLES, &set).unwrap_err().short();
    let lines: Vec<&str> = told.lines().collect();
    let expected = [
        "set.ron:2:11: the experiment's name cannot hold `$`",
        "set.ron:3:16: `--set rat=…` sets a variable that the experiment does not have; did you mean `rate`?",
        "set.ron:5:14: a link's name cannot hold `$`",
        "set.ron:5:38: `${rate}` is no target",
        "set.ron:7:87: expected a whole number, found the text \"many\"; a variable was put in",
        "set.ron:10:44: expected a length of time such as `250ms`, `10s` or `1m 30s` (at most 365d), found `long`",
        "set.ron:10:75: `shop-link` is no link",
    ];
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "expected {expected}\nfound    {line}");
    }
}

#[test]
fn variables_cannot_fill_the_memory() {
    let uses = "${big}".repeat(10_000);
    let text = format!(
        r#"Experiment(name: "big", about: "{uses}", variables: {{ "big": "{}" }}, targets: {{}}, phases: (chaos: "1s"))"#,
        "x".repeat(100_000)
    );
    let told = read("big.ron", &text, &[]).unwrap_err().short();
    let limits = told
        .lines()
        .filter(|line| line.contains("variables make the texts of this experiment longer"))
        .count();
    assert_eq!(limits, 1, "{told}");
}

#[test]
fn problems_beyond_fifty_are_counted() {
    let gates = "P90(of: \"x\"),".repeat(60);
    let text = format!(r#"Experiment(name: "many", targets: {{}}, phases: (chaos: "1s"), gates: [{gates}])"#);
    let problems = read("many.ron", &text, &[]).unwrap_err();
    assert_eq!(problems.all().len(), 61);
    assert_eq!(problems.short().lines().count(), 51);
    assert!(problems.short().ends_with("many.ron: and 11 more\n"));
    assert!(problems.render(false).ends_with("61 problems in many.ron; the first 50 are shown\n"));
}

#[test]
fn a_problem_is_rendered_with_its_line() {
    let text = "Experiment(\n    name: \"x\",\n    targets: { \"shop\": Process(args: []) },\n    phases: (chaos: \"1s\"),\n)";
    let rendered = read("shop.ron", text, &[]).unwrap_err().render(false);
    let expected = "\
error: `Process` has no field `args`
 --> shop.ron:3:32
  |
3 |     targets: { \"shop\": Process(args: []) },
  |                                ^^^^
  |
  = help: did you mean `argv`? fields: argv, env, dir, files, port, ready, ready_within, restart, grace, exports
";
    assert!(rendered.contains(expected), "{rendered}");
    assert!(read("shop.ron", text, &[]).unwrap_err().render(true).contains("\u{1b}["), "no color");
}

#[test]
fn a_hostile_file_name_is_escaped() {
    let problems = read("a\u{1b}[2J\n.ron", "", &[]).unwrap_err();
    for shown in [problems.short(), problems.render(false)] {
        assert!(shown.contains("a\\u{1b}[2J\\n.ron:1:1"), "{shown}");
    }
}

#[test]
fn maps_keep_nothing_twice() {
    let experiment = right(EVERYTHING);
    let env: &BTreeMap<String, String> = &process(&experiment, "shop").env;
    assert_eq!(env["PEER"], "{target:db}");
    assert_eq!(env.len(), 2);
}

/// A mebibyte of something that is right as RON and wrong as an experiment is told in bounded words.
#[test]
fn megabytes_of_mistakes_are_told_in_few_words() {
    let names = |prefix: &str, entry: &str| -> String {
        (0..9_000).map(|n| entry.replace('#', &format!("{prefix}{n}"))).collect()
    };
    let links = names("l", "\"#\": Tcp(to: \"shop\"),");
    let strangers = names("x", "(name: \"#\", at: \"1s\", do: Reset(link: \"#\")),");
    let probes = "Tcp(target: \"shop\"),".repeat(9_000);
    let rules = names("p", "ProbeFails(probe: \"#\", for: \"1s\"),");
    let windows = names("w", "P50(of: \"w\", below: \"1s\", over: Fault(\"#\")),");
    let crashes = names("c", "(name: \"#\", at: \"1s\", do: Kill(target: \"shop\")),");
    for (links, faults, probes, rules, gates) in [
        (links.as_str(), strangers.as_str(), "", "", ""),
        ("", "", probes.as_str(), rules.as_str(), ""),
        ("", crashes.as_str(), "", "", windows.as_str()),
        ("", "", "", "", &"NoLeak(of: \"${a}\", of: \"${\"),".repeat(9_000)),
    ] {
        let text = format!(
            r#"Experiment(name: "big", targets: {{ "shop": Process(argv: ["./shop", "{{port}}"]) }}, links: {{ {links} }},
                phases: (chaos: "1m"), faults: [{faults}], hypothesis: [{probes}], guard: (stop_if: [{rules}]), gates: [{gates}])"#
        );
        let problems = read("big.ron", &text, &[]).unwrap_err();
        assert!((500..=2_200).contains(&problems.all().len()), "{} problems", problems.all().len());
        assert_eq!(problems.short().lines().count(), 51);
    }
}

#[test]
fn exported_figures_have_names_units_and_a_place() {
    let text = r#"Experiment(
        name: "exports",
        targets: {
            "shop": Process(argv: ["./shop", "{port}"], exports: [
                Prometheus(metrics: ["live_bytes", "live_tasks{kind=\"x\"}"]),
                Json(
                    path: "/stats", port: 9100, every: "500ms", timeout: "2s",
                    figures: [(name: "queue", pointer: "/pool/queue"), (name: "heap", pointer: "/heap", unit: Bytes)],
                ),
            ]),
            "old": Pid(pid: 4711, exports: [Prometheus(port: 9404, path: "/actuator/prometheus", metrics: ["jvm_memory_used_bytes"])]),
        },
        phases: (chaos: "1s"),
        gates: [NoLeak(of: "shop")],
    )"#;
    let experiment = right(text);
    let figure = |name: &str, find: &str, unit| Figure { name: name.to_owned(), find: find.to_owned(), unit };
    let tasks = "live_tasks{kind=\"x\"}";
    let prometheus = Export {
        form: Form::Prometheus,
        path: "/metrics".to_owned(),
        port: None,
        figures: vec![
            figure("live_bytes", "live_bytes", FigureUnit::Bytes),
            figure(tasks, tasks, FigureUnit::Count),
        ],
        every: Span::secs(5),
        timeout: Span::secs(1),
    };
    let json = Export {
        form: Form::Json,
        path: "/stats".to_owned(),
        port: Some(9100),
        figures: vec![
            figure("queue", "/pool/queue", FigureUnit::Count),
            figure("heap", "/heap", FigureUnit::Bytes),
        ],
        every: Span::millis(500),
        timeout: Span::secs(2),
    };
    assert_eq!(experiment.targets["shop"].exports(), [prometheus, json]);
    assert_eq!(experiment.targets["old"].exports()[0].port, Some(9404));
    let planned = plan(&experiment, 1, 96.0).unwrap();
    assert_eq!(planned.experiment.targets, experiment.targets, "a rehearsal asks as often");
    let read: Plan = ron::from_str(&ron::to_string(&planned).unwrap()).unwrap();
    assert_eq!(read, planned);
}
