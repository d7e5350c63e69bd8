//! The endpoints of a window, packed into one value: each with its name, its counts and its histogram.
//!
//! All of them stand in the window's own row, so that a window is never without some of its parts.

use std::collections::BTreeMap;

use super::counts::{Counts, CountsError};
use super::varint;

/// One kind of request of a workload's mix in one second: what completed in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSecond {
    /// Its name: `GET /items/{n}`.
    pub name: String,
    /// Right answers.
    pub ok: u64,
    /// Failed requests by class.
    pub errors: BTreeMap<String, u64>,
    /// Latency of right answers as in the window, whose histogram is the sum of these.
    pub latency: Counts,
}

/// Why bytes are no endpoints.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    /// They end early.
    #[error("expected the endpoints of a window, found bytes that end early after {0} of them")]
    Torn(usize),
    /// A name or a class is no text.
    #[error("expected a name in UTF-8, found something else in endpoint {0}")]
    Name(usize),
    /// A histogram is none.
    #[error("expected a histogram")]
    Counts(#[from] CountsError),
}

/// As bytes: for each endpoint its name, `ok`, the number of classes, each with its count, and the histogram. Texts and
/// histograms have their length before them; numbers are LEB128.
#[must_use]
pub fn encode(endpoints: &[EndpointSecond]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for EndpointSecond { name, ok, errors, latency } in endpoints {
        put(&mut bytes, name.as_bytes());
        varint::put(&mut bytes, *ok);
        varint::put(&mut bytes, errors.len() as u64);
        for (class, count) in errors {
            put(&mut bytes, class.as_bytes());
            varint::put(&mut bytes, *count);
        }
        put(&mut bytes, &latency.encode());
    }
    bytes
}

/// From bytes that [`encode`] made; none at all are no endpoints.
///
/// # Errors
///
/// Bytes that end early, texts that are none, and what [`Counts::decode`] refuses.
pub fn decode(bytes: &[u8]) -> Result<Vec<EndpointSecond>, EndpointsError> {
    let mut rest = Rest { bytes, at: 0 };
    let mut endpoints = Vec::new();
    while rest.at < bytes.len() {
        let found = endpoints.len();
        let torn = || EndpointsError::Torn(found);
        let name = text(rest.piece().ok_or_else(torn)?, found)?;
        let ok = rest.number().ok_or_else(torn)?;
        let mut errors = BTreeMap::new();
        for _ in 0..rest.number().ok_or_else(torn)? {
            let class = text(rest.piece().ok_or_else(torn)?, found)?;
            errors.insert(class, rest.number().ok_or_else(torn)?);
        }
        let latency = Counts::decode(rest.piece().ok_or_else(torn)?)?;
        endpoints.push(EndpointSecond { name, ok, errors, latency });
    }
    Ok(endpoints)
}

fn put(bytes: &mut Vec<u8>, piece: &[u8]) {
    varint::put(bytes, piece.len() as u64);
    bytes.extend_from_slice(piece);
}

fn text(bytes: &[u8], endpoint: usize) -> Result<String, EndpointsError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| EndpointsError::Name(endpoint))
}

/// What has not been taken yet.
struct Rest<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Rest<'b> {
    fn number(&mut self) -> Option<u64> {
        varint::take(self.bytes, &mut self.at)
    }

    fn piece(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let end = self.at.checked_add(length)?;
        let piece = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::counts::Tally;

    fn counts(values: &[u64]) -> Counts {
        let mut histogram = Counts::default().histogram();
        values.iter().for_each(|value| histogram.saturating_record(*value));
        Counts::of(&histogram)
    }

    fn any_endpoint() -> impl Strategy<Value = EndpointSecond> {
        let errors = prop::collection::btree_map("[a-z]{0,9}", any::<u64>(), 0..4);
        (".{0,20}", any::<u64>(), errors, prop::collection::vec(1..3_600_000_000_u64, 0..30)).prop_map(
            |(name, ok, errors, values)| EndpointSecond { name, ok, errors, latency: counts(&values) },
        )
    }

    #[test]
    fn no_bytes_are_no_endpoints() {
        assert!(decode(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let one = EndpointSecond { name: "GET /".into(), ok: 3, ..EndpointSecond::default() };
        let bytes = encode(&[one]);
        let torn = decode(&bytes[..bytes.len() - 1]).unwrap_err().to_string();
        assert_eq!(torn, "expected the endpoints of a window, found bytes that end early after 0 of them");
        assert!(matches!(decode(&[1, 0xff, 0, 0, 0]), Err(EndpointsError::Name(0))));
        assert!(matches!(decode(&[0, 0, 0, 1, 0x80]), Err(EndpointsError::Counts(_))));
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(endpoints in prop::collection::vec(any_endpoint(), 0..6)) {
            prop_assert_eq!(decode(&encode(&endpoints)).unwrap(), endpoints);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
        }

        /// Histograms of the same bounds add up exactly, packed or not.
        #[test]
        fn the_sum_of_the_parts_is_the_whole(parts in prop::collection::vec(prop::collection::vec(1..9_999_u64, 0..30), 1..5)) {
            let (mut sum, mut whole) = (Tally::default(), Tally::default());
            parts.iter().for_each(|part| sum.add(&counts(part)));
            whole.add(&counts(&parts.concat()));
            for share in [0.0, 0.5, 0.99, 1.0] {
                prop_assert_eq!(sum.quantile(share), whole.quantile(share));
            }
        }
    }
}
