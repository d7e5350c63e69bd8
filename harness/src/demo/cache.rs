//! A few answers, remembered for a moment: bounded in number, so that the shop's memory reaches a plateau.
//!
//! Time comes in as an argument. The entry that was used least recently goes first.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// The cache. Looking up and putting in cost O(log n).
#[derive(Debug)]
pub struct Cache<V> {
    capacity: usize,
    fresh_for: Duration,
    /// Counts uses; the next one's number.
    turn: u64,
    entries: BTreeMap<u64, Entry<V>>,
    /// Keys by the turn of their last use, oldest first.
    by_turn: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    turn: u64,
    until: Instant,
}

impl<V: Clone> Cache<V> {
    /// An empty cache of at most `capacity` entries (0: it keeps nothing), each shown for at most `fresh_for`.
    #[must_use]
    pub fn new(capacity: usize, fresh_for: Duration) -> Self {
        Self { capacity, fresh_for, turn: 0, entries: BTreeMap::new(), by_turn: BTreeMap::new() }
    }

    /// What is known of a key and still fresh.
    pub fn get(&mut self, key: u64, now: Instant) -> Option<V> {
        let entry = self.entries.get_mut(&key)?;
        if now >= entry.until {
            self.by_turn.remove(&entry.turn);
            self.entries.remove(&key);
            return None;
        }
        self.by_turn.remove(&entry.turn);
        entry.turn = self.turn;
        self.by_turn.insert(self.turn, key);
        self.turn += 1;
        Some(entry.value.clone())
    }

    /// Remembers an answer, and forgets the one used least recently if there is no room.
    pub fn put(&mut self, key: u64, value: V, now: Instant) {
        if self.capacity == 0 {
            return;
        }
        let entry = Entry { value, turn: self.turn, until: now + self.fresh_for };
        if let Some(old) = self.entries.insert(key, entry) {
            self.by_turn.remove(&old.turn);
        }
        self.by_turn.insert(self.turn, key);
        self.turn += 1;
        if self.entries.len() > self.capacity
            && let Some((_, oldest)) = self.by_turn.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    /// How many answers are remembered, stale ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second() -> Duration {
        Duration::from_secs(1)
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let now = Instant::now();
        let mut cache = Cache::new(2, second());
        cache.put(1, "one", now);
        cache.put(2, "two", now);
        assert_eq!(cache.get(1, now), Some("one"));
        cache.put(3, "three", now);
        assert_eq!(
            (cache.get(1, now), cache.get(2, now), cache.get(3, now)),
            (Some("one"), None, Some("three"))
        );
    }

    #[test]
    fn what_is_stale_is_not_shown() {
        let now = Instant::now();
        let mut cache = Cache::new(2, second());
        cache.put(1, "one", now);
        assert_eq!(cache.get(1, now + second() - Duration::from_nanos(1)), Some("one"));
        assert_eq!(cache.get(1, now + second()), None);
        assert!(cache.is_empty());
    }

    proptest! {
        /// Whatever is put in and asked for, in whatever order: never more than the capacity, both indexes agree, and an
        /// answer is the one that was put in last for its key.
        #[test]
        fn it_stays_within_its_capacity(capacity in 0usize..5, steps in prop::collection::vec((any::<bool>(), 0u64..9), 0..200)) {
            let start = Instant::now();
            let mut cache = Cache::new(capacity, second());
            let mut last = BTreeMap::new();
            for (step, (put, key)) in steps.into_iter().enumerate() {
                let now = start + Duration::from_millis(40) * u32::try_from(step).unwrap();
                if put {
                    cache.put(key, step, now);
                    last.insert(key, step);
                } else if let Some(found) = cache.get(key, now) {
                    prop_assert_eq!(Some(&found), last.get(&key));
                }
                prop_assert!(cache.len() <= capacity);
                prop_assert_eq!(cache.entries.len(), cache.by_turn.len());
            }
        }
    }
}
