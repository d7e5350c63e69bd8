//! Figures that targets export, in whole runs of the real program. This program is started again as the target: as the
//! fixture `leaky`, or as one whose pages are a nuisance.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

#[path = "support/voyage.rs"]
mod voyage;

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};
use shakedown_fixtures::leaky::{Leak, leaky};
use shakedown_reports::journal::{Entry, ExportSample, HARNESS, Journal};
use shakedown_vitals::{Counting, Vitals};
use tokio::runtime::{Builder, Handle, LocalOptions};
use voyage::{Voyage, all};

#[global_allocator]
static HEAP: Counting = Counting::system();

/// The first argument of a target.
const LEAKY: &str = "leaky";
const NUISANCE: &str = "nuisance";

#[derive(Debug, Parser)]
struct Flags {
    #[arg(long)]
    port: u16,
    #[command(flatten)]
    leak: Leak,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(LEAKY) => return serve_leaky(&Flags::parse_from(&arguments)).unwrap(),
        Some(NUISANCE) => return serve_nuisance(arguments[1].parse().unwrap()),
        _ => {}
    }
    let test = |name: &str, run: fn()| {
        Trial::test(name, move || {
            run();
            Ok::<(), Failed>(())
        })
    };
    let trials = vec![
        test("what_a_target_exports_stands_in_journal_and_report", what_a_target_exports_is_reported),
        test("pages_that_are_a_nuisance_disturb_nothing", pages_that_are_a_nuisance_disturb_nothing),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn what_a_target_exports_is_reported() {
    let voyage = Voyage::new(&experiment(
        r#""leaky", "memory", "--size", "64KiB", "--port", "{port}""#,
        r#"
            Prometheus(metrics: ["vitals_heap_live_bytes", "vitals_runtime_live_tasks"], every: "500ms"),
            Json(path: "/leaked", figures: [(name: "leaked", pointer: "/leaked")], every: "500ms"),"#,
        "/work",
    ));
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));

    let (exports, _) = read(&voyage);
    let grown = |page: u32, name: &str| {
        let values: Vec<f64> = exports
            .iter()
            .filter(|sample| sample.page == page)
            .filter_map(|sample| sample.figures.get(name).copied())
            .collect();
        assert!(values.len() > 3, "{name}: {exports:?}");
        values.last().unwrap() - values.first().unwrap()
    };
    let (bytes, units) = (grown(0, "vitals_heap_live_bytes"), grown(1, "leaked"));
    assert!(units > 50.0, "{units} units leaked");
    // The two pages are not fetched at one moment.
    let each = bytes / units;
    assert!((32_768.0..131_072.0).contains(&each), "{each} bytes a unit");

    let summary = voyage.summary();
    let pages = summary["exports"].as_array().unwrap();
    assert_eq!(pages.len(), 2, "{pages:?}");
    for page in pages {
        assert!(page["asked"].as_u64() > page["missed"].as_u64(), "{page}");
        assert!(page["figures"][0]["first_last_max"].is_array(), "{page}");
    }
    let series = summary["timeline"]["series"].as_array().unwrap();
    for name in ["vitals_heap_live_bytes", "vitals_runtime_live_tasks", "leaked"] {
        let is_it = |series: &&serde_json::Value| series["panel"] == "exported" && series["name"] == name;
        assert!(series.iter().any(|series| is_it(&series)), "{name}");
    }
    let (markdown, page) = (voyage.read("report.md"), voyage.read("report.html"));
    assert!(markdown.contains("## Exported figures") && markdown.contains("live"), "{markdown}");
    assert!(page.contains("Exported figures") && page.contains("Exported, bytes"), "no figure in the page");
}

fn pages_that_are_a_nuisance_disturb_nothing() {
    let page = |name: &str| {
        format!(
            r#"Prometheus(path: "/{name}", metrics: ["{name}_items"], every: "300ms", timeout: "200ms"),"#
        )
    };
    let exports = ["fine", "hang", "drip", "broken", "huge", "nan", "gone"].map(page).concat();
    let voyage = Voyage::new(&experiment(r#""nuisance", "{port}""#, &exports, "/healthz"));
    let output = voyage.sail(&[]);
    // Anything that the harness itself could not do in time would make it inconclusive.
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));

    let (samples, harness) = read(&voyage);
    let rows = samples.len();
    let summary = voyage.summary();
    let pages = summary["exports"].as_array().unwrap();
    let asked: u64 = pages.iter().map(|page| page["asked"].as_u64().unwrap()).sum();
    assert_eq!(asked, rows as u64);
    let pages: BTreeMap<&str, _> = pages.iter().map(|page| (page["path"].as_str().unwrap(), page)).collect();
    let count = |path: &str, what: &str| pages[path][what].as_u64().unwrap();
    for (path, why) in [
        ("/hang", "no answer within 200ms"),
        ("/drip", "no answer within 200ms"),
        ("/broken", "status 500"),
        ("/huge", ""),
        ("/gone", "no whole HTTP answer"),
    ] {
        assert!(
            count(path, "asked") >= 3 && count(path, "asked") == count(path, "missed"),
            "{}",
            pages[path]
        );
        assert!(pages[path]["why"].as_str().unwrap().contains(why), "{}", pages[path]);
        assert!(pages[path]["figures"][0]["first_last_max"].is_null(), "{}", pages[path]);
    }
    // On a busy machine ten megabytes may take longer than they may; mostly their length is what is wrong.
    let is_long =
        |sample: &&ExportSample| sample.missed.as_deref() == Some("the body is longer than 1048576 bytes");
    assert!(samples.iter().any(|sample| is_long(&sample)), "{samples:?}");
    assert!(count("/fine", "missed") < count("/fine", "asked"), "{}", pages["/fine"]);
    assert_eq!(count("/nan", "dropped"), count("/nan", "asked") - count("/nan", "missed"));
    let grown = harness.iter().max().unwrap() - harness.first().unwrap();
    assert!(grown < 32 << 20, "the harness grew by {grown} bytes");
}

/// A short run with load on one path of the target `shop`.
fn experiment(arguments: &str, exports: &str, path: &str) -> String {
    let own = std::env::current_exe().unwrap();
    format!(
        r#"Experiment(
            name: "exports",
            targets: {{
                "shop": Process(argv: ["{}", {arguments}], ready: Http("/healthz"), exports: [{exports}]),
            }},
            workloads: {{
                "work": Http(to: Target("shop"), arrivals: Constant("40/s"), timeout: "2s", requests: [(get: "{path}")]),
            }},
            phases: (warmup: "0s", baseline: "3s", chaos: "1s", recovery: "1s"),
            gates: [ErrorRatio(of: "work", below: "5%")],
        )"#,
        own.display()
    )
}

/// What the journal holds of exports, and the resident memory of the harness, sample by sample.
fn read(voyage: &Voyage) -> (Vec<ExportSample>, Vec<u64>) {
    let mut journal = Journal::open(&voyage.folder()).unwrap();
    let (mut exports, mut harness) = (Vec::new(), Vec::new());
    for entry in journal.entries() {
        match entry {
            Entry::Export(sample) => exports.push(*sample),
            Entry::Sample(sample) if sample.subject == HARNESS => harness.push(sample.rss),
            _ => {}
        }
    }
    assert!(journal.losses().is_empty(), "{:?}", journal.losses());
    (exports, harness)
}

fn serve_leaky(flags: &Flags) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, flags.port));
        let listener = tokio::net::TcpListener::bind(address).await?;
        leaky(listener, flags.leak, Vitals::new().heap(&HEAP).tasks(Handle::current())).await
    })
}

/// Pages that hang, drip, fail, are far too long, hold no number, or break off. It ends with its run.
fn serve_nuisance(port: u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let _ = annoy(stream);
        });
    }
}

fn annoy(mut stream: TcpStream) -> io::Result<()> {
    let (mut piece, mut began) = ([0; 4096], false);
    loop {
        let read = stream.read(&mut piece)?;
        let request = String::from_utf8_lossy(&piece[..read]).into_owned();
        let Some(path) = request.split(' ').nth(1) else { return Ok(()) };
        match path {
            "/hang" => drop(stream.read(&mut piece)?),
            // A head that never ends.
            "/drip" => loop {
                stream.write_all(if began { "X-More: 1\r\n" } else { "HTTP/1.1 200 OK\r\n" }.as_bytes())?;
                began = true;
                std::thread::park_timeout(std::time::Duration::from_millis(50));
            },
            "/gone" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx_items 1\n")?;
                return Ok(());
            }
            "/broken" => answer(&mut stream, "500 Internal Server Error", "x_items 1\n")?,
            "/huge" => answer(&mut stream, "200 OK", &"x_items 1\n".repeat(1_000_000))?,
            "/nan" => answer(&mut stream, "200 OK", "nan_items NaN\n")?,
            _ => answer(&mut stream, "200 OK", "fine_items 1\n")?,
        }
    }
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes())
}
