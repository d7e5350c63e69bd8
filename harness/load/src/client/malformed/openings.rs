//! The catalogue of hostile openings: what each sends. Its names are part of the vocabulary of experiments.
//!
//! Each is a pure function of a host, a path and a number: the same number gives the same bytes. Each is bounded by
//! [`OPENING_BYTES_MAX`], and no noise can be taken for a command.

mod http;
mod postgres;
mod redis;
mod websocket;

use shakedown_scenarios::seed::{Chance, Streams};
use shakedown_scenarios::workload::malformed::Spoken;

/// The most bytes of one opening.
#[cfg(test)]
pub(super) const OPENING_BYTES_MAX: usize = 600 * 1024;
/// The most bytes of noise.
const NOISE_BYTES_MAX: u64 = 512;

/// One hostile opening.
#[derive(Debug)]
pub(super) struct Opening {
    /// What experiments and reports call it.
    pub name: &'static str,
    write: fn(&mut Pen<'_>),
    /// Whether the client ends its side behind it, as one does that died on the way. What is cut and not ended would only
    /// show how patient a target is.
    pub ends: bool,
    /// Whether it is said on a WebSocket, behind a right upgrade.
    pub is_framed: bool,
}

/// What openings are written with.
pub(super) struct Pen<'o> {
    host: &'o str,
    path: &'o str,
    chance: Chance,
    out: &'o mut Vec<u8>,
}

const fn whole(name: &'static str, write: fn(&mut Pen<'_>)) -> Opening {
    Opening { name, write, ends: false, is_framed: false }
}

const fn cut(name: &'static str, write: fn(&mut Pen<'_>)) -> Opening {
    Opening { name, write, ends: true, is_framed: false }
}

/// Bytes of no text in any of the protocols: none of them is ASCII.
fn noise(pen: &mut Pen<'_>) {
    let length = 1 + pen.chance.below(NOISE_BYTES_MAX);
    for _ in 0..length {
        let byte = 0x80 | pen.chance.below(0x80) as u8;
        pen.out.push(byte);
    }
}

/// The opening of this name.
pub(super) fn find(spoken: Spoken, name: &str) -> Option<&'static Opening> {
    let all = match spoken {
        Spoken::Http => http::OPENINGS,
        Spoken::Redis => redis::OPENINGS,
        Spoken::Postgres => postgres::OPENINGS,
        Spoken::WebSocket => websocket::OPENINGS,
    };
    all.iter().find(|opening| opening.name == name)
}

// === impl Opening ===

impl Opening {
    /// Appends what it sends.
    pub(super) fn write(&self, (host, path): (&str, &str), number: u64, out: &mut Vec<u8>) {
        let chance = Streams::new(number).stream("opening");
        (self.write)(&mut Pen { host, path, chance, out });
    }
}

// === impl Pen ===

impl Pen<'_> {
    fn put(&mut self, bytes: impl AsRef<[u8]>) {
        self.out.extend_from_slice(bytes.as_ref());
    }

    fn repeat(&mut self, bytes: &[u8], times: usize) {
        self.out.reserve(bytes.len() * times);
        (0..times).for_each(|_| self.out.extend_from_slice(bytes));
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.chance.below(256) as u8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(opening: &Opening, number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        opening.write(("shop:80", "/chat"), number, &mut out);
        out
    }

    #[test]
    fn every_name_of_the_vocabulary_is_written_and_nothing_else() {
        let all = [http::OPENINGS, redis::OPENINGS, postgres::OPENINGS, websocket::OPENINGS];
        for (spoken, openings) in Spoken::ALL.into_iter().zip(all) {
            let names: Vec<&str> = openings.iter().map(|opening| opening.name).collect();
            assert_eq!(names, spoken.openings());
        }
    }

    proptest! {
        // All openings together are more than a mebibyte.
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// Whatever the number: something is said, it is bounded, and the same number says the same.
        #[test]
        fn openings_are_bounded_and_follow_from_their_number(number: u64) {
            for spoken in Spoken::ALL {
                for opening in spoken.openings().iter().filter_map(|name| find(spoken, name)) {
                    let bytes = written(opening, number);
                    prop_assert!(!bytes.is_empty() && bytes.len() <= OPENING_BYTES_MAX, "{}", opening.name);
                    prop_assert!(bytes == written(opening, number), "{}", opening.name);
                }
            }
        }
    }

    #[test]
    fn noise_differs_and_holds_no_text() {
        let noise = find(Spoken::Redis, "noise").unwrap();
        assert_ne!(written(noise, 1), written(noise, 2));
        assert!((0..100).all(|number| !written(noise, number).iter().any(u8::is_ascii)));
    }
}
