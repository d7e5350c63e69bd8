//! Headers that are for one hop only (RFC 9110, section 7.6.1), and the form of a target for the next hop.

use http::header::{CONNECTION, HOST, PROXY_AUTHENTICATE, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, Version};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes out what is not for the next hop: what `Connection` names, and what is known to be for one hop. `TE` stays if
/// it allows trailers, which gRPC insists on.
pub(super) fn strip(headers: &mut HeaderMap) {
    for name in named(headers) {
        // That a client says so does not make these something else than what the message is about.
        if name != HOST && name != TE {
            headers.remove(name);
        }
    }
    for name in [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    let trailers = tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"));
    headers.remove(TE);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// What is asked to be upgraded to, if anything.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| wanted).cloned()
}

/// Puts back what makes a message one about an upgrade.
pub(super) fn restore_upgrade(headers: &mut HeaderMap, to: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, to);
}

/// The target as the server of the next hop is asked for it. What is asked with a whole URL names its host there, which
/// then counts and not what `Host` says (RFC 9112, section 3.2.2).
pub(super) fn target(uri: &mut Uri, headers: &mut HeaderMap, version: Version) {
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if version == Version::HTTP_2 {
        let told = || headers.get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        let mut parts = Parts::default();
        parts.authority = uri.authority().cloned().or_else(told);
        parts.scheme = parts.authority.is_some().then_some(Scheme::HTTP);
        parts.path_and_query = Some(path);
        *uri = Uri::from_parts(parts).unwrap_or_default();
        return;
    }
    if let Some(host) = uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        headers.insert(HOST, host);
    }
    *uri = Uri::from(path);
}

fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    tokens(headers, &CONNECTION).filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok()).collect()
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn what_is_for_one_hop_goes_and_the_rest_stays() {
        let mut lines = headers(&[
            ("host", "a"),
            ("connection", "x-secret, Keep-Alive, host, te"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip, Trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-connection", "close"),
            ("trailer", "x-sum"),
            ("authorization", "me"),
        ]);
        strip(&mut lines);
        let expected =
            headers(&[("host", "a"), ("te", "trailers"), ("trailer", "x-sum"), ("authorization", "me")]);
        assert_eq!(lines, expected);
    }

    #[test]
    fn an_upgrade_needs_both_of_its_headers() {
        assert_eq!(upgrade(&headers(&[("upgrade", "websocket")])), None);
        assert_eq!(upgrade(&headers(&[("connection", "upgrade")])), None);
        let both = headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(upgrade(&both), Some(HeaderValue::from_static("websocket")));
    }

    #[test]
    fn a_whole_url_says_which_host_is_meant() {
        let mut lines = headers(&[("host", "other")]);
        let mut uri: Uri = "http://shop:80/a?b".parse().unwrap();
        target(&mut uri, &mut lines, Version::HTTP_11);
        assert_eq!(
            (uri.to_string(), &lines["host"]),
            ("/a?b".to_owned(), &HeaderValue::from_static("shop:80"))
        );
        let mut uri: Uri = "*".parse().unwrap();
        target(&mut uri, &mut lines, Version::HTTP_11);
        assert_eq!(uri.to_string(), "*");
        let mut uri: Uri = "/x".parse().unwrap();
        target(&mut uri, &mut lines, Version::HTTP_2);
        assert_eq!(uri.to_string(), "http://shop:80/x");
    }
}
