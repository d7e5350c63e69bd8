//! Texts with names in them: `/items/{item}?token={token}`.
//!
//! A name is what stands in braces and begins with a letter or `_`, and goes on with letters, digits, `_` and `-`. Anything
//! else in braces (`{}`, `{"a": 1}`) is text, and `{{item}}` is the text `{item}`.

/// A piece of such a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text as it stands.
    Text(&'t str),
    /// A name; what it stands for comes here.
    Name(&'t str),
}

/// Whether a text can be a name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && text.chars().all(is_part)
}

const fn is_part(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}

/// The pieces of a text, in their order.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(brace) = rest[from..].find('{') {
        let start = from + brace;
        let Some((name, end)) = named(rest, start) else {
            from = start + 1;
            continue;
        };
        if start > 0 && rest[..start].ends_with('{') && rest[end..].starts_with('}') {
            // `{{name}}`: one brace of each two is text, with the name between.
            pieces.push(Piece::Text(&rest[..start - 1]));
            pieces.push(Piece::Text(&rest[start..end]));
            rest = &rest[end + 1..];
        } else {
            pieces.push(Piece::Text(&rest[..start]));
            pieces.push(Piece::Name(name));
            rest = &rest[end..];
        }
        from = 0;
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// The name whose brace stands at `start`, and where its other brace ends.
fn named(text: &str, start: usize) -> Option<(&str, usize)> {
    let inner = &text[start + 1..];
    let length = inner.find(|letter| !is_part(letter))?;
    let name = &inner[..length];
    (inner[length..].starts_with('}') && is_name(name)).then_some((name, start + length + 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The pieces, with names in angle brackets.
    fn shown(text: &str) -> String {
        let shown = |piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Name(name) => format!("<{name}>"),
        };
        pieces(text).into_iter().map(shown).collect()
    }

    #[test]
    fn names_are_found_and_everything_else_is_text() {
        for (text, expected) in [
            ("/items/{item}?t={to-ken}", "/items/<item>?t=<to-ken>"),
            ("{a}{b_1}", "<a><b_1>"),
            ("{\"id\": {id}}", "{\"id\": <id>}"),
            ("{} {1} { a } {a b} {a", "{} {1} { a } {a b} {a"),
            ("{{a}} {{{b}}}", "{a} {{b}}"),
            ("é{n}é", "é<n>é"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn texts_without_braces_stay_and_no_text_panics(plain in "[^{}]{0,20}", any in "[{}a1é-]{0,20}") {
            prop_assert_eq!(shown(&plain), plain);
            let _ = pieces(&any);
        }
    }
}
