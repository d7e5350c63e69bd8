//! `report.html`: one file that needs no network, opens from disk, and runs no script but its own.
//!
//! The page's policy names its one style sheet and its one script by their hashes, so that nothing that slipped
//! through escaping could run or load anything.

use base64::Engine;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use sha2::{Digest, Sha256};

use super::figure::Figure;
use super::view::View;
use super::{inline, readout};

const STYLE: &str = include_str!("templates/report.css");
const SCRIPT: &str = include_str!("templates/report.js");

/// The text of the file.
#[must_use]
pub fn render(view: &View, figure: &Figure) -> String {
    // The name ends in `.html`: that is what makes everything escaped.
    let mut environment = Environment::new();
    environment
        .add_template("report.html", include_str!("templates/report.html"))
        .expect("the template is part of this program");
    let template = environment.get_template("report.html").expect("it was added above");
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let page = context! {
        view => Value::from(Serde(view)),
        policy,
        style => STYLE,
        script => SCRIPT,
        figure => inline::svg(figure),
        readout => readout::json(figure),
    };
    template.render(page).expect("the template names only what a view holds")
}

/// A source of a content security policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
}
