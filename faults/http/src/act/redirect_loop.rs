//! A redirect to where the request came, for ever.

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::canned;
use crate::problem::Finder;

/// Which redirect. `Location` is the request's own path and query, so that it leads here again whatever the client calls
/// this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct RedirectLoop {
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "found")]
    pub status: u16,
    /// Whether each hop leads to another URL (`?hop=1`, `?hop=2`, …), so that only a count of hops ends it and no list
    /// of URLs that were seen.
    #[serde(default)]
    pub vary: bool,
}

/// The query that tells one hop from the next.
const HOP: &str = "hop=";

const fn found() -> u16 {
    302
}

// === impl RedirectLoop ===

impl Default for RedirectLoop {
    fn default() -> Self {
        Self { status: found(), vary: false }
    }
}

impl RedirectLoop {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        let right = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        finder.expect(right, "status", self.status, "301, 302, 303, 307 or 308");
    }

    pub(super) fn response(&self, uri: &Uri) -> Response<Bytes> {
        let mut response = canned(StatusCode::from_u16(self.status).unwrap_or(StatusCode::FOUND), "");
        let location = if self.vary { next_hop(uri) } else { here(uri).to_owned() };
        if let Ok(value) = HeaderValue::try_from(location) {
            response.headers_mut().insert(LOCATION, value);
        }
        response
    }
}

fn here(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
}

/// The same place with the next number of hops. Numbers start again where they would no longer fit.
fn next_hop(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    let hops = query.split('&').find_map(|part| part.strip_prefix(HOP)?.parse::<u32>().ok()).unwrap_or(0);
    let others = query.split('&').filter(|part| !part.is_empty() && !part.starts_with(HOP));
    let kept: String = others.flat_map(|part| [part, "&"]).collect();
    format!("{}?{kept}{HOP}{}", uri.path(), hops.wrapping_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(vary: bool, uri: &str) -> String {
        let response = RedirectLoop { status: 302, vary }.response(&uri.parse().unwrap());
        response.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn it_leads_to_where_it_came_from() {
        assert_eq!(location(false, "/a?b=c"), "/a?b=c");
        assert_eq!(location(false, "http://host:1/a?b"), "/a?b");
        assert_eq!(location(false, "http://host"), "/");
    }

    #[test]
    fn varied_hops_are_counted_and_keep_the_rest_of_the_query() {
        assert_eq!(location(true, "/a"), "/a?hop=1");
        assert_eq!(location(true, "/a?hop=1"), "/a?hop=2");
        assert_eq!(location(true, "/a?b=c&hop=9&d"), "/a?b=c&d&hop=10");
        assert_eq!(location(true, "/a?hop=x"), "/a?hop=1");
        assert_eq!(location(true, "/a?hop=4294967295"), "/a?hop=0");
    }
}
