//! The experiments that come with shakedown, built into it.
//!
//! Each is a file in `scenarios/library/`, so that it can be read and copied as well, and so are the files that it names. This
//! knows only their texts; that every one is right is a test.

/// One experiment of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, which is the file's name without `.ron` and the experiment's own.
    pub name: &'static str,
    /// The file's text.
    pub text: &'static str,
    /// The files that it names, beside it.
    pub files: &'static [Companion],
}

/// A file that an experiment of the library names, such as the rows of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Companion {
    /// Its name, as the experiment has it.
    pub name: &'static str,
    /// The file's text.
    pub text: &'static str,
}

macro_rules! library {
    ($($name:literal $(with $file:literal)*),* $(,)?) => {
        &[$(Entry {
            name: $name,
            text: include_str!(concat!("../library/", $name, ".ron")),
            files: &[$(Companion { name: $file, text: include_str!(concat!("../library/", $file)) }),*],
        }),*]
    };
}

/// All of them, the one to start with first.
pub const LIBRARY: &[Entry] = library![
    "quickstart",
    "workday",
    "bad-network",
    "split-brain",
    "stale-read",
    "checkout" with "shoppers.csv",
    "http-faults",
    "dns-faults",
    "udp-faults",
    "tls-certificates",
    "nginx-slow-upstream",
    "api-1000rps",
    "http2-tls",
    "malformed",
    "redis-partition",
    "redis-cache",
    "postgres-anomaly",
    "postgres-bank",
    "websocket-100",
];

/// The experiment of this name.
#[must_use]
pub fn find(name: &str) -> Option<Entry> {
    LIBRARY.iter().find(|entry| entry.name == name).copied()
}

/// The file of this name that comes along with an experiment.
#[must_use]
pub fn find_file(name: &str) -> Option<Companion> {
    LIBRARY.iter().flat_map(|entry| entry.files).find(|file| file.name == name).copied()
}

// === impl Entry ===

impl Entry {
    /// The question it answers: the `about` of the experiment.
    #[must_use]
    pub fn about(&self) -> String {
        // The library is right (a test says so); were it not, the list would still show the name.
        crate::read::read(self.name, self.text, &[]).map(|experiment| experiment.about).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;

    #[test]
    fn every_experiment_is_right_and_named_like_its_file() {
        for entry in LIBRARY {
            let experiment =
                crate::read::read(entry.name, entry.text, &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert_eq!(experiment.name, entry.name);
            assert!(!entry.about().is_empty(), "{} does not say what it is for", entry.name);
            for data in experiment.workloads.values().filter_map(Workload::data) {
                let file = entry.files.iter().find(|file| file.name == data.file);
                let file = file.unwrap_or_else(|| panic!("{} comes without {}", entry.name, data.file));
                data.clone()
                    .fill(file.text.as_bytes())
                    .unwrap_or_else(|wrong| panic!("{}: {wrong}", file.name));
            }
            crate::plan::plan(&experiment, 1, 1.0).unwrap();
        }
    }

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/library");
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let is_known = match name.strip_suffix(".ron") {
                Some(name) => find(name).is_some(),
                None => find_file(&name).is_some(),
            };
            assert!(is_known, "{name} is missing in LIBRARY");
        }
    }
}
