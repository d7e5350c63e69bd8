//! What placeholders stand for in a run: `{port}`, `{link:NAME}` and the like, once every port is chosen.
//!
//! How they are written is the vocabulary's (`shakedown_scenarios::placeholder`); that every name is known is `check`'s.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use shakedown_scenarios::placeholder::{Placeholder, fill, fill_contents};

/// What is known once every port is chosen.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Where each target serves.
    pub targets: BTreeMap<String, SocketAddr>,
    /// Where each link listens.
    pub links: BTreeMap<String, SocketAddr>,
    /// The certificates (PEM files) that clients of links which speak TLS should trust.
    pub authorities: BTreeMap<String, PathBuf>,
    /// This program.
    pub shakedown: PathBuf,
}

/// What is known of the one process that is started, if it is a target's.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Its port.
    pub port: Option<u16>,
    /// Its temporary directory.
    pub dir: Option<PathBuf>,
}

// === impl Places ===

impl Places {
    /// An argument, environment variable or directory with its placeholders filled in.
    #[must_use]
    pub fn fill(&self, text: &str, own: &Own) -> String {
        let Ok(filled) = fill(text, |placeholder| Ok::<_, Infallible>(self.value(placeholder, own)));
        filled
    }

    /// The contents of a file with its placeholders filled in; other braces stay as they are.
    #[must_use]
    pub fn fill_contents(&self, text: &str, own: &Own) -> String {
        let Ok(filled) = fill_contents(text, |placeholder| Ok::<_, Infallible>(self.value(placeholder, own)));
        filled
    }

    /// All of a list filled in.
    #[must_use]
    pub fn fill_all(&self, texts: &[String], own: &Own) -> Vec<String> {
        texts.iter().map(|text| self.fill(text, own)).collect()
    }

    /// What a placeholder stands for. `check` has seen that every name is known; what is not would be empty.
    fn value(&self, placeholder: &Placeholder, own: &Own) -> String {
        let value = match placeholder {
            Placeholder::Port => own.port.map(|port| port.to_string()),
            Placeholder::Dir => own.dir.as_ref().map(|dir| dir.to_string_lossy().into_owned()),
            Placeholder::Shakedown => Some(self.shakedown.to_string_lossy().into_owned()),
            Placeholder::Link(name) => self.links.get(name).map(ToString::to_string),
            Placeholder::Target(name) => self.targets.get(name).map(ToString::to_string),
            Placeholder::LinkPort(name) => self.links.get(name).map(|at| at.port().to_string()),
            Placeholder::TargetPort(name) => self.targets.get(name).map(|at| at.port().to_string()),
            Placeholder::LinkCa(name) => {
                self.authorities.get(name).map(|file| file.to_string_lossy().into_owned())
            }
        };
        value.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> (Places, Own) {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let places = Places {
            targets: BTreeMap::from([("db".to_owned(), address(5001))]),
            links: BTreeMap::from([("shop-db".to_owned(), address(6001))]),
            authorities: BTreeMap::from([("shop-db".to_owned(), "/run/link-shop-db-ca.pem".into())]),
            shakedown: "/opt/shakedown".into(),
        };
        (places, Own { port: Some(4001), dir: Some("/tmp/x".into()) })
    }

    #[test]
    fn every_form_is_filled_in() {
        let (places, own) = places();
        let check = |text: &str, expected: &str| assert_eq!(places.fill(text, &own), expected);
        check("--listen=127.0.0.1:{port}", "--listen=127.0.0.1:4001");
        check("{dir}/data", "/tmp/x/data");
        check("{link:shop-db} {link-port:shop-db}", "127.0.0.1:6001 6001");
        check("{target:db} {target-port:db}", "127.0.0.1:5001 5001");
        check("--cacert={link-ca:shop-db}", "--cacert=/run/link-shop-db-ca.pem");
        check("{shakedown}", "/opt/shakedown");
    }

    #[test]
    fn a_files_own_braces_stay() {
        let (places, own) = places();
        let text = "server { listen {port}; location / { return 200 $host; } }";
        let expected = "server { listen 4001; location / { return 200 $host; } }";
        assert_eq!(places.fill_contents(text, &own), expected);
    }
}
