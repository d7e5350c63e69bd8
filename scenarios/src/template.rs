//! Experiments to start from: what `shakedown new TEMPLATE` prints.
//!
//! Each is a file in `scenarios/templates/`, commented for whoever reads it first. Their programs are made up, so they
//! are right but do not run before they are edited.

/// One experiment to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// The text of the file.
    pub text: &'static str,
}

/// All of them, the usual one first.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "http",
        about: "an HTTP server behind a network that becomes slow, answers wrongly and is cut",
        text: include_str!("../templates/http.ron"),
    },
    Template {
        name: "tcp",
        about: "any server that answers bytes with bytes",
        text: include_str!("../templates/tcp.ron"),
    },
    Template {
        name: "process-crash",
        about: "a server that is killed, frozen and restarted",
        text: include_str!("../templates/process-crash.ron"),
    },
    Template {
        name: "soak",
        about: "a long run that looks for leaks",
        text: include_str!("../templates/soak.ron"),
    },
    Template {
        name: "attached",
        about: "a server that runs already, by its address",
        text: include_str!("../templates/attached.ron"),
    },
];

/// The template of this name.
#[must_use]
pub fn find(name: &str) -> Option<Template> {
    TEMPLATES.iter().find(|template| template.name == name).copied()
}

/// The template whose name is nearest to one that is none, for "did you mean".
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    crate::suggest::nearest(name, TEMPLATES.iter().map(|template| template.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_right_and_has_a_plan() {
        for template in TEMPLATES {
            let experiment = crate::read::read(template.name, template.text, &[])
                .unwrap_or_else(|wrong| panic!("{wrong}"));
            crate::plan::plan(&experiment, 1, 1.0).unwrap();
            assert!(template.text.starts_with("// "), "{} does not say what it is", template.name);
            assert_eq!(find(template.name), Some(*template));
        }
    }

    #[test]
    fn the_soak_can_be_rehearsed_as_it_says() {
        let soak = crate::read::read("soak", find("soak").unwrap().text, &[]).unwrap();
        crate::plan::plan(&soak, 1, 96.0).unwrap();
    }

    #[test]
    fn a_mistyped_template_is_recognised() {
        assert_eq!(nearest("htp"), Some("http"));
        assert_eq!(nearest("something"), None);
    }
}
