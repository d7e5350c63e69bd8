//! A fault on HTTP: which requests it touches, and what it does to them.

use serde::{Deserialize, Serialize};

use crate::act::HttpAct;
use crate::matching::{Match, Matcher};
use crate::problem::{Finder, Problems};

/// A fault on HTTP, as people write it.
///
/// ```
/// use shakedown_http_faults::fault::HttpFault;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fault: HttpFault = serde_json::from_str(
///     r#"{"matches": {"methods": ["GET"], "path": {"glob": "/items/**"}, "share": "10%"},
///         "act": {"delay": {"before": "250ms", "jitter": "50ms"}}}"#,
/// )?;
/// fault.check()?;
///
/// let wrong: HttpFault = serde_json::from_str(
///     r#"{"matches": {"every": 0}, "act": {"answer": {"status": 99}}}"#,
/// )?;
/// let problems = wrong.check().unwrap_err();
/// let fields: Vec<&str> = problems.all().iter().map(|problem| problem.field.as_str()).collect();
/// assert_eq!(fields, ["matches.every", "act.answer.status"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct HttpFault {
    /// Which requests; all of them if it says nothing.
    #[serde(default)]
    pub matches: Match,
    /// What is done to them.
    pub act: HttpAct,
}

// === impl HttpFault ===

impl HttpFault {
    /// The fault that does this to every request.
    #[must_use]
    pub fn always(act: impl Into<HttpAct>) -> Self {
        Self { matches: Match::default(), act: act.into() }
    }

    /// Whether it can be done as it is written.
    ///
    /// # Errors
    /// All problems, each with its field and what is allowed there.
    pub fn check(&self) -> Result<(), Problems> {
        self.compile().map(drop)
    }

    /// The matcher of a fault that can be done.
    pub(crate) fn compile(&self) -> Result<Matcher, Problems> {
        let mut problems = Vec::new();
        let matcher = Matcher::compile(&self.matches, Finder::new("matches", &mut problems));
        if let Some(status) = self.matches.status.first().filter(|_| !self.act.is_on_responses()) {
            let allowed = "no status, for this act is done before there is a response";
            Finder::new("matches", &mut problems).wrong("status", status, allowed);
        }
        if self.matches.response_body.is_some() && !self.act.is_on_responses() {
            let allowed = "no body of a response, for this act is done before there is a response";
            Finder::new("matches", &mut problems).wrong("response_body", "one", allowed);
        }
        self.act.check(Finder::new("act", &mut problems));
        Problems::none_or(problems).map(|()| matcher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HttpFault, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn every_act_is_written_and_read_back_the_same() {
        let acts = [
            r#"{"delay":{"before":"100ms","jitter":"10ms","between":"1s","chunk":"1ms"}}"#,
            r#"{"abort":{"how":"reset","code":"cancel","after":"10B"}}"#,
            r#"{"answer":{"status":503,"headers":{"x-a":"b"},"body":"no"}}"#,
            r#"{"informational":{"status":103,"headers":{"link":"</a>"},"times":2}}"#,
            r#"{"header":{"on":"request","name":"x-a","edit":{"add":"v"}}}"#,
            r#"{"header":{"name":"x-a","edit":"remove"}}"#,
            r#"{"header":{"name":"x-a","edit":{"huge":"64KiB"}}}"#,
            r#"{"replace_body":{"body":"x","content_type":"text/plain"}}"#,
            r#"{"truncate_body":{"keep":"3B","end":"complete"}}"#,
            r#"{"too_many_requests":{"retry_after":"3s"}}"#,
            r#"{"redirect_loop":{"status":307,"vary":true}}"#,
            r#"{"trickle":{"rate":"10B/s","head":true}}"#,
            r#"{"grpc_status":{"code":14,"message":"ünavailable"}}"#,
            r#""keep_alive_close""#,
            r#""go_away""#,
            r#"{"wrong_length":{"by":-3}}"#,
            r#"{"bad_chunk":{"kind":"no_size"}}"#,
            r#"{"garbage":{"size":"100B"}}"#,
        ];
        for act in acts {
            let fault = read(&format!(r#"{{"act":{act}}}"#)).unwrap_or_else(|error| panic!("{act}: {error}"));
            fault.check().unwrap_or_else(|problems| panic!("{act}: {problems}"));
            let again = serde_json::to_string(&fault).unwrap();
            assert_eq!(read(&again).unwrap(), fault, "{again}");
        }
    }

    #[test]
    fn unknown_fields_are_refused_at_every_level() {
        let wrong = [
            r#"{"act":{"delay":{"before":"1s"}},"x":1}"#,
            r#"{"matches":{"pathh":{"glob":"/"}},"act":"go_away"}"#,
            r#"{"matches":{"path":{"globb":"/"}},"act":"go_away"}"#,
            r#"{"matches":{"headers":[{"name":"a","is":"b"}]},"act":"go_away"}"#,
            r#"{"act":{"delay":{"befor":"1s"}}}"#,
            r#"{"act":{"answer":{"status":200,"code":1}}}"#,
            r#"{"act":{"explode":{}}}"#,
            r#"{"matches":{}}"#,
        ];
        for text in wrong {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_acts_on_responses_can_wait_for_a_status_or_a_body() {
        let cases = [
            (r#"{"delay":{"between":"1s","chunk":"1ms"}}"#, true),
            (r#"{"delay":{"before":"1s","chunk":"1ms"}}"#, false),
            (r#"{"abort":{"after":"10B"}}"#, true),
            (r#"{"abort":{}}"#, false),
            (r#"{"header":{"name":"x-a","edit":"remove"}}"#, true),
            (r#"{"header":{"on":"request","name":"x-a","edit":"remove"}}"#, false),
            (r#"{"answer":{"status":503}}"#, false),
            (r#"{"rewrite":{"path":"/a"}}"#, false),
            (r#""keep_alive_close""#, true),
            (r#"{"garbage":{"size":"100B"}}"#, true),
        ];
        for (act, right) in cases {
            let fault = read(&format!(r#"{{"matches":{{"status":[200,503]}},"act":{act}}}"#)).unwrap();
            assert_eq!(fault.check().is_ok(), right, "{act}: {:?}", fault.check());
            let fault =
                read(&format!(r#"{{"matches":{{"response_body":{{"text":"a"}}}},"act":{act}}}"#)).unwrap();
            assert_eq!(fault.check().is_ok(), right, "{act}: {:?}", fault.check());
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let fault = read(
            r#"{"matches":{"methods":["GE T"],"path":{"regex":"("},"headers":[{"name":"a b"}],
                "share":"150%","every":0,"first":0,"status":[99],"response_body":{"regex":"("},"after":"0s","after_requests":0},
                "act":{"answer":{"status":42,"headers":{"content-length":"1","y":"a\nb"}}}}"#,
        )
        .unwrap();
        let problems = fault.check().unwrap_err();
        let fields: Vec<&str> = problems.all().iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "matches.methods",
                "matches.path.regex",
                "matches.headers.name",
                "matches.status",
                "matches.response_body.regex",
                "matches.after",
                "matches.after_requests",
                "matches.share",
                "matches.every",
                "matches.first",
                "matches.status",
                "matches.response_body",
                "act.answer.status",
                "act.answer.headers",
                "act.answer.headers",
            ]
        );
    }
}
