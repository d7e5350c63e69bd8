//! Toxiproxy's clients as people have them, from their registries and unchanged, drive `shakedown proxy`.
//!
//! Each test installs one client, once ([`install`]), and starts a small program that uses it ([`driver`]). That program
//! makes proxies in front of a server of the test, puts toxics on them, and reads back what it made. In between it asks
//! the test to look at a proxy: the test sends bytes through it and sees whether they fare as the toxic says
//! ([`sight`]). What has to be looked at, and in which order, is written here; a program that leaves something out
//! fails.
//!
//! | client | version | what it has no call for |
//! |---|---|---|
//! | PyPI `toxiproxy-python` | 0.1.1 | changing a toxic; changing a proxy but to enable and disable it; `/populate` (it makes them one by one) |
//! | npm `toxiproxy-node-client` | 4.1.0 | listing the toxics of a proxy |
//! | crate `toxiproxy_rust` | 0.1.6 | reset_peer, noop; changing or removing one toxic; changing a proxy but to enable and disable it; making a proxy but by `/populate` |
//! | crate `noxious-client` | 1.0.4 | reset_peer; reading a noop (it wants one without `attributes`); the version |
//!
//! A client that cannot be installed fails its test: what does not run proves nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod driver;
mod install;
#[path = "../../proxy/tests/api/peers.rs"]
mod peers;
mod served;
mod sight;
mod support;

use std::process::Command;

use driver::drive;

/// What a client can do.
#[derive(Clone, Copy, Debug)]
struct Can {
    /// The toxics it has, in the order in which its driver puts them on.
    toxics: &'static [&'static str],
    /// Whether it can change a toxic and the upstream of a proxy.
    update: bool,
}

const ALL: [&str; 8] =
    ["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "noop"];

#[test]
fn pypis_toxiproxy_python_drives_it_unchanged() {
    let mut command = Command::new(install::python());
    command.arg(install::source("python/drive.py"));
    check(command, Can { toxics: &ALL, update: false });
}

#[test]
fn npms_toxiproxy_node_client_drives_it_unchanged() {
    let mut command = Command::new("node");
    command.arg(install::source("node/drive.js")).env("NODE_PATH", install::node_modules());
    check(command, Can { toxics: &ALL, update: true });
}

#[test]
fn the_crate_toxiproxy_rust_drives_it_unchanged() {
    let toxics = &["latency", "bandwidth", "slow_close", "timeout", "slicer", "limit_data"];
    check(Command::new(install::rust("toxiproxy")), Can { toxics, update: false });
}

#[test]
fn the_crate_noxious_client_drives_it_unchanged() {
    let toxics = &["latency", "bandwidth", "slow_close", "timeout", "slicer", "limit_data", "noop"];
    check(Command::new(install::rust("noxious")), Can { toxics, update: true });
}

#[track_caller]
fn check(driver: Command, can: Can) {
    assert_eq!(drive(driver), can.sights());
}

impl Can {
    /// All that a driver has to show.
    fn sights(self) -> Vec<String> {
        let mut sights = vec!["clean".to_owned()];
        for stream in ["downstream", "upstream"] {
            for kind in self.toxics {
                sights.push(format!("{kind} {stream}"));
                if *kind == "latency" && self.update {
                    sights.push(format!("latency_updated {stream}"));
                }
            }
        }
        // Toxics are off, upstream changed and back, off, on, reset, two populated.
        sights.push("clean".to_owned());
        if self.update {
            sights.extend(["shouting", "clean"].map(str::to_owned));
        }
        sights.extend(["down", "clean", "clean", "clean", "clean"].map(str::to_owned));
        sights
    }
}
