//! Counts of what test programs print. Purely: lines in, sums out.
//!
//! The form is that of Rust's own test harness (`test NAME ... ok`, `test result: ok. 3 passed; …`), which
//! libtest-mimic prints too. Benchmarks that run once as tests print no result and are not counted.

use std::collections::BTreeMap;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: u64,
    /// Names of tests that failed, and of programs that ended without a result.
    failed: Vec<String>,
    /// Reasons by name.
    skipped: BTreeMap<String, String>,
    program: Program,
}

/// The test program whose lines are being read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Program {
    is_open: bool,
    failed: Vec<String>,
    ignored: Vec<(String, String)>,
}

const NO_REASON: &str = "ignored; its source gives no reason";

// === impl Tally ===

impl Tally {
    /// Takes the next line of the output.
    pub fn read(&mut self, line: &str) {
        if line.starts_with("running ") && line.trim_end().ends_with(['t', 's']) && line.contains(" test") {
            self.close_unfinished();
            self.program.is_open = true;
        } else if let Some(result) = line.find("test result: ").map(|at| &line[at..]) {
            // Anything may stand before it on the line: a child of a test may have written there.
            self.close(result);
        } else if let Some(test) = line.strip_prefix("test ") {
            self.program.read_test(test);
        }
    }

    /// Takes the reports of tests that found, while they ran, that they could not: lines `NAME<tab>REASON`.
    /// Each such test has been counted as passed, and is moved.
    pub fn read_skips(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (name, reason) = line.split_once('\t').unwrap_or((line, "gives no reason"));
            if self.skipped.insert(name.to_owned(), reason.to_owned()).is_none() {
                self.passed = self.passed.saturating_sub(1);
            }
        }
    }

    /// Takes the end of the whole command that ran the programs, and what that was to do.
    pub fn end(&mut self, what: &str, succeeded: bool) {
        self.close_unfinished();
        if !succeeded && self.failed.is_empty() {
            self.failed.push(format!("{what}: it ended with an error before the tests did, see above"));
        }
    }

    /// Whether nothing failed.
    pub fn is_green(&self) -> bool {
        self.failed.is_empty()
    }

    /// The names of what failed and of what was skipped, then the sums.
    pub fn summary(&self) -> String {
        let mut lines: Vec<String> = self.failed.iter().map(|name| format!("failed: {name}")).collect();
        lines.extend(self.skipped.iter().map(|(name, reason)| format!("skipped: {name}: {reason}")));
        let (passed, failed, skipped) = (self.passed, self.failed.len(), self.skipped.len());
        lines.push(format!("{passed} passed, {failed} failed, {skipped} skipped"));
        lines.join("\n")
    }

    fn close(&mut self, result: &str) {
        let program = std::mem::take(&mut self.program);
        let count = |word: &str| {
            let before = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
            before.and_then(|number| number.trim().parse::<usize>().ok()).unwrap_or(0)
        };
        self.passed += count("passed") as u64;
        // The result is what counts; the names are for people, and may have been torn by other output.
        let unnamed =
            |count: usize, named: usize| (named..count).map(|_| "a test whose name was not seen".to_owned());
        self.failed.extend(unnamed(count("failed"), program.failed.len()));
        self.failed.extend(program.failed);
        for (number, name) in unnamed(count("ignored"), program.ignored.len()).enumerate() {
            self.skip(format!("{name} ({number})"), NO_REASON.to_owned());
        }
        for (name, reason) in program.ignored {
            self.skip(name, reason);
        }
    }

    /// Two programs may have an ignored test of the same name; both count.
    fn skip(&mut self, name: String, reason: String) {
        let mut unique = name.clone();
        for number in 2_u32.. {
            if !self.skipped.contains_key(&unique) {
                break;
            }
            unique = format!("{name} ({number})");
        }
        self.skipped.insert(unique, reason);
    }

    fn close_unfinished(&mut self) {
        if std::mem::take(&mut self.program).is_open {
            self.failed.push("a test program ended without a result, see above".to_owned());
        }
    }
}

// === impl Program ===

impl Program {
    /// Reads what stands after `test `.
    fn read_test(&mut self, test: &str) {
        let Some((name, outcome)) = test.rsplit_once(" ... ") else { return };
        let (name, outcome) = (name.trim().to_owned(), outcome.trim());
        if outcome.starts_with("FAILED") {
            self.failed.push(name);
        } else if let Some(reason) = outcome.strip_prefix("ignored") {
            // libtest-mimic has no place for a reason; our own tests on it put one where the kind of a test stands.
            let kind = name.strip_prefix('[').and_then(|rest| rest.split_once("] "));
            let (kind, name) =
                kind.map_or((None, name.as_str()), |(kind, name)| (Some(kind), name.trim_start()));
            let reason = reason.strip_prefix(", ").or(kind).unwrap_or(NO_REASON);
            self.ignored.push((name.to_owned(), reason.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, skips: &str, succeeded: bool, expected: &str) {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        tally.end("tests", succeeded);
        tally.read_skips(skips);
        assert_eq!(tally.summary(), expected);
        assert_eq!(tally.is_green(), expected.contains(" 0 failed"));
    }

    const TWO: &str = "\
running 3 tests
test units::reads_spans ... ok
test slow ... ignored, takes an hour
test odd ... ignored

test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.02s

running 11 tests
test padded_by_mimic     ... ok
test [takes a night]   long ... ignored
noise of a child without an end of linetest result: ok. 10 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.45s
";

    #[test]
    fn programs_are_summed_and_skips_are_named() {
        let expected = "skipped: long: takes a night\nskipped: odd: ignored; its source gives no reason\nskipped: slow: takes an hour\n\
            11 passed, 0 failed, 3 skipped";
        check(TWO, "", true, expected);
    }

    #[test]
    fn a_test_that_could_not_run_is_moved_from_passed_to_skipped() {
        let expected = "skipped: long: takes a night\nskipped: nginx_slow: nginx is not installed\n\
            skipped: odd: ignored; its source gives no reason\nskipped: slow: takes an hour\n10 passed, 0 failed, 4 skipped";
        check(
            TWO,
            "nginx_slow\tnginx is not installed\nnginx_slow\tnginx is not installed\n",
            true,
            expected,
        );
    }

    #[test]
    fn failures_are_named() {
        let output = "\
running 2 tests
test good ... ok
test bad ... FAILED
failures:
    bad
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        check(output, "", false, "failed: bad\n1 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn a_torn_name_is_still_counted() {
        let output = "running 1 test\ntest result: FAILED. 0 passed; 1 failed; 1 ignored; 0 measured\n";
        let expected = "failed: a test whose name was not seen\n\
            skipped: a test whose name was not seen (0): ignored; its source gives no reason\n0 passed, 1 failed, 1 skipped";
        check(output, "", false, expected);
    }

    #[test]
    fn a_program_that_crashed_has_failed() {
        let output = "running 3 tests\ntest good ... ok\nrunning 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored\n";
        check(
            output,
            "",
            false,
            "failed: a test program ended without a result, see above\n0 passed, 1 failed, 0 skipped",
        );
    }

    #[test]
    fn what_does_not_compile_has_failed() {
        let expected = "failed: tests: it ended with an error before the tests did, see above\n0 passed, 1 failed, 0 skipped";
        check("", "", false, expected);
    }

    #[test]
    fn ignored_tests_of_the_same_name_both_count() {
        let program = "running 1 test\ntest child ... ignored, helper\ntest result: ok. 0 passed; 0 failed; 1 ignored;\n";
        let expected = "skipped: child: helper\nskipped: child (2): helper\n0 passed, 0 failed, 2 skipped";
        check(&program.repeat(2), "", true, expected);
    }
}
