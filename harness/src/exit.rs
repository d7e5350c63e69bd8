//! Exit codes: a table that scripts and CI jobs rely on.

use std::process::ExitCode;

/// Something the user can put right: a wrong experiment, a missing file, a taken port. Ends with [`Exit::Usage`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// An experiment that is wrong: the whole text for people, all problems with their places. Ends with [`Exit::Usage`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything held.
    Pass,
    /// A gate, the hypothesis or a finding failed.
    Fail,
    /// What was seen does not allow a verdict.
    Inconclusive,
    /// A stop condition was met.
    Guard,
    /// A fault could not be undone.
    NotUndone,
    /// The experiment or the command line is wrong.
    Usage,
    /// The harness itself failed.
    Internal,
    /// A signal asked for the end.
    Signal(u8),
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 2,
            Self::Guard => 3,
            Self::NotUndone => 4,
            Self::Usage => 64,
            Self::Internal => 70,
            Self::Signal(number) => 128u8.saturating_add(number),
        }
    }

    /// Of two answers about several files the worse: a bad finding counts most, then a file without an answer, then an
    /// answer that is none.
    #[must_use]
    pub fn or_worse_answer(self, other: Self) -> Self {
        let order = [Self::Fail, Self::Usage, Self::Inconclusive];
        order.into_iter().find(|it| *it == self || *it == other).unwrap_or(Self::Pass)
    }

    /// The way out that has this number.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Pass,
            1 => Self::Fail,
            2 => Self::Inconclusive,
            3 => Self::Guard,
            4 => Self::NotUndone,
            64 => Self::Usage,
            129.. => Self::Signal(code - 128),
            _ => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_table() {
        let table = [
            (Exit::Pass, 0),
            (Exit::Fail, 1),
            (Exit::Inconclusive, 2),
            (Exit::Guard, 3),
            (Exit::NotUndone, 4),
            (Exit::Usage, 64),
            (Exit::Internal, 70),
            (Exit::Signal(2), 130),
            (Exit::Signal(15), 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code);
            assert_eq!(Exit::from_code(code), exit);
        }
    }
}
