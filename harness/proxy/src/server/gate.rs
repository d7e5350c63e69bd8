//! Who may ask: purely, from the headers of a request.
//!
//! A web page must never reach the control plane through its reader's browser. Browsers send an Origin with whatever
//! changes something, and a Host that names what the page believes to talk to: both must be ours. Toxiproxy's own rule,
//! no `User-Agent` of a browser, is kept.

use std::net::{IpAddr, SocketAddr};

use super::token::Token;
use crate::handle::Response;

/// The rules of one server.
#[derive(Debug)]
pub struct Gate {
    /// The host as it was said on the command line, which clients may use too.
    host: String,
    is_loopback: bool,
    token: Option<Token>,
}

/// The headers that matter, each as often as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// Host, and the authority of the request line if there is one.
    pub hosts: Vec<&'a str>,
    /// Origin.
    pub origins: Vec<&'a str>,
    /// Sec-Fetch-Site: where a browser says that the request comes from.
    pub sites: Vec<&'a str>,
    /// User-Agent.
    pub agent: &'a str,
    /// Authorization.
    pub authorization: &'a str,
}

// === impl Gate ===

impl Gate {
    /// The rules of a server that listens here.
    pub fn new(host: &str, address: SocketAddr, token: Option<Token>) -> Self {
        Self { host: host.to_owned(), is_loopback: address.ip().is_loopback(), token }
    }

    /// Lets a request through.
    ///
    /// # Errors
    /// The answer to one that is not.
    pub fn admit(&self, asked: &Asked<'_>) -> Result<(), Response> {
        let refuse = |why| Err(Response::text(403, why));
        if asked.agent.starts_with("Mozilla/") {
            return refuse("User agent not allowed");
        }
        let [host] = asked.hosts.as_slice() else { return refuse("Expected one Host") };
        if self.is_loopback && !self.is_ours(host) {
            return refuse("Host not allowed");
        }
        let own =
            |origin: &&str| origin.strip_prefix("http://").is_some_and(|it| it.eq_ignore_ascii_case(host));
        if !asked.origins.iter().all(own) {
            return refuse("Origin not allowed");
        }
        if asked.sites.iter().any(|site| !["same-origin", "none"].contains(site)) {
            return refuse("Site not allowed");
        }
        let bearer =
            asked.authorization.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        match &self.token {
            Some(token) if !bearer.is_some_and(|(_, found)| token.is(found.trim())) => {
                Err(Response::text(401, "Token missing or wrong").with("www-authenticate", "Bearer"))
            }
            _ => Ok(()),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        let is_loopback = name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        is_loopback
            || name.eq_ignore_ascii_case("localhost")
            || name.eq_ignore_ascii_case(without_brackets(&self.host))
    }
}

/// `localhost` of `localhost:8474`, `::1` of `[::1]:8474`.
fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, port)) if port.is_empty() || port.starts_with(':') => ip,
        Some(_) => "",
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Gate {
        Gate::new("localhost", "127.0.0.1:8474".parse().unwrap(), None)
    }

    fn by(host: &str) -> Asked<'_> {
        Asked { hosts: vec![host], ..Asked::default() }
    }

    #[track_caller]
    fn check(gate: &Gate, asked: &Asked<'_>, expected: u16) {
        assert_eq!(
            gate.admit(asked).map_or_else(|response| response.status, |()| 200),
            expected,
            "{asked:?}"
        );
    }

    #[test]
    fn only_this_machines_names_are_answered_to() {
        for host in ["localhost", "LOCALHOST:8474", "127.0.0.1:8474", "127.9.9.9", "[::1]:8474", "[::1]"] {
            check(&loopback(), &by(host), 200);
        }
        let foreign = [
            "",
            "evil.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com:8474",
            "10.0.0.1",
            "[::1].evil.com",
            "[::2]",
        ];
        for host in foreign {
            check(&loopback(), &by(host), 403);
        }
        check(&loopback(), &Asked::default(), 403);
        check(&loopback(), &Asked { hosts: vec!["localhost", "localhost"], ..Asked::default() }, 403);
        check(&Gate::new("box.test", "127.0.0.1:1".parse().unwrap(), None), &by("box.test:1"), 200);
    }

    #[test]
    fn web_pages_are_turned_away() {
        let asked = by("localhost:8474");
        for origin in ["http://evil.com", "null", "", "https://localhost:8474", "http://localhost:80"] {
            check(&loopback(), &Asked { origins: vec![origin], ..asked.clone() }, 403);
        }
        check(&loopback(), &Asked { origins: vec!["http://localhost:8474"], ..asked.clone() }, 200);
        for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)] {
            check(&loopback(), &Asked { sites: vec![site], ..asked.clone() }, status);
        }
        check(&loopback(), &Asked { agent: "Mozilla/5.0 (X11)", ..asked.clone() }, 403);
        check(&loopback(), &Asked { agent: "toxiproxy-cli/v2.12.0 (linux/amd64)", ..asked }, 200);
    }

    #[test]
    fn elsewhere_the_token_counts_and_not_the_name() {
        let token = Token::from_text("0123456789abcdef0123456789abcdef");
        let gate = Gate::new("0.0.0.0", "0.0.0.0:8474".parse().unwrap(), Some(token));
        let asked = by("chaos.example:8474");
        check(&gate, &asked, 401);
        for (authorization, status) in [
            ("Bearer 0123456789abcdef0123456789abcdef", 200),
            ("bearer 0123456789abcdef0123456789abcdef", 200),
            ("Bearer 0123456789abcdef0123456789abcdeg", 401),
            ("Bearer 0123456789abcdef", 401),
            ("Bearer ", 401),
            ("Basic 0123456789abcdef0123456789abcdef", 401),
        ] {
            check(&gate, &Asked { authorization, ..asked.clone() }, status);
        }
        check(&gate, &Asked { origins: vec!["http://evil.com"], ..asked }, 403);
    }
}
