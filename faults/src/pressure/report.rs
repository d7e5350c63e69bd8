//! What an injector tells, one JSON object a line, and what that proves.

use std::fmt;

use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::{Ratio, Span};

use super::room::mebibytes;

/// One line of an injector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Report {
    /// It was told to press, and does.
    Pressing,
    /// What was burned so far.
    Cpu {
        /// Since the start.
        passed: Span,
        /// CPU time that all workers had.
        burned: Span,
    },
    /// What is taken now.
    Memory {
        /// What it is to be in the end, bytes.
        asked: u64,
        /// What is really there, bytes.
        resident: u64,
    },
    /// There is not enough to take; nothing was.
    Refused {
        /// Why, for people.
        why: String,
    },
    /// All of it was given back early.
    GaveBack {
        /// Why, for people.
        why: String,
    },
}

/// What a pressure did so far.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// Cores were kept busy.
    Cpu {
        /// How many threads.
        workers: u32,
        /// The share of a core that each was to keep busy.
        asked: Ratio,
        /// Since the start.
        passed: Span,
        /// CPU time that all workers had.
        burned: Span,
    },
    /// Memory was taken.
    Memory {
        /// What was to be taken, bytes.
        asked: u64,
        /// The most that was really there, bytes.
        resident: u64,
        /// Why it was refused or given back early, if it was.
        trouble: Option<String>,
    },
}

/// Of the CPU time asked for, this much must really have been burned.
const CPU_PROOF: f64 = 0.5;

/// Of the memory asked for, this much must really have been there.
const MEMORY_PROOF: f64 = 0.9;

// === impl Evidence ===

impl Evidence {
    /// Whether it is proven that the pressure was there: half of the CPU time was burned, 90 % of the memory was resident.
    #[must_use]
    pub fn bit(&self) -> bool {
        match self {
            Self::Cpu { asked, burned, .. } => {
                !burned.is_zero()
                    && self.achieved().is_some_and(|achieved| achieved >= asked.value() * CPU_PROOF)
            }
            Self::Memory { asked, resident, .. } => {
                *asked > 0 && *resident as f64 >= *asked as f64 * MEMORY_PROOF
            }
        }
    }

    /// The share of a core that each worker really kept busy; `None` before the first report, and for memory.
    #[must_use]
    pub fn achieved(&self) -> Option<f64> {
        let Self::Cpu { workers, passed, burned, .. } = self else { return None };
        let possible = passed.as_secs_f64() * f64::from(*workers);
        (possible > 0.0).then(|| burned.as_secs_f64() / possible)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { workers, asked, burned, .. } => write!(
                f,
                "{:.1} CPU-seconds burned: {:.0}% of a core by each of {workers} worker{}, asked {asked}",
                burned.as_secs_f64(),
                self.achieved().unwrap_or(0.0) * 100.0,
                if *workers == 1 { "" } else { "s" }
            ),
            Self::Memory { asked, resident, trouble } => {
                write!(f, "{} of {} resident", mebibytes(*resident), mebibytes(*asked))?;
                trouble.as_ref().map_or(Ok(()), |why| write!(f, "; {why}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(burned: Span) -> Evidence {
        Evidence::Cpu { workers: 2, asked: Ratio::new(0.5).unwrap(), passed: Span::secs(10), burned }
    }

    fn memory(resident: u64) -> Evidence {
        Evidence::Memory { asked: 1000 << 20, resident: resident << 20, trouble: None }
    }

    #[test]
    fn half_of_the_asked_cpu_time_is_the_proof() {
        assert!(cpu(Span::secs(10)).bit() && cpu(Span::secs(5)).bit());
        assert!(!cpu(Span::millis(4_990)).bit() && !cpu(Span::ZERO).bit());
    }

    #[test]
    fn nine_tenths_of_the_asked_memory_are_the_proof() {
        assert!(memory(900).bit() && !memory(899).bit());
        assert!(!Evidence::Memory { asked: 0, resident: 0, trouble: None }.bit());
    }

    #[test]
    fn evidence_reads_like_a_sentence() {
        let text = cpu(Span::secs(10)).to_string();
        assert_eq!(text, "10.0 CPU-seconds burned: 50% of a core by each of 2 workers, asked 50%");
        assert_eq!(memory(990).to_string(), "990 MiB of 1000 MiB resident");
    }
}
