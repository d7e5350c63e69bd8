//! What a response as HTTP libraries have it cannot say: faults that only bytes or the connection can show.
//!
//! A fault of this kind leaves a [`Wanted`] in the response's extensions. The proxy of this package does what is wanted;
//! a server of somebody else's may do so too, and then tells it by [`Wanted::done`], so that the fault has evidence.

use bytes::Bytes;
use http::Response;
use shakedown_scenarios::units::{Bandwidth, Size};
use tokio_util::sync::CancellationToken;

use crate::act::BadChunkKind;
use crate::set::Mark;

/// A fault on the bytes of a response, or on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFault {
    /// The head is sent at so many bytes a second.
    SlowHead {
        /// The rate, above zero.
        rate: Bandwidth,
    },
    /// `Content-Length` says this, and the body is sent as it is.
    WrongLength {
        /// What it says.
        claimed: u64,
    },
    /// The first chunk of a chunked body is broken.
    BadChunk {
        /// In which way.
        kind: BadChunkKind,
    },
    /// Bytes in the place of the whole response.
    Garbage {
        /// How many.
        size: Size,
        /// Where they come from: the stream `garbage` of this seed.
        seed: u64,
    },
    /// The HTTP/2 connection is told to go away once what is under way is done.
    GoAway,
}

/// The faults on bytes that a response is to have, in the order of their injection.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Vec<One>);

/// An answer before the answer, as the proxy finds it among a request's extensions. Since it comes before the server is
/// asked, the response is too late to want it.
#[derive(Clone, Debug)]
pub(crate) struct Interim {
    /// Its bytes, empty line included.
    pub(crate) head: Bytes,
    pub(crate) times: u16,
    pub(crate) mark: Mark,
}

#[derive(Clone, Debug)]
struct One {
    fault: WireFault,
    mark: Mark,
    healed: CancellationToken,
}

// === impl Wanted ===

impl Wanted {
    /// What a response is to have.
    #[must_use]
    pub fn of<B>(response: &Response<B>) -> Self {
        response.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// The faults.
    pub fn faults(&self) -> impl Iterator<Item = WireFault> {
        self.0.iter().map(|one| one.fault)
    }

    /// Tells that this fault was done, so that it counts as one that bit.
    pub fn done(&self, fault: WireFault) {
        for one in self.0.iter().filter(|one| one.fault == fault) {
            one.mark.bit();
        }
    }

    pub(crate) fn add(&mut self, fault: WireFault, mark: Mark, healed: CancellationToken) {
        self.0.push(One { fault, mark, healed });
    }

    /// Cancelled when the fault is healed that wants the head slow.
    pub(crate) fn slow_head(&self) -> Option<(Bandwidth, CancellationToken)> {
        self.0.iter().find_map(|one| match one.fault {
            WireFault::SlowHead { rate } => Some((rate, one.healed.clone())),
            _ => None,
        })
    }
}
