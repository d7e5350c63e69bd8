//! Where chance comes from: one seed for a run, split into streams by name.
//!
//! A stream belongs to a name that stays the same when an experiment grows (`schedule/slow db`, `arrivals/browse`), so
//! adding a fault does not reshuffle the arrivals. What each stream yields is pinned by golden vectors: the few
//! distributions that a run needs are written here, with nothing but integer arithmetic and exactly rounded floating
//! point operations, so that they are the same on every machine and after every update of a library.
//!
//! This knows neither what is drawn for nor the machine's own source of chance: the seed comes in as an argument.

use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::units::Span;

/// All streams of one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

/// One stream of chance. Cloning it repeats it.
#[derive(Clone)]
pub struct Chance {
    source: ChaCha8Rng,
}

/// Keeps these streams apart from whatever else may one day be keyed by a seed and a name. A change of this constant
/// changes every run there ever was.
const DOMAIN: [u8; 8] = *b"shakedn1";

// === impl Streams ===

impl Streams {
    /// The streams of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed they all come from.
    #[must_use]
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// The stream of this name, from its beginning.
    ///
    /// The 32 bytes of its ChaCha8 key are the seed (little endian), the 128-bit FNV-1a of the name (little endian) and
    /// a constant. Nothing more has to be mixed: that two keys which differ in one bit give unrelated streams is what
    /// the cipher is for.
    #[must_use]
    pub fn stream(self, name: &str) -> Chance {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..24].copy_from_slice(&fnv1a_128(name.as_bytes()).to_le_bytes());
        key[24..].copy_from_slice(&DOMAIN);
        Chance { source: ChaCha8Rng::from_seed(key) }
    }

    /// The stream that a fault's jitter is drawn from.
    #[must_use]
    pub fn schedule(self, fault: &str) -> Chance {
        self.stream(&format!("schedule/{fault}"))
    }

    /// The stream that the gaps of a workload's arrivals are drawn from.
    #[must_use]
    pub fn arrivals(self, workload: &str) -> Chance {
        self.stream(&format!("arrivals/{workload}"))
    }

    /// The stream that decides which request of a workload's mix is next, and for which key.
    #[must_use]
    pub fn requests(self, workload: &str) -> Chance {
        self.stream(&format!("requests/{workload}"))
    }

    /// The stream that the toxics of a link draw from.
    #[must_use]
    pub fn link(self, link: &str) -> Chance {
        self.stream(&format!("link/{link}"))
    }
}

/// FNV-1a with 128 bits (draft-eastlake-fnv, the parameters of its section 5).
fn fnv1a_128(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

// === impl Chance ===

impl Chance {
    /// 64 even bits.
    #[inline]
    pub fn u64(&mut self) -> u64 {
        self.source.next_u64()
    }

    /// A number drawn evenly from 0 (included) to 1 (not), a multiple of 2⁻⁵³.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A whole number drawn evenly from 0 to `bound - 1`; 0 where the bound is 0.
    ///
    /// Unbiased by Lemire's multiply-and-reject ("Fast Random Integer Generation in an Interval", 2019).
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        // `2^64 mod bound`: products whose low half lies below it would make some results more likely than others.
        let uneven = if bound == 0 { 0 } else { bound.wrapping_neg() % bound };
        loop {
            let product = u128::from(self.u64()) * u128::from(bound);
            if product as u64 >= uneven {
                return (product >> 64) as u64;
            }
        }
    }

    /// A length of time drawn evenly from `low` to `high`, both included; `low` where `high` is less.
    pub fn between(&mut self, low: Span, high: Span) -> Span {
        let width = high.minus(low).as_nanos();
        // Every 64-bit number is below 2^64, which `below` cannot be asked for.
        let offset = if width == u64::MAX { self.u64() } else { self.below(width + 1) };
        low.plus(Span::nanos(offset))
    }

    /// An exponentially distributed number with this mean: the gap between independent events.
    ///
    /// By von Neumann's comparison method ("Various techniques used in connection with random digits", 1951), which
    /// needs no logarithm: those of two systems' mathematics libraries differ in the last bit.
    #[inline]
    pub fn exponential(&mut self, mean: f64) -> f64 {
        let mut whole = 0.0;
        loop {
            let first = self.u64() >> 11;
            let (mut last, mut falling) = (first, 1_u32);
            loop {
                let next = self.u64() >> 11;
                if next >= last {
                    break;
                }
                (last, falling) = (next, falling + 1);
            }
            // A run of falling numbers that starts at x has an odd length with probability e^-x.
            if falling % 2 == 1 {
                return (whole + first as f64 * (1.0 / (1_u64 << 53) as f64)) * mean;
            }
            whole += 1.0;
        }
    }

    /// Whether something of this probability happens; never at 0 or less, always at 1 or more. Draws once either way.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// An index drawn by weight; 0 where there are no weights or all are zero. Draws once or, rarely, more often.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.iter().enumerate() {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        0
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The state is the key and the position: long, and of use to nobody who reads it.
        f.write_str("Chance(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_hash_gives_the_published_vectors() {
        // From the FNV reference code's test vectors.
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv1a_128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    // The vectors of this test and the next were computed by a second implementation (ChaCha8, FNV-1a and the
    // distributions in another language), not copied from the output of this one.
    #[test]
    fn every_named_stream_yields_its_golden_vector() {
        let streams = Streams::new(42);
        let first = |mut chance: Chance| [chance.u64(), chance.u64(), chance.u64()];
        assert_eq!(
            first(streams.schedule("slow db")),
            [0x82a68b48f11effdb, 0x551cfda122821822, 0xe359d5db4b4ac896]
        );
        assert_eq!(
            first(streams.arrivals("browse")),
            [0xb71f459305f73286, 0x3d1b38ee19999d19, 0xe8ac1b3a80a53cde]
        );
        assert_eq!(
            first(streams.requests("browse")),
            [0xf567ddd45d26bd4a, 0x82394e0f272158cb, 0x64c501bffc7ff2f8]
        );
        assert_eq!(
            first(streams.link("shop-db")),
            [0xc0f664d511d1e415, 0x652a3dee4b2983f5, 0xc115726742c4a118]
        );
        assert_eq!(
            first(Streams::new(0).stream("")),
            [0x97ae364a0e99d385, 0xb4bea3136873f9f3, 0xc270c83615c16f31]
        );
        assert_eq!(
            first(Streams::new(u64::MAX).schedule("slow db")),
            [0x56bc3df885e9a755, 0x6e9e5a10518badea, 0x1354ce7fbfe1cac7]
        );
    }

    #[test]
    fn every_distribution_yields_its_golden_vector() {
        let mut chance = Streams::new(7).stream("golden");
        assert_eq!([chance.unit(), chance.unit()], [0.41663164216153503, 0.3604691842188963]);
        assert_eq!(
            [chance.below(10), chance.below(1_000_000), chance.below(u64::MAX)],
            [7, 618732, 7679035403691863632]
        );
        let (low, high) = (Span::millis(5), Span::secs(2));
        assert_eq!(
            [chance.between(low, high), chance.between(low, high)],
            [Span::nanos(1337612962), Span::nanos(1855454826)]
        );
        assert_eq!(
            [chance.exponential(1.0), chance.exponential(0.002), chance.exponential(1.0)],
            [0.014470892298786286, 0.0004404472437378959, 0.7339470652616953]
        );
        assert_eq!([chance.chance(0.5), chance.chance(0.5), chance.chance(0.5)], [true, false, true]);
        assert_eq!([3; 6].map(|_: u8| chance.weighted(&[1, 2, 3])), [0, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn streams_of_other_names_and_other_seeds_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            for name in ["", "a", "b", "aa", "schedule/a", "arrivals/a", "requests/a", "link/a"] {
                assert!(seen.insert(Streams::new(seed).stream(name).u64()), "seed {seed}, stream {name:?}");
            }
        }
    }

    #[test]
    fn a_bound_is_never_reached_and_everything_below_it_is() {
        let mut chance = Streams::new(1).stream("below");
        let mut counts = [0_u32; 7];
        for _ in 0..7_000 {
            counts[usize::try_from(chance.below(7)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!((chance.below(0), chance.below(1)), (0, 0));
    }

    #[test]
    fn exponential_gaps_have_their_mean_and_their_tail() {
        let mut chance = Streams::new(1).stream("exponential");
        let gaps: Vec<f64> = (0..100_000).map(|_| chance.exponential(2.0)).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        assert!((1.97..2.03).contains(&mean), "{mean}");
        // Above three means lies e^-3 of them: 4.98 %.
        let tail = gaps.iter().filter(|gap| **gap > 6.0).count();
        assert!((4_700..5_250).contains(&tail), "{tail}");
    }

    #[test]
    fn a_span_between_two_stays_between_them() {
        let mut chance = Streams::new(1).stream("between");
        let (low, high) = (Span::nanos(3), Span::nanos(5));
        let drawn: std::collections::BTreeSet<Span> = (0..100).map(|_| chance.between(low, high)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5].map(Span::nanos));
        assert_eq!(chance.between(high, low), high);
        assert_eq!(chance.between(low, low), low);
        let all = chance.between(Span::ZERO, Span::nanos(u64::MAX));
        assert_ne!(all, chance.between(Span::ZERO, Span::nanos(u64::MAX)));
    }

    #[test]
    fn weights_are_kept_and_zero_is_never_drawn() {
        let mut chance = Streams::new(1).stream("weighted");
        let mut counts = [0_u32; 3];
        for _ in 0..4_000 {
            counts[chance.weighted(&[3, 0, 1])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_800..3_200).contains(&counts[0]), "{counts:?}");
        assert_eq!((chance.weighted(&[]), chance.weighted(&[0, 0])), (0, 0));
    }

    #[test]
    fn what_cannot_happen_does_not_and_what_must_happen_does() {
        let mut chance = Streams::new(1).stream("chance");
        assert!((0..1_000).all(|_| !chance.chance(0.0) && chance.chance(1.0)));
    }
}
