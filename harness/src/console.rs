//! Writing to people. A closed terminal or a broken pipe never ends a run: what cannot be shown is dropped.

use std::io::{self, IsTerminal as _, Write as _};

/// Writes a line to standard output.
pub fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes text to standard output as it is: what somebody asked for and may be keeping in a file.
///
/// # Errors
/// When it cannot be written whole. A reader that has seen enough (`| head`) is no error.
pub fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether standard error is a terminal that wants colour (`NO_COLOR` and `TERM=dumb` are respected).
#[must_use]
pub fn wants_color() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !plain
}

/// Text from outside, made safe for a terminal: control characters are shown escaped.
#[must_use]
pub fn printable(text: &str) -> String {
    let escape = |character: char| {
        let shown =
            if character.is_control() { character.escape_debug().to_string() } else { character.to_string() };
        shown.chars().collect::<Vec<_>>()
    };
    text.chars().flat_map(escape).collect()
}

/// An error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_a_target_do_not_reach_the_terminal() {
        assert_eq!(printable("ok\u{1b}[31m\n"), "ok\\u{1b}[31m\\n");
        assert_eq!(printable("naïve ☂"), "naïve ☂");
    }
}
