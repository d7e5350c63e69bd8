//! Runs that never happened: a plan, and the journal that a well-behaved or a broken target would have left.
//!
//! `story` is a healthy run in which every fault is felt and recovered from; tests bend it with the functions below.

#![allow(dead_code, reason = "every test that includes this uses another part of it")]

use std::collections::BTreeMap;

use shakedown_reports::journal::{
    self, Counts, Ending, EndpointSecond, Entry, Event, HARNESS, Host, HostSample, LinkSample, Meta, Record,
    Sample, Second, What,
};
use shakedown_scenarios::experiment::{Experiment, Phase, Phases};
use shakedown_scenarios::fault::{Act, Fault};
use shakedown_scenarios::gate::{Gate, LeakResource, Quantile, Resource, Window};
use shakedown_scenarios::guard::Guard;
use shakedown_scenarios::plan::{Plan, plan as planned};
use shakedown_scenarios::probe::{Ask, Probe};
use shakedown_scenarios::target::{Link, Port, Process, Readiness, Restart, Target, TcpLink, Way};
use shakedown_scenarios::toxic::{Aim, Toxic};
use shakedown_scenarios::units::{Rate, Ratio, Span};
use shakedown_scenarios::workload::{
    Arrivals, Destination, Habits, HttpExpect, HttpRequest, HttpVersion, HttpWorkload, Workload,
};

pub const SHOP: &str = "shop";
pub const BROWSE: &str = "browse";
pub const RATE: u64 = 200;

/// The plan of a run of 80 s with three faults, after `edit` had its way with the experiment.
pub fn plan(edit: impl FnOnce(&mut Experiment)) -> Plan {
    let mut experiment = experiment();
    edit(&mut experiment);
    planned(&experiment, 42, 1.0).expect("the synthetic experiment fits")
}

pub fn meta() -> Meta {
    Meta {
        format: shakedown_reports::journal::FORMAT,
        run: "2026-01-02-slow-database".into(),
        version: "0.1.0".into(),
        started_at: "2026-01-02T03:04:05+01:00".into(),
        again: ["shakedown", "run", "slow-database.ron", "--seed", "42"].map(String::from).into(),
        host: Host { name: "night".into(), system: "Linux 6.12".into(), cores: 4, memory: 16 << 30 },
    }
}

fn experiment() -> Experiment {
    let workload = HttpWorkload {
        version: HttpVersion::Http1,
        to: Destination::Link("clients-shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(RATE as f64).expect("a rate")),
        timeout: Span::secs(2),
        connections: 64,
        habits: Habits::default(),
        tls: None,
        auth: None,
        data: None,
        requests: vec![HttpRequest {
            name: None,
            method: "GET".into(),
            path: "/items/{n}".into(),
            headers: Vec::new(),
            body: String::new(),
            expect: HttpExpect { status: Some(200), ..HttpExpect::default() },
            weight: 1,
            keys: 100,
        }],
    };
    let process = Process {
        argv: vec!["./shop".into()],
        env: BTreeMap::new(),
        dir: None,
        files: BTreeMap::new(),
        port: Port::Auto,
        ready: Readiness::Tcp,
        ready_within: Span::secs(10),
        restart: Restart::OnExit { from: Span::millis(200), to: Span::secs(10) },
        grace: Span::secs(1),
        exports: Vec::new(),
    };
    let link = Link::Tcp(TcpLink { to: SHOP.into(), listen: Port::Auto, from: None });
    let ask =
        Ask::Http { to: Destination::Target(SHOP.into()), path: "/healthz".into(), status: 200, body: None };
    Experiment {
        name: "slow-database".into(),
        about: "Does the shop keep its p95 when its database is slow, cut off, or when it crashes itself?"
            .into(),
        targets: [(SHOP.to_owned(), Target::Process(process))].into(),
        links: [("clients-shop".to_owned(), link)].into(),
        workloads: [(BROWSE.to_owned(), Workload::Http(workload))].into(),
        phases: Phases {
            warmup: Span::secs(5),
            baseline: Span::secs(15),
            chaos: Span::secs(45),
            recovery: Span::secs(15),
        },
        faults: vec![
            fault(
                "slow db",
                3,
                8,
                Act::Toxic {
                    link: "clients-shop".into(),
                    toxic: Toxic::jittery(Span::millis(100), Span::millis(20)),
                    aim: Aim::at(Way::Both),
                },
            ),
            fault(
                "cut off",
                18,
                5,
                Act::Toxic {
                    link: "clients-shop".into(),
                    toxic: Toxic::Partition {},
                    aim: Aim::at(Way::Both),
                },
            ),
            fault("crash", 32, 0, Act::Kill { target: SHOP.into() }),
        ],
        hypothesis: vec![Probe { name: "healthz".into(), ask, every: Span::secs(1), timeout: Span::secs(1) }],
        gates: gates(),
        guard: Guard::default(),
        races: Vec::new(),
        consistency: Vec::new(),
    }
}

pub fn fault(name: &str, at: u64, hold: u64, act: Act) -> Fault {
    Fault {
        name: name.into(),
        at: Span::secs(at),
        hold: Span::secs(hold),
        every: None,
        repeat: None,
        jitter: Span::ZERO,
        act,
    }
}

fn gates() -> Vec<Gate> {
    let ratio = |value| Ratio::new(value).expect("a ratio");
    vec![
        Gate::Latency {
            quantile: Quantile::P95,
            of: BROWSE.into(),
            below: Span::millis(50),
            over: Window::Phase(Phase::Baseline),
        },
        Gate::ErrorRatio { of: BROWSE.into(), below: ratio(0.01), over: Window::Phase(Phase::Recovery) },
        Gate::Throughput {
            of: BROWSE.into(),
            above: Rate::per_second(100.0).expect("a rate"),
            over: Window::Run,
        },
        Gate::Resource { resource: Resource::Rss, of: SHOP.into(), below: 512e6, over: Window::Run },
        Gate::RecoveryTime { below: Span::secs(10) },
    ]
}

pub fn no_leak() -> Gate {
    use LeakResource::{Fds, Memory, Sockets, Threads};
    Gate::NoLeak { of: SHOP.into(), resources: vec![Memory, Fds, Sockets, Threads] }
}

fn us(span: Span) -> i64 {
    span.as_micros() as i64
}

pub fn event(at_us: i64, what: What) -> Entry {
    Entry::Event(Event { at_us, what })
}

/// A number from 0 to 1 that looks like chance and is none.
fn wobble(second: u32, salt: u32) -> f64 {
    let mixed = (second.wrapping_mul(2_654_435_761) ^ salt.wrapping_mul(40_503)).wrapping_mul(2_246_822_519);
    f64::from(mixed >> 8) / f64::from(1u32 << 24)
}

/// Latencies around `middle_us`, with a tail.
pub fn latencies(count: u64, middle_us: f64) -> Counts {
    let mut histogram = hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000, 2).expect("bounds");
    for step in 0..count.min(100) {
        let share = (step as f64 + 0.5) / count.min(100) as f64;
        let value = middle_us * (0.6 + 0.4 * share + 0.25 / (1.02 - share));
        histogram.saturating_record_n(value as u64, (count / count.min(100)).max(1));
    }
    Counts::of(&histogram)
}

/// A mix of two; the second one is slower and fails a little. The histograms of both are not the window's, which is drawn
/// apart: what a page shows of each is what counts here.
fn endpoints(ok: u64, middle_us: f64) -> Vec<EndpointSecond> {
    let part = |name: &str, ok: u64, middle_us: f64, failed: u64| EndpointSecond {
        name: name.into(),
        ok,
        errors: if failed > 0 { [("status".to_owned(), failed)].into() } else { BTreeMap::new() },
        latency: latencies(ok, middle_us),
    };
    vec![
        part("GET /items/{n}", ok - ok / 4, middle_us, 0),
        part("check <b>out</b>", ok / 4, middle_us * 4.0, 1),
    ]
}

/// How the target does in a second.
#[derive(Clone, Copy)]
struct Weather {
    middle_us: f64,
    error_share: f64,
    error: &'static str,
    down: bool,
}

fn weather(plan: &Plan, second: u32) -> Weather {
    let calm = Weather {
        middle_us: 6_000.0 + 1_500.0 * wobble(second, 1),
        error_share: 0.0,
        error: "reset",
        down: false,
    };
    let holds = |cue: &&shakedown_scenarios::plan::Cue| {
        let after = match plan.experiment.faults[cue.fault].act {
            Act::Kill { .. } | Act::Restart { .. } => 3.0,
            _ => 1.0,
        };
        let (from, to) = (cue.from.as_secs_f64(), cue.to.as_secs_f64() + after);
        from <= f64::from(second) && f64::from(second) < to
    };
    let Some(cue) = plan.cues.iter().find(holds) else { return calm };
    match plan.experiment.faults[cue.fault].act {
        Act::Toxic { toxic: Toxic::Latency { .. }, .. } => {
            Weather { middle_us: 130_000.0 + 20_000.0 * wobble(second, 2), ..calm }
        }
        Act::Kill { .. } | Act::Restart { .. } => {
            Weather { error_share: 1.0, error: "refused", down: true, ..calm }
        }
        Act::Toxic { toxic: Toxic::Partition {} | Toxic::Blackhole { .. }, .. } => {
            Weather { error_share: 0.97, error: "timeout", ..calm }
        }
        _ => Weather { error_share: 0.2, ..calm },
    }
}

fn window(plan: &Plan, workload: &str, second: u32) -> Entry {
    let weather = weather(plan, second);
    let due = RATE;
    let failed = (due as f64 * weather.error_share) as u64;
    let ok = due - failed;
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    if failed > 0 {
        errors.insert(weather.error.into(), failed - failed / 5);
        errors.insert("closed".into(), failed / 5);
    }
    Entry::Window(Box::new(Second {
        second,
        workload: workload.into(),
        due,
        sent: due,
        ok,
        errors,
        dropped: 0,
        backlog: 3,
        received: ok * 512,
        latency: latencies(ok, weather.middle_us),
        service: latencies(ok, weather.middle_us * 0.9),
        late_us_max: 900,
        late_us_p50: 60,
        endpoints: endpoints(ok, weather.middle_us),
        examples: Vec::new(),
    }))
}

fn samples(plan: &Plan, second: u32) -> Vec<Entry> {
    let weather = weather(plan, second);
    let at_us = i64::from(second) * 1_000_000 + 200_000;
    let steady = |subject: &str, megabytes: f64, cpu: u64| Sample {
        at_us,
        subject: subject.into(),
        processes: 1,
        rss: ((megabytes + 2.0 * wobble(second, 3)) * 1_048_576.0) as u64,
        pss: Some((megabytes * 0.9 * 1_048_576.0) as u64),
        anonymous: ((megabytes * 0.7 + wobble(second, 4)) * 1_048_576.0) as u64,
        threads: 12,
        fds: [("file".to_owned(), 9), ("socket".to_owned(), 20 + (4.0 * wobble(second, 5)) as u64)].into(),
        sockets: [("established".to_owned(), 18), ("listen".to_owned(), 1)].into(),
        cpu_us: u64::from(second) * cpu,
        switches_voluntary: u64::from(second) * 700,
        faults_minor: u64::from(second) * 20,
        ..Sample::default()
    };
    let mut entries = Vec::new();
    for name in plan.experiment.targets.keys() {
        let shop = if weather.down {
            Sample { at_us, subject: name.clone(), ..Sample::default() }
        } else {
            steady(name, 90.0, 350_000)
        };
        entries.push(Entry::Sample(Box::new(shop)));
    }
    entries.push(Entry::Sample(Box::new(steady(HARNESS, 24.0, 60_000))));
    entries.push(Entry::HostSample(HostSample {
        at_us,
        available: (9.0e9 + 1e8 * wobble(second, 6)) as u64,
        cpu_us: u64::from(second) * 900_000,
        cpu_pressure: Some(0.02 * wobble(second, 7)),
        memory_pressure: Some(0.0),
        io_pressure: None,
    }));
    for name in plan.experiment.links.keys() {
        let (second, link) = (u64::from(second), name.clone());
        entries.push(Entry::LinkSample(LinkSample {
            at_us,
            link,
            accepted: 64 + second,
            open: 64,
            up: second * 40_000,
            down: second * 110_000,
        }));
    }
    entries
}

fn cue_events(plan: &Plan) -> Vec<Entry> {
    let mut entries = Vec::new();
    for cue in &plan.cues {
        let (id, from, to) = (cue.id, us(cue.from) + 12_000, us(cue.to) + 25_000);
        entries.push(event(from - 5_000, What::Injecting { cue: id }));
        entries.push(event(from, What::Injected { cue: id }));
        let act = &plan.experiment.faults[cue.fault].act;
        let bit = |evidence: &str| What::Bit { cue: id, proven: true, evidence: evidence.into() };
        if let Act::Kill { target } | Act::Restart { target } = act {
            let target = || target.clone();
            entries.push(event(from + 1_000, bit("pid 812 is gone")));
            entries.push(event(
                from + 1_500,
                What::TargetExited { target: target(), status: "signal 9 (SIGKILL)".into(), expected: true },
            ));
            entries.push(event(from + 2_400_000, What::TargetStarted { target: target(), pid: 911 }));
            entries.push(event(from + 2_650_000, What::TargetReady { target: target(), after_us: 250_000 }));
        } else {
            entries.push(event(to - 1_000, bit("1,204 chunks delayed by 101 ms on average")));
            entries.push(event(
                to,
                What::Healed { cue: id, proven: true, evidence: "the last 16 chunks passed at once".into() },
            ));
        }
    }
    entries
}

fn probes(plan: &Plan, second: u32) -> Vec<Entry> {
    let weather = weather(plan, second);
    let probed = |probe: &Probe| {
        let (ok, found) = if weather.down { (false, "connection refused") } else { (true, "200") };
        let at_us = i64::from(second) * 1_000_000 + 350_000;
        event(at_us, What::Probed { probe: probe.name.clone(), ok, found: found.into(), took_us: 900 })
    };
    plan.experiment.hypothesis.iter().map(probed).collect()
}

/// The journal of a run in which everything goes as it should.
pub fn story(plan: &Plan) -> Vec<Entry> {
    let phases = &plan.experiment.phases;
    let mut entries = Vec::new();
    for name in plan.experiment.targets.keys() {
        entries.push(event(-400_000, What::TargetStarted { target: name.clone(), pid: 812 }));
        entries.push(event(-150_000, What::TargetReady { target: name.clone(), after_us: 250_000 }));
    }
    for phase in Phase::ALL {
        entries.push(event(us(phases.bounds(phase).0), What::PhaseStarted { phase }));
    }
    entries.extend(cue_events(plan));
    let seconds = phases.total().as_secs_f64() as u32;
    for second in 0..seconds {
        entries.extend(plan.experiment.workloads.keys().map(|name| window(plan, name, second)));
        entries.extend(samples(plan, second));
        entries.extend(probes(plan, second));
    }
    entries.push(event(us(phases.total()) + 4_000, What::Ended { how: Ending::Completed }));
    sorted(entries)
}

/// Changes every window of a second that `which` picks.
pub fn bend(entries: &mut [Entry], which: impl Fn(u32) -> bool, change: impl Fn(&mut Second)) {
    for entry in entries {
        if let Entry::Window(second) = entry
            && which(second.second)
        {
            change(second);
        }
    }
}

/// Turns all answers of a second into errors of a class.
pub fn break_second(second: &mut Second, class: &str) {
    second.errors = [(class.to_owned(), second.due)].into();
    second.ok = 0;
    second.latency = Counts::default();
    second.service = Counts::default();
}

/// Takes out the events that `which` picks.
pub fn without(entries: Vec<Entry>, which: impl Fn(&What) -> bool) -> Vec<Entry> {
    let stays = |entry: &Entry| !matches!(entry, Entry::Event(event) if which(&event.what));
    entries.into_iter().filter(stays).collect()
}

/// Changes every event.
pub fn events(entries: &mut [Entry], mut change: impl FnMut(i64, &mut What)) {
    for entry in entries {
        if let Entry::Event(event) = entry {
            change(event.at_us, &mut event.what);
        }
    }
}

/// In the order of time, as a journal has them.
pub fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(Entry::at_us);
    entries
}

/// What the runner would have written for an entry: its histograms unpacked again.
pub fn record(entry: Entry) -> Record {
    match entry {
        Entry::Event(Event { at_us, what }) => Record::Event(Event { at_us, what }),
        Entry::Sample(sample) => Record::Sample(*sample),
        Entry::HostSample(sample) => Record::HostSample(sample),
        Entry::LinkSample(sample) => Record::LinkSample(sample),
        Entry::Export(sample) => Record::Export(*sample),
        Entry::Window(second) => Record::Window(Box::new(journal::Window {
            second: second.second,
            workload: second.workload,
            due: second.due,
            sent: second.sent,
            ok: second.ok,
            errors: second.errors,
            dropped: second.dropped,
            backlog: second.backlog,
            received: second.received,
            latency: second.latency.histogram(),
            service: second.service.histogram(),
            late_us_max: second.late_us_max,
            late_us_p50: second.late_us_p50,
            endpoints: second.endpoints,
            examples: second.examples,
        })),
    }
}
