//! Patterns for names: `*` is any run of characters, dots included, `?` is one; case does not matter.

/// Whether a text is of this pattern. It takes no more steps than the product of their lengths.
///
/// ```
/// use shakedown_datagram_faults::dns::matches;
///
/// assert!(matches("*.db.test", "one.db.test"));
/// assert!(matches("*", "anything.at.all"));
/// assert!(!matches("db?.test", "db.test"));
/// ```
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut place) = (0, 0);
    // The last star, and up to where it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(b'?') => (at, place) = (at + 1, place + 1),
            Some(byte) if byte.eq_ignore_ascii_case(&text[place]) => (at, place) = (at + 1, place + 1),
            _ => {
                let Some((star_at, reach)) = star else { return false };
                star = Some((star_at, reach + 1));
                (at, place) = (star_at + 1, reach + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "ab", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("A?C", "abc", true),
            ("?", "", false),
            ("*.test", "test", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// The definition, as slow as it is plain.
    fn plainly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| plainly(rest, &text[skip..])),
            (Some((b'?', pattern)), Some((_, text))) => plainly(pattern, text),
            (Some((one, pattern)), Some((other, text))) => one == other && plainly(pattern, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(matches(&pattern, &text), plainly(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
