//! What a fault can mean: everything that is wrong with a description, at once.

use super::WebSocketFault;
use crate::selection::is_share;

/// Why a fault cannot be meant as it is described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}: expected {field} to be {expected}, found {found}")]
pub struct Problem {
    /// The fault's name.
    pub fault: &'static str,
    /// The field.
    pub field: &'static str,
    /// What would have been right.
    pub expected: &'static str,
    /// What was found.
    pub found: String,
}

/// The longest reason: what a control frame holds beside the code (RFC 6455, section 5.5).
pub const REASON_MOST: usize = 123;
const FLIPS_MOST: u32 = 64;
const CODES: &str = "1000 to 1003, 1007 to 1014 or 3000 to 4999";

/// Whether a code may stand in a close frame: 1004 to 1006 and 1015 must not, and nobody has given a meaning to 1016 to
/// 2999 (RFC 6455, section 7.4, and the registry it founded).
#[must_use]
pub const fn is_code(code: u16) -> bool {
    matches!(code, 1_000..=1_003 | 1_007..=1_014 | 3_000..=4_999)
}

// === impl WebSocketFault ===

impl WebSocketFault {
    /// Everything that is wrong with the description; nothing where it can be injected.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(which) = self.which() {
            which.check(self.name(), &mut problems);
        }
        let mut expect = |holds: bool, field, expected, found: String| {
            if !holds {
                problems.push(Problem { fault: self.name(), field, expected, found });
            }
        };
        match self {
            Self::Drop { .. } | Self::Duplicate { .. } => {}
            Self::Delay { delay, jitter, .. } => {
                expect(!delay.is_zero(), "delay", "above 0s", delay.to_string());
                expect(jitter <= delay, "jitter", "at most the delay", jitter.to_string());
            }
            Self::Close { code, reason, probability, .. } => {
                let length = reason.len();
                expect(is_code(*code), "code", CODES, code.to_string());
                expect(length <= REASON_MOST, "reason", "at most 123 bytes", length.to_string());
                let share = is_share(*probability);
                expect(share, "probability", "above 0% and at most 100%", probability.to_string());
            }
            Self::Fragment { size, which } => {
                expect(size.as_bytes() > 0, "size", "at least 1B", size.to_string());
                let control = which.opcodes.iter().find(|opcode| opcode.is_control());
                let found = control.map_or_else(String::new, |opcode| format!("{opcode:?}"));
                expect(control.is_none(), "which.opcodes", "those of data frames", found);
            }
            Self::PingLoss { pings, pongs, which } => {
                expect(*pings || *pongs, "pings or pongs", "true", "false for both".to_owned());
                let given = which.opcodes.len();
                expect(given == 0, "which.opcodes", "left out", format!("{given} of them"));
            }
            Self::Corrupt { flips, .. } => {
                expect((1..=FLIPS_MOST).contains(flips), "flips", "1 to 64", flips.to_string());
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_at_once() {
        let problems = |text: &str| serde_json::from_str::<WebSocketFault>(text).unwrap().check();
        assert_eq!(problems(r#"{"drop":{"which":{"every":0,"probability":"0%"}}}"#).len(), 2);
        assert_eq!(problems(r#"{"delay":{"delay":"0s","jitter":"1s","which":{"every":0}}}"#).len(), 3);
        let long = "x".repeat(124);
        assert_eq!(problems(&format!(r#"{{"close":{{"code":1005,"reason":"{long}"}}}}"#)).len(), 2);
        assert_eq!(problems(r#"{"fragment":{"size":"0B","which":{"opcodes":["ping"]}}}"#).len(), 2);
        assert_eq!(problems(r#"{"ping_loss":{"pings":false,"pongs":false}}"#).len(), 1);
        assert_eq!(problems(r#"{"corrupt":{"flips":65}}"#).len(), 1);
        let told = problems(r#"{"close":{"code":1006}}"#)[0].to_string();
        assert_eq!(told, format!("close: expected code to be {CODES}, found 1006"));
    }

    #[test]
    fn the_codes_are_those_that_may_be_sent() {
        let right = [1_000, 1_001, 1_002, 1_003, 1_007, 1_011, 1_014, 3_000, 4_999];
        let wrong = [0, 999, 1_004, 1_005, 1_006, 1_015, 1_016, 2_999, 5_000, u16::MAX];
        assert!(right.iter().all(|code| is_code(*code)) && !wrong.iter().any(|code| is_code(*code)));
    }
}
