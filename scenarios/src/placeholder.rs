//! Placeholders in a process's `argv`, `env`, `dir` and `files`: `{port}`, `{link:shop-db}`.
//!
//! What they stand for is known when the run starts; here is only how they are found and filled in. Braces around
//! anything that does not look like a placeholder (`{}`, `{"a": 1}`, `{ print $1 }`) are left as they are, and
//! `{{port}}` is the text `{port}`. `${HOME}` belongs to somebody else.

use std::ops::Range;

/// What can be put in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder {
    /// `{port}`: the target's own port.
    Port,
    /// `{dir}`: the target's temporary directory.
    Dir,
    /// `{shakedown}`: this program.
    Shakedown,
    /// `{link:NAME}`: `host:port` on which a link listens.
    Link(String),
    /// `{target:NAME}`: `host:port` of a target.
    Target(String),
    /// `{link-port:NAME}`: the port alone.
    LinkPort(String),
    /// `{target-port:NAME}`: the port alone.
    TargetPort(String),
    /// `{link-ca:NAME}`: the path of a PEM file with the certificate that clients of a link which speaks TLS should trust.
    LinkCa(String),
}

/// Something in a text that looks like a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its bytes in the text, braces included.
    pub at: Range<usize>,
    /// What stands between the braces.
    pub inner: String,
    /// What it means; `None`: there is no such placeholder.
    pub meaning: Option<Placeholder>,
    /// Whether it stands in double braces, and so for itself.
    pub literal: bool,
}

/// How placeholders are written, for messages.
pub const FORMS: [&str; 8] = [
    "port",
    "dir",
    "shakedown",
    "link:NAME",
    "target:NAME",
    "link-port:NAME",
    "target-port:NAME",
    "link-ca:NAME",
];

/// Everything in a text that looks like a placeholder, in its order.
#[must_use]
pub fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(brace) = text[from..].find('{') {
        let start = from + brace;
        let inner_start = start + 1;
        let length = text[inner_start..].find(|c| !is_part(c)).unwrap_or(text.len() - inner_start);
        let end = inner_start + length;
        let inner = &text[inner_start..end];
        let shell = text[..start].ends_with('$');
        if inner.starts_with(|c: char| c.is_ascii_alphabetic()) && text[end..].starts_with('}') && !shell {
            let literal = text[..start].ends_with('{') && text[end + 1..].starts_with('}');
            let at = if literal { start - 1..end + 2 } else { start..end + 1 };
            from = at.end;
            found.push(Found { at, inner: inner.to_owned(), meaning: meaning(inner), literal });
        } else {
            from = inner_start;
        }
    }
    found
}

/// An argument, an environment variable or a directory with its placeholders filled in. `value` gives what each stands
/// for, or an error that is passed on. Whatever looks like a placeholder and stands in double braces is freed of one.
///
/// # Errors
///
/// The first error of `value`.
pub fn fill<E>(text: &str, value: impl FnMut(&Placeholder) -> Result<String, E>) -> Result<String, E> {
    filled(text, |_| true, value)
}

/// The contents of a file with its placeholders filled in, in the same way; but files are full of braces of their own,
/// so what is no placeholder stays as it is, `{{name}}` included.
///
/// # Errors
///
/// The first error of `value`.
pub fn fill_contents<E>(
    text: &str,
    value: impl FnMut(&Placeholder) -> Result<String, E>,
) -> Result<String, E> {
    filled(text, |found| found.meaning.is_some(), value)
}

fn filled<E>(
    text: &str,
    is_ours: impl Fn(&Found) -> bool,
    mut value: impl FnMut(&Placeholder) -> Result<String, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for found in find(text).into_iter().filter(is_ours) {
        out.push_str(&text[from..found.at.start]);
        match &found.meaning {
            Some(meaning) if !found.literal => out.push_str(&value(meaning)?),
            _ if found.literal => out.push_str(&text[found.at.start + 1..found.at.end - 1]),
            _ => out.push_str(&text[found.at.clone()]),
        }
        from = found.at.end;
    }
    out.push_str(&text[from..]);
    Ok(out)
}

/// Whether a character may stand between the braces.
const fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

fn meaning(inner: &str) -> Option<Placeholder> {
    let Some((kind, name)) = inner.split_once(':') else {
        return match inner {
            "port" => Some(Placeholder::Port),
            "dir" => Some(Placeholder::Dir),
            "shakedown" => Some(Placeholder::Shakedown),
            _ => None,
        };
    };
    let name = Some(name).filter(|name| !name.is_empty())?.to_owned();
    match kind {
        "link" => Some(Placeholder::Link(name)),
        "target" => Some(Placeholder::Target(name)),
        "link-port" => Some(Placeholder::LinkPort(name)),
        "target-port" => Some(Placeholder::TargetPort(name)),
        "link-ca" => Some(Placeholder::LinkCa(name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        let value =
            |placeholder: &Placeholder| Ok::<_, std::convert::Infallible>(format!("<{placeholder:?}>"));
        fill(text, value).unwrap_or_else(|never| match never {})
    }

    #[test]
    fn what_is_known_is_filled_in_and_everything_else_stays() {
        for (text, expected) in [
            ("127.0.0.1:{port}", "127.0.0.1:<Port>"),
            ("{dir}/{shakedown}", "<Dir>/<Shakedown>"),
            ("{link:shop-db}", "<Link(\"shop-db\")>"),
            ("{target-port:a.b}{link-port:c}", "<TargetPort(\"a.b\")><LinkPort(\"c\")>"),
            ("--cacert {link-ca:c}", "--cacert <LinkCa(\"c\")>"),
            ("{{port}}", "{port}"),
            ("{{{port}}}", "{{port}}"),
            ("{ port }", "{ port }"),
            ("{}", "{}"),
            ("${port}", "${port}"),
            ("{\"a\": {port}}", "{\"a\": <Port>}"),
            ("{portt}", "{portt}"),
            ("{link:}", "{link:}"),
            ("{port", "{port"),
            ("{{.Names}}", "{{.Names}}"),
            ("server { listen {port}; }", "server { listen <Port>; }"),
            ("é{port}é", "é<Port>é"),
            ("", ""),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
    }

    #[test]
    fn braces_that_are_not_ours_stay_in_files_and_are_freed_in_arguments() {
        let value = |_: &Placeholder| Ok::<_, ()>("80".to_owned());
        let text = "{{print}} {print} {{port}} {port}";
        assert_eq!(fill(text, value), Ok("{print} {print} {port} 80".to_owned()));
        assert_eq!(fill_contents(text, value), Ok("{{print}} {print} {port} 80".to_owned()));
    }

    #[test]
    fn what_is_filled_in_is_not_filled_in_again() {
        let value = |_: &Placeholder| Ok::<_, ()>("{port}".to_owned());
        assert_eq!(fill("{dir}{port}", value), Ok("{port}{port}".to_owned()));
    }

    #[test]
    fn the_first_error_ends_it() {
        assert_eq!(
            fill("{port}{dir}", |placeholder| Err(format!("{placeholder:?}"))),
            Err("Port".to_owned())
        );
    }
}
