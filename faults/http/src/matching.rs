//! Which requests a fault touches. Everything in here is pure: the request, its number and chance come in.

mod body;
mod header;
mod path;

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::units::{Ratio, Span};

pub use body::BodyMatch;
pub(crate) use body::{LOOKED_AT, LOOKED_FOR};
pub use header::HeaderMatch;
pub use path::{PathError, PathMatch};

use crate::problem::Finder;

/// Which requests; what is not said does not matter, and all that is said must hold.
///
/// Requests that fit by method, path, headers and `after` are numbered in the order in which they come; `after_requests`,
/// `every`, `first` and `share` choose among those. Where a status or a response's body is named they are numbered when
/// their responses come, as far as those fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", default)]
pub struct Match {
    /// Any of these methods; any method at all if the list is empty. They are case-sensitive, as HTTP has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The path, without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// Every one of these headers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderMatch>,
    /// Any of these statuses of the response, 200 to 599; any status at all if the list is empty. For acts on responses
    /// only. What faults answer in the server's place counts too; what a proxy answers for want of a server does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// What the beginning of the response's body must hold. For acts on responses only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_body: Option<BodyMatch>,
    /// Only from so long after the injection on, above 0 s. What comes before is not numbered. It is a time of the fault's
    /// own, which a rehearsal does not divide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Only after the first so many, which are numbered no more: `first` are the first after those. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_requests: Option<u64>,
    /// This share of them, by chance; from above 0 % to 100 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Ratio>,
    /// Of each so many the last one: 3 is the third, the sixth, the ninth. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Only among the first so many. At least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

/// A [`Match`] that was checked and is ready to use.
#[derive(Debug)]
pub struct Matcher {
    methods: Vec<Method>,
    path: Option<path::Compiled>,
    headers: Vec<header::Compiled>,
    status: Vec<u16>,
    response_body: Option<body::Compiled>,
    after: Option<Span>,
    after_requests: u64,
    share: Option<f64>,
    every: u64,
    first: u64,
}

/// As many methods, headers or statuses as anybody will name.
const LIST_MAX: usize = 64;

// === impl Matcher ===

impl Matcher {
    /// Makes it ready, and notes what is wrong. With problems noted the result is of no use.
    pub(crate) fn compile(from: &Match, mut finder: Finder<'_>) -> Self {
        let methods = compile_methods(&from.methods, &mut finder);
        let path = from.path.as_ref().and_then(|path| path.compile(finder.within("path")));
        let count = from.headers.len();
        finder.expect(count <= LIST_MAX, "headers", count, "at most 64 headers");
        let headers =
            from.headers.iter().filter_map(|header| header.compile(finder.within("headers"))).collect();
        check_status(&from.status, &mut finder);
        let response_body =
            from.response_body.as_ref().and_then(|body| body.compile(finder.within("response_body")));
        finder.expect(from.after != Some(Span::ZERO), "after", "0s", "a time above 0s");
        finder.expect(from.after_requests != Some(0), "after_requests", 0, "a number from 1");
        let share = from.share.map(Ratio::value);
        if let Some(ratio) = from.share {
            let right = ratio.value() > 0.0 && ratio.value() <= 1.0;
            finder.expect(right, "share", ratio, "a share above 0% and up to 100%");
        }
        finder.expect(from.every != Some(0), "every", 0, "a number from 1");
        finder.expect(from.first != Some(0), "first", 0, "a number from 1");
        Self {
            methods,
            path,
            headers,
            status: from.status.clone(),
            response_body,
            after: from.after,
            after_requests: from.after_requests.unwrap_or(0),
            share,
            every: from.every.unwrap_or(1).max(1),
            first: from.first.unwrap_or(u64::MAX),
        }
    }

    /// Whether a request fits by what it is, whenever it comes.
    #[must_use]
    pub fn fits(&self, request: &Parts) -> bool {
        self.fits_method(&request.method)
            && self.path.as_ref().is_none_or(|path| path.fits(request.uri.path()))
            && self.fits_headers(&request.headers)
    }

    /// How long after its injection a fault begins, if not at once.
    #[must_use]
    pub const fn after(&self) -> Option<Span> {
        self.after
    }

    /// Whether the response matters, so that nothing is decided before it comes.
    #[must_use]
    pub const fn wants_response(&self) -> bool {
        !self.status.is_empty() || self.wants_body()
    }

    /// Whether the body of the response matters.
    #[must_use]
    pub const fn wants_body(&self) -> bool {
        self.response_body.is_some()
    }

    /// Whether a response fits by the beginning of its body.
    #[must_use]
    pub fn fits_body(&self, beginning: &[u8]) -> bool {
        self.response_body.as_ref().is_none_or(|body| body.fits(beginning))
    }

    /// Whether a response fits by its status.
    #[must_use]
    pub fn fits_status(&self, status: StatusCode) -> bool {
        self.status.is_empty() || self.status.contains(&status.as_u16())
    }

    /// Whether the request with this number, counted from 0 among those that fit, is one of the chosen. Chance is drawn
    /// once, and only if there is a share to draw.
    #[must_use]
    pub fn chooses(&self, number: u64, chance: &mut Chance) -> bool {
        number
            .checked_sub(self.after_requests)
            .is_some_and(|number| number < self.first && number % self.every == self.every - 1)
            && self.share.is_none_or(|share| chance.chance(share))
    }

    fn fits_method(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn fits_headers(&self, headers: &HeaderMap) -> bool {
        self.headers.iter().all(|header| header.fits(headers))
    }
}

fn check_status(statuses: &[u16], finder: &mut Finder<'_>) {
    finder.expect(statuses.len() <= LIST_MAX, "status", statuses.len(), "at most 64 statuses");
    for status in statuses {
        finder.expect((200..600).contains(status), "status", status, "a status from 200 to 599");
    }
}

fn compile_methods(names: &[String], finder: &mut Finder<'_>) -> Vec<Method> {
    finder.expect(names.len() <= LIST_MAX, "methods", names.len(), "at most 64 methods");
    let mut methods = Vec::new();
    for name in names {
        match Method::from_bytes(name.as_bytes()) {
            Ok(method) => methods.push(method),
            Err(_) => finder.wrong("methods", name, "a method such as `GET`"),
        }
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shakedown_scenarios::seed::Streams;

    fn matcher(from: &Match) -> Matcher {
        let mut problems = Vec::new();
        let matcher = Matcher::compile(from, Finder::new("matches", &mut problems));
        assert!(problems.is_empty(), "{problems:?}");
        matcher
    }

    fn chosen(from: &Match, seed: u64, count: u64) -> Vec<u64> {
        let matcher = matcher(from);
        let chance = |number| Streams::new(seed).stream(&format!("http/1/{number}"));
        (0..count).filter(|number| matcher.chooses(*number, &mut chance(*number))).collect()
    }

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_match_that_says_nothing_fits_everything() {
        let matcher = matcher(&Match::default());
        assert!(matcher.fits(&request("BREW", "/pot", &[])));
        assert_eq!(chosen(&Match::default(), 1, 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn all_that_is_said_must_hold() {
        let from = Match {
            methods: vec!["GET".to_owned(), "PUT".to_owned()],
            path: Some("/items/*".parse().unwrap()),
            headers: vec![HeaderMatch::present("x-user")],
            ..Match::default()
        };
        let matcher = matcher(&from);
        let user = [("x-user", "me")];
        let cases = [
            (request("GET", "/items/1?page=2", &user), true),
            (request("PUT", "/items/1", &user), true),
            (request("POST", "/items/1", &user), false),
            (request("get", "/items/1", &user), false),
            (request("GET", "/items", &user), false),
            (request("GET", "/items/1", &[]), false),
        ];
        for (request, expected) in cases {
            assert_eq!(matcher.fits(&request), expected, "{request:?}");
        }
    }

    #[test]
    fn every_and_first_choose_by_number() {
        let every = Match { every: Some(3), ..Match::default() };
        assert_eq!(chosen(&every, 1, 10), [2, 5, 8]);
        let first = Match { first: Some(2), ..Match::default() };
        assert_eq!(chosen(&first, 1, 10), [0, 1]);
        let both = Match { every: Some(2), first: Some(5), ..Match::default() };
        assert_eq!(chosen(&both, 1, 10), [1, 3]);
        let late = Match { after_requests: Some(4), ..both };
        assert_eq!(chosen(&late, 1, 12), [5, 7], "numbers begin after those that are passed over");
    }

    #[test]
    fn a_share_is_kept_and_depends_on_the_seed_alone() {
        let tenth = Match { share: Ratio::new(0.1), ..Match::default() };
        let once = chosen(&tenth, 42, 10_000);
        assert!((850..1_150).contains(&once.len()), "{}", once.len());
        assert_eq!(once, chosen(&tenth, 42, 10_000));
        assert_ne!(once, chosen(&tenth, 43, 10_000));
    }

    proptest! {
        /// What is chosen under a share is chosen without one too: the parts of a match only narrow.
        #[test]
        fn saying_more_never_chooses_more(seed: u64, every in 1_u64..9, share in 0.01_f64..1.0) {
            let wide = Match { every: Some(every), ..Match::default() };
            let narrow = Match { share: Ratio::new(share), ..wide.clone() };
            let all = chosen(&wide, seed, 100);
            prop_assert!(chosen(&narrow, seed, 100).iter().all(|number| all.contains(number)));
        }
    }
}
