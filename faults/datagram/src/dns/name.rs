//! Names of domains: labels, compared without regard to case, of bounded length.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// A name in the form of the wire, in lower case: each label behind its length, and a zero at the end. Never longer than
/// [`LONGEST_NAME`] bytes.
///
/// ```
/// use shakedown_datagram_faults::dns::Name;
///
/// let name: Name = "DB.example.test.".parse()?;
/// assert_eq!(name.to_string(), "db.example.test");
/// assert!("two..dots".parse::<Name>().is_err());
/// # Ok::<(), shakedown_datagram_faults::dns::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a name such as `db.example.test`: labels of 1 to 63 letters, digits, `-` and `_` (or a first label `*`), at most 253 characters; found `{0}`"
)]
pub struct NameError(String);

/// RFC 1035, section 2.3.4: 255 octets, lengths and the final zero included.
pub const LONGEST_NAME: usize = 255;

/// RFC 1035, section 2.3.4.
const LONGEST_LABEL: usize = 63;

// === impl Name ===

impl Name {
    /// Reads a name without pointers from its beginning; it, and how many bytes it took. `None` if there is none, or it is
    /// too long: then nothing beyond the longest name is looked at.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut end = 0;
        loop {
            let label = usize::from(*bytes.get(end)?);
            // Two high bits mean a pointer or something that was never defined.
            if label > LONGEST_LABEL || end + label + 1 > LONGEST_NAME {
                return None;
            }
            end += label + 1;
            if label == 0 {
                break;
            }
        }
        // Lengths are below `A`, so that this leaves them alone.
        Some((Self(bytes.get(..end)?.to_ascii_lowercase().into()), end))
    }

    /// The name above it; `None` above the root.
    pub(super) fn parent(wire: &[u8]) -> Option<&[u8]> {
        let label = usize::from(*wire.first()?);
        if label == 0 { None } else { wire.get(label + 1..) }
    }

    /// The name in the form of the wire.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError(text.chars().take(80).collect());
        let labels = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(labels.len() + 2);
        for (place, label) in labels.split('.').enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let is_right = label.bytes().all(plain) || (place == 0 && label == "*");
            let len = u8::try_from(label.len()).map_err(|_| wrong())?;
            if !is_right || len == 0 || usize::from(len) > LONGEST_LABEL {
                return Err(wrong());
            }
            wire.push(len);
            wire.extend(label.to_ascii_lowercase().bytes());
        }
        wire.push(0);
        if wire.len() > LONGEST_NAME { Err(wrong()) } else { Ok(Self(wire.into())) }
    }
}

impl fmt::Display for Name {
    /// Without the final dot; bytes that are not plain print as `\DDD` (RFC 1035, section 5.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire = &self.0[..];
        let mut first = true;
        while let Some(rest) = Self::parent(wire) {
            if !std::mem::take(&mut first) {
                f.write_str(".")?;
            }
            for byte in &wire[1..wire.len() - rest.len()] {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                    b'!'..=b'~' => write!(f, "{}", char::from(*byte))?,
                    other => write!(f, "\\{other:03}")?,
                }
            }
            wire = rest;
        }
        if first { f.write_str(".") } else { Ok(()) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_does_not_matter_and_the_wire_is_the_wire() {
        let name: Name = "Db.Test".parse().unwrap();
        assert_eq!(name.wire(), b"\x02db\x04test\x00");
        assert_eq!(Name::read(b"\x02dB\x04TEST\x00more"), Some((name, 9)));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(64);
        let longest = format!("{0}.{0}.{0}.{0}", "a".repeat(63));
        for text in ["", ".", "..", "a..b", ".a", "a b", "ä.test", "a.*", "a*", &long, &longest] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
        for bytes in [&b""[..], b"\x01", b"\x01a", b"\xc0\x0c", b"\x40a\x00", &[1; 300], &[63; 300]] {
            assert_eq!(Name::read(bytes), None, "{bytes:?}");
        }
        assert!("a".repeat(63).parse::<Name>().is_ok());
        assert!("*.test".parse::<Name>().is_ok());
    }

    #[test]
    fn odd_bytes_print_as_numbers() {
        let (name, _) = Name::read(b"\x04a.\\\x07\x00").unwrap();
        assert_eq!(name.to_string(), r"a\.\\\007");
        assert_eq!(Name::read(b"\x00").unwrap().0.to_string(), ".");
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_short_and_prints(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Some((name, took)) = Name::read(&bytes) {
                prop_assert!(took <= LONGEST_NAME && name.wire().len() == took);
                prop_assert!(name.to_string().len() <= LONGEST_NAME * 4);
            }
        }

        #[test]
        fn a_plain_name_reads_back(labels in prop::collection::vec("[a-z0-9_-]{1,20}", 1..10)) {
            let text = labels.join(".");
            let name: Name = text.parse().unwrap();
            prop_assert_eq!(name.to_string(), text);
            prop_assert_eq!(Name::read(name.wire()).map(|(read, _)| read), Some(name));
        }
    }
}
