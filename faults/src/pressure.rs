//! Pressure on the host: threads that keep cores busy, memory that is taken and touched.
//!
//! It is made by a child process, so that ending it is all there is to undo. The child ends by itself: at its own
//! deadline, when its standard input closes, on SIGTERM, and when the thread that started it dies. [`run`] is what
//! that child does; [`Pressure`] is the harness's side of it.

mod child;
mod cpu;
mod duty;
mod memory;
mod parent;
mod report;
mod room;

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::target::Amount;
use shakedown_scenarios::units::{Ratio, Size, Span};

pub use child::run;
pub use parent::Pressure;
pub use report::{Evidence, Report};
pub use room::{Room, room};

/// What an injector is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Spec {
    /// Keep cores busy.
    Cpu {
        /// How many threads, 1 to 1,024.
        workers: u32,
        /// The share of a core that each keeps busy, above 0 to 1.
        load: Ratio,
        /// How long.
        hold: Span,
    },
    /// Take memory and touch it.
    Memory {
        /// How much.
        amount: Amount,
        /// Time until all of it is taken; it grows in a straight line.
        ramp: Span,
        /// How long all of it is held.
        hold: Span,
        /// What must stay available, beside a tenth of all memory.
        keep_available: Option<Size>,
    },
}

/// Why pressure could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PressureError {
    /// What is asked for makes no sense.
    #[error("{0}")]
    Spec(String),
    /// There is not enough to take.
    #[error("{0}")]
    Refused(String),
    /// Others needed the memory; all of it was given back.
    #[error("{0}")]
    GaveBack(String),
    /// The system did not let us.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// The most threads that are asked for by mistake or on purpose.
const WORKERS_MAX: u32 = 1024;

// === impl Spec ===

impl Spec {
    /// The pressure that an act stands for, for so long; `None` for acts that press nothing.
    #[must_use]
    pub fn from_act(act: &Act, hold: Span, keep_available: Option<Size>) -> Option<Self> {
        match act {
            Act::CpuPressure { workers, load } => Some(Self::Cpu { workers: *workers, load: *load, hold }),
            Act::MemoryPressure { amount, ramp } => {
                Some(Self::Memory { amount: *amount, ramp: *ramp, hold, keep_available })
            }
            _ => None,
        }
    }

    /// The arguments that tell an injector what to do: a word, and this as JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which nothing that can be read back is known to do.
    pub fn arguments(&self) -> Result<[String; 2], PressureError> {
        let json = serde_json::to_string(self).map_err(|error| PressureError::Spec(error.to_string()))?;
        Ok(["injector".to_owned(), json])
    }

    /// Reads what [`Spec::arguments`] wrote after the word, and checks it.
    ///
    /// # Errors
    /// If it is not that, or out of range.
    pub fn parse(json: &str) -> Result<Self, PressureError> {
        let spec: Self =
            serde_json::from_str(json).map_err(|error| PressureError::Spec(error.to_string()))?;
        spec.check()?;
        Ok(spec)
    }

    /// Whether all of it is in range.
    ///
    /// # Errors
    /// If something is not; the error says what.
    pub fn check(&self) -> Result<(), PressureError> {
        let wrong = |text: String| Err(PressureError::Spec(text));
        match self {
            Self::Cpu { workers, .. } if !(1..=WORKERS_MAX).contains(workers) => {
                wrong(format!("expected 1 to {WORKERS_MAX} workers, found {workers}"))
            }
            Self::Cpu { load, .. } if !(load.value() > 0.0 && load.value() <= 1.0) => {
                wrong(format!("expected a load above 0% and up to 100% of a core, found {load}"))
            }
            Self::Memory { amount: Amount::Share(share), .. }
                if !(share.value() > 0.0 && share.value() <= 1.0) =>
            {
                wrong(format!("expected a share above 0% and up to 100% of what is available, found {share}"))
            }
            Self::Memory { amount: Amount::Size(size), .. } if size.as_bytes() == 0 => {
                wrong("expected an amount of memory above zero, found 0B".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// When an injector ends by itself, counted from its start.
    #[must_use]
    pub fn deadline(&self) -> Span {
        match self {
            Self::Cpu { hold, .. } => *hold,
            Self::Memory { ramp, hold, .. } => ramp.plus(*hold),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { workers, load, .. } => write!(f, "{workers} workers at {load} of a core"),
            Self::Memory { amount: Amount::Size(size), .. } => write!(f, "{size} of memory"),
            Self::Memory { amount: Amount::Share(share), .. } => write!(f, "{share} of the available memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(workers: u32, load: f64) -> Spec {
        Spec::Cpu { workers, load: Ratio::new(load).unwrap(), hold: Span::secs(1) }
    }

    fn memory(amount: Amount) -> Spec {
        Spec::Memory {
            amount,
            ramp: Span::secs(2),
            hold: Span::secs(3),
            keep_available: Some(Size::bytes(9)),
        }
    }

    #[test]
    fn what_is_asked_for_survives_the_command_line() {
        for spec in [
            cpu(3, 0.5),
            memory(Amount::Size(Size::bytes(7))),
            memory(Amount::Share(Ratio::new(0.2).unwrap())),
        ] {
            let [word, json] = spec.arguments().unwrap();
            assert_eq!((word.as_str(), Spec::parse(&json).unwrap()), ("injector", spec));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let cases = [
            (cpu(0, 0.5), "workers, found 0"),
            (cpu(1025, 0.5), "workers, found 1025"),
            (cpu(1, 0.0), "found 0%"),
            (cpu(1, 1.5), "found 150%"),
            (memory(Amount::Size(Size::bytes(0))), "found 0B"),
            (memory(Amount::Share(Ratio::new(1.01).unwrap())), "found 101%"),
        ];
        for (spec, reason) in cases {
            let error = spec.check().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(Spec::parse("{").is_err() && Spec::parse(r#"{"Cpu":{"workers":1}}"#).is_err());
    }

    #[test]
    fn memory_is_held_for_its_time_after_the_ramp() {
        assert_eq!(memory(Amount::Size(Size::bytes(1))).deadline(), Span::secs(5));
    }
}
