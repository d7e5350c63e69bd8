//! One fault on one request.

use std::sync::Arc;

use shakedown_scenarios::seed::Chance;
use tokio_util::sync::CancellationToken;

use super::{Live, Mark};
use crate::act::HttpAct;
use crate::wire::{Wanted, WireFault};

/// A fault that was chosen for a request, with the chance of this fault and this request.
#[derive(Debug)]
pub(crate) struct Bite {
    live: Arc<Live>,
    chance: Chance,
    mark: Mark,
}

// === impl Bite ===

impl Bite {
    pub(super) fn new(live: Arc<Live>, chance: Chance) -> Self {
        let mark = Mark::matched(Arc::clone(&live.tally));
        Self { live, chance, mark }
    }

    /// Where it stands among the faults on its request.
    pub(super) fn order(&self) -> u64 {
        self.live.order
    }

    #[cfg(test)]
    pub(super) fn id(&self) -> u32 {
        self.live.id
    }

    /// What it does. The act is apart from the bite, so that it can be told about it.
    pub(crate) fn act(&self) -> Acting {
        Acting(Arc::clone(&self.live))
    }

    /// Chance that nothing else draws from.
    pub(crate) fn chance(&mut self) -> &mut Chance {
        &mut self.chance
    }

    /// Where it says that it bit.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Cancelled when the fault is healed.
    pub(crate) fn healed(&self) -> &CancellationToken {
        &self.live.healed
    }

    /// Leaves a wish for whoever writes the bytes.
    pub(crate) fn want(&self, head: &mut http::response::Parts, fault: WireFault) {
        head.extensions.get_or_insert_default::<Wanted>().add(
            fault,
            self.mark.clone(),
            self.live.healed.clone(),
        );
    }

    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        use crate::fault::HttpFault;
        let faults = super::Faults::new(1);
        faults.inject(1, HttpFault::always(HttpAct::GoAway)).expect("the set is empty");
        let request = http::Request::new(()).into_parts().0;
        faults.touching(&request).bites.pop().expect("a fault for every request")
    }
}

/// The act of a fault that holds, or held when the request came.
pub(crate) struct Acting(Arc<Live>);

impl std::ops::Deref for Acting {
    type Target = HttpAct;

    fn deref(&self) -> &HttpAct {
        &self.0.act
    }
}
