//! Prometheus' text format, version 0.0.4, written.

/// A page under way.
#[derive(Debug, Default)]
pub struct Text {
    out: String,
}

/// Whether a metric only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does.
    Counter,
    /// It may fall.
    Gauge,
}

// === impl Text ===

impl Text {
    /// Begins a metric; its rows follow. Neither the name nor the help comes from outside.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// A row: values of labels may hold anything.
    pub fn row(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.out.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.out.push_str(if at == 0 { "{" } else { "," });
            self.out.push_str(label);
            self.out.push_str("=\"");
            self.escape(value);
            self.out.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        self.out.push_str(&format!("{end} {value}\n"));
    }

    fn escape(&mut self, value: &str) {
        for letter in value.chars() {
            match letter {
                '\\' => self.out.push_str("\\\\"),
                '"' => self.out.push_str("\\\""),
                '\n' => self.out.push_str("\\n"),
                letter => self.out.push(letter),
            }
        }
    }

    /// The whole page.
    pub fn done(self) -> String {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_within_their_quotes() {
        let mut text = Text::default();
        text.family("m_total", Kind::Counter, "What it is");
        text.row("m_total", &[("a", "x\"} 1\n\\"), ("b", "naïve")], 3.0);
        text.row("m_total", &[], 0.5);
        let expected = "# HELP m_total What it is\n# TYPE m_total counter\n\
            m_total{a=\"x\\\"} 1\\n\\\\\",b=\"naïve\"} 3\nm_total 0.5\n";
        assert_eq!(text.done(), expected);
    }
}
