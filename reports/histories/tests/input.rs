//! What a file may be: every way in which it can be wrong names its line, and what may be missing may be missing.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use shakedown_histories::{Budget, Model, ReadError, Rules, Verdict, check, read};

fn verdict_of(text: &str, rules: &Rules) -> Result<Verdict, String> {
    let history = read(text.as_bytes(), rules).map_err(|error| error.to_string())?;
    let never = || false;
    Ok(check(&history, rules, &Budget::new(&never, 1 << 28), 1).verdict)
}

#[track_caller]
fn refuses(text: &str, expected: &str) {
    let found = verdict_of(text, &Rules::of(Model::CasRegister)).unwrap_err();
    assert_eq!(found, expected, "{text}");
}

const INVOKE: &str = r#"{"process":0,"type":"invoke","f":"write","value":1,"time":5,"index":7}"#;
const OK: &str = r#"{"process":0,"type":"ok","f":"write","value":1,"time":6,"index":8}"#;

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    refuses("", "expected one event a line, found none");
    refuses(
        &format!("{INVOKE}\n{{\"process\":0"),
        "line 2: expected an event (process, type, f, value), found: EOF while parsing an object, column 12",
    );
    refuses(
        r#"{"process":0,"type":"invoke"}"#,
        "line 1: expected an event (process, type, f, value), found: missing field `f`, column 29",
    );
    refuses(
        r#"{"process":0,"type":"start","f":"read"}"#,
        "line 1: expected type to be invoke, ok, fail or info, found `start`",
    );
    refuses(
        r#"{"process":0,"type":"invoke","f":"push"}"#,
        "line 1: expected f to be read, write or cas (--model cas-register), found `push`",
    );
    refuses(
        r#"{"process":[],"type":"invoke","f":"read"}"#,
        "line 1: expected process to be a whole number or a name, found `[]`",
    );
    refuses(OK, "line 1: expected an invoke of process 0 first, found its ok");
    refuses(
        &format!("{INVOKE}\n\n{}", INVOKE.replace("\"index\":7", "\"index\":9")),
        "line 3: expected the end of what process 0 began on line 1, found another invoke of it",
    );
    refuses(
        &format!("{INVOKE}\n{}", OK.replace("\"time\":6", "\"time\":4")),
        "line 2: expected a time from 5 on, found 4: times must not go back",
    );
    refuses(
        &format!("{INVOKE}\n{}", OK.replace("\"index\":8", "\"index\":7")),
        "line 2: expected an index above 7, found 7: sort the lines by it",
    );
    refuses(
        &format!("{INVOKE}\n{}", OK.replace("write", "read")),
        "line 2: expected the end of the write that process 0 began on line 1, found one of a read",
    );
    refuses(
        &format!("{INVOKE}\n{}", OK.replace("\"value\"", "\"key\":3,\"value\"")),
        "line 2: expected the key of line 1, `null`, found `3`",
    );
    refuses(
        r#"{"process":0,"type":"invoke","f":"cas","value":[1,2,3]}"#,
        "line 1: expected [old, new], found `[1,2,3]`",
    );
    refuses(
        &INVOKE.replace("\"time\":5", "\"time\":\"soon\""),
        "line 1: expected time to be a number, found `\"soon\"`",
    );
    let gone = OK.replace("\"ok\"", "\"info\"");
    let found = verdict_of(
        &format!("{INVOKE}\n{gone}\n{}", INVOKE.replace("\"time\":5,\"index\":7", "\"time\":9,\"index\":9")),
        &Rules::of(Model::Register),
    );
    assert!(found.unwrap_err().starts_with("line 3: expected no more of process 0"));
    let bytes: &[u8] = b"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":\"\xff\"}";
    let error = read(bytes, &Rules::of(Model::Register)).unwrap_err();
    assert_eq!(error.to_string(), "line 1: expected UTF-8");
}

#[test]
fn values_of_each_model_are_checked() {
    let refused = |model: Model, f: &str, argument: &str, told: &str| {
        let lines = format!(
            "{{\"process\":0,\"type\":\"invoke\",\"f\":\"{f}\",\"value\":{argument}}}\n\
             {{\"process\":0,\"type\":\"ok\",\"f\":\"{f}\",\"value\":{told}}}"
        );
        verdict_of(&lines, &Rules::of(model)).unwrap_err()
    };
    assert_eq!(
        refused(Model::Counter, "add", "1.5", "1"),
        "line 1: expected a whole number up to 2^62, found `1.5`"
    );
    assert_eq!(
        refused(Model::Counter, "read", "null", "[]"),
        "line 2: expected a whole number up to 2^62, found `[]`"
    );
    assert_eq!(refused(Model::Set, "read", "null", "7"), "line 2: expected a list, found `7`");
    assert_eq!(refused(Model::KvAppend, "get", "null", "[1]"), "line 2: expected a string, found `[1]`");
    assert!(
        refused(Model::Bank, "transfer", "{\"from\":1}", "null").starts_with("line 1: expected {\"from\"")
    );
    assert!(
        refused(Model::Bank, "read", "null", "{\"0\":\"x\"}")
            .starts_with("line 2: expected {account: balance")
    );
    assert!(
        refused(Model::ListAppend, "txn", "[[\"cas\",1,2]]", "null")
            .starts_with("line 1: expected [\"append\"")
    );
}

#[test]
fn index_time_key_and_the_value_of_a_completion_may_be_missing() {
    let lines = r#"
        {"process":"a","type":"invoke","f":"write","value":{"x": [1.0, "\u0041"]}}
        {"process":"nemesis","type":"info","f":"start","value":"partition"}
        {"process":"a","type":"ok","f":"write"}
        {"process":4,"type":"invoke","f":"read","error":["what"]}
        {"process":4,"type":"ok","f":"read","value":{"x":[1,"A"]}}
        {"process":4,"type":"invoke","f":"write","value":2}"#;
    assert_eq!(verdict_of(lines, &Rules::of(Model::Register)), Ok(Verdict::True));
    let other = lines.replace("[1,\"A\"]", "[1,\"B\"]");
    assert_eq!(verdict_of(&other, &Rules::of(Model::Register)), Ok(Verdict::False));
}

#[test]
fn the_rules_about_null_failures_and_the_first_state_hold() {
    let one = |f: &str, argument: &str, kind: &str, told: &str| {
        format!(
            "{{\"process\":0,\"type\":\"invoke\",\"f\":\"{f}\",\"value\":{argument}}}\n\
             {{\"process\":0,\"type\":\"{kind}\",\"f\":\"{f}\",\"value\":{told}}}\n"
        )
    };
    let rules = Rules::of(Model::CasRegister);
    let null = one("write", "3", "ok", "3") + &one("read", "null", "ok", "null");
    assert_eq!(verdict_of(&null, &rules), Ok(Verdict::False));
    assert_eq!(verdict_of(&null, &Rules { nil_is_any: true, ..rules.clone() }), Ok(Verdict::True));
    let failed = one("write", "3", "ok", "3") + &one("cas", "[3,4]", "fail", "null");
    assert_eq!(verdict_of(&failed, &rules), Ok(Verdict::True));
    assert_eq!(verdict_of(&failed, &Rules { fail_is_mismatch: true, ..rules.clone() }), Ok(Verdict::False));
    let first = one("read", "null", "ok", "7");
    assert_eq!(verdict_of(&first, &rules), Ok(Verdict::False));
    assert_eq!(verdict_of(&first, &Rules { init: Some("7".into()), ..rules.clone() }), Ok(Verdict::True));
    assert_eq!(verdict_of(&first, &Rules { init: Some("nil".into()), ..rules }), Ok(Verdict::False));
    let starts = |model: Model, init: &str, text: &str| {
        verdict_of(text, &Rules { init: Some(init.into()), ..Rules::of(model) })
    };
    assert_eq!(starts(Model::KvAppend, "ab", &one("get", "null", "ok", "\"ab\"")), Ok(Verdict::True));
    assert_eq!(starts(Model::Counter, "-5", &one("read", "null", "ok", "-5")), Ok(Verdict::True));
    assert_eq!(starts(Model::Set, "[1,2]", &one("read", "null", "ok", "[2,1]")), Ok(Verdict::True));
    assert_eq!(starts(Model::Queue, "[1,2]", &one("dequeue", "null", "ok", "2")), Ok(Verdict::False));
    assert_eq!(starts(Model::Lock, "held", &one("acquire", "null", "ok", "null")), Ok(Verdict::False));
    assert_eq!(starts(Model::Bank, "{\"a\":1}", &one("read", "null", "ok", "{\"a\":1}")), Ok(Verdict::True));
    let wrong = starts(Model::Lock, "maybe", &first).unwrap_err();
    assert_eq!(wrong, "--init: expected free or held, found `maybe`");
}

#[test]
fn a_history_beyond_its_memory_is_not_judged_and_a_search_gives_up_when_told() {
    let lines: String = (0..20_000)
        .map(|at| {
            format!("{{\"process\":{at},\"type\":\"invoke\",\"f\":\"write\",\"value\":\"{at:050}\"}}\n")
        })
        .collect();
    let rules = Rules { memory: 100_000, ..Rules::of(Model::Register) };
    let error = read(lines.as_bytes(), &rules).unwrap_err();
    assert!(matches!(error, ReadError::Memory { line: 4_096, .. }), "{error}");
    let mut more = lines
        .replace("\"write\"", "\"cas\"")
        .replace("\"value\":", "\"value\":[1,")
        .replace("\"}\n", "\"]}\n");
    more += "{\"process\":-1,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[1,2]}\n\
             {\"process\":-1,\"type\":\"ok\",\"f\":\"cas\",\"value\":[1,2]}\n";
    for at in 0..500 {
        more += &format!("{{\"process\":-2,\"type\":\"invoke\",\"f\":\"write\",\"value\":{at}}}\n");
        more += "{\"process\":-2,\"type\":\"ok\",\"f\":\"write\"}\n";
    }
    let rules = Rules { init: Some("1".into()), ..Rules::of(Model::CasRegister) };
    let history = read(more.as_bytes(), &rules).unwrap();
    let at_once = || true;
    assert_eq!(check(&history, &rules, &Budget::new(&at_once, 1 << 30), 2).verdict, Verdict::Unknown);
    let never = || false;
    assert_eq!(check(&history, &rules, &Budget::new(&never, 1_000), 2).verdict, Verdict::Unknown);
    assert_eq!(check(&history, &rules, &Budget::new(&never, 1 << 30), 2).verdict, Verdict::True);
}

/// Operations are small, and what is in them is not: it is counted, too.
#[test]
fn what_is_in_transactions_and_balance_sheets_counts_as_memory() {
    let check = |model, f: &str, value: &str| {
        let line = |process: usize| {
            format!(r#"{{"process":{process},"type":"invoke","f":"{f}","value":null}}"#)
                .replace("null", value)
                + "\n"
        };
        let text: String = (0..4_096).map(line).collect();
        let rules = Rules { memory: 4 << 20, ..Rules::of(model) };
        let error = read(text.as_bytes(), &rules).unwrap_err();
        assert!(matches!(error, ReadError::Memory { line: 4_096, .. }), "{error}");
        let rules = Rules { memory: 64 << 20, ..rules };
        assert_eq!(read(text.as_bytes(), &rules).unwrap().ops.len(), 4_096);
    };
    let steps = vec![r#"["append","k",1]"#; 100].join(",");
    check(Model::ListAppend, "txn", &format!("[{steps}]"));
}
