//! Text from targets and journals, made harmless before any page shows it.
//!
//! Escaping for HTML, XML or Markdown is the page's business; this takes out what no page can carry: control
//! characters (a terminal's escape codes among them), characters that XML forbids, and those that turn the direction
//! of text around so that it reads as something else.

use std::borrow::Cow;

/// Longer texts are cut: a page is no place for a target's log.
const LONGEST: usize = 500;

/// The text with what cannot be shown as `\u{…}`, at most 500 characters long.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len().min(LONGEST));
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST {
            cleaned.push('…');
            break;
        }
        match character {
            '\n' | '\t' | '\r' => cleaned.push(' '),
            harmful if is_harmful(harmful) => cleaned.extend(harmful.escape_unicode()),
            harmless => cleaned.push(harmless),
        }
    }
    Cow::Owned(cleaned)
}

/// An argument as a POSIX shell reads it back.
#[must_use]
pub fn shell_word(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.into();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(u32::from(character) & 0xfffe, 0xfffe)
        || matches!(character, '\u{fdd0}'..='\u{fdef}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_shown_is_spelled_out() {
        assert_eq!(clean("plain text, ünï"), "plain text, ünï");
        assert_eq!(clean("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(clean("a\u{fffe}b\u{1ffff}"), "a\\u{fffe}b\\u{1ffff}");
        assert_eq!(clean("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(clean("one\ntwo"), "one two");
        assert_eq!(clean(&"x".repeat(10_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn arguments_read_back() {
        assert_eq!(shell_word("run"), "run");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(is_harmful));
        }
    }
}
