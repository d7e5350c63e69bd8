//! Asking the server for something else than the client asked for.

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri};
use serde::{Deserialize, Serialize};

use crate::problem::Finder;
use crate::set::Bite;

/// What is asked for instead; what is not said stays as it is. Headers, `host` among them, are changed with
/// [`HeaderChange`](super::HeaderChange).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", default)]
pub struct Rewrite {
    /// The method. `HEAD` and `CONNECT` make other messages of what follows, so they neither come nor go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The whole path, from its `/` on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What stands behind the `?`; nothing at all if it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

const METHOD_FORM: &str = "a method such as `POST`, but neither HEAD nor CONNECT";
const PATH_FORM: &str = "a path such as `/items/7`, percent-encoded where it has to be";
const QUERY_FORM: &str = "a query such as `page=2`, without its `?` and percent-encoded where it has to be";

/// Longer ones are refused by the servers of this world.
const TARGET_MAX: usize = 64 * 1024;

// === impl Rewrite ===

impl Rewrite {
    pub(super) fn check(&self, mut finder: Finder<'_>) {
        if self == &Self::default() {
            finder.wrong("path", "nothing", "a method, a path or a query");
        }
        if let Some(name) = &self.method {
            finder.expect(method(name).is_some(), "method", name, METHOD_FORM);
        }
        if let Some(path) = &self.path {
            let right = path.starts_with('/') && !path.contains('?') && target(path, None).is_some();
            finder.expect(right, "path", path, PATH_FORM);
        }
        if let Some(query) = &self.query {
            finder.expect(target("/", Some(query)).is_some(), "query", query, QUERY_FORM);
        }
    }

    pub(super) fn edit(&self, request: &mut Parts, bite: &Bite) {
        let before = (request.method.clone(), request.uri.clone());
        if !reframes(&request.method)
            && let Some(method) = self.method.as_deref().and_then(method)
        {
            request.method = method;
        }
        if let Some(uri) = self.uri(&request.uri) {
            request.uri = uri;
        }
        if before != (request.method.clone(), request.uri.clone()) {
            bite.mark().bit();
        }
    }

    fn uri(&self, uri: &Uri) -> Option<Uri> {
        let path = self.path.as_deref().unwrap_or(uri.path());
        let query = match &self.query {
            Some(query) => Some(query.as_str()).filter(|query| !query.is_empty()),
            None => uri.query(),
        };
        let mut parts = uri.clone().into_parts();
        // The target of a CONNECT is no path, and `*` is that of a whole server.
        parts.path_and_query = Some(target(path, query)?);
        Uri::from_parts(parts).ok().filter(|_| uri.path().starts_with('/'))
    }
}

fn method(name: &str) -> Option<Method> {
    let known = name.len() <= TARGET_MAX;
    Method::from_bytes(name.as_bytes()).ok().filter(|method| known && !reframes(method))
}

fn reframes(method: &Method) -> bool {
    [Method::HEAD, Method::CONNECT].contains(method)
}

fn target(path: &str, query: Option<&str>) -> Option<PathAndQuery> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let text = format!("{path}{query}");
    let right = text.len() <= TARGET_MAX && !text.contains('#');
    text.parse().ok().filter(|_| right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(act: &Rewrite, method: &str, uri: &str) -> String {
        let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
        let mut parts = request.into_parts().0;
        act.edit(&mut parts, &Bite::for_tests());
        format!("{} {}", parts.method, parts.uri)
    }

    fn problems(act: &Rewrite) -> Vec<String> {
        let mut problems = Vec::new();
        act.check(Finder::new("rewrite", &mut problems));
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        let path = Rewrite { path: Some("/other".into()), ..Rewrite::default() };
        assert_eq!(rewritten(&path, "GET", "/items?page=2"), "GET /other?page=2");
        assert_eq!(rewritten(&path, "GET", "http://shop.test/items"), "GET http://shop.test/other");
        let query = Rewrite { query: Some("page=9".into()), ..Rewrite::default() };
        assert_eq!(rewritten(&query, "GET", "/items?page=2"), "GET /items?page=9");
        let none = Rewrite { query: Some(String::new()), ..Rewrite::default() };
        assert_eq!(rewritten(&none, "GET", "/items?page=2"), "GET /items");
        let method = Rewrite { method: Some("DELETE".into()), ..Rewrite::default() };
        assert_eq!(rewritten(&method, "GET", "/items"), "DELETE /items");
    }

    #[test]
    fn what_has_another_framing_or_no_path_is_left_alone() {
        let all = Rewrite { method: Some("PUT".into()), path: Some("/x".into()), query: None };
        assert_eq!(rewritten(&all, "HEAD", "/items"), "HEAD /x");
        assert_eq!(rewritten(&all, "OPTIONS", "*"), "PUT *");
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        assert_eq!(problems(&Rewrite::default()).len(), 1);
        let act = Rewrite {
            method: Some("HEAD".into()),
            path: Some("items".into()),
            query: Some("a b\r\nHost: evil".into()),
        };
        let told = problems(&act);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(problems(&Rewrite { path: Some("/a?b".into()), ..Rewrite::default() }).len() == 1);
        assert!(problems(&Rewrite { path: Some("/a#b".into()), ..Rewrite::default() }).len() == 1);
    }
}
