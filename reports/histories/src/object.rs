//! What the search knows of an object: what each kind of operation does to it.

/// Kinds of operations are numbered: two operations of one object that do the same and found the same have one number.
pub type Sign = u32;

/// How an operation may change an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Not at all: it only says what it found.
    Looks,
    /// It may be done in any state, and what was before is gone.
    Overwrites,
    /// It may be done in any state.
    Adds,
    /// It may be done in some states only.
    Depends,
}

/// What else than the operation that has to be next is worth doing before it. Each is a proof that the others are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// Anything may be.
    Any,
    /// A state that nobody looks at before it is overwritten is not worth making: a write, or an open operation, is next to
    /// one that finds what it made.
    Seen,
    /// The order of changes does not matter (sums): only what a look needs is worth being early.
    Commutes,
}

/// What the search looks ahead at.
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'a> {
    /// The operation that has to be next, or after others.
    pub next: Sign,
    /// All that began and is not done yet, `next` among them.
    pub begun: &'a [Sign],
    /// How many open operations of each sign are left.
    pub open: &'a [u32],
}

/// An object in some state. `Undo` takes back what a step did.
pub trait Object {
    /// What a step changed.
    type Undo: Copy;

    /// See [`Discipline`].
    const DISCIPLINE: Discipline;

    /// How many operations at the most are done early in first, short searches.
    const EARLY_FIRST: &'static [u32] = &[];

    /// What operations of a sign can do.
    fn force(&self, sign: Sign) -> Force;

    /// Whether one that looks finds now what it found.
    fn holds(&self, sign: Sign) -> bool;

    /// Does it, if it can be done now. One that looks can be where the state is not known: it is known then.
    fn step(&mut self, sign: Sign) -> Option<Self::Undo>;

    /// Takes a step back.
    fn undo(&mut self, undo: Self::Undo);

    /// Equal for equal states, and for no others but by a chance of 2^-64.
    fn fingerprint(&self) -> u64;

    /// Whether the state is not, or not wholly, known.
    fn is_unknown(&self) -> bool;

    /// Looks ahead from the state it is in, before [`useful`](Object::useful) and [`open_moves`](Object::open_moves).
    fn look_ahead(&mut self, _ahead: &Ahead<'_>) {}

    /// Whether an operation that began may be worth doing now, and how soon it should be tried: 0 first.
    fn useful(&self, _sign: Sign) -> Option<u8> {
        Some(1)
    }

    /// Signs of open operations that may be worth doing now, among those that are [`useful`](Object::useful); of equal rank,
    /// those in front are tried first.
    fn open_moves(&mut self, ahead: &Ahead<'_>, all: &[Sign], out: &mut Vec<Sign>) {
        out.extend(all.iter().rev().filter(|sign| ahead.open[**sign as usize] > 0));
    }

    /// Whether nothing good can come any more, with so many looks still to be satisfied.
    fn is_lost(&self, _looks: u32) -> bool {
        false
    }
}
