//! Placeholders: `{port}`, `{link:NAME}` and the like, put into argv, environment and files when a process is started.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What is known once every port is chosen.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Where each target serves.
    pub targets: BTreeMap<String, SocketAddr>,
    /// Where each link listens.
    pub links: BTreeMap<String, SocketAddr>,
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
    /// The text with every known placeholder put in; whatever else stands in braces stays as it is.
    #[must_use]
    pub fn expand(&self, text: &str, own: &Own) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            let inside = &rest[open + 1..];
            let known = inside.find('}').and_then(|close| Some((self.value(&inside[..close], own)?, close)));
            match known {
                Some((value, close)) => {
                    out.push_str(&value);
                    rest = &inside[close + 1..];
                }
                None => {
                    out.push('{');
                    rest = inside;
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// All of a list expanded.
    #[must_use]
    pub fn expand_all(&self, texts: &[String], own: &Own) -> Vec<String> {
        texts.iter().map(|text| self.expand(text, own)).collect()
    }

    fn value(&self, name: &str, own: &Own) -> Option<String> {
        let address = |of: &BTreeMap<String, SocketAddr>, name: &str| of.get(name).map(ToString::to_string);
        let port =
            |of: &BTreeMap<String, SocketAddr>, name: &str| of.get(name).map(|at| at.port().to_string());
        match name.split_once(':') {
            None => match name {
                "port" => own.port.map(|port| port.to_string()),
                "dir" => own.dir.as_ref().map(|dir| dir.to_string_lossy().into_owned()),
                "shakedown" => Some(self.shakedown.to_string_lossy().into_owned()),
                _ => None,
            },
            Some(("link", name)) => address(&self.links, name),
            Some(("target", name)) => address(&self.targets, name),
            Some(("link-port", name)) => port(&self.links, name),
            Some(("target-port", name)) => port(&self.targets, name),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let places = Places {
            targets: BTreeMap::from([("db".to_owned(), address(5001))]),
            links: BTreeMap::from([("shop-db".to_owned(), address(6001))]),
            shakedown: "/opt/shakedown".into(),
        };
        let own = Own { port: Some(4001), dir: Some("/tmp/x".into()) };
        assert_eq!(places.expand(text, &own), expected);
    }

    #[test]
    fn every_form_is_put_in() {
        check("--listen=127.0.0.1:{port}", "--listen=127.0.0.1:4001");
        check("{dir}/data", "/tmp/x/data");
        check("{link:shop-db} {link-port:shop-db}", "127.0.0.1:6001 6001");
        check("{target:db} {target-port:db}", "127.0.0.1:5001 5001");
        check("{shakedown}", "/opt/shakedown");
    }

    #[test]
    fn other_braces_stay() {
        check("server { listen {port}; }", "server { listen 4001; }");
        check("{{port}}", "{4001}");
        check("{unknown} {link:nowhere} {", "{unknown} {link:nowhere} {");
    }
}
