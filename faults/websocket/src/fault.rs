//! Faults on the frames of a WebSocket, as they are described, and what each decides about a frame.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::{Ratio, Size, Span};

use crate::frame::{Header, Opcode};
use crate::selection::{always, is_share};
use crate::{Selection, Sender};

/// A fault on the frames of a WebSocket. It is about single frames: of a message in several frames each is judged for
/// itself, and one without its beginning is what a client makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WebSocketFault {
    /// Frames are lost.
    Drop {
        /// Which ones.
        #[serde(default)]
        which: Selection,
    },
    /// Frames are delivered `delay` ± up to `jitter` after they came. Order is kept, and each has a deadline of its own,
    /// so that delays never add up. What waits when this heals goes at once.
    Delay {
        /// The mean delay.
        delay: Span,
        /// Drawn evenly from -jitter to +jitter for each frame; at most `delay`.
        #[serde(default)]
        jitter: Span,
        /// Which ones.
        #[serde(default)]
        which: Selection,
    },
    /// A close frame is sent, and after it nothing more that way; the other way stays open for the answer.
    Close {
        /// The status code: 1000 to 1003, 1007 to 1014 or 3000 to 4999.
        code: u16,
        /// The reason, at most 123 bytes.
        #[serde(default)]
        reason: String,
        /// Who gets it.
        #[serde(default)]
        to: Ends,
        /// After so many frames of the other side to whoever gets it, counted from the injection; 0: at once.
        #[serde(default)]
        after: u64,
        /// The share of connections, drawn for each: above 0 %, at most 100 %.
        #[serde(default = "always")]
        probability: Ratio,
    },
    /// Data frames that are longer than this are cut into pieces of it.
    Fragment {
        /// How long a piece is, from one byte; the last may be shorter.
        size: Size,
        /// Which ones.
        #[serde(default)]
        which: Selection,
    },
    /// Pings, pongs or both are lost.
    PingLoss {
        /// Whether pings are.
        #[serde(default = "yes")]
        pings: bool,
        /// Whether pongs are.
        #[serde(default = "yes")]
        pongs: bool,
        /// Which ones of them; its `opcodes` are left out.
        #[serde(default)]
        which: Selection,
    },
    /// Frames of at most 16 KiB are sent twice.
    Duplicate {
        /// Which ones.
        #[serde(default)]
        which: Selection,
    },
    /// Bits of the payload are turned over.
    Corrupt {
        /// How many in each frame, 1 to 64; their places are drawn.
        #[serde(default = "one")]
        flips: u32,
        /// Which ones; those without payload stay as they are.
        #[serde(default)]
        which: Selection,
    },
}

/// The ends of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Either.
    #[default]
    Both,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on as it is.
    Pass,
    /// It is lost.
    Drop,
    /// It goes on so long after it came.
    Delay(Span),
    /// It goes on twice.
    Duplicate,
    /// It goes on in pieces of so many bytes.
    Fragment(u64),
    /// So many bits of it are turned over.
    Corrupt(u32),
}

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
/// The longest frame that is duplicated: it is held until its end.
pub const DUPLICATE_MOST: u64 = 16 * 1_024;
const FLIPS_MOST: u32 = 64;
const CODES: &str = "1000 to 1003, 1007 to 1014 or 3000 to 4999";

const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
}

/// Whether a code may stand in a close frame: 1004 to 1006 and 1015 must not, and nobody has given a meaning to 1016 to
/// 2999 (RFC 6455, section 7.4, and the registry it founded).
#[must_use]
pub const fn is_code(code: u16) -> bool {
    matches!(code, 1_000..=1_003 | 1_007..=1_014 | 3_000..=4_999)
}

// === impl WebSocketFault ===

impl WebSocketFault {
    /// Its name, as it is written.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Drop { .. } => "drop",
            Self::Delay { .. } => "delay",
            Self::Close { .. } => "close",
            Self::Fragment { .. } => "fragment",
            Self::PingLoss { .. } => "ping_loss",
            Self::Duplicate { .. } => "duplicate",
            Self::Corrupt { .. } => "corrupt",
        }
    }

    /// Which frames it is about; `None` for the one that is about connections.
    #[must_use]
    pub const fn which(&self) -> Option<&Selection> {
        match self {
            Self::Close { .. } => None,
            Self::Drop { which }
            | Self::Delay { which, .. }
            | Self::Fragment { which, .. }
            | Self::PingLoss { which, .. }
            | Self::Duplicate { which }
            | Self::Corrupt { which, .. } => Some(which),
        }
    }

    /// The fate of a frame under this fault alone. `nth` counts the frames that its selection fits, on one way of one
    /// connection, and belongs to it as `chance` does.
    pub fn decide(&self, header: &Header, sender: Sender, nth: &mut u64, chance: &mut Chance) -> Fate {
        let Some(which) = self.which() else { return Fate::Pass };
        let chosen = match self {
            Self::PingLoss { pings, pongs, .. } => {
                let lost =
                    (*pings && header.opcode == Opcode::Ping) || (*pongs && header.opcode == Opcode::Pong);
                lost && which.chooses(header, sender, nth, chance)
            }
            _ => which.chooses(header, sender, nth, chance),
        };
        if chosen { self.fate(header, chance) } else { Fate::Pass }
    }

    /// What it does to a frame that it chose, if it can.
    fn fate(&self, header: &Header, chance: &mut Chance) -> Fate {
        match self {
            Self::Drop { .. } | Self::PingLoss { .. } => Fate::Drop,
            Self::Delay { delay, jitter, .. } => Fate::Delay(around(*delay, *jitter, chance)),
            Self::Fragment { size, .. }
                if !header.opcode.is_control() && header.length > size.as_bytes().max(1) =>
            {
                Fate::Fragment(size.as_bytes().max(1))
            }
            Self::Duplicate { .. } if header.length <= DUPLICATE_MOST => Fate::Duplicate,
            Self::Corrupt { flips, .. } if header.length > 0 => Fate::Corrupt(*flips),
            _ => Fate::Pass,
        }
    }

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

/// Drawn evenly from `middle - spread` to `middle + spread`; without a spread nothing is drawn.
fn around(middle: Span, spread: Span, chance: &mut Chance) -> Span {
    if spread.is_zero() {
        return middle;
    }
    middle.plus(chance.between(Span::ZERO, spread.plus(spread))).minus(spread)
}

// === impl Ends ===

impl Ends {
    /// Whether what this sender's frames go to is among them.
    #[must_use]
    pub const fn hear(self, sender: Sender) -> bool {
        matches!(
            (self, sender),
            (Self::Both, _) | (Self::Client, Sender::Server) | (Self::Server, Sender::Client)
        )
    }
}

// === impl Sender ===

impl Sender {
    /// Whether its frames go this way.
    #[must_use]
    pub const fn goes(self, way: Way) -> bool {
        matches!(
            (self, way),
            (_, Way::Both) | (Self::Client, Way::Upstream) | (Self::Server, Way::Downstream)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::seed::Streams;

    fn header(opcode: Opcode, length: u64) -> Header {
        Header { fin: true, reserved: 0, opcode, mask: None, length }
    }

    fn fate(fault: &str, header: &Header) -> Fate {
        let fault: WebSocketFault = serde_json::from_str(fault).unwrap();
        assert_eq!(fault.check(), []);
        fault.decide(header, Sender::Server, &mut 0, &mut Streams::new(1).stream("fate"))
    }

    #[test]
    fn each_fault_decides_as_it_is_described() {
        let text = header(Opcode::Text, 10);
        let cases = [
            (r#"{"drop":{}}"#, text, Fate::Drop),
            (r#"{"drop":{"which":{"direction":"upstream"}}}"#, text, Fate::Pass),
            (r#"{"delay":{"delay":"5ms"}}"#, text, Fate::Delay(Span::millis(5))),
            (r#"{"close":{"code":1012}}"#, text, Fate::Pass),
            (r#"{"fragment":{"size":"4B"}}"#, text, Fate::Fragment(4)),
            (r#"{"fragment":{"size":"10B"}}"#, text, Fate::Pass),
            (r#"{"fragment":{"size":"4B"}}"#, header(Opcode::Ping, 10), Fate::Pass),
            (r#"{"ping_loss":{}}"#, header(Opcode::Ping, 0), Fate::Drop),
            (r#"{"ping_loss":{"pongs":false}}"#, header(Opcode::Pong, 0), Fate::Pass),
            (r#"{"ping_loss":{}}"#, text, Fate::Pass),
            (r#"{"duplicate":{}}"#, text, Fate::Duplicate),
            (r#"{"duplicate":{}}"#, header(Opcode::Binary, DUPLICATE_MOST + 1), Fate::Pass),
            (r#"{"corrupt":{}}"#, text, Fate::Corrupt(1)),
            (r#"{"corrupt":{"flips":9}}"#, header(Opcode::Text, 0), Fate::Pass),
        ];
        for (fault, header, expected) in cases {
            assert_eq!(fate(fault, &header), expected, "{fault}");
        }
    }

    #[test]
    fn a_delay_stays_within_its_jitter() {
        let fault: WebSocketFault =
            serde_json::from_str(r#"{"delay":{"delay":"10ms","jitter":"10ms"}}"#).unwrap();
        let (mut nth, mut chance) = (0, Streams::new(1).stream("delay"));
        for _ in 0..1_000 {
            let fate = fault.decide(&header(Opcode::Text, 1), Sender::Client, &mut nth, &mut chance);
            assert!(matches!(fate, Fate::Delay(delay) if delay <= Span::millis(20)), "{fate:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_unknown_is_refused() {
        let text = r#"{"close":{"code":4000,"reason":"gone","to":"server","after":3,"probability":"50%"}}"#;
        let fault: WebSocketFault = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&fault).unwrap(), text);
        let text = concat!(
            r#"{"drop":{"which":{"opcodes":["text","ping"],"every":3,"#,
            r#""probability":"5%","direction":"downstream"}}}"#
        );
        let fault: WebSocketFault = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&fault).unwrap(), text);
        for wrong in [
            r#"{"drop":{"every":3}}"#,
            r#"{"drop":{"which":{"opcode":["text"]}}}"#,
            r#"{"drop":{"which":{"opcodes":["reserved"]}}}"#,
            r#"{"close":{}}"#,
            r#"{"lose":{}}"#,
        ] {
            assert!(serde_json::from_str::<WebSocketFault>(wrong).is_err(), "{wrong}");
        }
    }

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
