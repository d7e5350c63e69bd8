//! "Did you mean …?"

/// Only so many candidates are compared with: who has more has found another way to spell.
const MOST_COMPARED: usize = 200;
/// At most so many names are listed in a message.
const MOST_LISTED: usize = 16;

/// The candidate that was most likely meant, if one is near.
pub(crate) fn nearest<'c>(found: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Comparing costs the product of the lengths, and nobody meant a name by a whole page.
    if found.len() > 100 {
        return None;
    }
    let found = found.to_lowercase();
    let near = candidates.into_iter().take(MOST_COMPARED).filter_map(|candidate| {
        let distance = strsim::damerau_levenshtein(&found, &candidate.to_lowercase());
        // A third of the characters may be wrong, but something must be left of what was written.
        let most = (candidate.chars().count() / 3).max(1);
        (distance <= most && distance < found.chars().count()).then_some((distance, candidate))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// A help for a name that is none: the nearest one, and what there is.
pub(crate) fn help<'c>(
    found: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
) -> String {
    let near = nearest(found, candidates.clone());
    let listed = listed(candidates);
    match (near, listed.is_empty()) {
        (_, true) => format!("there are no {what}"),
        (Some(near), false) => format!("did you mean `{near}`? {what}: {listed}"),
        (None, false) => format!("{what}: {listed}"),
    }
}

/// Names for a message: `a, b, c`, cut where there are many.
pub(crate) fn listed<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown: Vec<String> =
        names.iter().take(MOST_LISTED).map(|name| crate::syntax::shortened(name)).collect();
    let more = names.len().saturating_sub(MOST_LISTED);
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["latency", "blackhole", "p95", "at"];
        for (found, expected) in [
            ("latancy", Some("latency")),
            ("Latency", Some("latency")),
            ("p59", Some("p95")),
            ("ta", Some("at")),
            ("x", None),
            ("partition", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, names), expected, "{found}");
        }
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let names: Vec<String> = (0..19).map(|number| number.to_string()).collect();
        let listed = listed(names.iter().map(String::as_str));
        assert!(listed.ends_with("14, 15 and 3 more"), "{listed}");
    }
}
