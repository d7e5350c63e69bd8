//! The short run, for tests: the committed corpus and a fixed number of mutations of it, the same ones each time.

use std::fs;
use std::path::PathBuf;

use shakedown_scenarios::seed::{Chance, Streams};

use crate::memory;

const SEED: u64 = 42;

/// The longest input, bytes.
const LONGEST: usize = 10 << 10;

/// What readers of numbers and lengths stumble over.
const NUMBERS: [&[u8]; 8] = [
    b"0",
    b"-1",
    b"65536",
    b"2147483648",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e308",
    b"0.0000000001",
];

const BYTES: [u8; 10] = [0, 1, 0x7f, 0x80, 0xc0, 0xff, b'\r', b'\n', b'"', b'('];

/// Shows the input in hand where a check panics.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the input was b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// Checks the corpus of a target and so many mutations of it. None of these inputs of at most 10 KiB may take more memory
/// than so many bytes; what a check keeps for itself counts too.
pub fn run(target: &str, mutations: u32, memory_max: usize, check: fn(&[u8])) {
    let corpus = corpus(target);
    assert!(corpus.len() >= 3, "the corpus of {target} is too small to be one");
    let mut most = 0;
    let mut tried = |input: &[u8]| {
        let _shown = Shown(input);
        let peak = memory::peak_of(|| check(input));
        assert!(peak <= memory_max, "{peak} bytes of memory for {} of input", input.len());
        most = most.max(peak);
    };
    corpus.iter().for_each(|input| tried(input));
    let mut chance = Streams::new(SEED).stream(target);
    for _ in 0..mutations {
        tried(&mutated(&corpus, &mut chance));
    }
    println!("{target}: {} and {mutations} mutations, at most {most} bytes of memory", corpus.len());
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = own.ancestors().map(|above| above.join("fuzz/corpus").join(target));
    let folder = folders.into_iter().find(|folder| folder.is_dir()).expect("the corpus is above the package");
    let entries = fs::read_dir(folder).expect("it is a folder");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("it can be read")).collect()
}

fn mutated(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let any = |chance: &mut Chance| corpus[chance.below(corpus.len() as u64) as usize].clone();
    let mut bytes = any(chance);
    for _ in 0..=chance.below(4) {
        let (from, to) = range(&bytes, chance);
        match chance.below(9) {
            0 if from < to => bytes[from] ^= 1 << chance.below(8),
            1 if from < to => bytes[from] = BYTES[chance.below(BYTES.len() as u64) as usize],
            2 => drop(bytes.drain(from..to)),
            3 => bytes.truncate(from),
            4 => insert(&mut bytes, from, NUMBERS[chance.below(NUMBERS.len() as u64) as usize]),
            5 => {
                let part = bytes[from..to].to_vec();
                insert(&mut bytes, to, &part);
            }
            6 => {
                // Much of the same: where it nests, where it adds up.
                let part = bytes[from..to.min(from + 8)].to_vec();
                let room = LONGEST.saturating_sub(bytes.len());
                let many = part.repeat(room / part.len().max(1));
                insert(&mut bytes, from, &many);
            }
            7 => {
                let other = any(chance);
                let (from_other, to_other) = range(&other, chance);
                bytes.truncate(from);
                bytes.extend_from_slice(&other[from_other..to_other]);
            }
            _ => {
                let other = any(chance);
                let (from_other, to_other) = range(&other, chance);
                insert(&mut bytes, from, &other[from_other..to_other]);
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// A part of some bytes; it may be empty.
fn range(bytes: &[u8], chance: &mut Chance) -> (usize, usize) {
    let from = chance.below(bytes.len() as u64 + 1) as usize;
    (from, from + chance.below((bytes.len() - from) as u64 + 1) as usize)
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}
