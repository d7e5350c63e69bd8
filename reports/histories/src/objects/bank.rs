//! A bank: transfers, and looks at balances. Nothing is said of balances below zero: they are sums like others.

use crate::mix::mix;
use crate::object::{Ahead, Discipline, Force, Object, Sign};

/// What an operation does; accounts are below [`Bank::new`]'s count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Transfer { from: u32, to: u32, amount: i64 },
    Balances(Box<[(u32, i64)]>),
}

/// A bank, and all that is done to it.
#[derive(Clone, Debug)]
pub struct Bank {
    /// `None` is not known.
    balances: Vec<Option<i64>>,
    unknown: usize,
    acts: Vec<Act>,
    /// Accounts in the order in which looks told their balances.
    learnt: Vec<u32>,
    /// An account that is not yet what the only look under way found.
    amiss: Option<u32>,
    /// How far each account is from what the next look found.
    far: Vec<i64>,
}

/// What a step changed.
#[derive(Clone, Copy, Debug)]
pub enum Undo {
    Transfer(Sign),
    /// So many balances were known before.
    Learnt(usize),
}

// === impl Bank ===

impl Bank {
    /// With the balances that are known, and what each sign does.
    pub fn new(balances: Vec<Option<i64>>, acts: Vec<Act>) -> Self {
        let unknown = balances.iter().filter(|it| it.is_none()).count();
        Self { balances, unknown, acts, learnt: Vec::new(), amiss: None, far: Vec::new() }
    }

    /// The same in a state that nobody knows.
    pub fn unknown(mut self) -> Self {
        self.unknown = self.balances.len();
        self.balances.fill(None);
        self
    }

    fn pay(&mut self, from: u32, to: u32, amount: i64) {
        for (account, amount) in [(from, amount.wrapping_neg()), (to, amount)] {
            let balance = &mut self.balances[account as usize];
            *balance = balance.map(|it| it.wrapping_add(amount));
        }
    }

    fn learn(&mut self, sign: Sign) -> Option<Undo> {
        let Act::Balances(sheet) = &self.acts[sign as usize] else { return None };
        let fits = |(account, balance): &(u32, i64)| {
            self.balances[*account as usize].is_none_or(|known| known == *balance)
        };
        if self.unknown == 0 || !sheet.iter().all(fits) {
            return None;
        }
        let before = self.learnt.len();
        for (account, balance) in sheet {
            if self.balances[*account as usize].is_none() {
                self.learnt.push(*account);
                self.balances[*account as usize] = Some(*balance);
            }
        }
        self.unknown -= self.learnt.len() - before;
        Some(Undo::Learnt(before))
    }
}

impl Object for Bank {
    type Undo = Undo;

    const DISCIPLINE: Discipline = Discipline::Commutes;

    const EARLY_FIRST: &'static [u32] = &[2, 4, 8];

    fn force(&self, sign: Sign) -> Force {
        match self.acts[sign as usize] {
            Act::Transfer { .. } => Force::Adds,
            Act::Balances(_) => Force::Looks,
        }
    }

    fn holds(&self, sign: Sign) -> bool {
        let Act::Balances(sheet) = &self.acts[sign as usize] else { return false };
        sheet.iter().all(|(account, balance)| self.balances[*account as usize] == Some(*balance))
    }

    fn step(&mut self, sign: Sign) -> Option<Undo> {
        match self.acts[sign as usize] {
            Act::Transfer { from, to, amount } => {
                self.pay(from, to, amount);
                Some(Undo::Transfer(sign))
            }
            Act::Balances(_) => self.learn(sign),
        }
    }

    fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Transfer(sign) => {
                if let Act::Transfer { from, to, amount } = self.acts[sign as usize] {
                    self.pay(from, to, amount.wrapping_neg());
                }
            }
            Undo::Learnt(before) => {
                for account in self.learnt.split_off(before) {
                    self.balances[account as usize] = None;
                    self.unknown += 1;
                }
            }
        }
    }

    fn fingerprint(&self) -> u64 {
        let known = |balance: &Option<i64>| balance.map_or(0x55aa, |it| mix(it.cast_unsigned(), 1));
        self.balances.iter().fold(7, |sum, balance| mix(sum, known(balance)))
    }

    fn is_unknown(&self) -> bool {
        self.unknown > 0
    }

    /// With one look under way, the account that is amiss has to be put right by something that touches it, and where sums
    /// do not ask for an order, that may be first.
    fn look_ahead(&mut self, ahead: &Ahead<'_>) {
        let mut looks = ahead.begun.iter().filter_map(|sign| match &self.acts[*sign as usize] {
            Act::Balances(sheet) => Some(sheet),
            Act::Transfer { .. } => None,
        });
        let mut far = std::mem::take(&mut self.far);
        far.clear();
        far.resize(self.balances.len(), 0);
        let target = match &self.acts[ahead.next as usize] {
            Act::Balances(sheet) => Some(sheet),
            Act::Transfer { .. } => looks.clone().next(),
        };
        for (account, balance) in target.into_iter().flatten() {
            let known = self.balances[*account as usize].unwrap_or(*balance);
            far[*account as usize] = balance.wrapping_sub(known);
        }
        self.amiss = match (looks.next(), looks.next()) {
            (Some(sheet), None) if self.unknown == 0 => {
                let wrong = sheet.iter().find(|(account, it)| self.balances[*account as usize] != Some(*it));
                wrong.map(|(account, _)| *account)
            }
            _ => None,
        };
        self.far = far;
    }

    fn useful(&self, sign: Sign) -> Option<u8> {
        match self.acts[sign as usize] {
            Act::Balances(_) => Some(0),
            Act::Transfer { from, to, amount } if from == to || amount == 0 => None,
            Act::Transfer { from, to, amount } => {
                // What brings both accounts nearest to what has to be found is tried first.
                let nearer = |account: u32, by: i64| {
                    let far = i128::from(self.far[account as usize]);
                    far.abs() - (far - i128::from(by)).abs()
                };
                let gain = nearer(from, amount.wrapping_neg()) + nearer(to, amount);
                let rank = 101 - gain.clamp(-100, 100);
                self.amiss.is_none_or(|it| it == from || it == to).then_some(rank as u8)
            }
        }
    }

    fn open_moves(&mut self, ahead: &Ahead<'_>, all: &[Sign], out: &mut Vec<Sign>) {
        out.extend(all.iter().rev().filter(|sign| ahead.open[**sign as usize] > 0));
    }
}
