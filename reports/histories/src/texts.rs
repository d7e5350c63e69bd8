//! All strings that were read of one key, as a tree of their beginnings: what a string that only grows may be.
//!
//! A state of such a string is a place in the tree, or lost: no read ever saw it, nor anything that it can grow into. A
//! place is a number, however long the string is.

/// A place: the chain in the upper half, how many of its bytes in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(pub u64);

/// Bytes that follow each other without a fork before them.
#[derive(Clone, Debug, Default)]
struct Chain {
    text: Vec<u8>,
    /// Where it leaves which chain; its own beginning for the first.
    from: (u32, u32),
    /// Chains that leave this one, and where.
    forks: Vec<(u32, u32)>,
}

/// The tree.
#[derive(Clone, Debug)]
pub struct Texts {
    chains: Vec<Chain>,
}

// === impl Place ===

impl Place {
    /// The empty string.
    pub const EMPTY: Self = Self(0);
    /// No string that was ever read, nor a beginning of one.
    pub const LOST: Self = Self(u64::MAX);

    fn new(chain: u32, at: u32) -> Self {
        Self(u64::from(chain) << 32 | u64::from(at))
    }

    const fn parts(self) -> (u32, u32) {
        ((self.0 >> 32) as u32, self.0 as u32)
    }
}

// === impl Texts ===

impl Default for Texts {
    fn default() -> Self {
        Self { chains: vec![Chain::default()] }
    }
}

impl Texts {
    /// Puts a string in, and gives its place.
    pub fn put(&mut self, text: &[u8]) -> Place {
        let (place, rest) = self.walk(Place::EMPTY, text);
        if rest.is_empty() {
            return place;
        }
        let (chain, at) = place.parts();
        let held = &mut self.chains[chain as usize];
        if held.text.len() == at as usize && held.forks.iter().all(|(fork, _)| *fork != at) {
            held.text.extend_from_slice(rest);
            return Place::new(chain, held.text.len() as u32);
        }
        let fork = self.chains.len() as u32;
        self.chains[chain as usize].forks.push((at, fork));
        self.chains.push(Chain { text: rest.to_vec(), from: (chain, at), forks: Vec::new() });
        Place::new(fork, rest.len() as u32)
    }

    /// Where a string leads from a place.
    #[must_use]
    pub fn grow(&self, place: Place, text: &[u8]) -> Place {
        if place == Place::LOST {
            return place;
        }
        let (place, rest) = self.walk(place, text);
        if rest.is_empty() { place } else { Place::LOST }
    }

    /// The next bytes behind a place, up to the next fork: empty where the tree ends or forks.
    #[must_use]
    pub fn ahead(&self, place: Place) -> &[u8] {
        let (chain, at) = place.parts();
        let Some(held) = self.chains.get(chain as usize) else { return &[] };
        if held.forks.iter().any(|(fork, _)| *fork == at) { &[] } else { &held.text[at as usize..] }
    }

    /// Whether one of several ways may be gone from here, or from a place soon behind it.
    #[must_use]
    pub fn forks(&self, place: Place) -> bool {
        let (chain, at) = place.parts();
        self.chains.get(chain as usize).is_some_and(|held| held.forks.iter().any(|(fork, _)| *fork >= at))
    }

    /// The last bytes of the string at a place, and whether there are more before them.
    #[must_use]
    pub fn tail(&self, place: Place, most: usize) -> (Vec<u8>, bool) {
        let mut tail = Vec::new();
        let (mut chain, mut at) = place.parts();
        while let Some(held) = self.chains.get(chain as usize) {
            let part = &held.text[..at as usize];
            tail.extend(part.iter().rev().take(most - tail.len()));
            let more = tail.len() == most && (part.len() > most || chain != 0);
            if chain == 0 || more {
                tail.reverse();
                return (tail, more);
            }
            (chain, at) = held.from;
        }
        (tail, false)
    }

    /// Bytes of memory that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.chains.iter().map(|chain| (chain.text.capacity() + chain.forks.capacity() * 8 + 64) as u64).sum()
    }

    /// As far as the tree has it: the place, and the bytes that are left over.
    fn walk<'a>(&self, place: Place, text: &'a [u8]) -> (Place, &'a [u8]) {
        let (mut chain, mut at) = place.parts();
        let mut rest = text;
        while let Some(held) = self.chains.get(chain as usize) {
            let ahead = &held.text[at as usize..];
            let same = common(ahead, rest);
            at += same as u32;
            rest = &rest[same..];
            let fork = held.forks.iter().find(|(from, fork)| {
                *from == at && !rest.is_empty() && self.chains[*fork as usize].text.first() == rest.first()
            });
            match fork {
                Some((_, fork)) => (chain, at) = (*fork, 0),
                None => break,
            }
        }
        (Place::new(chain, at), rest)
    }
}

/// How many bytes two texts begin with in common.
fn common(left: &[u8], right: &[u8]) -> usize {
    let most = left.len().min(right.len());
    if left[..most] == right[..most] {
        return most;
    }
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_has_one_place_however_it_is_reached() {
        let mut texts = Texts::default();
        let words = ["abc", "abcdef", "abxy", "abc", "", "abcq", "zz", "abx", "abcdefgh"];
        let places: Vec<Place> = words.iter().map(|word| texts.put(word.as_bytes())).collect();
        for (word, place) in words.iter().zip(&places) {
            assert_eq!(texts.put(word.as_bytes()), *place, "{word}");
            for cut in 0..=word.len() {
                let half = texts.grow(Place::EMPTY, &word.as_bytes()[..cut]);
                assert_eq!(texts.grow(half, &word.as_bytes()[cut..]), *place, "{word} {cut}");
            }
            assert_eq!(texts.tail(*place, 100), (word.as_bytes().to_vec(), false));
        }
        assert_eq!(texts.grow(places[1], b"x"), Place::LOST);
        assert_eq!(texts.grow(Place::LOST, b""), Place::LOST);
        assert_eq!(texts.tail(places[8], 3), (b"fgh".to_vec(), true));
        assert_eq!(texts.tail(places[3], 3), (b"abc".to_vec(), false));
    }
}
