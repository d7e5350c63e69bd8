//! `report.md`: the report as text, for a merge request, a terminal or a mail.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::view::View;

/// The text of the file.
#[must_use]
pub fn render(view: &View) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("md", escaped);
    environment
        .add_template("report.md", include_str!("templates/report.md"))
        .expect("the template is part of this program");
    let template = environment.get_template("report.md").expect("it was added above");
    template
        .render(context! { view => Value::from(Serde(view)) })
        .expect("the template names only what a view holds")
}

/// Text in which Markdown and the HTML within it mean nothing.
fn escaped(text: String) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_means_nothing() {
        assert_eq!(escaped("<b>|`x`[y](z)".into()), r"&lt;b&gt;\|\`x\`\[y\](z)");
    }
}
