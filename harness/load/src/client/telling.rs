//! Words for why a request failed: what was wanted, and what came instead. Put together only for the few that are told.

use std::io;

/// How much of what a target said is quoted, in characters.
const QUOTED_MAX: usize = 120;
/// How much of an answer is kept to be quoted, in bytes.
pub(crate) const QUOTED_BYTES_KEPT: usize = 4 * QUOTED_MAX;

/// What a target said, between backticks: its beginning, with what cannot be shown made visible.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(QUOTED_BYTES_KEPT)]);
    let shown: String = text.chars().take(QUOTED_MAX).flat_map(char::escape_debug).collect();
    let is_cut = bytes.len() > QUOTED_BYTES_KEPT || text.chars().nth(QUOTED_MAX).is_some();
    format!("`{}{}`", shown.replace("\\\"", "\"").replace("\\'", "'"), if is_cut { "…" } else { "" })
}

/// An error of the system, without its number.
pub(crate) fn of_system(error: &io::Error) -> String {
    let told = error.to_string();
    match told.find(" (os error ") {
        Some(end) => told[..end].to_owned(),
        None => told,
    }
}

/// `1 byte`, `2 bytes`.
pub(crate) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_shown_is_made_visible_and_what_is_long_is_cut() {
        assert_eq!(quoted(b"{\"a\": 'b'}"), "`{\"a\": 'b'}`");
        assert_eq!(quoted(b"\x15\x03\r\n\xff"), "`\\u{15}\\u{3}\\r\\n\u{fffd}`");
        assert_eq!(quoted(&[b'x'; 120]), format!("`{}`", "x".repeat(120)));
        assert_eq!(quoted(&[b'x'; 121]), format!("`{}…`", "x".repeat(120)));
        assert_eq!(quoted("é".repeat(1_000).as_bytes()), format!("`{}…`", "é".repeat(120)));
    }

    #[test]
    fn an_error_of_the_system_is_told_in_words() {
        assert_eq!(of_system(&io::Error::from_raw_os_error(111)), "Connection refused");
        assert_eq!(of_system(&io::Error::other("no name")), "no name");
    }
}
