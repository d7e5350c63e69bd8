//! What goes wrong before or around a run is told clearly, and nothing is lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/skips.rs"]
mod skips;
#[path = "support/voyage.rs"]
mod voyage;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use skips::skipped;
use voyage::{Voyage, all};

/// One target with this argv and these further fields.
fn target(fields: &str) -> String {
    format!(
        r#"Experiment(
            name: "bad",
            targets: {{ "web": Process({fields}, env: {{"PORT": "{{port}}"}}) }},
            workloads: {{ "load": Tcp(to: Target("web"), arrivals: Constant("10/s"), exchanges: [(send: "x", expect: "y")]) }},
            phases: (warmup: "0s", baseline: "1s", chaos: "1s", recovery: "1s"),
            gates: [ErrorRatio(of: "load", below: "1%")],
        )"#
    )
}

/// Runs it and sees that it ends with this code and says all of this.
fn check(experiment: &str, code: i32, says: &[&str]) -> Voyage {
    let voyage = Voyage::new(experiment);
    let output = voyage.sail(&[]);
    let text = all(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in says {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    assert!(voyage.left_over().is_empty());
    voyage
}

#[test]
fn a_program_that_is_not_there_is_told_before_anything_happens() {
    let voyage = check(&target(r#"argv: ["no-such-server"]"#), 64, &["target `web`", "no-such-server"]);
    assert!(!voyage.folder().exists(), "no folder is made for a run that cannot start");
}

#[test]
fn a_target_that_exits_at_once_is_told_with_its_last_words() {
    let argv = r#"argv: ["ls", "/no/such/place"]"#;
    let voyage = check(&target(argv), 1, &["target `web`", "exit 2", "before it was ready", "No such file"]);
    assert!(voyage.read("report.md").contains("before it was ready"));
    assert!(voyage.read("target-web.log").contains("No such file"));
}

#[test]
fn a_target_that_never_becomes_ready_is_told() {
    let fields = r#"argv: ["sleep", "60"], ready_within: "500ms""#;
    let says = ["target `web`", "not ready within 500ms", "found: connection refused", "it printed nothing"];
    check(&target(fields), 1, &says);
}

#[test]
fn a_taken_port_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let fields = format!(r#"argv: ["sleep", "60"], port: {port}"#);
    let voyage =
        check(&target(&fields), 64, &[&format!("port {port} for target `web` is taken"), "write `Auto`"]);
    assert!(!voyage.folder().exists(), "the same command can be given again");
}

#[test]
fn an_address_outside_this_machine_needs_leave() {
    let text = r#"Experiment(
        name: "far",
        targets: { "far": Address("192.0.2.1:80") },
        workloads: { "load": Http(to: Target("far"), arrivals: Constant("1/s"), requests: [(get: "/")]) },
        phases: (warmup: "0s", baseline: "1s", chaos: "1s", recovery: "1s"),
        gates: [ErrorRatio(of: "load", below: "1%")],
    )"#;
    check(text, 64, &["192.0.2.1:80", "allow"]);
}

#[test]
fn an_address_where_nobody_listens_is_an_error_of_class_refused() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        r#"Experiment(
            name: "nobody",
            targets: {{ "nobody": Address("127.0.0.1:{port}") }},
            workloads: {{ "load": Http(to: Target("nobody"), arrivals: Constant("20/s"), requests: [(get: "/")]) }},
            phases: (warmup: "0s", baseline: "1s", chaos: "1s", recovery: "1s"),
            gates: [ErrorRatio(of: "load", below: "1%")],
        )"#
    );
    let voyage = check(&text, 1, &["error ratio"]);
    assert!(voyage.read("report.md").contains("refused"), "{}", voyage.read("report.md"));
}

#[test]
fn a_folder_with_files_in_it_is_refused() {
    let voyage = Voyage::new(&target(r#"argv: ["sleep", "1"]"#));
    fs::create_dir(voyage.folder()).unwrap();
    fs::write(voyage.folder().join("precious"), "").unwrap();
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(64), "{}", all(&output));
    assert!(all(&output).contains("is not empty"));
    assert_eq!(fs::read_dir(voyage.folder()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let voyage = Voyage::new(&target(r#"argv: ["sleep", "1"]"#));
    // A file stands where the folder above should be: that stops the administrator, too.
    fs::write(voyage.path().join("file"), "").unwrap();
    let output = voyage.shakedown(&["run", "experiment.ron", "--out", "file/run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", all(&output));
    assert!(all(&output).contains("cannot write in"), "{}", all(&output));
}

#[test]
fn a_program_that_may_not_be_run_is_told_with_its_path() {
    let voyage = Voyage::new(&target(r#"argv: ["./server"]"#));
    fs::write(voyage.path().join("server"), "").unwrap();
    let output = voyage.sail(&[]);
    assert_eq!(output.status.code(), Some(64), "{}", all(&output));
    assert!(all(&output).contains("server is not executable"), "{}", all(&output));
}

#[test]
fn what_cannot_be_written_to_standard_output_is_an_error() {
    let voyage = Voyage::new("");
    for words in [["plan", "quickstart"], ["new", "http"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = voyage.shakedown(&words).stdout(full).status().unwrap();
        assert_eq!(status.code(), Some(70), "{words:?}");
    }
}

#[test]
fn a_wrong_experiment_names_every_place() {
    let text = r#"Experiment(
        name: "wrong",
        targets: { "web": Proces(argv: ["x"]) },
        phases: (warmup: "0s", baseline: "1 parsec", chaos: "1s", recovery: "1s"),
        gates: [P59(of: "load", below: "1s")],
    )"#;
    check(
        text,
        64,
        &["experiment.ron:3:", "Process", "experiment.ron:4:", "1 parsec", "experiment.ron:5:", "P95"],
    );
}

#[test]
fn files_that_are_no_experiments_are_told() {
    let voyage = Voyage::new("");
    fs::write(voyage.path().join("bytes"), [0xff, 0xfe, 0, 1]).unwrap();
    fs::write(voyage.path().join("large"), vec![b' '; (1 << 20) + 1]).unwrap();
    for (file, says) in [
        ("nowhere.ron", "no file nowhere.ron"),
        ("bytes", "no UTF-8 text"),
        ("large", "larger than 1 MiB"),
        (".", "it is no file"),
        ("experiment.ron", "experiment.ron:1:1"),
    ] {
        for command in ["check", "plan", "run"] {
            let output = voyage.shakedown(&[command, file]).output().unwrap();
            assert_eq!(output.status.code(), Some(64), "{}", all(&output));
            assert!(all(&output).contains(says), "{}", all(&output));
        }
    }
}

#[test]
fn a_report_of_what_is_no_run_is_refused() {
    let voyage = Voyage::new("");
    for folder in [".", "nowhere", "experiment.ron"] {
        let output = voyage.shakedown(&["report", folder]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{}", all(&output));
    }
}

#[test]
fn wrong_words_on_the_command_line_exit_64_and_help_exits_0() {
    let voyage = Voyage::new("");
    for words in [
        &["sail"][..],
        &["run"],
        &["run", "quickstart", "--seed", "x"],
        &["run", "quickstart", "--set", "rate"],
    ] {
        assert_eq!(voyage.shakedown(words).output().unwrap().status.code(), Some(64), "{words:?}");
    }
    for words in [
        &["--help"][..],
        &["run", "--help"],
        &["--version"],
        &["list"],
        &["new"],
        &["schema"],
        &["completions", "bash"],
    ] {
        let output = voyage.shakedown(words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn templates_and_library_experiments_are_right_as_they_are_printed() {
    let voyage = Voyage::new("");
    // `checkout` has rows of a file, which comes along.
    let rows = voyage.shakedown(&["list", "shoppers.csv"]).output().unwrap().stdout;
    fs::write(voyage.path().join("shoppers.csv"), rows).unwrap();
    for words in [["new", "http"], ["list", "quickstart"], ["list", "checkout"]] {
        let printed = voyage.shakedown(&words).output().unwrap().stdout;
        fs::write(voyage.path().join("printed.ron"), printed).unwrap();
        let output = voyage.shakedown(&["check", "printed.ron"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    }
}

#[test]
fn the_reference_is_listed_and_tells_each_word_and_unknown_ones() {
    let voyage = Voyage::new("");
    for (words, code, says) in [
        (&["schema"][..], 0, &["workloads: ", "  Journey ", "toxics: ", "  Latency "][..]),
        (&["schema", "replay"], 0, &["// Replay in arrivals: ", "    file: \"trace.csv\",", "// needed: "]),
        (
            &["schema", "Tls", "order"],
            0,
            &["// tls in workloads: ", "    verify: true,", "// order in data: "],
        ),
        (&["schema", "--all"], 0, &["// ===== guard: ", "// MemoryPressure in do: "]),
        (&["schema", "latancy"], 64, &["no word `latancy`", "did you mean `Latency`?"]),
        (&["schema", "Http", "zzzz"], 64, &["no word `zzzz`"]),
        (&["schema", "Http", "--all"], 64, &["--all"]),
    ] {
        let output = voyage.shakedown(words).output().unwrap();
        let text = all(&output);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        assert_eq!(output.stdout.is_empty(), code != 0, "{words:?}");
        says.iter().for_each(|part| assert!(text.contains(part), "`{part}` is missing in: {text}"));
    }
}

#[test]
fn a_full_disk_degrades_a_run_and_heals_its_faults() {
    let name = "a_full_disk_degrades_a_run_and_heals_its_faults";
    let text = r#"Experiment(
        name: "full",
        targets: {
            "store": Process(argv: ["{shakedown}", "demo", "--role", "store", "--port", "{port}"]),
        },
        links: { "l": Tcp(to: "store") },
        workloads: { "load": Tcp(to: Link("l"), arrivals: Constant("200/s"), exchanges: [(send: "GET a\n", expect: "", until: "\n")]) },
        phases: (warmup: "0s", baseline: "3s", chaos: "4s", recovery: "2s"),
        faults: [(name: "slow", at: "1s", hold: "1s", do: Latency(link: "l", delay: "5ms"))],
        gates: [ErrorRatio(of: "load", below: "1%", over: Baseline)],
    )"#;
    let voyage = Voyage::new(text);
    let small = voyage.path().join("small");
    fs::create_dir(&small).unwrap();
    let Some(_mounted) = SmallDisk::mount(&small) else {
        skipped(name, "a small file system can only be mounted by the administrator");
        return;
    };
    let mut child = voyage
        .shakedown(&["run", "experiment.ron", "--out", "small/run"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let begun =
        voyage::eventually(std::time::Duration::from_secs(20), || small.join("run/run.sqlite").exists());
    assert!(begun);
    let ballast = small.join("ballast");
    let _ = fs::write(&ballast, vec![1; 4 << 20]);
    let ended =
        voyage::eventually(std::time::Duration::from_secs(60), || child.try_wait().unwrap().is_some());
    assert!(ended, "a full disk hangs nothing");
    let code = child.wait().unwrap().code().unwrap();
    assert!(matches!(code, 2 | 70), "a run that could not be written down has not passed: {code}");
    assert!(voyage.left_over().is_empty());
    fs::remove_file(&ballast).unwrap();
    let report = voyage.shakedown(&["report", "small/run"]).output().unwrap();
    assert!(matches!(report.status.code(), Some(0 | 2)), "{}", all(&report));
}

/// A file system of 2 MiB, taken away with this value.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path) -> Option<Self> {
        use nix::mount::{MsFlags, mount};
        mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some("size=2m")).ok()?;
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).ok()?;
        Some(Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}

/// Answers `200` to requests that carry this line, and `401` to others.
fn guarded(line: String) -> std::net::SocketAddr {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |stream: std::net::TcpStream| {
        let mut writer = stream.try_clone().unwrap();
        let (mut lines, mut is_known) = (BufReader::new(stream).lines(), false);
        while let Some(Ok(read)) = lines.next() {
            is_known |= read == line;
            if read.is_empty() {
                let status = if is_known { "200 OK" } else { "401 Unauthorized" };
                let sent = write!(writer, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                if sent.is_err() {
                    return;
                }
                is_known = false;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

/// All files below a folder.
fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn with_login(address: std::net::SocketAddr) -> String {
    format!(
        r#"Experiment(
            name: "guarded",
            targets: {{ "web": Address("{address}") }},
            workloads: {{ "load": Http(
                to: Target("web"), arrivals: Constant("20/s"), auth: Bearer("SHAKEDOWN_TEST_TOKEN"), requests: [(get: "/")],
            ) }},
            phases: (warmup: "0s", baseline: "1s", chaos: "1s", recovery: "1s"),
            gates: [ErrorRatio(of: "load", below: "1%")],
        )"#
    )
}

#[test]
fn a_secret_of_the_environment_is_sent_and_written_nowhere() {
    const SECRET: &str = "hunter2-7f3a-planted";
    let voyage = Voyage::new(&with_login(guarded(format!("Authorization: Bearer {SECRET}"))));
    let output = voyage.command("experiment.ron", &[]).env("SHAKEDOWN_TEST_TOKEN", SECRET).output().unwrap();
    let text = all(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    let files = files_below(voyage.path());
    assert!(files.iter().any(|path| path.ends_with("run.sqlite")), "{files:?}");
    for path in files {
        let bytes = fs::read(&path).unwrap();
        let holds = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!holds, "{} holds the secret", path.display());
    }
}

#[test]
fn a_secret_that_cannot_be_sent_is_told_before_anything_happens_and_not_shown() {
    for (secret, why) in [("", "is empty"), ("planted-7f3a\n", "does it end with a line break?")] {
        let voyage = Voyage::new(&with_login(guarded(String::new())));
        let output =
            voyage.command("experiment.ron", &[]).env("SHAKEDOWN_TEST_TOKEN", secret).output().unwrap();
        let text = all(&output);
        assert_eq!(output.status.code(), Some(64), "{text}");
        assert!(text.contains(why) && text.contains("`SHAKEDOWN_TEST_TOKEN`"), "{text}");
        assert!(!text.contains("planted"), "{text}");
        assert!(!voyage.folder().exists(), "no folder is made for a run that cannot start");
    }
}

#[test]
fn a_secret_that_is_not_set_is_told_before_anything_happens() {
    let address = guarded(String::new());
    let voyage =
        check(&with_login(address), 64, &["workload `load`", "`SHAKEDOWN_TEST_TOKEN`", "is not set"]);
    assert!(!voyage.folder().exists(), "no folder is made for a run that cannot start");
}
