//! Faults on the frames of a WebSocket, as they are described, and what each decides about a frame.

mod check;

use serde::{Deserialize, Serialize};
use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::{Ratio, Size, Span};

use crate::frame::{Header, Opcode};
use crate::selection::always;
use crate::{Selection, Sender};

pub use check::{Problem, REASON_MOST, is_code};

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

/// The longest frame that is duplicated: it is held until its end.
pub const DUPLICATE_MOST: u64 = 16 * 1_024;

const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
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
}
