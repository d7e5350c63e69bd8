//! Figures out of a page: purely, and from bytes that a target chose.

use std::collections::BTreeMap;

use serde_json::Value;
use shakedown_scenarios::export::{Export, Figure, Form, Selector, labels_before};

/// What was found on a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Finite values, by the names of the plan.
    pub figures: BTreeMap<String, f64>,
    /// Figures that were there and no finite number.
    pub dropped: u64,
    /// Figures that were not there.
    pub absent: u64,
}

/// Finds the figures of an export on its page.
///
/// # Errors
/// Why this is no page of its form, in words for people.
pub fn find(export: &Export, body: &[u8]) -> Result<Found, String> {
    let values = match export.form {
        Form::Prometheus => prometheus(&export.figures, body)?,
        Form::Json => json(&export.figures, body)?,
    };
    let mut found = Found::default();
    for (figure, value) in export.figures.iter().zip(values) {
        match value {
            Some(value) if value.is_finite() => drop(found.figures.insert(figure.name.clone(), value)),
            Some(_) => found.dropped += 1,
            None => found.absent += 1,
        }
    }
    Ok(found)
}

/// The sum of all series that each selector means. Lines that cannot be read are somebody else's.
fn prometheus(figures: &[Figure], body: &[u8]) -> Result<Vec<Option<f64>>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the page is not UTF-8".to_owned())?;
    let selectors: Vec<_> = figures.iter().map(|figure| Selector::parse(&figure.find)).collect();
    let mut sums = vec![None; figures.len()];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ', '\t']).unwrap_or(line.len()));
        let wanted = |selector: &Option<Selector>| selector.as_ref().is_some_and(|it| it.name == name);
        // Most lines of a page are of no interest, and their labels need no reading.
        if !selectors.iter().any(wanted) {
            continue;
        }
        let Some((labels, rest)) =
            (if rest.starts_with('{') { labels_before(rest) } else { Some((Vec::new(), rest)) })
        else {
            continue;
        };
        let Some(value) = rest.split_whitespace().next().and_then(|value| value.parse::<f64>().ok()) else {
            continue;
        };
        for (sum, selector) in sums.iter_mut().zip(&selectors) {
            if selector.as_ref().is_some_and(|selector| selector.means(name, &labels)) {
                *sum = Some(sum.unwrap_or(0.0) + value);
            }
        }
    }
    Ok(sums)
}

/// The number at each pointer. What is there and no number counts as not finite.
fn json(figures: &[Figure], body: &[u8]) -> Result<Vec<Option<f64>>, String> {
    let page: Value =
        serde_json::from_slice(body).map_err(|error| format!("the page is not JSON: {error}"))?;
    let at = |figure: &Figure| page.pointer(&figure.find).map(|value| value.as_f64().unwrap_or(f64::NAN));
    Ok(figures.iter().map(at).collect())
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::export::FigureUnit;
    use shakedown_scenarios::units::Span;

    use super::*;

    #[track_caller]
    fn check(form: Form, finds: &[&str], body: &str, expected: &[Option<f64>], lost: (u64, u64)) {
        let figure = |find: &&str| Figure {
            name: (*find).to_owned(),
            find: (*find).to_owned(),
            unit: FigureUnit::Count,
        };
        let export = Export {
            form,
            path: "/".to_owned(),
            port: None,
            figures: finds.iter().map(figure).collect(),
            every: Span::secs(1),
            timeout: Span::secs(1),
        };
        let found = find(&export, body.as_bytes()).unwrap();
        let values: Vec<_> = finds.iter().map(|find| found.figures.get(*find).copied()).collect();
        assert_eq!((values.as_slice(), (found.dropped, found.absent)), (expected, lost), "{body}");
    }

    const PAGE: &str = "# HELP live_bytes x\n# TYPE live_bytes gauge\nlive_bytes 1.5e6 1700000000000\n\
        tasks{kind=\"a\",pool=\"1\"} 3\ntasks{kind=\"b\"} 4\r\n tasks{kind=\"a b\",} 5\nbroken{ 3\nbroken x\n\
        lone\nnan NaN\nup +Inf\nfirst_bytes\t7\ntasks_total 9\nodd{a=\"}\"} 2\n";

    #[test]
    fn metrics_are_found_by_name_and_labels_and_summed() {
        check(
            Form::Prometheus,
            &["live_bytes", "tasks", "tasks{kind=\"a\"}", "tasks{kind=\"a b\"}", "first_bytes", "odd"],
            PAGE,
            &[Some(1.5e6), Some(12.0), Some(3.0), Some(5.0), Some(7.0), Some(2.0)],
            (0, 0),
        );
    }

    #[test]
    fn what_is_not_there_or_no_number_is_counted() {
        let finds = ["gone", "broken", "lone", "nan", "up", "tasks{kind=\"z\"}"];
        check(Form::Prometheus, &finds, PAGE, &[None; 6], (2, 4));
        check(Form::Prometheus, &["a"], "", &[None], (0, 1));
    }

    #[test]
    fn pointers_lead_to_numbers() {
        let page = r#"{"pool": {"queue": 7, "a/b": -1.5, "list": [1, 2]}, "text": "3", "none": null}"#;
        let finds = ["/pool/queue", "/pool/a~1b", "/pool/list/1", "/text", "/none", "/pool/gone"];
        check(Form::Json, &finds, page, &[Some(7.0), Some(-1.5), Some(2.0), None, None, None], (2, 1));
    }

    #[test]
    fn what_is_no_page_is_told() {
        let export = |form| Export {
            form,
            path: "/".to_owned(),
            port: None,
            figures: Vec::new(),
            every: Span::secs(1),
            timeout: Span::secs(1),
        };
        for body in [&b"{"[..], b"", b"\xff", &b"[".repeat(100_000)] {
            assert!(find(&export(Form::Json), body).is_err());
        }
        assert!(find(&export(Form::Prometheus), b"\xff").is_err());
    }
}
