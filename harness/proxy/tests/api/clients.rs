//! Clients of Toxiproxy as people have them, from their registry, unchanged.

use std::path::Path;
use std::process::Command;

use crate::support::Api;

const DRIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/drive.py");

/// The version that `drive.py` was written for.
const PACKAGE: &str = "toxiproxy-python==0.1.1";

#[test]
fn the_python_client_drives_it_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let python = match client_in(folder.path()) {
        Ok(python) => python,
        Err(why) => return skipped("the_python_client_drives_it_unchanged", &why),
    };
    let api = Api::start();
    let driven = Command::new(python).arg(DRIVE).arg(api.address.port().to_string()).output().unwrap();
    let said =
        [driven.stdout, driven.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(driven.status.success(), "{said}");
}

/// A Python of its own with the client in it, or why there is none.
fn client_in(folder: &Path) -> Result<std::path::PathBuf, String> {
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let python = folder.join("bin/python");
    let quiet =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "30", PACKAGE];
    run(Command::new(&python).args(quiet))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {last}")) }
}

/// Names a test that could not run here, with its reason, for the closing lines of the test command.
fn skipped(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
    if let Some(file) = std::env::var_os("SHAKEDOWN_SKIPS") {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{test}\t{reason}").unwrap();
    }
}
