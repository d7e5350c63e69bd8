//! The reader against the `ron` crate, and against everything that is not RON at all.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped here has failed the test")]

use proptest::prelude::*;
use ron::Value as Theirs;
use ron::value::{F64, Map, Number as TheirNumber};
use shakedown_scenarios::read::read;
use shakedown_scenarios::syntax::{Body, MOST_ENTRIES, Node, Number, Struct, Value, parse};

/// Our tree as `ron` would have read it, or nothing where `ron` has no such value.
fn as_theirs(node: &Node) -> Option<Theirs> {
    Some(match &node.value {
        Value::Text(text) => Theirs::String(text.value.clone()),
        Value::Number(number) => Theirs::Number(number_as_theirs(*number)?),
        Value::Bool(value) => Theirs::Bool(*value),
        Value::Char(value) => Theirs::Char(*value),
        Value::Bytes(bytes) => Theirs::Bytes(bytes.clone()),
        Value::List(nodes) => Theirs::Seq(nodes.iter().map(as_theirs).collect::<Option<_>>()?),
        Value::Map(pairs) => {
            Theirs::Map(map(pairs.iter().map(|(key, value)| (as_theirs(key), as_theirs(value))))?)
        }
        Value::Struct(value) => struct_as_theirs(value)?,
        Value::Broken => return None,
    })
}

fn map(pairs: impl Iterator<Item = (Option<Theirs>, Option<Theirs>)>) -> Option<Map> {
    pairs.map(|(key, value)| Some((key?, value?))).collect()
}

fn struct_as_theirs(value: &Struct) -> Option<Theirs> {
    let name = value.name.as_ref().map(|name| name.text.as_str());
    Some(match (name, &value.body) {
        (Some("None"), Body::Unit) => Theirs::Option(None),
        (Some("Some"), Body::Values(values)) => Theirs::Option(Some(Box::new(as_theirs(values.first()?)?))),
        (_, Body::Fields(fields)) => {
            let pairs =
                fields.iter().map(|(key, value)| (Some(Theirs::String(key.text.clone())), as_theirs(value)));
            Theirs::Map(map(pairs)?)
        }
        (None, Body::Values(values)) if values.is_empty() => Theirs::Unit,
        (None, Body::Values(values)) => Theirs::Seq(values.iter().map(as_theirs).collect::<Option<_>>()?),
        (Some(_), Body::Unit) => Theirs::Unit,
        // `ron` looks through a newtype and keeps a tuple.
        (Some(_), Body::Values(values)) if values.len() == 1 => as_theirs(&values[0])?,
        (Some(_), Body::Values(values)) => Theirs::Seq(values.iter().map(as_theirs).collect::<Option<_>>()?),
        (None, Body::Unit) => return None,
    })
}

/// `ron` keeps a number in the smallest type that holds it.
fn number_as_theirs(number: Number) -> Option<TheirNumber> {
    match number {
        Number::Float(float) => Some(TheirNumber::F64(F64(float))),
        Number::Whole(whole) => {
            let text = whole.to_string();
            match ron::from_str::<Theirs>(&text).ok()? {
                Theirs::Number(number) => Some(number),
                _ => None,
            }
        }
    }
}

/// Numbers of all sizes are one kind here, as they would be without suffixes.
fn widened(value: Theirs) -> Theirs {
    match value {
        Theirs::Number(TheirNumber::F32(float)) => {
            // Through its text, as a reader without suffixes would see it.
            Theirs::Number(TheirNumber::F64(F64(float.0.to_string().parse().unwrap())))
        }
        Theirs::Number(TheirNumber::F64(float)) => Theirs::Number(TheirNumber::F64(float)),
        Theirs::Number(whole) => ron::from_str(&ron::to_string(&whole).unwrap()).unwrap(),
        Theirs::Seq(values) => Theirs::Seq(values.into_iter().map(widened).collect()),
        Theirs::Map(map) => {
            Theirs::Map(map.into_iter().map(|(key, value)| (widened(key), widened(value))).collect())
        }
        Theirs::Option(Some(value)) => Theirs::Option(Some(Box::new(widened(*value)))),
        other => other,
    }
}

fn same(text: &str) -> Result<(), TestCaseError> {
    let theirs = widened(
        ron::from_str::<Theirs>(text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?,
    );
    let ours = parse(text);
    prop_assert_eq!(&ours.problems, &vec![], "{}", text);
    prop_assert_eq!(as_theirs(&ours.root).map(widened), Some(theirs), "{}", text);
    Ok(())
}

fn values() -> impl Strategy<Value = Theirs> {
    let float = prop_oneof![
        any::<f64>().prop_filter("a number", |float| !float.is_nan()),
        Just(f64::INFINITY),
        Just(1e300)
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Theirs::Bool),
        any::<char>().prop_map(Theirs::Char),
        any::<String>().prop_map(Theirs::String),
        any::<Vec<u8>>().prop_map(Theirs::Bytes),
        any::<i64>().prop_map(Theirs::from),
        any::<u64>().prop_map(Theirs::from),
        float.prop_map(Theirs::from),
        Just(Theirs::Unit),
        Just(Theirs::Option(None)),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Theirs::Seq),
            prop::collection::vec((inner.clone(), inner.clone()), 0..6)
                .prop_map(|pairs| Theirs::Map(pairs.into_iter().collect())),
            inner.prop_map(|value| Theirs::Option(Some(Box::new(value)))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever `ron` writes, both read to the same value.
    #[test]
    fn what_ron_writes_reads_the_same(value in values()) {
        same(&ron::to_string(&value).unwrap())?;
        let pretty = ron::ser::PrettyConfig::new().compact_arrays(true).escape_strings(false);
        same(&ron::ser::to_string_pretty(&value, pretty).unwrap())?;
    }

    /// No text makes the reader panic, and every problem lies in the text, on whole characters.
    #[test]
    fn no_text_panics(text in any::<String>()) {
        survives(&text)?;
    }

    /// The same for texts of RON's own characters, which get further.
    #[test]
    fn no_heap_of_marks_panics(text in "[(){}\\[\\],:\"'#!/*a-cSomeNrb0-9.+\\\\xu \n-]{0,80}") {
        survives(&text)?;
    }

    /// The same for bytes that are no text at all.
    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
        survives(&String::from_utf8_lossy(&bytes))?;
    }

    /// The same for a right experiment with a piece cut out, doubled or put elsewhere.
    #[test]
    fn no_mutilated_experiment_panics(from in 0_usize..1_800, length in 0_usize..40, to in 0_usize..1_800, with in ".{0,3}") {
        let text = include_str!("../library/quickstart.ron");
        let mut chars: Vec<char> = text.chars().collect();
        let from = from.min(chars.len());
        let piece: Vec<char> = chars.drain(from..(from + length).min(chars.len())).collect();
        survives(&chars.iter().collect::<String>())?;
        let to = to.min(chars.len());
        chars.splice(to..to, piece.into_iter().chain(with.chars()));
        survives(&chars.iter().collect::<String>())?;
    }
}

fn survives(text: &str) -> Result<(), TestCaseError> {
    let parsed = parse(text);
    for problem in &parsed.problems {
        prop_assert!(text.get(problem.place.range()).is_some(), "{:?} of {:?}", problem, text);
    }
    match read("any.ron", text, &[]) {
        Ok(_) => prop_assert!(parsed.problems.is_empty(), "told problems, but was taken: {:?}", text),
        Err(problems) => {
            for problem in problems.all() {
                prop_assert!(text.get(problem.place.range()).is_some(), "{:?} of {:?}", problem, text);
            }
            prop_assert!(!problems.render(true).is_empty() && !problems.short().is_empty());
        }
    }
    Ok(())
}

/// Forms that `ron` does not write but reads.
#[test]
fn every_form_of_the_grammar_reads_as_ron_reads_it() {
    for text in [
        "0x1F",
        "0b1010_1010",
        "0o17",
        "-12",
        "+7",
        "1_000_000",
        "1.5e3",
        "1e-3",
        ".5",
        "5.",
        "-.5",
        "inf",
        "-inf",
        "12u8",
        "-3i64",
        "b'a'",
        "b'\\n'",
        "'\\''",
        "'\\u{e9}'",
        "'\"'",
        "\"a\\tb\\\\ \\x41 \\u{1F600}\"",
        "\"one \\\n   line\"",
        "r\"C:\\dir\"",
        "r#\"with \"quotes\"\"#",
        "b\"bytes\\xff\"",
        "br\"raw\"",
        "[1, 2, 3,]",
        "[]",
        "{}",
        "()",
        "(1, \"a\",)",
        "{\"a\": 1, 'b': [2], (1, 2): 3,}",
        "(a: 1, b: (c: 2))",
        "Name(a: 1)",
        "Name(1, 2)",
        "Some(Some(1))",
        "[Some(1), None]",
        "// first\n/* then /* nested */ */ 1 // last",
        "#![enable(implicit_some)]\n1",
        "#![enable(unwrap_newtypes)]\n#![enable(implicit_some)]\n[1]",
        "# ! [ enable ( implicit_some ) ] 1",
        "(r#type: 1)",
        "true",
        " \u{85}\u{200e}1\u{2028}",
    ] {
        same(text).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_list_beyond_the_limit_is_told_once() {
    let text = format!("[{}]", "0,".repeat(MOST_ENTRIES + 5));
    let parsed = parse(&text);
    assert_eq!(parsed.problems.len(), 1, "{:?}", parsed.problems);
    assert!(parsed.problems[0].message.contains("more than 10000 entries"));
}

#[test]
fn a_file_beyond_the_limit_is_not_read() {
    let text = format!("Experiment(name: \"{}\")", "a".repeat(1 << 20));
    let told = read("big.ron", &text, &[]).unwrap_err().short();
    assert!(told.starts_with("big.ron:1:1: the file has 1048596 bytes"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

/// Bad input within the limits costs a bounded number of problems, whatever it is made of.
#[test]
fn hostile_texts_are_told_in_few_words() {
    let megabyte = 1 << 20;
    for piece in [
        ";", "\"", "\\", "(", "[{(", ")", "a:", "\"\\q", "'", "b'", "r#", "/*", "#", "0x", "${", "\u{0}",
        "Some(", "\n\"", "(a:1 ",
    ] {
        let text = piece.repeat(megabyte / piece.len());
        let problems = read("hostile.ron", &text, &[]).unwrap_err();
        assert!(problems.all().len() <= 1_100, "{piece:?} gives {} problems", problems.all().len());
        assert!(problems.short().len() < 200_000, "{piece:?}");
        assert!(problems.render(true).len() < 400_000, "{piece:?}");
    }
}
