//! Networks that people know by name, as the toxics that make a link behave like them.
//!
//! Figures are typical ones for a client of such a network, told as what a link adds: delay one way, spread, rate each
//! way, and how often TCP has to send again. They come from the presets that browsers' developer tools and WebPageTest use
//! (3G, 4G), from ITU-R figures for a geostationary hop, and from cloud providers' published region tables.

use super::{Aim, Distribution, Toxic};
use crate::target::Way;
use crate::units::{Bandwidth, Ratio, Span};

/// A network with a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// The name, as it is asked for.
    pub name: &'static str,
    /// What it is like, for people.
    pub about: &'static str,
    delay: Span,
    jitter: Span,
    up: u64,
    down: u64,
    /// How often a burst of losses begins, for each chunk; zero: never.
    loss: f64,
}

const KBIT: u64 = 1_000 / 8;
const MBIT: u64 = 1_000_000 / 8;

/// All of them.
pub const PROFILES: [Profile; 8] = [
    Profile {
        name: "slow-3g",
        about: "a phone at the edge of a 3G cell: 400 kbit/s, 200 ms each way",
        delay: Span::millis(200),
        jitter: Span::millis(60),
        up: 400 * KBIT,
        down: 400 * KBIT,
        loss: 0.01,
    },
    Profile {
        name: "3g",
        about: "a phone on 3G: 1.6 Mbit/s down, 768 kbit/s up, 75 ms each way",
        delay: Span::millis(75),
        jitter: Span::millis(25),
        up: 768 * KBIT,
        down: 1_600 * KBIT,
        loss: 0.005,
    },
    Profile {
        name: "4g",
        about: "a phone on LTE: 9 Mbit/s each way, 30 ms each way",
        delay: Span::millis(30),
        jitter: Span::millis(10),
        up: 9 * MBIT,
        down: 9 * MBIT,
        loss: 0.001,
    },
    Profile {
        name: "satellite",
        about: "a geostationary hop: 10 Mbit/s down, 3 Mbit/s up, 300 ms each way",
        delay: Span::millis(300),
        jitter: Span::millis(20),
        up: 3 * MBIT,
        down: 10 * MBIT,
        loss: 0.002,
    },
    Profile {
        name: "lossy-wifi",
        about: "a crowded wireless network: 20 Mbit/s, 5 ms with long tails, losses in bursts",
        delay: Span::millis(5),
        jitter: Span::millis(8),
        up: 20 * MBIT,
        down: 20 * MBIT,
        loss: 0.02,
    },
    Profile {
        name: "dsl",
        about: "a home line: 16 Mbit/s down, 1 Mbit/s up, 15 ms each way",
        delay: Span::millis(15),
        jitter: Span::millis(2),
        up: MBIT,
        down: 16 * MBIT,
        loss: 0.0,
    },
    Profile {
        name: "cross-region",
        about: "between continents: 40 ms each way, 1 Gbit/s",
        delay: Span::millis(40),
        jitter: Span::millis(1),
        up: 1_000 * MBIT,
        down: 1_000 * MBIT,
        loss: 0.000_1,
    },
    Profile {
        name: "cross-zone",
        about: "between the data centres of one region: 0.5 ms each way, 10 Gbit/s",
        delay: Span::micros(500),
        jitter: Span::micros(100),
        up: 10_000 * MBIT,
        down: 10_000 * MBIT,
        loss: 0.0,
    },
];

// === impl Profile ===

impl Profile {
    /// The profile of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// The toxics that make a link behave like it, each with a name of its own and its aim.
    #[must_use]
    pub fn toxics(&self) -> Vec<(&'static str, Toxic, Aim)> {
        let limit = |rate| Toxic::bandwidth(Bandwidth::bytes_per_second(rate));
        let mut toxics = vec![
            ("rate-up", limit(self.up), Aim::at(Way::Upstream)),
            ("rate-down", limit(self.down), Aim::at(Way::Downstream)),
            ("delay", self.latency(), Aim::at(Way::Both)),
        ];
        if self.loss > 0.0 {
            toxics.push(("loss", self.losses(), Aim::at(Way::Both)));
        }
        toxics
    }

    fn latency(&self) -> Toxic {
        Toxic::Latency {
            delay: self.delay,
            jitter: self.jitter,
            distribution: Distribution::ParetoNormal,
            correlation: Ratio::new(0.25).unwrap_or_default(),
        }
    }

    fn losses(&self) -> Toxic {
        Toxic::Loss {
            bad: Ratio::new(self.loss).unwrap_or_default(),
            good: Ratio::new(0.5).unwrap_or_default(),
            loss_in_bad: Ratio::new(0.5).unwrap_or_default(),
            loss_in_good: Ratio::default(),
            rto: Toxic::RTO.max(self.delay.plus(self.delay)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_can_be_injected_and_found_by_its_name() {
        for profile in &PROFILES {
            assert_eq!(Profile::find(profile.name), Some(profile));
            for (name, toxic, aim) in profile.toxics() {
                assert_eq!(toxic.problems(&aim), [], "{} {name}", profile.name);
            }
        }
        assert_eq!(Profile::find("5g"), None);
    }
}
