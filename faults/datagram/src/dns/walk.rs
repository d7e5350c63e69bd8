//! Walking over the records of a message, without reading more of them than where they end.

/// Where a record stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its type.
    pub(super) kind: u16,
    /// Its class; a requestor's payload size for OPT.
    pub(super) class: u16,
    /// Where its four bytes of TTL are.
    pub(super) ttl: usize,
    /// Whether its name is the root, as that of OPT has to be.
    pub(super) is_of_root: bool,
    /// Where the next one begins.
    pub(super) end: usize,
}

/// Two bytes, the higher first.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([pair[0], pair[1]]))
}

/// The record that begins here; `None` if it does not end within the message.
pub(super) fn record(bytes: &[u8], at: usize) -> Option<Place> {
    let name_end = skip_name(bytes, at)?;
    let (kind, class) = (number(bytes, name_end)?, number(bytes, name_end + 2)?);
    let ttl = name_end + 4;
    let end = name_end + 10 + usize::from(number(bytes, name_end + 8)?);
    let is_of_root = name_end == at + 1;
    (end <= bytes.len()).then_some(Place { kind, class, ttl, is_of_root, end })
}

/// Where a name ends. A pointer ends it; it is not followed, so that nothing can go in circles.
pub(super) fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            label @ 1..=63 => at += label + 1,
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
}
