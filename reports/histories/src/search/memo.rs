//! What was tried already: a table of fingerprints, and for each the open operations that were used up on the way there.
//!
//! Who was here before with as many open operations left, or more, and failed, has shown that it fails with fewer.

use crate::mix::mix;
use crate::object::Sign;

const NONE: u32 = u32::MAX;
/// So many ways to one place are compared; more are seldom.
const COMPARED: usize = 24;
/// So far back are two ways compared; what is not known to be worse is tried.
const BACK: usize = 96;

/// Uses of open operations as a tree: each use stands on those before it.
#[derive(Debug)]
pub struct Uses {
    all: Vec<Use>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    sign: Sign,
    count: u32,
    before: u32,
    /// Of all uses up to here in any order.
    sum: u64,
}

/// The table.
#[derive(Debug)]
pub struct Memo {
    /// Fingerprints of 128 bits; zero is an empty place.
    keys: Vec<[u64; 2]>,
    /// The first way of each place, in `ways`.
    heads: Vec<u32>,
    count: usize,
    ways: Vec<(u32, u32)>,
}

// === impl Uses ===

impl Uses {
    /// No use at all has number 0.
    pub fn new() -> Self {
        Self { all: vec![Use { sign: NONE, count: 0, before: 0, sum: 0 }] }
    }

    /// One use more.
    pub fn add(&mut self, before: u32, sign: Sign) -> u32 {
        let Use { count, sum, .. } = self.all[before as usize];
        let sum = sum.wrapping_add(mix(u64::from(sign), 0x55));
        self.all.push(Use { sign, count: count + 1, before, sum });
        self.all.len() as u32 - 1
    }

    pub fn bytes(&self) -> u64 {
        (self.all.capacity() * size_of::<Use>()) as u64
    }

    /// Whether the first used nothing that the second did not use as often.
    fn within(&self, first: u32, second: u32) -> bool {
        let get = |number: u32| self.all[number as usize];
        if first == second || get(first).sum == get(second).sum && get(first).count == get(second).count {
            return true;
        }
        if get(first).count > get(second).count {
            return false;
        }
        let (mut left, mut right) = (first, second);
        let mut more = [(NONE, 0_i32); BACK];
        let mut held = 0;
        let mut tally = |sign: Sign, by: i32| {
            let at = more[..held].iter().position(|(it, _)| *it == sign).unwrap_or(held);
            if at == BACK {
                return false;
            }
            held = held.max(at + 1);
            more[at] = (sign, more[at].1 + by);
            true
        };
        while left != right {
            let (one, other) = (get(left), get(right));
            let go = if one.count > other.count {
                left = one.before;
                tally(one.sign, 1)
            } else {
                right = other.before;
                tally(other.sign, -1)
            };
            if !go {
                return false;
            }
        }
        more[..held].iter().all(|(_, count)| *count <= 0)
    }
}

// === impl Memo ===

impl Memo {
    /// For so many places, and more.
    pub fn with_room(count: usize) -> Self {
        let room = (count * 2).next_power_of_two().clamp(16, 1 << 22);
        Self { keys: vec![[0; 2]; room], heads: vec![NONE; room], count: 0, ways: Vec::new() }
    }

    /// Remembers a place and the way to it; false if it was known to lead nowhere, or is being tried.
    pub fn is_new(&mut self, key: [u64; 2], used: u32, uses: &Uses) -> bool {
        let key = [key[0] | 1, key[1]];
        let at = self.place(key);
        if self.keys[at] != key {
            self.keys[at] = key;
            self.count += 1;
            self.heads[at] = self.way(used, NONE);
            if self.count * 3 > self.keys.len() * 2 {
                self.spread();
            }
            return true;
        }
        let mut way = self.heads[at];
        for _ in 0..COMPARED {
            if way == NONE {
                break;
            }
            let (other, next) = self.ways[way as usize];
            if uses.within(other, used) {
                return false;
            }
            way = next;
        }
        self.heads[at] = self.way(used, self.heads[at]);
        true
    }

    pub fn bytes(&self) -> u64 {
        (self.keys.capacity() * 20 + self.ways.capacity() * 8) as u64
    }

    fn way(&mut self, used: u32, next: u32) -> u32 {
        self.ways.push((used, next));
        self.ways.len() as u32 - 1
    }

    fn place(&self, key: [u64; 2]) -> usize {
        let mask = self.keys.len() - 1;
        let mut at = key[1] as usize & mask;
        while self.keys[at] != [0; 2] && self.keys[at] != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn spread(&mut self) {
        let wider = self.keys.len() * 2;
        let keys = std::mem::replace(&mut self.keys, vec![[0; 2]; wider]);
        let heads = std::mem::replace(&mut self.heads, vec![NONE; wider]);
        for (key, head) in keys.into_iter().zip(heads).filter(|(key, _)| *key != [0; 2]) {
            let at = self.place(key);
            self.keys[at] = key;
            self.heads[at] = head;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_used_more_need_not_be_tried_and_who_used_others_does() {
        let mut uses = Uses::new();
        let seven = uses.add(0, 7);
        let seven_eight = uses.add(seven, 8);
        let eight = uses.add(0, 8);
        let eight_seven = uses.add(eight, 7);
        assert!(uses.within(0, seven) && uses.within(eight, seven_eight));
        assert!(uses.within(seven_eight, eight_seven) && !uses.within(seven, eight));
        assert!(!uses.within(seven_eight, seven));
        let mut memo = Memo::with_room(10);
        for key in 0..5_000 {
            assert!(memo.is_new([key << 1, key], seven, &uses));
            assert!(!memo.is_new([key << 1, key], seven_eight, &uses));
            assert!(memo.is_new([key << 1, key], eight, &uses));
            assert!(memo.is_new([key << 1, key], 0, &uses));
        }
    }
}
