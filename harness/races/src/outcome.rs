//! What the end of a model means. Purely: what it printed and how it ended in, an outcome out.

use shakedown_reports::journal::ModelOutcome;

use crate::child::{Ended, Said};

/// What the first panic of a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Panic {
    /// Where, as `file:line:column`.
    pub(crate) at: String,
    /// What, all lines.
    pub(crate) message: String,
}

/// What loom says where a race was found. shuttle finds none: it does not watch memory.
const RACES: [&str; 3] = ["Causality violation", "currently writing to cell", "currently reading from cell"];
/// What it says of what was left behind.
const LEAKS: [&str; 4] = ["Arc leaked", "Allocation leaked", "Messages leaked", "message leaked"];
/// What it says where a bound of its own was passed.
const LIMITS: [&str; 3] = [
    "Model exceeded maximum number of branches",
    "self.threads.len() < self.max()",
    "exceeded max_steps bound",
];

/// The outcome of a model that was played, and what was wrong in one line. `permutations`: a limit was set on them, so that
/// only a model that tells that it is complete has passed.
pub(crate) fn outcome(said: &Said, permutations: Option<u64>) -> (ModelOutcome, Option<String>) {
    match said.ended {
        Ended::TimedOut => {
            let played =
                said.iterations().map_or(String::new(), |count| format!(" after {count} interleavings"));
            return (ModelOutcome::Limit, Some(format!("the time was over{played}")));
        }
        Ended::Code(0) => {
            let stopped = permutations.filter(|_| said.completed().is_none());
            return match stopped {
                Some(limit) => (
                    ModelOutcome::Limit,
                    Some(format!("{limit} interleavings were played, and more are left")),
                ),
                None => (ModelOutcome::Pass, None),
            };
        }
        Ended::Code(_) | Ended::Signal(_) => {}
    }
    let Some(panic) = said.panic() else {
        let how = match said.ended {
            Ended::Signal(signal) => format!("it died of signal {signal} without a word"),
            _ => "it failed without a word".to_owned(),
        };
        return (ModelOutcome::Assertion, Some(how));
    };
    let holds = |words: &[&str]| words.iter().any(|word| panic.message.contains(word));
    let outcome = match () {
        () if ["deadlock;", "deadlock!"].iter().any(|word| panic.message.starts_with(word)) => {
            ModelOutcome::Deadlock
        }
        () if holds(&RACES) => ModelOutcome::Race,
        () if holds(&LEAKS) => ModelOutcome::Leak,
        () if holds(&LIMITS) => ModelOutcome::Limit,
        () => ModelOutcome::Assertion,
    };
    (outcome, Some(panic.line(outcome)))
}

// === impl Panic ===

impl Panic {
    /// One line of it. What loom tells of a deadlock is its own bookkeeping, and is said better with the interleaving.
    fn line(&self, outcome: ModelOutcome) -> String {
        match outcome {
            ModelOutcome::Deadlock => "no thread can go on".to_owned(),
            ModelOutcome::Limit if self.message.contains("self.threads") => {
                "the model starts more threads than loom has room for".to_owned()
            }
            ModelOutcome::Limit => {
                "an interleaving has more switches than allowed: a thread may be spinning".to_owned()
            }
            _ => {
                let lines = self.message.lines().map(|line| line.trim().trim_end_matches('.'));
                lines
                    .filter(|line| !line.is_empty() && !line.starts_with("Index: "))
                    .take(4)
                    .collect::<Vec<_>>()
                    .join("; ")
            }
        }
    }

    /// Where in the model's own files: what loom found is told with the places of the operations, all else where it happened.
    pub(crate) fn place(&self) -> Option<String> {
        let own = |place: &&str| {
            !["/loom-", "/shuttle-"].iter().any(|it| place.contains(it)) && !place.starts_with("/rustc/")
        };
        // Where threads met says more than where that came from, over which they met.
        let told = ["@ ", ": "].iter().find_map(|sign| {
            let mut places = self.message.lines().filter_map(|line| Some(line.rsplit_once(sign)?.1.trim()));
            places.find(|place| is_place(place))
        });
        let blocked = || {
            let (_, rest) = self.message.split_once("file: \"")?;
            let (file, rest) = rest.split_once('"')?;
            let number = |word: &str| {
                let (_, rest) = rest.split_once(word)?;
                rest.split([',', ' ', '}']).next()?.parse::<u32>().ok()
            };
            Some(format!("{file}:{}:{}", number("line: ")?, number("column: ")?))
        };
        let told = told.filter(own).map(str::to_owned);
        told.or_else(blocked).or_else(|| Some(self.at.as_str()).filter(own).map(str::to_owned))
    }
}

fn is_place(text: &str) -> bool {
    let mut parts = text.rsplitn(3, ':');
    let (column, line, file) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    number(column) && number(line) && file.is_some_and(|file| file.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ended: Ended, text: &str) -> Said {
        Said { text: text.to_owned(), ended }
    }

    fn failed(message: &str) -> Said {
        let text = format!(
            "running 1 test\ntest x ... \nthread 'x' (7) panicked at /r/loom-0.7.3/src/rt/x.rs:1:2:\n{message}\n\
             note: run with `RUST_BACKTRACE=1`\n\nthread 'x' panicked at y.rs:3:4:\nin a destructor\n"
        );
        said(Ended::Signal(6), &text)
    }

    #[track_caller]
    fn check(message: &str, expected: ModelOutcome, why: &str, place: Option<&str>) {
        let said = failed(message);
        assert_eq!(outcome(&said, None), (expected, Some(why.to_owned())));
        assert_eq!(said.panic().unwrap().place().as_deref(), place);
    }

    #[test]
    fn what_loom_says_becomes_an_outcome_and_a_place() {
        let blocked = "deadlock; threads = [(Id(0), Blocked(Location(Some(Location { file: \"tests/a.rs\", line: 18, column: 43 }))))]";
        check(blocked, ModelOutcome::Deadlock, "no thread can go on", Some("tests/a.rs:18:43"));
        check(
            "deadlock; threads = [(Id(0), Blocked(Location(None)))]",
            ModelOutcome::Deadlock,
            "no thread can go on",
            None,
        );
        check(
            "Causality violation: Concurrent read and write accesses.\n      created: src/a.rs:1:2\n         read: thread #1 @ src/a.rs:9:5",
            ModelOutcome::Race,
            "Causality violation: Concurrent read and write accesses; created: src/a.rs:1:2; read: thread #1 @ src/a.rs:9:5",
            Some("src/a.rs:9:5"),
        );
        check(
            "Arc leaked.\n  Allocated: tests/w.rs:44:20\n      Index: 2",
            ModelOutcome::Leak,
            "Arc leaked; Allocated: tests/w.rs:44:20",
            Some("tests/w.rs:44:20"),
        );
        let spin = "an interleaving has more switches than allowed: a thread may be spinning";
        check(
            "Model exceeded maximum number of branches. This is often caused by",
            ModelOutcome::Limit,
            spin,
            None,
        );
        check("two halves: 1 and 2", ModelOutcome::Assertion, "two halves: 1 and 2", None);
    }

    #[test]
    fn an_assertion_is_told_where_it_stands() {
        let text = "thread 'x' (7) panicked at tests/pool.rs:33:9:\nthe server has 2\n\nmore\n";
        let said = said(Ended::Code(101), text);
        assert_eq!(outcome(&said, None), (ModelOutcome::Assertion, Some("the server has 2".to_owned())));
        assert_eq!(said.panic().unwrap().place().as_deref(), Some("tests/pool.rs:33:9"));
    }

    #[test]
    fn what_was_not_played_to_its_end_is_no_pass() {
        let complete = " INFO Completed in 47 iterations\n";
        assert_eq!(outcome(&said(Ended::Code(0), complete), Some(100)).0, ModelOutcome::Pass);
        assert_eq!(outcome(&said(Ended::Code(0), "ok"), Some(100)).0, ModelOutcome::Limit);
        assert_eq!(outcome(&said(Ended::Code(0), "ok"), None).0, ModelOutcome::Pass);
        let late = said(Ended::TimedOut, " INFO  ================== Iteration 2000 ==================\n");
        let why = "the time was over after 2000 interleavings".to_owned();
        assert_eq!(outcome(&late, None), (ModelOutcome::Limit, Some(why)));
        assert_eq!(outcome(&said(Ended::Signal(11), ""), None).0, ModelOutcome::Assertion);
    }
}
