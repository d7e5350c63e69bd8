//! Which frames a fault is about.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::Ratio;

use crate::frame::{Header, Opcode};
use crate::{Problem, Sender};

/// Which frames a fault touches: those that all of this holds for. Left out, it is every frame of both ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Frames for one of these purposes; none: for any.
    pub opcodes: Vec<Opcode>,
    /// Of those, on each way of each connection, the nth, the 2nth and so on; from 1, which is every one.
    pub every: u64,
    /// Of those, this share, drawn for each: above 0 %, at most 100 %.
    pub probability: Ratio,
    /// Frames that go this way: `upstream` is from the client to the server.
    #[serde(with = "Spelling")]
    pub direction: Way,
}

/// The spelling of [`Way`] here, where all words are in snake case.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Way", rename_all = "snake_case")]
enum Spelling {
    Upstream,
    Downstream,
    Both,
}

/// As many purposes as there are.
const PURPOSES: usize = 6;

/// The share that is meant where none is given.
pub(crate) fn always() -> Ratio {
    Ratio::new(1.0).expect("1 is a ratio")
}

/// Whether a share can be one of something that should happen.
pub(crate) fn is_share(probability: Ratio) -> bool {
    probability.value() > 0.0 && probability.value() <= 1.0
}

// === impl Selection ===

impl Default for Selection {
    fn default() -> Self {
        Self { opcodes: Vec::new(), every: 1, probability: always(), direction: Way::Both }
    }
}

impl Selection {
    /// The same, of frames for these purposes only.
    #[must_use]
    pub fn of(opcodes: &[Opcode]) -> Self {
        Self { opcodes: opcodes.to_vec(), ..Self::default() }
    }

    /// The same, of frames that go this way only.
    #[must_use]
    pub fn going(self, direction: Way) -> Self {
        Self { direction, ..self }
    }

    /// Whether it is about frames of this kind from this sender at all.
    #[must_use]
    pub fn fits(&self, header: &Header, sender: Sender) -> bool {
        let purpose = self.opcodes.is_empty() || self.opcodes.contains(&header.opcode);
        purpose && sender.goes(self.direction)
    }

    /// Whether this very frame is chosen. `nth` counts those that fit, and chance is drawn where there is something to
    /// draw.
    pub fn chooses(&self, header: &Header, sender: Sender, nth: &mut u64, chance: &mut Chance) -> bool {
        if !self.fits(header, sender) {
            return false;
        }
        *nth += 1;
        let turn = nth.is_multiple_of(self.every.max(1));
        turn && (self.probability.value() >= 1.0 || chance.chance(self.probability.value()))
    }

    pub(crate) fn check(&self, fault: &'static str, problems: &mut Vec<Problem>) {
        let mut expect = |holds: bool, field, expected, found: String| {
            if !holds {
                problems.push(Problem { fault, field, expected, found });
            }
        };
        let purposes = self.opcodes.len();
        expect(purposes <= PURPOSES, "which.opcodes", "each opcode once", format!("{purposes} of them"));
        expect(self.every > 0, "which.every", "a number from 1", self.every.to_string());
        let share = is_share(self.probability);
        expect(share, "which.probability", "above 0% and at most 100%", self.probability.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_scenarios::seed::Streams;

    fn chosen(selection: &Selection, sender: Sender) -> String {
        let (mut nth, mut chance) = (0, Streams::new(1).stream("selection"));
        let opcodes = [Opcode::Text, Opcode::Ping, Opcode::Text, Opcode::Binary, Opcode::Text, Opcode::Ping];
        let mut chooses = |opcode| {
            let header = Header { fin: true, reserved: 0, opcode, mask: None, length: 0 };
            selection.chooses(&header, sender, &mut nth, &mut chance)
        };
        opcodes.map(|opcode| if chooses(opcode) { 'x' } else { '.' }).into_iter().collect()
    }

    #[test]
    fn frames_are_chosen_by_purpose_turn_and_way() {
        let texts = Selection::of(&[Opcode::Text]);
        let cases = [
            (Selection::default(), "xxxxxx"),
            (texts.clone(), "x.x.x."),
            (Selection { every: 2, ..texts.clone() }, "..x..."),
            (Selection { every: 4, ..Selection::default() }, "...x.."),
            (texts.clone().going(Way::Upstream), "x.x.x."),
            (texts.going(Way::Downstream), "......"),
        ];
        for (selection, expected) in cases {
            assert_eq!(chosen(&selection, Sender::Client), expected, "{selection:?}");
        }
    }

    #[test]
    fn a_share_is_drawn_for_each_frame() {
        let half = Selection { probability: Ratio::new(0.5).unwrap(), ..Selection::default() };
        let (mut nth, mut chance) = (0, Streams::new(1).stream("selection"));
        let header = Header { fin: true, reserved: 0, opcode: Opcode::Text, mask: None, length: 0 };
        let mut chooses = |_: &u32| half.chooses(&header, Sender::Server, &mut nth, &mut chance);
        let count = (0..1_000).filter(&mut chooses).count();
        assert!((450..550).contains(&count), "{count}");
    }
}
