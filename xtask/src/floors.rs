//! The floors of the project: a package imports from lower floors only, and siblings never meet.
//!
//! Read from each `Cargo.toml`. It does not know about imports within a package.

use std::collections::BTreeMap;

use crate::project::SourceFile;

/// The floor of every package. `benches` measures against the targets of `fixtures`, and so stands above them.
const FLOORS: [(&str, u8); 19] = [
    ("shakedown-histories", 0),
    ("shakedown-leaks", 0),
    ("shakedown-race-fixtures", 0),
    ("shakedown-scenarios", 0),
    ("shakedown-vitals", 0),
    ("shakedown-faults", 1),
    ("shakedown-reports", 1),
    ("shakedown-tls-faults", 1),
    ("shakedown-datagram-faults", 2),
    ("shakedown-http-faults", 2),
    ("shakedown-load", 2),
    ("shakedown-races", 2),
    ("shakedown-websocket-faults", 2),
    ("shakedown-link-faults", 3),
    ("shakedown-proxy", 4),
    ("shakedown", 5),
    ("shakedown-fixtures", 6),
    ("shakedown-benches", 7),
    ("shakedown-fuzz", 7),
];

/// Tests of any floor may start its targets.
const FOR_TESTS: &str = "shakedown-fixtures";

/// What a manifest says that matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Manifest {
    name: String,
    /// Our own packages among its dependencies, and whether only tests use them.
    imports: Vec<(String, bool)>,
    takes_lints: bool,
}

/// Every breach, as `path: what`.
pub fn broken(files: &[SourceFile]) -> Vec<String> {
    let floors = BTreeMap::from(FLOORS);
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let manifest = Manifest::read(&file.text);
        broken.extend(manifest.breaches(&floors).into_iter().map(|what| format!("{}: {what}", file.path)));
    }
    broken
}

// === impl Manifest ===

impl Manifest {
    /// Reads the few lines of TOML that matter: section heads and the keys below them.
    fn read(text: &str) -> Self {
        let (mut manifest, mut section) = (Self::default(), String::new());
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some(head) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = head.to_owned();
                let (table, name) = head.rsplit_once('.').unwrap_or(("", head));
                manifest.import(table, name);
            } else if let Some((key, value)) = line.split_once('=') {
                manifest.key(&section, key.trim(), value.trim());
            }
        }
        manifest
    }

    fn key(&mut self, section: &str, key: &str, value: &str) {
        let key = key.split('.').next().unwrap_or(key);
        match (section, key) {
            ("package", "name") => self.name = value.trim_matches('"').to_owned(),
            ("lints", "workspace") => self.takes_lints = value == "true",
            _ => self.import(section, key),
        }
    }

    fn import(&mut self, section: &str, key: &str) {
        let name = key.trim_matches('"');
        let table = section.rsplit('.').next().unwrap_or(section);
        if table.ends_with("dependencies") && (name == "shakedown" || name.starts_with("shakedown-")) {
            self.imports.push((name.to_owned(), table == "dev-dependencies"));
        }
    }

    fn breaches(&self, floors: &BTreeMap<&str, u8>) -> Vec<String> {
        let mut breaches = Vec::new();
        if !self.takes_lints {
            breaches.push("expected `workspace = true` under `[lints]`".to_owned());
        }
        let own = floors.get(self.name.as_str());
        if own.is_none() && self.name.starts_with("shakedown") {
            breaches.push(format!("{} has no floor yet: give it one in xtask/src/floors.rs", self.name));
        }
        for (import, for_tests) in
            self.imports.iter().filter(|(import, for_tests)| !(*for_tests && import == FOR_TESTS))
        {
            let is_lower = floors.get(import.as_str()).zip(own).is_some_and(|(theirs, own)| theirs < own);
            if !is_lower {
                let table = if *for_tests { "dev-dependency" } else { "dependency" };
                breaches.push(format!(
                    "{} must not have the {table} {import}: it is not on a lower floor",
                    self.name
                ));
            }
        }
        breaches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[track_caller]
    fn check(manifest: &str, expected: &[&str]) {
        let text = format!("{manifest}\n[lints]\nworkspace = true\n");
        assert_eq!(broken(&[SourceFile { path: "x/Cargo.toml".to_owned(), text }]), expected);
    }

    #[test]
    fn imports_go_down_only() {
        let broken = broken(&project::files().unwrap());
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn every_package_of_the_project_is_on_a_floor() {
        let files = project::files().unwrap();
        let manifests = files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
        let names: Vec<String> = manifests.map(|file| Manifest::read(&file.text).name).collect();
        for (name, _) in FLOORS {
            assert!(names.iter().any(|it| it == name), "{name}: {names:?}");
        }
    }

    #[test]
    fn each_kind_of_breach_is_found() {
        check(
            "[package]\nname = \"shakedown-load\"\n[dependencies]\nshakedown-reports.workspace = true\nserde = \"1\"",
            &[],
        );
        check(
            "[package]\nname = \"shakedown-faults\"\n[dependencies]\nshakedown-reports = { workspace = true }",
            &[
                "x/Cargo.toml: shakedown-faults must not have the dependency shakedown-reports: it is not on a lower floor",
            ],
        );
        check(
            "[package]\nname = \"shakedown-scenarios\"\n[target.'cfg(unix)'.dependencies.shakedown]\nworkspace = true",
            &[
                "x/Cargo.toml: shakedown-scenarios must not have the dependency shakedown: it is not on a lower floor",
            ],
        );
        check(
            "[package]\nname = \"xtask\"\n[build-dependencies]\nshakedown.workspace = true",
            &["x/Cargo.toml: xtask must not have the dependency shakedown: it is not on a lower floor"],
        );
        check(
            "[package]\nname = \"shakedown\"\n[dev-dependencies]\nshakedown-fixtures.workspace = true",
            &[],
        );
        check(
            "[package]\nname = \"shakedown-new\"",
            &["x/Cargo.toml: shakedown-new has no floor yet: give it one in xtask/src/floors.rs"],
        );
        let bare =
            SourceFile { path: "x/Cargo.toml".to_owned(), text: "[package]\nname = \"xtask\"".to_owned() };
        assert_eq!(broken(&[bare]), ["x/Cargo.toml: expected `workspace = true` under `[lints]`"]);
    }
}
