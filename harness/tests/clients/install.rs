//! Installs clients into `target/clients`: once, in the versions and with the checksums that are written beside the
//! drivers. What is there already for the same pins stays.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file of the drivers.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(path)
}

/// A Python with `toxiproxy-python`.
pub fn python() -> PathBuf {
    let pins = source("python/requirements.txt");
    // An environment belongs to the Python that made it.
    let version = run(Command::new("python3").arg("--version"), "python3 with its venv");
    let made = once("python", &format!("{version}{}", read(&pins)), |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder), "python3 with its venv");
        let mut install = Command::new(folder.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "30"]);
        install.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(&pins);
        run(&mut install, "the package index that pip is set up for");
    });
    made.join("bin/python")
}

/// The folder that has `toxiproxy-node-client`.
pub fn node_modules() -> PathBuf {
    let pins = ["package.json", "package-lock.json"];
    let text = pins.map(|file| read(&source("node").join(file))).concat();
    let made = once("node", &text, |folder| {
        for file in pins {
            fs::copy(source("node").join(file), folder.join(file)).unwrap();
        }
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
        run(&mut install, "npm, and the registry that it is set up for");
    });
    made.join("node_modules")
}

/// A driver in Rust. Cargo itself knows whether it is built.
pub fn rust(program: &str) -> PathBuf {
    let target = folder().join("rust");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(source("rust/Cargo.toml"));
    build.arg("--target-dir").arg(&target);
    run(
        &mut build,
        "pkg-config and OpenSSL's headers (Debian: libssl-dev), and the registry that cargo is set up for",
    );
    target.join("debug").join(program)
}

/// Installs into a folder of this name, unless that was done for the same pins. Others who want the same wait.
fn once(name: &str, pins: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let folder = folder().join(name);
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let (content, done) = (folder.join("content"), folder.join("done"));
    if fs::read_to_string(&done).is_ok_and(|text| text == pins) {
        return content;
    }
    let _ = fs::remove_file(&done);
    let _ = fs::remove_dir_all(&content);
    fs::create_dir_all(&content).unwrap();
    install(&content);
    fs::write(&done, pins).unwrap();
    content
}

/// Beside the folder that cargo gives to tests.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("clients")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a program to its end and gives what it wrote.
#[track_caller]
fn run(command: &mut Command, needs: &str) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; it needs {needs}"));
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{command:?}: {}\n{text}\nit needs {needs}", output.status);
    text
}
