//! Names of hosts that were looked up beforehand, so that nothing waits for the system's resolver where others wait too.
//!
//! A request that names hosts is read for them first, and they are looked up; then its answer is made with what was found.
//! It does not know what a request means: a name too many costs its own request some time, and nothing else.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize as _;
use serde_json::Value;

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) };
}

/// Hosts, and the address of each that has one.
pub type Known = BTreeMap<String, Option<IpAddr>>;

/// The most names that are looked up for one request.
const MOST: usize = 64;

/// Takes back what is known, whatever happens.
struct Forget;

/// Does something to which these names are known.
pub fn with_known<T>(known: Known, doing: impl FnOnce() -> T) -> T {
    KNOWN.set(known);
    let _forget = Forget;
    doing()
}

/// What is known of a host; `None`: nothing.
pub(super) fn known(host: &str) -> Option<Option<IpAddr>> {
    KNOWN.with_borrow(|known| known.get(host).copied())
}

/// Looks these hosts up, one after the other.
#[must_use]
pub fn look_up(hosts: &BTreeSet<String>) -> Known {
    hosts.iter().take(MOST).map(|host| (host.clone(), super::look_up(host))).collect()
}

/// The hosts in fields of a body that would have to be looked up. What cannot be read has none.
#[must_use]
pub fn hosts_in(body: &[u8], fields: &[&str]) -> BTreeSet<String> {
    let mut hosts = BTreeSet::new();
    // As for the request itself, only the first value counts.
    if let Ok(value) = Value::deserialize(&mut serde_json::Deserializer::from_slice(body)) {
        collect(&value, fields, &mut hosts);
    }
    hosts
}

fn collect(value: &Value, fields: &[&str], hosts: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, fields, hosts)),
        Value::Object(members) => {
            let meant = |name: &String| fields.iter().any(|field| name.eq_ignore_ascii_case(field));
            let texts =
                members.iter().filter(|(name, _)| meant(name)).filter_map(|(_, value)| value.as_str());
            hosts.extend(texts.filter_map(super::host_to_look_up).map(str::to_owned));
        }
        _ => {}
    }
}

impl Drop for Forget {
    fn drop(&mut self) {
        KNOWN.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::resolve;

    #[test]
    fn what_is_known_is_not_asked_for_again() {
        let known =
            Known::from([("a.test".to_owned(), Some([127, 0, 0, 7].into())), ("b.test".to_owned(), None)]);
        let found = with_known(known, || ["a.test:1", "b.test:1"].map(resolve));
        assert_eq!(found[0], Ok(([127, 0, 0, 7], 1).into()));
        assert!(found[1].is_err());
        assert_eq!(KNOWN.with_borrow(BTreeMap::len), 0);
    }

    #[test]
    fn a_body_is_read_for_hosts_that_would_be_looked_up() {
        let check = |body: &str, expected: &[&str]| {
            let found = hosts_in(body.as_bytes(), &["listen", "upstream"]);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{body}");
        };
        check(
            r#"{"listen":"box.test:1","UPSTREAM":"db.test:2","name":"x.test:3"}"#,
            &["box.test", "db.test"],
        );
        check(r#"[{"listen":"a.test:1"},{"listen":"localhost:0"},{"listen":"127.0.0.1:1"}]"#, &["a.test"]);
        check(r#"{"listen":"nonsense","upstream":5}"#, &[]);
        check(r#"{"listen":"c.test:1"} and more"#, &["c.test"]);
        check(r#"{"listen":"[::1]:1"}"#, &[]);
    }
}
