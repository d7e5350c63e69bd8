//! Scripts, what is expected of them, and the one place that plays them on both drivers.

use std::time::Duration;

use shakedown_faults::toxic::{Direction, Toxic};
use shakedown_scenarios::units::{Bandwidth, Ratio, Span};

use crate::chain::Chain;
use crate::wire::Wire;

/// Something that happens to one way of a connection.
#[derive(Clone, Debug)]
pub enum Step {
    Inject(u32, Toxic),
    Update(u32, Toxic),
    Heal(u32),
    Send(Vec<u8>),
    /// The source ends in order.
    Finish,
    /// The source resets the connection.
    Break,
    /// So many milliseconds later.
    Wait(u64),
}

/// How a way ends for the one who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Finished,
    Reset,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub bytes: Vec<u8>,
    /// When each piece came, from the first step on, and how long it was.
    pub pieces: Vec<(Span, usize)>,
    pub end: Option<(Span, Finish)>,
    /// Whether the first toxic's evidence says that it bit.
    pub bit: bool,
    /// How much later than the script says a step was made, at the most.
    pub late: Span,
}

/// What should come out.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    pub bytes: &'a [u8],
    /// After how many milliseconds the bytes at these places come.
    pub at: &'a [(usize, u64)],
    /// How many pieces they come in.
    pub pieces: usize,
    /// After how many milliseconds it ends, and how.
    pub end: Option<(u64, Finish)>,
    pub bit: bool,
}

/// What can be done with one way of a connection: the pure chain with given times, or the real proxy with real sockets.
pub trait Driver {
    /// Carries out a step, once its moment has come.
    fn step(&mut self, step: &Step);

    /// Everything that came out by a moment, or a little later; the driver is done with.
    fn seen(self, until: &Seen) -> Seen;
}

/// A real machine is later than the script by so much at the most.
const LATE: Duration = Duration::from_secs(5);

/// A limit that was looked at late makes up for it with a bigger piece, of which the last bytes come before their own
/// turn on paper.
const EARLY: Span = Span::millis(4);

/// A busy machine may be so late with a step before it has to try again, and so often.
const TOO_LATE: Span = Span::millis(8);
const MOST_PLAYED: u32 = 20;

/// Plays a script on both drivers and both ways, and compares.
#[track_caller]
pub fn play(steps: &[Step], expected: &Expected<'_>) {
    compare(steps, |seen, direction| {
        assert_eq!(seen.bytes.escape_ascii().to_string(), expected.bytes.escape_ascii().to_string());
        for (place, millis) in expected.at {
            let came = seen.came(*place);
            assert_eq!(came, Some(Span::millis(*millis)), "byte {place}, {direction:?}");
        }
        assert_eq!(seen.pieces.len(), expected.pieces, "{:?}", seen.pieces);
        assert_eq!(seen.end, expected.end.map(|(millis, finish)| (Span::millis(millis), finish)));
        assert_eq!(seen.bit, expected.bit, "whether it bit");
    });
}

/// The same, where chance or arithmetic says what comes out: the chain is judged by `judge`, and the proxy by the chain.
#[track_caller]
pub fn compare(steps: &[Step], judge: impl Fn(&Seen, Direction)) {
    for direction in Direction::BOTH {
        let chain = perform(Chain::on(direction), steps, &Seen::default());
        judge(&chain, direction);
        let mut played = 0;
        loop {
            let wire = perform(Wire::on(direction), steps, &chain);
            played += 1;
            match compared(&wire, &chain) {
                Ok(()) => break,
                // Whoever was that late has played another script.
                Err(_) if wire.late > TOO_LATE && played < MOST_PLAYED => {}
                Err(what) => panic!("{what}\non paper: {chain:?}\non the wire: {wire:?}"),
            }
        }
    }
}

fn perform(mut driver: impl Driver, steps: &[Step], like: &Seen) -> Seen {
    steps.iter().for_each(|step| driver.step(step));
    driver.seen(like)
}

/// The same bytes, ends and evidence; nothing earlier, and nothing much later. The kernel may join pieces that come close
/// after each other, and never cuts one.
fn compared(wire: &Seen, chain: &Seen) -> Result<(), String> {
    let ends = [wire, chain].map(|seen| seen.end.map(|(_, end)| end));
    if wire.bytes != chain.bytes || ends[0] != ends[1] || wire.bit != chain.bit {
        return Err("bytes, end or evidence differ".to_owned());
    }
    if wire.pieces.len() > chain.pieces.len() {
        return Err("there are more pieces on the wire".to_owned());
    }
    let is_due = |came: Span, due: Span| came.plus(EARLY) >= due && came.minus(due).duration() <= LATE;
    let mut place = 0;
    for (due, length) in &chain.pieces {
        let came = wire.came(place).expect("the bytes are the same");
        if !is_due(came, *due) {
            return Err(format!("byte {place} came after {came} and was due after {due}"));
        }
        place += length;
    }
    match (wire.end, chain.end) {
        (Some((came, _)), Some((due, _))) if !is_due(came, due) => {
            Err(format!("the end came after {came} and was due after {due}"))
        }
        _ => Ok(()),
    }
}

// === impl Seen ===

impl Seen {
    /// When the byte at a place came.
    pub fn came(&self, place: usize) -> Option<Span> {
        let mut before = 0;
        self.pieces.iter().find_map(|(came, length)| {
            before += length;
            (place < before).then_some(*came)
        })
    }
}

impl Default for Expected<'_> {
    /// Nothing comes, and nothing ends.
    fn default() -> Self {
        Self { bytes: b"", at: &[], pieces: 0, end: None, bit: true }
    }
}

// === steps ===

pub fn send(bytes: impl Into<Vec<u8>>) -> Step {
    Step::Send(bytes.into())
}

pub fn latency(delay: Span, jitter: Span) -> Toxic {
    Toxic::jittery(delay, jitter)
}

pub fn late(millis: u64) -> Toxic {
    latency(Span::millis(millis), Span::ZERO)
}

pub fn bandwidth(bytes_per_second: u64) -> Toxic {
    Toxic::bandwidth(Bandwidth::bytes_per_second(bytes_per_second))
}

pub fn ratio(value: f64) -> Ratio {
    Ratio::new(value).unwrap()
}
