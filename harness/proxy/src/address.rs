//! Addresses to listen on, as people and Go programs write them: `127.0.0.1:3310`, `localhost:0`, `[::1]:80`, `:8080`.
//!
//! Texts of errors are those of Go's network library, because test suites of Toxiproxy's clients compare them.

pub mod known;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;

use shakedown_scenarios::units::Span;

/// Why a text is no address to listen on. Its text is the one that Go gives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has not the form `host:port`.
    #[error("address {text}: {what}")]
    Form {
        /// The text.
        text: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The port is no number.
    #[error("lookup tcp/{0}: unknown port")]
    Port(String),
    /// The host has no address.
    #[error("lookup {0}: no such host")]
    Host(String),
}

/// A name to listen on belongs to this machine and is found at once, or it is not worth to wait for.
const LOOKUP_WITHIN: Span = Span::secs(1);

/// The address that a text names.
///
/// A host's name is looked up, its addresses of IPv4 first; `localhost` is 127.0.0.1 without a look. No host at all means
/// every interface. What is [`known`] already is not looked up.
///
/// # Errors
/// If it has not the form, or the host has no address within a second.
pub fn resolve(text: &str) -> Result<SocketAddr, AddressError> {
    let (host, port) = split(text)?;
    let ip = match host {
        "" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        host if host.eq_ignore_ascii_case("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => {
            let found = host.parse().ok().or_else(|| known::known(host).unwrap_or_else(|| look_up(host)));
            found.ok_or_else(|| AddressError::Host(host.to_owned()))?
        }
    };
    Ok(SocketAddr::new(ip, port))
}

/// The host of an address, if it is a name that has to be looked up.
#[must_use]
pub fn host_to_look_up(text: &str) -> Option<&str> {
    let (host, _) = split(text).ok()?;
    let is_name =
        !host.is_empty() && !host.eq_ignore_ascii_case("localhost") && host.parse::<IpAddr>().is_err();
    is_name.then_some(host)
}

/// Whether a text has the form of an address; nothing is looked up.
///
/// # Errors
/// If it has not.
pub fn check(text: &str) -> Result<(), AddressError> {
    split(text).map(drop)
}

/// Why an address cannot be listened on, as Go says it.
pub fn listen_error(address: SocketAddr, error: &io::Error) -> String {
    let why: &dyn fmt::Display = match error.kind() {
        io::ErrorKind::AddrInUse => &"address already in use",
        io::ErrorKind::PermissionDenied => &"permission denied",
        io::ErrorKind::AddrNotAvailable => &"cannot assign requested address",
        _ => error,
    };
    format!("listen tcp {address}: bind: {why}")
}

fn split(text: &str) -> Result<(&str, u16), AddressError> {
    let wrong = |what| AddressError::Form { text: text.to_owned(), what };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| wrong("missing ']' in address"))?;
            (host, port.strip_prefix(':').ok_or_else(|| wrong("missing port in address"))?)
        }
        None => text.rsplit_once(':').ok_or_else(|| wrong("missing port in address"))?,
    };
    if !text.starts_with('[') && host.contains(':') {
        return Err(wrong("too many colons in address"));
    }
    Ok((host, number(port)?))
}

fn number(port: &str) -> Result<u16, AddressError> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(number) if digits => Ok(number),
        _ if digits => Err(AddressError::Form { text: port.to_owned(), what: "invalid port" }),
        _ => Err(AddressError::Port(port.to_owned())),
    }
}

/// Asks the system's resolver, which knows no time limit, on a thread of its own.
fn look_up(host: &str) -> Option<IpAddr> {
    let (tell, told) = mpsc::sync_channel(1);
    let host = host.to_owned();
    let look = move || {
        let found: Vec<SocketAddr> =
            (host.as_str(), 0).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
        let _ =
            tell.send(found.iter().find(|address| address.is_ipv4()).or(found.first()).map(SocketAddr::ip));
    };
    std::thread::Builder::new().name("look-up".to_owned()).spawn(look).ok()?;
    told.recv_timeout(LOOKUP_WITHIN.duration()).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let found = resolve(text).map(|address| address.to_string()).map_err(|error| error.to_string());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    }

    #[test]
    fn what_go_listens_on_is_listened_on() {
        check("127.0.0.1:3310", Ok("127.0.0.1:3310"));
        check("localhost:0", Ok("127.0.0.1:0"));
        check("[::1]:80", Ok("[::1]:80"));
        check("0.0.0.0:8666", Ok("0.0.0.0:8666"));
        check(":8080", Ok("[::]:8080"));
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        check("nonsense", Err("address nonsense: missing port in address"));
        check("", Err("address : missing port in address"));
        check("::1:80", Err("address ::1:80: too many colons in address"));
        check("[::1:80", Err("address [::1:80: missing ']' in address"));
        check("[::1]", Err("address [::1]: missing port in address"));
        check("127.0.0.1:65536", Err("address 65536: invalid port"));
        check("127.0.0.1:web!", Err("lookup tcp/web!: unknown port"));
        check("127.0.0.1:", Err("lookup tcp/: unknown port"));
    }

    #[test]
    fn a_host_that_is_not_there_is_told() {
        check("no such host:1", Err("lookup no such host: no such host"));
    }
}
