//! Memory that is really taken: mapped, and every page written with something that cannot be merged or compressed away.

use std::ffi::c_void;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use procfs::process::Process;
use shakedown_scenarios::units::Span;

/// Memory of which a part is touched so far.
#[derive(Debug)]
pub(super) struct Memory {
    region: Region,
    touched: usize,
    ramp: Span,
    /// What this process had before.
    before: u64,
}

/// A private mapping; unmapped when dropped.
#[derive(Debug)]
struct Region {
    start: NonNull<c_void>,
    length: NonZeroUsize,
}

/// How much is touched between two looks at the room that is left: some ten milliseconds' worth.
const STEP: usize = 32 << 20;

// === impl Memory ===

impl Memory {
    /// Reserves addresses; nothing is taken yet.
    pub(super) fn reserve(bytes: u64, ramp: Span) -> io::Result<Self> {
        let length = usize::try_from(bytes).ok().and_then(NonZeroUsize::new);
        let region = Region::map(length.ok_or(io::ErrorKind::InvalidInput)?)?;
        Ok(Self { region, touched: 0, ramp, before: resident()? })
    }

    /// Touches what should be taken when so much time has passed, but not much at once; whether more should be.
    pub(super) fn grow(&mut self, passed: Span) -> bool {
        let wanted = wanted(self.region.length.get(), passed, self.ramp);
        let until = wanted.min(self.touched + STEP);
        self.region.touch(self.touched, until);
        self.touched = self.touched.max(until);
        self.touched < wanted
    }

    /// How much is really there.
    pub(super) fn resident(&self) -> io::Result<u64> {
        Ok(resident()?.saturating_sub(self.before))
    }
}

/// A straight line from nothing to all of it.
fn wanted(length: usize, passed: Span, ramp: Span) -> usize {
    if passed >= ramp {
        return length;
    }
    let share = passed.as_secs_f64() / ramp.as_secs_f64();
    ((length as f64 * share) as usize).min(length)
}

/// This process's resident memory in bytes.
fn resident() -> io::Result<u64> {
    let pages = Process::myself().and_then(|process| process.statm()).map_err(io::Error::other)?.resident;
    Ok(pages * procfs::page_size())
}

// === impl Region ===

impl Region {
    fn map(length: NonZeroUsize) -> io::Result<Self> {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // Without a reservation nothing is promised to us that others might need; what is touched is taken.
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: a new private mapping at an address that the kernel chooses; nothing else refers to it.
        let start = unsafe { mmap_anonymous(None, length, protection, flags) }?;
        Ok(Self { start, length })
    }

    /// Writes every word from one byte to another (both rounded down to words) with numbers that have no pattern.
    fn touch(&mut self, from: usize, until: usize) {
        const WORD: usize = size_of::<u64>();
        // SAFETY: the mapping is ours alone, page aligned, readable and writable for its whole length, and any bytes
        // are a valid `u64`; `&mut self` keeps other slices away.
        let words = unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr().cast::<u64>(), self.length.get() / WORD)
        };
        let mut mixed = from as u64;
        for word in &mut words[from / WORD..until / WORD] {
            *word = scramble(&mut mixed);
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this start and length, and no slice of it outlives a call.
        let _ = unsafe { munmap(self.start, self.length.get()) };
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn scramble(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_in_a_straight_line() {
        let ramp = Span::secs(10);
        let cases = [(0, 0), (1, 100), (5, 500), (10, 1_000), (99, 1_000)];
        for (second, expected) in cases {
            assert_eq!(wanted(1_000, Span::secs(second), ramp), expected, "after {second} s");
        }
        assert_eq!(wanted(1_000, Span::ZERO, Span::ZERO), 1_000);
    }

    #[test]
    fn what_is_touched_is_really_there_and_gone_when_dropped() {
        const BYTES: u64 = 100 << 20;
        let mut memory = Memory::reserve(BYTES, Span::ZERO).unwrap();
        let mut steps = 1;
        while memory.grow(Span::ZERO) {
            steps += 1;
        }
        assert_eq!(steps, 4, "a hundred mebibytes in steps of {STEP}");
        let taken = memory.resident().unwrap();
        assert!(taken >= BYTES * 9 / 10, "{taken}");
        let before = memory.before;
        drop(memory);
        assert!(resident().unwrap() < before + BYTES / 2);
    }

    #[test]
    fn more_than_there_are_addresses_is_an_error() {
        assert!(Memory::reserve(u64::MAX, Span::ZERO).is_err());
        assert!(Memory::reserve(0, Span::ZERO).is_err());
    }
}
