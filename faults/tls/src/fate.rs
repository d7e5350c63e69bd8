//! What becomes of one connection.

use std::sync::Arc;

use shakedown_scenarios::units::Span;

use crate::{Flaw, Injection, TlsFault};

/// The faults that hit a connection, each in its place of the handshake. Of several that want the same place, the one
/// that was injected first has it; stalls are all kept, for the longest counts.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// What keeps the ClientHello from being answered.
    pub stalls: Vec<Arc<Injection>>,
    /// What ends the handshake: an alert or a reset.
    pub ending: Option<Arc<Injection>>,
    /// Whose certificate is shown.
    pub certificate: Option<Arc<Injection>>,
    /// What keeps newer versions from being offered.
    pub capped: Option<Arc<Injection>>,
    /// What ends the connection without a close_notify.
    pub truncated: Option<Arc<Injection>>,
}

/// For how much longer a ClientHello is left without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stalled {
    /// It is not, or no longer.
    No,
    /// For so long, if nothing heals before.
    For(Span),
    /// Until something heals.
    UntilHealed,
}

// === impl Fate ===

impl Fate {
    pub(crate) fn add(&mut self, injection: &Arc<Injection>) {
        let place = match injection.fault {
            TlsFault::HandshakeStall { .. } => return self.stalls.push(Arc::clone(injection)),
            TlsFault::Alert { .. } | TlsFault::Reset { .. } => &mut self.ending,
            TlsFault::VersionCap { .. } => &mut self.capped,
            TlsFault::Truncate { .. } => &mut self.truncated,
            TlsFault::ExpiredCertificate { .. }
            | TlsFault::NotYetValid { .. }
            | TlsFault::SelfSigned { .. }
            | TlsFault::WrongHost { .. } => &mut self.certificate,
        };
        place.get_or_insert_with(|| Arc::clone(injection));
    }

    /// For how much longer nothing is answered, where the ClientHello has `waited` already.
    #[must_use]
    pub fn stalled(&self, waited: Span) -> Stalled {
        let mut longest = Span::ZERO;
        for stall in &self.stalls {
            match stall.fault {
                TlsFault::HandshakeStall { length: Some(length), .. } => longest = longest.max(length),
                _ => return Stalled::UntilHealed,
            }
        }
        let left = longest.minus(waited);
        if left.is_zero() { Stalled::No } else { Stalled::For(left) }
    }

    /// What is wrong with the certificate that is shown, if anything is.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        self.certificate.as_ref().and_then(|injection| injection.fault.flaw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Alert, Faults, Moment};
    use shakedown_scenarios::seed::Streams;
    use shakedown_scenarios::units::Ratio;

    fn fate(faults: &[TlsFault]) -> Fate {
        let with = |set: Faults, (id, fault): (u32, &TlsFault)| set.with(id, *fault).unwrap();
        (0..).zip(faults).fold(Faults::default(), with).fate(Streams::new(1), 0)
    }

    fn stall(length: Option<Span>) -> TlsFault {
        TlsFault::HandshakeStall { length, probability: Ratio::new(1.0).unwrap() }
    }

    #[test]
    fn the_longest_stall_counts_and_none_is_longer_than_one_without_length() {
        let (short, long) = (Some(Span::secs(1)), Some(Span::secs(3)));
        assert_eq!(fate(&[]).stalled(Span::ZERO), Stalled::No);
        let both = fate(&[stall(long), stall(short)]);
        assert_eq!(both.stalled(Span::secs(2)), Stalled::For(Span::secs(1)));
        assert_eq!(both.stalled(Span::secs(3)), Stalled::No);
        assert_eq!(fate(&[stall(short), stall(None)]).stalled(Span::secs(9)), Stalled::UntilHealed);
    }

    #[test]
    fn of_two_for_one_place_the_first_has_it_and_places_go_together() {
        let probability = Ratio::new(1.0).unwrap();
        let fate = fate(&[
            TlsFault::WrongHost { probability },
            TlsFault::ExpiredCertificate { probability },
            TlsFault::VersionCap { probability },
            TlsFault::Truncate { after: None, probability },
            TlsFault::Reset { at: Moment::ClientHello, probability },
            TlsFault::Alert { description: Alert::UnknownCa, probability },
        ]);
        assert_eq!(fate.flaw(), Some(Flaw::WrongHost));
        assert!(fate.capped.is_some() && fate.truncated.is_some());
        assert!(matches!(fate.ending.unwrap().fault, TlsFault::Reset { .. }));
    }
}
