//! The shortest run of operations that shows a failure: it ends with the operation that cannot be, and begins as late as
//! it can while no order exists, whatever the state was and whatever was under way before it.

use crate::answer::Window;
use crate::budget::Budget;
use crate::history::NEVER;
use crate::object::{Force, Object};
use crate::search::layout::{Deed, Layout};
use crate::search::{Outcome, search};
use crate::subject::Subject;

/// Finds it. `unknown` makes a state that nobody knows of the first; without it the window begins with the history.
pub fn find<O: Object + Clone>(
    subject: &Subject<O>,
    stuck: u32,
    unknown: Option<impl Fn(O) -> O>,
    budget: &Budget<'_>,
) -> Window {
    let end = subject.deeds.iter().find(|deed| deed.op == stuck).map_or(NEVER, |deed| deed.back);
    let known = subject.until(end);
    let fails = |size: usize| {
        let Some(unknown) = &unknown else { return false };
        let deeds = last(subject, &known, size);
        let object = unknown(subject.object.clone());
        matches!(search(&object, &Layout::of(&deeds), budget), Outcome::Stuck(_))
    };
    let mut size = 1;
    while size < known.len() && !fails(size) {
        size = (size * 2).min(known.len());
    }
    let from_any_state = fails(size);
    if from_any_state {
        let mut less = size / 2;
        while less + 1 < size {
            let middle = less.midpoint(size);
            if fails(middle) { size = middle } else { less = middle }
        }
        if size == 2 && fails(1) {
            size = 1;
        }
    } else {
        size = known.len();
    }
    let start = known.len() - size;
    let from = known[start].call;
    let is_in = |(at, deed): (usize, &Deed)| {
        (at >= start || deed.back != NEVER && deed.back > from).then_some(deed.op)
    };
    Window {
        ops: known.iter().enumerate().filter_map(is_in).collect(),
        from_any_state,
        open_before: known[..start].iter().filter(|deed| deed.back == NEVER).count(),
    }
}

/// The last so many deeds, and those before them that may have been done among them: in a state that nobody knows, it does
/// not matter whether what was under way was done before.
fn last<O: Object>(subject: &Subject<O>, known: &[Deed], size: usize) -> Vec<Deed> {
    let start = known.len() - size;
    let from = known[start].call;
    let before = known[..start]
        .iter()
        .filter(|deed| deed.back > from && subject.object.force(deed.sign) != Force::Looks);
    let mut deeds: Vec<Deed> = before.map(|deed| Deed { back: NEVER, ..*deed }).collect();
    deeds.extend(&known[start..]);
    deeds
}
