//! Tests that ThreadSanitizer watches: one run each, with every access to memory seen.
//!
//! The standard library has to be built with it, or what it synchronises is not seen and much is called a race that is none;
//! so it wants a nightly toolchain with that library's source.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use shakedown_reports::journal::ModelOutcome;

use crate::Model;
use crate::model::Test;
use crate::outcome::outcome;

/// The variable that the runtime takes its options from.
pub(crate) const OPTIONS: &str = "TSAN_OPTIONS";
/// It ends at its first finding; without LLVM's own program, places come from the one of binutils.
const SETTINGS: &str = "halt_on_error=1:exitcode=66:history_size=7:second_deadlock_stack=1:allow_addr2line=1";
/// What a finding begins with.
const WARNING: &str = "WARNING: ThreadSanitizer: ";
/// Steps of a finding that are told.
const STEPS_MAX: usize = 64;

/// What a toolchain lacks for it, with what provides it; `None`: nothing.
#[must_use]
pub fn missing(toolchain: &str) -> Option<String> {
    let mut command = Command::new("rustc");
    command.arg(format!("+{toolchain}")).args(["--print", "sysroot"]).stdin(Stdio::null());
    let sysroot = command.output().ok().filter(|output| output.status.success());
    let Some(output) = sysroot else {
        return Some(format!("the toolchain {toolchain}: `rustup toolchain install {toolchain}`"));
    };
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/Cargo.lock");
    (!source.exists()).then(|| {
        format!("the standard library's source: `rustup component add rust-src --toolchain {toolchain}`")
    })
}

/// The triple of the machine that a toolchain runs on.
pub(crate) fn host(toolchain: &str) -> io::Result<String> {
    let output = Command::new("rustc").arg(format!("+{toolchain}")).arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| io::Error::other("rustc does not tell what it runs on"))
}

/// Runs a test once, watched.
pub(crate) fn play(test: &Test<'_>, model: &mut Model, time: Duration) -> io::Result<()> {
    let settings = [(OPTIONS, SETTINGS.to_owned())];
    let said = test.run(&settings, time)?;
    match Report::read(&said.text) {
        Some(report) => {
            (model.outcome, model.why) = (report.outcome, Some(report.why));
            (model.place, model.interleaving) = (report.place, report.steps);
        }
        None => {
            (model.outcome, model.why) = outcome(&said, None);
            model.place = said.panic().and_then(|panic| panic.place()).filter(|_| model.outcome.is_failure());
        }
    }
    model.replay = model.outcome.is_failure().then(|| test.command(&settings));
    Ok(())
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Report {
    outcome: ModelOutcome,
    why: String,
    place: Option<String>,
    steps: Vec<String>,
}

// === impl Report ===

impl Report {
    /// The first finding in what a program said.
    fn read(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(WARNING)?;
        let kind = rest.split(" (pid=").next().unwrap_or_default().lines().next().unwrap_or_default();
        let outcome = match kind {
            _ if kind.contains("race") => ModelOutcome::Race,
            _ if kind.starts_with("lock-order-inversion") => ModelOutcome::Deadlock,
            "thread leak" => ModelOutcome::Leak,
            _ => ModelOutcome::Assertion,
        };
        let body = rest.split("SUMMARY: ThreadSanitizer").next().unwrap_or_default();
        let (mut steps, mut place) = (Vec::new(), None);
        // A part is a line that tells what was done, and the calls that led there; one of them is the program's own.
        let mut is_told = true;
        for line in body.lines().skip(1).map(str::trim).filter(|line| !line.is_empty()) {
            let Some(frame) = line.strip_prefix('#') else {
                is_told = line.ends_with(':');
                steps.extend(is_told.then(|| without_address(line.trim_end_matches(':'))));
                continue;
            };
            if is_told && let Some((function, own)) = own_place(frame) {
                steps.push(format!("  {function} at {own}"));
                place.get_or_insert(own);
                is_told = false;
            }
        }
        steps.truncate(STEPS_MAX);
        Some(Self { outcome, why: kind.to_owned(), place, steps })
    }
}

/// The function and the place of a call, `1 FUNCTION FILE:LINE:COLUMN (PROGRAM+0x1) (BuildId: …)`, that is neither of the
/// standard library nor of another package.
fn own_place(frame: &str) -> Option<(String, String)> {
    let (_, rest) = frame.split_once(' ')?;
    let called = rest.split(" (").next()?;
    let (function, place) = called.rsplit_once(' ')?;
    let foreign =
        ["/rustlib/", "/registry/src/", "/rustc/", "<null>"].iter().any(|part| place.contains(part));
    let is_place = place.contains(".rs:");
    (is_place && !foreign).then(|| (function.to_owned(), place.to_owned()))
}

/// `Write of size 8 at 0x7b04 by thread T2` without the address, which is another in each run.
fn without_address(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_address = |word: &&str| word.starts_with("0x");
    let is_kept = |index: usize| {
        let leads_to_one = words[index] == "at" && words.get(index + 1).is_some_and(is_address);
        !leads_to_one && !is_address(&words[index])
    };
    let kept: Vec<&str> =
        (0..words.len()).filter(|index| is_kept(*index)).map(|index| words[index]).collect();
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RACE: &str = "\
running 1 test
==================
WARNING: ThreadSanitizer: data race (pid=4711)
  Write of size 8 at 0x7b0400000800 by thread T2:
    #0 core::ptr::write /t/lib/rustlib/src/rust/library/core/src/ptr/mod.rs:1:2 (it+0x1) (BuildId: ab)
    #1 it::count::{{closure}} src/lib.rs:9:13 (it+0x2) (BuildId: ab)

  Previous read of size 8 at 0x7b0400000800 by thread T1 (mutexes: write M0):
    #0 it::look /p/src/lib.rs:20:5 (it+0x3) (BuildId: ab)

  Location is heap block of size 8 at 0x7b0400000800 allocated by main thread:
    #0 malloc <null> (it+0x4) (BuildId: ab)

SUMMARY: ThreadSanitizer: data race src/lib.rs:9:13 in it::count::{{closure}}
==================
";

    #[test]
    fn a_finding_is_read_with_its_place_and_its_steps() {
        let report = Report::read(RACE).unwrap();
        assert_eq!((report.outcome, report.why.as_str()), (ModelOutcome::Race, "data race"));
        assert_eq!(report.place.as_deref(), Some("src/lib.rs:9:13"));
        let steps = [
            "Write of size 8 by thread T2",
            "  it::count::{{closure}} at src/lib.rs:9:13",
            "Previous read of size 8 by thread T1 (mutexes: write M0)",
            "  it::look at /p/src/lib.rs:20:5",
            "Location is heap block of size 8 allocated by main thread",
        ];
        assert_eq!(report.steps, steps);
    }

    #[test]
    fn kinds_have_outcomes_and_what_is_no_finding_has_none() {
        let kind = |kind: &str| Report::read(&format!("{WARNING}{kind} (pid=1)\n")).unwrap().outcome;
        assert_eq!(kind("lock-order-inversion (potential deadlock)"), ModelOutcome::Deadlock);
        assert_eq!(kind("thread leak"), ModelOutcome::Leak);
        assert_eq!(kind("data race on vptr"), ModelOutcome::Race);
        assert_eq!(kind("signal handler spoils errno"), ModelOutcome::Assertion);
        assert_eq!(Report::read("test result: ok"), None);
        assert_eq!(Report::read(WARNING).map(|report| report.steps.len()), Some(0));
    }

    #[test]
    fn a_toolchain_that_is_not_there_is_named() {
        let told = missing("no-such-toolchain").unwrap();
        assert!(told.contains("rustup toolchain install no-such-toolchain"), "{told}");
    }
}
