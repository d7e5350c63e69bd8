//! Whole numbers in as few bytes as they need (LEB128): seven bits a byte, low ones first, the top bit says "more".

/// Appends a number.
pub fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes the number at `at` and moves `at` behind it; `None` where it is torn or does not fit 64 bits.
pub fn take(bytes: &[u8], at: &mut usize) -> Option<u64> {
    // Nearly all are below 128.
    let first = *bytes.get(*at)?;
    if first < 0x80 {
        *at += 1;
        return Some(u64::from(first));
    }
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let part = u64::from(byte & 0x7f);
        number |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(numbers in prop::collection::vec(any::<u64>(), 0..20)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| put(&mut bytes, *number));
            let mut at = 0;
            for number in numbers {
                prop_assert_eq!(take(&bytes, &mut at), Some(number));
            }
            prop_assert_eq!(at, bytes.len());
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        assert_eq!(take(&[0xff; 12], &mut 0), None);
        assert_eq!(take(&[0x80], &mut 0), None);
    }
}
