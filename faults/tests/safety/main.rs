//! What must hold of the proxy with many connections, over time and without descriptors. Rows 1 to 3 of the table of
//! figures that the names of tests refer to; the others are in `tests/proxy`, and in the packages they are about.
//!
//! Each is measured in a process of its own, so that descriptors and memory are its own: called with the name of a part
//! this binary plays that, otherwise it runs the tests. Its peers, clients and a server, are a process more.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]
#![allow(clippy::print_stdout, reason = "figures are for whoever reads the log of a test")]

mod churn;
mod descriptors;
mod far;
mod footprint;
mod idle;
mod spread;
#[path = "../proxy/support.rs"]
#[allow(dead_code, reason = "what is not used here is used by the tests beside this")]
mod support;

use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Trial};

type Part = fn(&[String]);

const PARTS: [(&str, Part); 5] = [
    ("far", far::play),
    ("idle", idle::play),
    ("churn", churn::play),
    ("exhausted", descriptors::play),
    ("spread", spread::play),
];

/// A test: its name, the part that plays it and with what, and why it runs only when it is asked for; empty: it
/// always runs.
const TESTS: [(&str, &str, &str, &str); 10] = [
    ("safety_01_two_thousand_idle_connections_are_small_and_clean_after_close", "idle", "2000", ""),
    (
        "safety_01_ten_thousand_idle_connections_are_small_and_clean_after_close",
        "idle",
        "10000",
        "it wants 20,000 descriptors and a minute",
    ),
    ("safety_02_five_seconds_of_churn_leave_no_descriptor", "churn", "5", ""),
    ("safety_02_five_minutes_of_churn_leave_no_descriptor", "churn", "300", "it takes five minutes"),
    ("safety_03_without_descriptors_it_neither_exits_nor_spins_and_serves_again", "exhausted", "", ""),
    ("a_busy_link_has_two_threads_and_its_connections_keep_their_numbers", "spread", "numbers", ""),
    ("a_toxic_holds_on_all_threads_of_a_link_and_so_does_its_heal", "spread", "toxics", ""),
    ("a_limit_of_a_link_is_one_on_all_its_threads", "spread", "limit", ""),
    ("a_link_that_stops_ends_its_connections_on_all_threads", "spread", "stop", ""),
    ("a_link_without_a_line_keeps_one_thread", "spread", "quiet", ""),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let part = arguments.get(1).and_then(|name| PARTS.iter().find(|(part, _)| part == name));
    if let Some((_, play)) = part {
        return play(&arguments[2..]);
    }
    let mut options = Arguments::from_args();
    // What one does to the machine is not what another one measures.
    options.test_threads = Some(1);
    let trial = |(name, part, argument, why): (&str, &'static str, &'static str, &str)| {
        Trial::test(name, move || perform(part, argument)).with_kind(why).with_ignored_flag(!why.is_empty())
    };
    libtest_mimic::run(&options, TESTS.map(trial).into()).exit();
}

fn perform(part: &str, argument: &str) -> Result<(), libtest_mimic::Failed> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([part, argument]).stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{}", said.trim_end());
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{said}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}
