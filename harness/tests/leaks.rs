//! Planted leaks in whole runs of the real program: each is found, at its rate, and a server that only looks as if it
//! leaked is not. This program is started again as the targets, the fixtures `leaky` and `steady`.
//!
//! Nothing is claimed on less than five minutes, so these runs take six and more; `.ci/nightly` has them.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

#[path = "support/voyage.rs"]
mod voyage;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use shakedown_fixtures::leaky::{Leak, leaky};
use shakedown_fixtures::steady::{Life, steady};
use shakedown_vitals::{Counting, Vitals};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, LocalOptions};
use voyage::{Voyage, all};

#[global_allocator]
static HEAP: Counting = Counting::system();

#[derive(Debug, Parser)]
enum Role {
    Leaky {
        #[arg(long)]
        port: u16,
        #[command(flatten)]
        leak: Leak,
    },
    Steady {
        #[arg(long)]
        port: u16,
        #[command(flatten)]
        life: Life,
    },
}

fn main() {
    if matches!(std::env::args().nth(1).as_deref(), Some("leaky" | "steady")) {
        return serve(Role::parse()).unwrap();
    }
    let minutes = |name: &str, run: fn()| {
        let trial = Trial::test(name, move || {
            run();
            Ok::<(), Failed>(())
        });
        trial.with_kind("a leak wants minutes of load before it shows").with_ignored_flag(true)
    };
    let trials = vec![
        minutes("every_planted_leak_is_found_and_no_other", every_planted_leak_is_found_and_no_other),
        minutes("a_certain_leak_ends_the_run_that_allows_it", a_certain_leak_ends_the_run_that_allows_it),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn serve(role: Role) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listen = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let vitals = Vitals::new().heap(&HEAP).tasks(Handle::current());
        match role {
            Role::Leaky { port, leak } => leaky(listen(port).await?, leak, vitals).await,
            Role::Steady { port, life } => steady(listen(port).await?, life, vitals).await,
        }
    })
}

/// Target, how it is started, what leaks, and how much of it an hour at ten requests a second.
const PLANTED: [(&str, &str, &str, f64); 6] = [
    ("memory", r#""leaky", "memory", "--rate", "0.1", "--size", "64KiB""#, "Memory", 3_600.0 * 65_536.0),
    ("files", r#""leaky", "fd", "--rate", "0.1", "--onset", "70s""#, "Fds", 3_600.0),
    ("sockets", r#""leaky", "socket", "--rate", "0.1""#, "CloseWait", 3_600.0),
    ("threads", r#""leaky", "thread", "--rate", "0.02""#, "Threads", 720.0),
    ("mappings", r#""leaky", "mapping", "--rate", "0.1", "--size", "8KiB""#, "Mappings", 7_200.0),
    ("tasks", r#""leaky", "task", "--rate", "0.5""#, "Exported", 18_000.0),
];

fn every_planted_leak_is_found_and_no_other() {
    let mut targets: Vec<(&str, &str)> =
        PLANTED.iter().map(|(name, arguments, ..)| (*name, *arguments)).collect();
    targets.push(("steady", r#""steady", "--cache", "200", "--period", "20s""#));
    let voyage = Voyage::new(&experiment(&targets, "340s", ""));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let summary = voyage.summary();
    for (target, _, resource, per_hour) in PLANTED {
        let found = finding(&summary, target, resource);
        let leak = &found["answer"]["leak"];
        let [slope, low, high] =
            ["per_hour", "low", "high"].map(|name| leak[name].as_f64().unwrap_or_default());
        assert!((0.7..1.4).contains(&(slope / per_hour)), "{target}: {found}");
        assert!(low <= slope && slope <= high, "{target}: {found}");
        let plots = std::fs::read_dir(voyage.folder().join("plots")).unwrap().flatten();
        let drawn = plots.filter(|plot| plot.file_name().to_string_lossy().contains(&format!("-{target}-")));
        assert!(drawn.count() >= 2, "{target} has no picture");
    }
    let onset = finding(&summary, "files", "Fds")["onset"].as_f64().unwrap();
    assert!((40.0..110.0).contains(&onset), "{onset}");
    for leak in summary["leaks"].as_array().unwrap().iter().filter(|leak| leak["target"] == "steady") {
        assert!(leak["answer"]["leak"].is_null(), "{leak}");
    }
    let page = voyage.read("report.html");
    assert!(
        page.contains("<h2>Leaks</h2>") && page.matches("<figure class=\"leak\"").count() >= PLANTED.len()
    );
}

fn a_certain_leak_ends_the_run_that_allows_it() {
    let files = [("files", r#""leaky", "fd", "--rate", "0.1""#)];
    let voyage = Voyage::new(&experiment(&files, "14m", "guard: (stop_on: [CertainLeak]),"));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let summary = voyage.summary();
    assert!(
        summary["run"]["ending"]["CertainLeak"].is_string()
            || summary["run"]["ending"]["certain_leak"].is_string()
    );
    let (observed, planned) = (&summary["run"]["observed"], &summary["run"]["planned"]);
    assert!(observed.as_f64().unwrap() < 0.9 * planned.as_f64().unwrap(), "{observed} of {planned}");
    assert!(all(&output).contains("LEAK"), "{}", all(&output));
}

fn finding<'a>(summary: &'a Value, target: &str, resource: &str) -> &'a Value {
    let leaks = summary["leaks"].as_array().unwrap();
    let is_it = |leak: &&Value| {
        let figure = resource != "Exported" || leak["figure"] == "vitals_runtime_live_tasks";
        leak["target"] == target && leak["resource"] == resource && figure
    };
    leaks.iter().find(is_it).unwrap_or_else(|| panic!("nothing of {resource} of {target}"))
}

fn experiment(targets: &[(&str, &str)], chaos: &str, more: &str) -> String {
    let own = std::env::current_exe().unwrap();
    let each = |text: &dyn Fn(&str, &str) -> String| -> String {
        targets.iter().map(|(name, arguments)| text(name, arguments)).collect()
    };
    let (targets, workloads, gates) = (
        each(&|name, arguments| {
            format!(
                r#""{name}": Process(argv: ["{}", {arguments}, "--port", "{{port}}"], ready: Http("/healthz"),
                    exports: [Prometheus(metrics: ["vitals_runtime_live_tasks", "vitals_heap_live_bytes"], every: "1s")]),
                "#,
                own.display()
            )
        }),
        each(&|name, _| {
            format!(
                r#""to-{name}": Http(to: Target("{name}"), arrivals: Constant("10/s"), requests: [(get: "/work")]),
                "#
            )
        }),
        each(&|name, _| format!(r#"NoLeak(of: "{name}"), "#)),
    );
    format!(
        r#"Experiment(
            name: "leaks",
            targets: {{ {targets} }},
            workloads: {{ {workloads} }},
            phases: (warmup: "10s", baseline: "10s", chaos: "{chaos}", recovery: "5s"),
            gates: [{gates}],
            {more}
        )"#
    )
}
