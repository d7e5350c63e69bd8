//! Hashes of short keys: quick, the same on every machine, and not meant to withstand anybody.

/// Odd numbers with well-spread bits: the fractions of the golden ratio and of the square roots of 2 and 3.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const ROOT_2: u64 = 0x6a09_e667_f3bc_c909;
const ROOT_3: u64 = 0xbb67_ae85_84ca_a73b;

/// Two words made one, by folding their product of 128 bits.
#[inline]
#[must_use]
pub const fn mix(left: u64, right: u64) -> u64 {
    let product = (left ^ ROOT_2) as u128 * (right ^ ROOT_3) as u128;
    (product as u64) ^ ((product >> 64) as u64) ^ right.rotate_left(32).wrapping_mul(GOLDEN)
}

/// Bytes made one word.
#[must_use]
pub fn bytes(text: &[u8]) -> u64 {
    let mut hash = mix(text.len() as u64, GOLDEN);
    let mut words = text.chunks_exact(8);
    for word in words.by_ref() {
        hash = mix(hash, word.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    mix(hash, words.remainder().iter().fold(1, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_and_their_extensions_differ() {
        let texts = ["", "0", "00", "a", "b", "ab", "ba", "12345678", "123456780", "1234567\0", "1234567"];
        let hashes: std::collections::BTreeSet<u64> =
            texts.iter().map(|text| bytes(text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
    }
}
