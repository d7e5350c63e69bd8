//! What loom tells while it plays one interleaving: what each thread did, in order.
//!
//! loom has no format of its own for this; these are the lines of its log at the level `trace`, as version 0.7 writes them. What
//! is not understood is left out: the log is for people, and nothing is decided by it but whether a deadlock waits for locks.

use std::collections::BTreeMap;

/// A step of an interleaving.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step<'a> {
    thread: usize,
    /// `Atomic::load`.
    what: &'a str,
    /// What it was done to: the number of the object in the model.
    object: Option<u32>,
    /// What else was told: an ordering, a place.
    more: String,
}

/// Steps told of an interleaving; the rest is in the log that the replay prints.
const STEPS_MAX: usize = 200;
/// Book-keeping of loom that is no step of the model.
const NOISE: [&str; 8] = [
    "Object::",
    "branch",
    "synchronize",
    "Mutex::is_locked",
    "RwLock::is_",
    "switch",
    "Notify::new",
    "Mutex::new",
];

/// The interleaving, a line a step, the last ones if there are many.
pub(crate) fn interleaving(log: &str) -> Vec<String> {
    let steps: Vec<Step<'_>> = log.lines().filter_map(step).collect();
    let width = steps.iter().map(|step| step.what.len()).max().unwrap_or(0);
    let skipped = steps.len().saturating_sub(STEPS_MAX);
    let first = (skipped > 0).then(|| format!("… {skipped} steps before"));
    let told = steps[skipped..].iter().map(|step| {
        let object = step.object.map_or(String::new(), |object| format!("#{object}"));
        let line = format!("thread {}  {:width$}  {object:>3}  {}", step.thread, step.what, step.more);
        line.trim_end().to_owned()
    });
    first.into_iter().chain(told).collect()
}

/// Whether no thread of a deadlock waits for a lock: then somebody waits for a word that was said too early, or never.
pub(crate) fn is_lost_wake_up(log: &str) -> bool {
    let mut waits_for_lock = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("TRACE") || line.contains("INFO")) {
        let thread = thread_of(line);
        if line.contains("::is_locked")
            || line.contains("::is_read_locked")
            || line.contains("::is_write_locked")
        {
            waits_for_lock.insert(thread, line.contains("locked=true"));
        } else if !line.contains("Object::branch_acquire") {
            waits_for_lock.insert(thread, false);
        }
    }
    !waits_for_lock.is_empty() && waits_for_lock.values().all(|waits| !waits)
}

fn thread_of(line: &str) -> usize {
    let id = line.split_once("thread{id=").map(|(_, rest)| rest);
    id.and_then(|rest| rest.split('}').next()?.parse().ok()).unwrap_or(0)
}

fn step(line: &str) -> Option<Step<'_>> {
    let (_, rest) = line.split_once("TRACE ")?;
    let (_, rest) = rest.split_once("loom::")?;
    let (_, told) = rest.split_once(": ")?;
    let end = told.find(" state=").or_else(|| told.find(" thread=")).unwrap_or(told.len());
    let (what, fields) = (told[..end].trim(), &told[end..]);
    if what.is_empty() || NOISE.iter().any(|noise| what.starts_with(noise)) {
        return None;
    }
    let object = fields.split_once(">(").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    let field = |name: &str| {
        let (_, rest) = fields.split_once(name)?;
        rest.split(' ').next().filter(|value| !value.is_empty())
    };
    let more = [("ordering=", ""), ("success=", ""), ("location=", "at ")];
    let more = more.iter().filter_map(|(name, word)| field(name).map(|value| format!("{word}{value}")));
    let thread = thread_of(line);
    Some(Step { thread, what, object, more: more.collect::<Vec<_>>().join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
test x ... TRACE iter{1}: loom::rt::atomic: Atomic::new state=Ref<loom::rt::atomic::State>(0)
TRACE iter{1}: loom::rt::arc: Arc::new state=Ref<loom::rt::arc::State>(3) location=tests/a.rs:50:20
TRACE iter{1}:thread{id=0}: loom::rt::object: Object::branch_action obj=Ref<loom::rt::arc::State>(3) action=RefInc
TRACE iter{1}:thread{id=0}: loom::rt: branch switch=false
TRACE iter{1}:thread{id=1}: loom::rt::atomic: Atomic::load state=Ref<loom::rt::atomic::State>(0) ordering=Acquire
TRACE iter{1}:thread{id=1}: loom::rt::mutex: Mutex::is_locked state=Ref<loom::rt::mutex::State>(1) is_locked=false
TRACE iter{1}:thread{id=1}: loom::rt: park thread=Id(1) active.state=Runnable { unparked: false }
";

    #[test]
    fn steps_are_told_and_book_keeping_is_not() {
        assert_eq!(
            interleaving(LOG),
            [
                "thread 0  Atomic::new    #0",
                "thread 0  Arc::new       #3  at tests/a.rs:50:20",
                "thread 1  Atomic::load   #0  Acquire",
                "thread 1  park",
            ]
        );
        let many = LOG.repeat(100);
        assert_eq!(interleaving(&many).len(), STEPS_MAX + 1);
        assert_eq!(interleaving(&many)[0], "… 200 steps before");
    }

    #[test]
    fn a_deadlock_in_which_nobody_waits_for_a_lock_is_a_lost_wake_up() {
        assert!(is_lost_wake_up(LOG));
        let locked = "\
TRACE iter{1}:thread{id=0}: loom::rt::mutex: Mutex::is_locked state=Ref<x>(1) is_locked=true
TRACE iter{1}:thread{id=0}: loom::rt::object: Object::branch_acquire obj=Ref<x>(1) is_locked=true
";
        assert!(!is_lost_wake_up(&format!("{LOG}{locked}")));
        assert!(!is_lost_wake_up(""));
    }

    proptest::proptest! {
        #[test]
        fn any_log_is_read(log in "(TRACE |loom::|: |thread\\{id=|>\\(| state=|\\PC|\n){0,40}") {
            let _ = (interleaving(&log), is_lost_wake_up(&log));
        }
    }
}
