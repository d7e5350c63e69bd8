//! Workloads: what an experiment says of them, what that means, and how a plan shows it.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped here has failed the test")]

use shakedown_scenarios::plan::{Plan, plan};
use shakedown_scenarios::read::read;
use shakedown_scenarios::trace::{Trace, TraceFormat};
use shakedown_scenarios::units::{Bandwidth, Rate, Span};
use shakedown_scenarios::workload::feeder::{Feeder, Order};
use shakedown_scenarios::workload::grpc::{
    COMPARED_BYTES_MAX, GrpcCall, GrpcExpect, GrpcStatus, MESSAGE_BYTES_MAX, MessageError,
};
use shakedown_scenarios::workload::journey::Capture;
use shakedown_scenarios::workload::malformed::Spoken;
use shakedown_scenarios::workload::{
    Arrivals, Habits, HttpRequest, HttpVersion, OperationsWorkload, Spacing, TcpExchange, Think, Tls,
    Workload,
};

/// The plan of an experiment whose only workload is this.
fn planned(workload: &str) -> Plan {
    let text = format!(
        r#"Experiment(
            name: "load",
            targets: {{ "shop": Process(argv: ["./shop", "{{port}}"]) }},
            workloads: {{ "browse": {workload} }},
            phases: (chaos: "1m"),
            gates: [NoLeak(of: "shop")],
        )"#
    );
    plan(&read("load.ron", &text, &[]).unwrap_or_else(|wrong| panic!("{wrong}")), 1, 1.0).unwrap()
}

fn http(arrivals: &str) -> Plan {
    planned(&format!(r#"Http(to: Target("shop"), arrivals: {arrivals}, requests: [(get: "/")])"#))
}

fn workload(plan: &Plan) -> &Workload {
    &plan.experiment.workloads["browse"]
}

/// What is written means this, is told in these words, and comes back from the text of the plan.
fn check(written: &str, meant: &Arrivals, words: &str) {
    let plan = http(written);
    assert_eq!(workload(&plan).arrivals(), meant, "{written}");
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan, "{written}");
    let line = format!("\nload\n  browse  HTTP straight to shop, {words}\n");
    assert!(plan.timeline().contains(&line), "{}", plan.timeline());
}

#[test]
fn users_wait_for_their_answers() {
    const CLOSED: &str = " (closed model: latency is service time)";
    let closed = |users, think| Arrivals::Closed { users, think };
    check(
        "Closed(users: 64)",
        &closed(64, Think::Constant(Span::ZERO)),
        &format!("64 users, each waits for an answer, then asks again at once{CLOSED}"),
    );
    check(
        r#"Closed(users: 1, think: "200ms")"#,
        &closed(1, Think::Constant(Span::millis(200))),
        &format!("1 user who waits for an answer, then thinks for 200ms{CLOSED}"),
    );
    check(
        r#"Closed(users: 3, think: Exponential("2s"))"#,
        &closed(3, Think::Exponential(Span::secs(2))),
        &format!("3 users, each waits for an answer, then thinks for 2s on average{CLOSED}"),
    );
}

fn rate(hertz: f64) -> Rate {
    Rate::per_second(hertz).unwrap()
}

#[test]
fn rates_change_in_many_shapes() {
    let spikes = |spacing, ramp| Arrivals::Spikes {
        spacing,
        base: rate(50.0),
        peak: rate(500.0),
        every: Span::secs(60),
        hold: Span::secs(5),
        ramp,
    };
    check(
        r#"Spikes(base: "50/s", peak: "500/s", every: "1m", hold: "5s")"#,
        &spikes(Spacing::Random, Span::ZERO),
        "50/s, and 500/s for 5s once in 1m, at random",
    );
    check(
        r#"Spikes(base: "50/s", peak: "500/s", every: "1m", hold: "5s", ramp: "2s", spacing: Even)"#,
        &spikes(Spacing::Even, Span::secs(2)),
        "50/s, and 500/s for 5s once in 1m, evenly",
    );
    check(
        r#"Sine(mean: "100/s", amplitude: "40/s", period: "10m")"#,
        &Arrivals::Sine {
            spacing: Spacing::Random,
            mean: rate(100.0),
            amplitude: rate(40.0),
            period: Span::secs(600),
        },
        "100/s ± 40/s in a sine of 10m, at random",
    );
    let hours = (0..24).map(|hour| format!("\"{hour}/s\"")).collect::<Vec<_>>().join(", ");
    check(
        &format!("Daily(rates: [{hours}])"),
        &Arrivals::Daily {
            spacing: Spacing::Random,
            rates: (0..24).map(|hour| rate(f64::from(hour))).collect(),
            day: Span::secs(86_400),
        },
        "a daily curve up to 23/s in 1day, at random",
    );
}

#[test]
fn bursts_and_replays_have_no_rate() {
    let bursts = |over| Arrivals::Bursts { size: 100, every: Span::secs(2), over };
    check(r#"Bursts(size: 100, every: "2s")"#, &bursts(Span::ZERO), "100 at once every 2s");
    check(
        r#"Bursts(size: 100, every: "2s", over: "500ms")"#,
        &bursts(Span::millis(500)),
        "100 within 500ms every 2s",
    );
    check(
        r#"Replay(file: "access.log", format: AccessLog, speed: 2)"#,
        &Arrivals::Replay {
            file: "access.log".to_owned(),
            format: TraceFormat::AccessLog,
            speed: 2.0,
            trace: Trace::default(),
        },
        "0 requests as they came in 0s in access.log, 2 times as fast",
    );
}

#[test]
fn a_trace_is_part_of_the_plan() {
    let mut plan = http(r#"Replay(file: "trace.csv")"#);
    let replay = plan.experiment.workloads.get_mut("browse").unwrap().arrivals_mut();
    let Arrivals::Replay { trace, .. } = replay else { panic!("it is a replay") };
    *trace = Trace::of(vec![5, 5, 1_000_005]).unwrap();
    let text = plan.to_ron();
    assert!(text.contains("trace: \"0 0 1000000\""), "{text}");
    assert_eq!(Plan::from_ron(&text).unwrap(), plan);
    assert!(plan.timeline().contains("3 requests as they came in 1s in trace.csv\n"), "{}", plan.timeline());
}

#[test]
fn a_rehearsal_divides_curves_and_keeps_rates() {
    let short = |arrivals| plan(&http(arrivals).experiment, 1, 10.0).unwrap();
    let spikes = short(r#"Spikes(base: "5/s", peak: "50/s", every: "1m", hold: "5s", ramp: "1s")"#);
    let line = "5/s, and 50/s for 500ms once in 6s, at random";
    assert!(spikes.timeline().contains(line), "{}", spikes.timeline());
    let sine = short(r#"Sine(mean: "100/s", amplitude: "40/s", period: "10m")"#);
    assert!(sine.timeline().contains("100/s ± 40/s in a sine of 1m"), "{}", sine.timeline());
    let bursts = short(r#"Bursts(size: 100, every: "2s")"#);
    assert!(bursts.timeline().contains("100 at once every 2s"), "{}", bursts.timeline());
}

#[test]
fn each_user_has_a_connection_of_its_own() {
    assert_eq!(workload(&http("Closed(users: 100)")).connections(), 100);
    let same =
        r#"Http(to: Target("shop"), arrivals: Closed(users: 9), connections: 9, requests: [(get: "/")])"#;
    assert_eq!(workload(&planned(same)).connections(), 9);
    assert_eq!(workload(&http(r#"Poisson("9/s")"#)).connections(), 64);
}

#[test]
fn a_rehearsal_keeps_think_times() {
    let real = http(r#"Closed(users: 3, think: "1s")"#);
    let short = plan(&real.experiment, 1, 10.0).unwrap();
    assert_eq!(short.experiment.workloads, real.experiment.workloads);
}

#[test]
fn connections_are_kept_unless_something_else_is_said() {
    let with = |habits: &str| {
        planned(&format!(
            r#"Http(to: Target("shop"), arrivals: Constant("5/s"), {habits} requests: [(get: "/")])"#
        ))
    };
    let kept = with("");
    assert_eq!(workload(&kept).habits(), Habits::default());
    assert!(kept.timeline().contains(" 5/s, evenly\n"), "{}", kept.timeline());
    let slow = with(r#"requests_per_connection: 20, read_rate: "16KiB/s","#);
    let read_rate = Some(Bandwidth::bytes_per_second(16 * 1_024));
    assert_eq!(workload(&slow).habits(), Habits { requests_per_connection: Some(20), read_rate });
    let line = " 5/s, evenly, 20 requests a connection, answers read at 16KiB/s\n";
    assert!(slow.timeline().contains(line), "{}", slow.timeline());
    assert_eq!(Plan::from_ron(&slow.to_ron()).unwrap(), slow);
    let each = with("requests_per_connection: 1,");
    assert!(each.timeline().contains(", a connection for each request\n"), "{}", each.timeline());
}

#[test]
fn a_plan_from_before_there_were_habits_is_still_read() {
    let plan = http(r#"Constant("5/s")"#);
    let text = plan.to_ron();
    let start = text.find("habits:").unwrap();
    let end = start + text[start..].find("),").unwrap() + 2;
    let older = format!("{}{}", &text[..start], &text[end..]);
    assert_eq!(Plan::from_ron(&older).unwrap(), plan, "{older}");
}

#[test]
fn requests_have_the_name_of_their_path_unless_they_have_their_own() {
    let plan = planned(
        r#"Http(to: Target("shop"), arrivals: Constant("5/s"), requests: [
            (post: "/items/{n}"), (get: "/pay", name: "check out"),
        ])"#,
    );
    let Workload::Http(http) = workload(&plan) else { panic!("not HTTP") };
    let names: Vec<String> = http.requests.iter().map(HttpRequest::endpoint).collect();
    assert_eq!(names, ["POST /items/{n}", "check out"]);
    let plan = planned(
        r#"Tcp(to: Target("shop"), arrivals: Constant("5/s"), exchanges: [
            (send: "SET a:{n} 1\r\nx", expect: "+"), (send: "\r\n", expect: "-", name: "empty"),
        ])"#,
    );
    let Workload::Tcp(tcp) = workload(&plan) else { panic!("not TCP") };
    let names: Vec<String> = tcp.exchanges.iter().map(TcpExchange::endpoint).collect();
    assert_eq!(names, ["SET a:{n} 1", "empty"]);
}

#[test]
fn datagrams_go_from_as_many_sockets_as_there_are_users() {
    let plan = planned(
        r#"Udp(to: Target("shop"), arrivals: Closed(users: 3), exchanges: [(send: "q{n}", expect: "a", until: "z")])"#,
    );
    let Workload::Udp(udp) = workload(&plan) else { panic!("not UDP") };
    assert_eq!((udp.sockets, udp.timeout, udp.exchanges[0].endpoint().as_str()), (3, Span::secs(5), "q{n}"));
    assert!(workload(&plan).describe().starts_with("UDP straight to shop, 3 users"));
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
}

#[test]
fn operations_say_what_their_objects_are_and_a_plan_keeps_it() {
    let plan = planned(
        r#"Operations(to: Target("shop"), arrivals: Closed(users: 3, think: "1s"), model: CasRegister, retries: 2)"#,
    );
    let Workload::Operations(operations) = workload(&plan) else { panic!("no operations") };
    let OperationsWorkload { connections, keys, operations_per_key, timeout, .. } = operations;
    assert_eq!((*connections, *keys, *operations_per_key, *timeout), (3, 5, 1_000, Span::secs(1)));
    let words = workload(&plan).describe();
    assert!(
        words.ends_with(", cas-register on 5 objects, sent again up to 2 times where nobody answers"),
        "{words}"
    );
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
}

#[test]
fn operations_that_are_transactions_speak_to_a_postgresql_of_an_isolation() {
    let plan = planned(
        r#"Operations(to: Target("shop"), arrivals: Constant("9/s"), model: Bank, isolation: ReadCommitted, user: "bob")"#,
    );
    let Workload::Operations(operations) = workload(&plan) else { panic!("no operations") };
    let sql = operations.sql.as_ref().unwrap();
    assert_eq!((sql.user.as_str(), sql.database.as_str(), operations.retries), ("bob", "bob", 0));
    let words = workload(&plan).describe();
    assert!(words.starts_with("transactions on a PostgreSQL straight to shop"), "{words}");
    assert!(words.ends_with(", bank on 5 accounts, read committed"), "{words}");
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
    let wrong = |more: &str| {
        let text = format!(r#"Operations(to: Target("shop"), arrivals: Constant("9/s"), {more})"#);
        std::panic::catch_unwind(|| planned(&text)).is_err()
    };
    assert!(!wrong("model: ListAppend") && !wrong(r#"model: Bank, isolation: "Serializable""#));
    assert!(wrong(r#"model: Bank, isolation: "serialisable""#), "no such isolation");
    assert!(wrong("model: Bank, keys: 1"), "one account has nobody to give to");
    assert!(wrong("model: ListAppend, retries: 1"), "a transaction that is sent again is another one");
    assert!(wrong("model: Register, isolation: Serializable"), "a Redis has no isolation");
}

#[test]
fn hostile_openings_are_chosen_by_their_protocol() {
    let plan = planned(
        r#"Malformed(to: Target("shop"), arrivals: Constant("2/s"), protocol: Http, path: "/cart", leave_out: ["two hosts"])"#,
    );
    let Workload::Malformed(malformed) = workload(&plan) else { panic!("not malformed") };
    let names: Vec<&str> = malformed.openings().collect();
    assert_eq!(names.len(), Spoken::Http.openings().len() - 1);
    assert!(names.contains(&"no host") && !names.contains(&"two hosts"));
    assert_eq!((malformed.path.as_deref(), malformed.connections), (Some("/cart"), 8));
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
    let line = "\nload\n  browse  malformed HTTP straight to shop, 2/s, evenly\n";
    assert!(plan.timeline().contains(line), "{}", plan.timeline());
    for spoken in Spoken::ALL {
        let names: std::collections::BTreeSet<&str> = spoken.openings().iter().copied().collect();
        assert_eq!(names.len(), spoken.openings().len(), "{spoken:?} has a name twice");
    }
}

#[test]
fn a_journey_has_steps_and_captures_on_the_way() {
    let plan = planned(
        r#"Journey(to: Target("shop"), arrivals: Closed(users: 3), keys: 9, auth: Bearer("SHOP_TOKEN"),
            data: (file: "users.csv", columns: ["user"], order: Random), steps: [
            (name: "log in", post: "/login", body: "user={user}-{n}", capture: {"token": Json("/token"), "next": Header("Location")}),
            (get: "/{next}", headers: {"X-Token": "{token}"}, expect: (status: 200), capture: {"id": Matches("id=([0-9]+)")}),
        ])"#,
    );
    let Workload::Journey(journey) = workload(&plan) else { panic!("not a journey") };
    assert_eq!((journey.keys, journey.connections, journey.steps.len()), (9, 3, 2));
    assert_eq!(workload(&plan).secret(), Some("SHOP_TOKEN"));
    let [login, next] = journey.steps.as_slice() else { panic!("not two steps") };
    assert_eq!(login.request.endpoint(), "log in");
    assert_eq!(next.request.endpoint(), "GET /{next}");
    let captures = [("token", Capture::Json("/token".into())), ("next", Capture::Header("Location".into()))];
    assert_eq!(login.capture, captures.map(|(name, capture)| (name.to_owned(), capture)));
    assert_eq!(next.capture[0].1, Capture::Matches("id=([0-9]+)".into()));
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
    let line =
        "\nload\n  browse  HTTP journeys of 2 steps with 0 rows of users.csv straight to shop, 3 users";
    assert!(plan.timeline().contains(line), "{}", plan.timeline());
    assert_eq!((journey.version, workload(&plan).streams()), (HttpVersion::Http1, 1));
    let plan = planned(
        r#"Journey(to: Target("shop"), version: Http2(streams: 9), arrivals: Constant("2/s"), steps: [(get: "/")])"#,
    );
    assert_eq!(workload(&plan).streams(), 9);
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
    let line = "\nload\n  browse  HTTP/2 journeys of 1 step straight to shop, 2/s, evenly";
    assert!(plan.timeline().contains(line), "{}", plan.timeline());
}

#[test]
fn about_a_second_is_on_its_way_to_a_slow_consumer() {
    let ahead =
        |rate| Habits { read_rate: Some(Bandwidth::bytes_per_second(rate)), ..Habits::default() }.ahead();
    assert_eq!([1, 10_000, 1 << 40].map(ahead), [4_096, 10_000, 65_536].map(Some));
    assert_eq!(Habits::default().ahead(), None);
}

#[test]
fn a_mix_has_rows_whose_columns_are_names() {
    let plan = planned(
        r#"Http(to: Target("shop"), arrivals: Constant("5/s"), version: Http2,
            data: (file: "users.csv", columns: ["user", "pass"]),
            requests: [(get: "/{user}/{n}"), (post: "/", headers: {"X-P": "{pass}"}, body: "{\"id\": {{user}}, {}}")])"#,
    );
    let Workload::Http(http) = workload(&plan) else { panic!("not HTTP") };
    let expected = Feeder {
        file: "users.csv".into(),
        columns: vec!["user".into(), "pass".into()],
        order: Order::InTurn,
        rows: Vec::new(),
    };
    assert_eq!(http.data.as_ref(), Some(&expected));
    let mut filled = plan.clone();
    let data = filled.experiment.workloads.get_mut("browse").and_then(Workload::data_mut).unwrap();
    data.fill(b"pass,user\n\"a, b\",ann\n").unwrap();
    assert_eq!(Plan::from_ron(&filled.to_ron()).unwrap(), filled);
    let line = "\nload\n  browse  HTTP/2 with 1 row of users.csv straight to shop, 5/s, evenly\n";
    assert!(filled.timeline().contains(line), "{}", filled.timeline());
}

#[test]
fn messages_of_calls_stand_in_files_too() {
    let plan = planned(
        r#"Grpc(to: Target("shop"), arrivals: Constant("5/s"), calls: [
            (call: "shop.Items/Get", message: "CAE=", expect: (message_file: "item.bin")),
            (call: "shop.Items/Put", message_file: "put.bin"),
        ])"#,
    );
    let Workload::Grpc(mut grpc) = workload(&plan).clone() else { panic!("not gRPC") };
    let files = grpc.message_files();
    let found: Vec<_> = files.iter().map(|file| (file.file.to_owned(), file.bytes_max)).collect();
    assert_eq!(
        found,
        [("item.bin".to_owned(), COMPARED_BYTES_MAX), ("put.bin".to_owned(), MESSAGE_BYTES_MAX)]
    );
    for (file, contents) in files.into_iter().zip([b"\x08\x01", b"\x08\x02"]) {
        assert_eq!(file.fill(contents), Ok(()));
    }
    assert!(grpc.message_files().into_iter().all(|file| file.fill(b"") == Err(MessageError::Empty)));
    let [get, put] = grpc.calls.as_slice() else { panic!("not two calls") };
    assert_eq!((get.message.as_str(), get.expect.message.as_deref()), ("CAE=", Some("CAE=")));
    assert_eq!((put.message.as_str(), put.expect.message.as_deref()), ("CAI=", None));
}

#[test]
fn load_over_tls_says_whom_it_believes() {
    let check = |written: &str, tls: Tls, words: &str| {
        for (workload_of, end) in [
            ("Http", r#"requests: [(get: "/")]"#),
            ("Journey", r#"steps: [(get: "/")]"#),
            ("Operations", "model: Set"),
            ("Postgres", r#"transactions: [(query: "SELECT 1")]"#),
            ("Tcp", r#"exchanges: [(send: "a", expect: "b")]"#),
            ("Redis", r#"commands: [(get: "a")]"#),
            ("WebSocket", r#"messages: [(send: "a")]"#),
        ] {
            let written = format!(
                r#"{workload_of}(to: Target("shop"), arrivals: Constant("5/s"), tls: {written}, {end})"#
            );
            let plan = planned(&written);
            assert_eq!(workload(&plan).tls(), Some(&tls), "{written}");
            assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan, "{written}");
            let timeline = plan.timeline();
            assert!(
                timeline.contains(&format!("\nload\n  browse  {}", workload(&plan).protocol())),
                "{timeline}"
            );
            assert!(timeline.contains(&format!(" {words} straight to shop, 5/s, evenly")), "{timeline}");
        }
    };
    let ca = || Some("ca.pem".to_owned());
    check(r#"(ca: "ca.pem")"#, Tls { ca: ca(), name: None, verify: true }, "over TLS");
    let named = Tls { ca: ca(), name: Some("shop.local".to_owned()), verify: true };
    check(r#"(ca: "ca.pem", name: "shop.local")"#, named, "over TLS");
    let anybody = Tls { ca: None, name: None, verify: false };
    check("(verify: false)", anybody, "over TLS (certificates are not verified)");
}

#[test]
fn load_speaks_http_1_unless_it_is_told_to_share_connections() {
    let check = |written: &str, version: HttpVersion, words: &str| {
        let plan = planned(&format!(
            r#"Http(to: Target("shop"), arrivals: Constant("5/s"), {written} requests: [(get: "/")])"#
        ));
        let Workload::Http(http) = workload(&plan) else { panic!("not HTTP") };
        assert_eq!(http.version, version, "{written}");
        assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan, "{written}");
        let line = format!("\nload\n  browse  {words} straight to shop, 5/s, evenly\n");
        assert!(plan.timeline().contains(&line), "{}", plan.timeline());
    };
    check("", HttpVersion::Http1, "HTTP");
    check("version: Http1,", HttpVersion::Http1, "HTTP");
    check("version: Http2,", HttpVersion::Http2 { streams: 100 }, "HTTP/2");
    check("version: Http2(streams: 20),", HttpVersion::Http2 { streams: 20 }, "HTTP/2");
}

#[test]
fn calls_are_named_by_their_method_and_expect_to_end_well() {
    let plan = planned(
        r#"Grpc(to: Target("shop"), arrivals: Constant("5/s"), calls: [
            (call: "shop.Items/Get"),
            (
                call: "shop.Items/Put", name: "put", message: "CAE=", metadata: {"x-shop": "blue"}, weight: 3,
                expect: (status: NotFound, message: "CAI=", at_most: "1KiB", within: "1s"),
            ),
        ])"#,
    );
    let Workload::Grpc(grpc) = workload(&plan) else { panic!("not gRPC") };
    let plain = GrpcCall {
        name: None,
        method: "shop.Items/Get".to_owned(),
        message: String::new(),
        message_file: None,
        metadata: Vec::new(),
        expect: GrpcExpect::default(),
        weight: 1,
    };
    assert_eq!(grpc.calls[0], plain);
    assert_eq!(grpc.calls[0].expect.status, GrpcStatus::Ok);
    assert_eq!((grpc.streams, grpc.calls[1].expect.status.number()), (100, 5));
    let names: Vec<String> = grpc.calls.iter().map(GrpcCall::endpoint).collect();
    assert_eq!(names, ["shop.Items/Get", "put"]);
    for (place, (_, status)) in GrpcStatus::ALL.iter().enumerate() {
        assert_eq!(usize::from(status.number()), place);
    }
    assert_eq!(Plan::from_ron(&plan.to_ron()).unwrap(), plan);
    assert!(
        plan.timeline().contains("\nload\n  browse  gRPC straight to shop, 5/s, evenly\n"),
        "{}",
        plan.timeline()
    );
}

/// The lines below that of a workload in a load of half a minute.
fn outline(plan: &Plan) -> Vec<String> {
    workload(plan).outline(Span::secs(30))
}

#[test]
fn a_plan_tells_the_mix_its_shares_and_the_login() {
    let mix = planned(
        r#"Http(to: Target("shop"), arrivals: Constant("5/s"), auth: Bearer("SHOP_TOKEN"), requests: [
            (get: "/items/{n}", weight: 7), (name: "buy", post: "/orders", weight: 1)])"#,
    );
    let secret = "logs in with what the environment variable SHOP_TOKEN holds";
    assert_eq!(outline(&mix), [" 87.5 %  GET /items/{n}", " 12.5 %  buy", secret]);
    assert!(
        mix.timeline().contains("5/s, evenly\n             87.5 %  GET /items/{n}\n"),
        "{}",
        mix.timeline()
    );
    let steps = planned(
        r#"Journey(to: Target("shop"), arrivals: Closed(users: 3), steps: [(name: "come in", get: "/"), (get: "/a")])"#,
    );
    assert_eq!(outline(&steps), [" 1. come in", " 2. GET /a"]);
    let many: String = (0..20).map(|number| format!("(get: \"/{number}\"),")).collect();
    let many =
        planned(&format!(r#"Http(to: Target("shop"), arrivals: Constant("5/s"), requests: [{many}])"#));
    let lines = outline(&many);
    assert_eq!((lines.len(), lines[12].as_str()), (13, "and 8 more"));
    assert_eq!(outline(&http(r#"Constant("5/s")"#)), [""; 0]);
}

#[test]
fn arrivals_that_do_not_fit_the_run_are_told() {
    let told = |arrivals: &str| outline(&http(arrivals)).join("");
    assert_eq!(
        told(r#"Stages(stages: [(rate: "9/s", over: "10s"), (rate: "3/s", over: "5s")])"#),
        "the stages end after 15s: 3/s from then on to the end at 30s"
    );
    assert_eq!(told(r#"Stages(stages: [(rate: "9/s", over: "30s")])"#), "");
    assert_eq!(
        told(r#"Stages(stages: [(rate: "9/s", over: "1m")])"#),
        "the stages take 1m, and the load ends at 30s"
    );
    assert_eq!(
        told(r#"Spikes(base: "5/s", peak: "50/s", every: "1m", hold: "5s", ramp: "1s")"#),
        "a spike ends every 1m, and the load at 30s: there is none"
    );
    let mut plan = http(r#"Replay(file: "trace.csv", speed: 2.0)"#);
    let mut replay = |micros: u64| {
        let arrivals = plan.experiment.workloads.get_mut("browse").unwrap().arrivals_mut();
        let Arrivals::Replay { trace, .. } = arrivals else { panic!("it is a replay") };
        *trace = Trace::of(vec![0, micros]).unwrap();
        outline(&plan).join("")
    };
    assert_eq!(
        replay(20_000_000),
        "the trace ends after 10s: nothing is asked from then on to the end at 30s"
    );
    assert_eq!(replay(60_000_000), "");
    assert_eq!(replay(80_000_000), "the trace takes 40s, and the load ends at 30s");
}
