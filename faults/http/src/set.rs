//! The faults that hold now, and what each of them did.
//!
//! A set never changes: a new one takes its place, and a request looks at one set from beginning to end. So a change
//! holds for every request that comes after it, and control never waits for requests. What waits because of a fault goes
//! on as soon as that fault is healed.

mod bite;
mod tally;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use http::StatusCode;
use http::request::Parts;
use shakedown_faults::proof::Healed;
use shakedown_scenarios::seed::Streams;
use tokio_util::sync::CancellationToken;

pub(crate) use bite::Bite;
pub use tally::Evidence;
pub(crate) use tally::{Mark, Tally};

use crate::act::HttpAct;
use crate::clock::Clock;
use crate::fault::HttpFault;
use crate::layer::FaultLayer;
use crate::matching::Matcher;
use crate::problem::Problems;

/// A set of faults that can be changed while requests are under way. Clones are the same set.
#[derive(Clone, Debug)]
pub struct Faults {
    shared: Arc<Shared>,
}

/// Why a fault could not be injected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// The number is in use.
    #[error("injection {0} holds already; heal it first or use another number")]
    Taken(u32),
    /// It cannot be done as it is written.
    #[error(transparent)]
    Wrong(#[from] Problems),
}

#[derive(Debug)]
struct Shared {
    streams: Streams,
    holding: RwLock<Arc<Vec<Arc<Live>>>>,
    told: Mutex<Told>,
}

/// What is remembered of injections that hold and of the last ones that held.
#[derive(Debug, Default)]
struct Told {
    /// How many there have been.
    count: u64,
    /// Their tallies, each with its place in that count.
    tallies: BTreeMap<u32, (u64, Arc<Tally>)>,
}

/// At most so many injections are remembered. Beyond that the oldest that were healed are forgotten.
pub const KEPT: usize = 1_024;

/// A fault that holds.
#[derive(Debug)]
pub(crate) struct Live {
    id: u32,
    /// Grows from injection to injection.
    order: u64,
    /// Since its injection.
    clock: Clock,
    matcher: Matcher,
    pub(crate) act: HttpAct,
    /// How many requests fitted, or responses where their status matters.
    fitted: AtomicU64,
    pub(crate) tally: Arc<Tally>,
    pub(crate) healed: CancellationToken,
}

/// What holds for one request.
#[derive(Debug)]
pub(crate) struct Touched {
    /// Faults that were chosen for it, in the order of their injection.
    pub(crate) bites: Vec<Bite>,
    /// Faults that want to know its response first: the status, and then maybe how the body begins.
    waiting: Vec<Arc<Live>>,
}

// === impl Touched ===

impl Touched {
    pub(crate) fn is_nothing(&self) -> bool {
        self.bites.is_empty() && self.waiting.is_empty()
    }

    /// Whether a fault that fits by the status still wants to know how the body begins.
    pub(crate) const fn wants_body(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Returns when all faults are healed that wait for something.
    pub(crate) async fn all_healed(&self) {
        for live in &self.waiting {
            live.healed.cancelled().await;
        }
    }
}

// === impl Faults ===

impl Faults {
    /// An empty set. All chance in it comes from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let streams = Streams::new(seed);
        let shared = Shared { streams, holding: RwLock::default(), told: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// A layer that does what this set says at any moment.
    #[must_use]
    pub fn layer(&self) -> FaultLayer {
        FaultLayer::new(self.clone())
    }

    /// Makes a fault hold, for every request that comes after this call returned. Requests are numbered anew for it.
    ///
    /// # Errors
    /// If the number names a fault that holds, or the fault cannot be done as it is written. Nothing is changed then.
    pub fn inject(&self, id: u32, fault: HttpFault) -> Result<(), InjectError> {
        let matcher = fault.compile()?;
        let mut told = self.told();
        let holding = self.holding();
        if holding.iter().any(|live| live.id == id) {
            return Err(InjectError::Taken(id));
        }
        let tally = Arc::new(Tally::default());
        let live = Live {
            id,
            order: told.count,
            clock: Clock::start(),
            matcher,
            act: fault.act,
            fitted: AtomicU64::new(0),
            tally: Arc::clone(&tally),
            healed: CancellationToken::new(),
        };
        told.add(id, tally, |id| holding.iter().any(|live| live.id == id));
        self.publish(holding.iter().cloned().chain([Arc::new(live)]).collect());
        Ok(())
    }

    /// Ends a fault and says what is seen of it. Ending one that does not hold is no error: healing is idempotent.
    pub fn heal(&self, id: u32) -> Healed {
        // Held throughout, so that two changes cannot overwrite each other.
        let _told = self.told();
        let holding = self.holding();
        let Some(gone) = holding.iter().find(|live| live.id == id) else {
            return Healed::proven(format!("injection {id} does not hold on this HTTP service"));
        };
        self.publish(holding.iter().filter(|live| live.id != id).cloned().collect());
        gone.healed.cancel();
        match self.holding().iter().any(|live| live.id == id) {
            true => Healed::unproven(format!("injection {id} is still among the faults of this service")),
            false => Healed::proven(format!("requests pass without injection {id}, and none waits for it")),
        }
    }

    /// What a fault did so far, or had done when it was healed; `None` for a number that was never used or is forgotten
    /// (of what was healed, at least the last [`KEPT`] less those that hold are remembered).
    #[must_use]
    pub fn evidence(&self, id: u32) -> Option<Evidence> {
        self.told().tallies.get(&id).map(|(_, tally)| tally.evidence())
    }

    /// The faults that hold for a request. It counts the request for each one that it fits and that does not wait for the
    /// response.
    pub(crate) fn touching(&self, request: &Parts) -> Touched {
        // Without faults, which is nearly always, nothing is allocated here.
        let mut touched = Touched { bites: Vec::new(), waiting: Vec::new() };
        for live in self.holding().iter().filter(|live| live.has_begun() && live.matcher.fits(request)) {
            if live.matcher.wants_response() {
                touched.waiting.push(Arc::clone(live));
            } else {
                touched.bites.extend(self.choose(live));
            }
        }
        touched
    }

    /// Adds the faults that have waited for a response with this status, and still hold. Those that want to know its body
    /// too wait on.
    pub(crate) fn answered(&self, touched: &mut Touched, status: StatusCode) {
        touched.waiting.retain(|live| live.matcher.fits_status(status));
        let fit = touched.waiting.extract_if(.., |live| !live.matcher.wants_body()).collect();
        self.add(touched, fit);
    }

    /// Adds the faults that have waited for a body which begins like this, and still hold.
    pub(crate) fn read(&self, touched: &mut Touched, beginning: &[u8]) {
        let mut waiting = std::mem::take(&mut touched.waiting);
        waiting.retain(|live| live.matcher.fits_body(beginning));
        self.add(touched, waiting);
    }

    fn add(&self, touched: &mut Touched, fit: Vec<Arc<Live>>) {
        for live in fit.iter().filter(|live| !live.healed.is_cancelled()) {
            touched.bites.extend(self.choose(live));
        }
        touched.bites.sort_by_key(Bite::order);
    }

    fn choose(&self, live: &Arc<Live>) -> Option<Bite> {
        let number = live.fitted.fetch_add(1, Relaxed);
        let mut chance = self.shared.streams.stream(&format!("http/{}/{number}", live.id));
        live.matcher.chooses(number, &mut chance).then(|| Bite::new(Arc::clone(live), chance))
    }

    fn holding(&self) -> Arc<Vec<Arc<Live>>> {
        Arc::clone(&self.shared.holding.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, faults: Vec<Arc<Live>>) {
        // Readers hold it for the length of a clone of an `Arc`.
        *self.shared.holding.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        // Nothing panics while it is held; if something did, the map would still be whole.
        self.shared.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Told ===

impl Told {
    fn add(&mut self, id: u32, tally: Arc<Tally>, holds: impl Fn(u32) -> bool) {
        self.tallies.insert(id, (self.count, tally));
        self.count += 1;
        while self.tallies.len() > KEPT {
            let healed = self.tallies.iter().filter(|(other, _)| **other != id && !holds(**other));
            let Some((&oldest, _)) = healed.min_by_key(|(_, (since, _))| *since) else { return };
            self.tallies.remove(&oldest);
        }
    }
}

// === impl Live ===

impl Live {
    fn has_begun(&self) -> bool {
        self.matcher.after().is_none_or(|after| self.clock.now() >= after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::Match;
    use shakedown_scenarios::units::{Ratio, Span};

    fn half() -> HttpFault {
        HttpFault {
            matches: Match { share: Ratio::new(0.5), ..Match::default() },
            act: HttpAct::KeepAliveClose,
        }
    }

    fn get(path: &str) -> Parts {
        http::Request::get(path).body(()).unwrap().into_parts().0
    }

    /// Which of so many requests a fault bites.
    fn bitten(faults: &Faults, id: u32, count: usize) -> Vec<bool> {
        (0..count).map(|_| faults.touching(&get("/")).bites.iter().any(|bite| bite.id() == id)).collect()
    }

    #[test]
    fn a_fault_more_does_not_change_what_another_one_bites() {
        let alone = Faults::new(42);
        alone.inject(1, half()).unwrap();
        let expected = bitten(&alone, 1, 200);
        let among = Faults::new(42);
        for id in [0, 1, 2] {
            among.inject(id, half()).unwrap();
        }
        assert_eq!(bitten(&among, 1, 100), expected[..100]);
        let _ = among.heal(0);
        assert_eq!(bitten(&among, 1, 100), expected[100..]);
        assert_ne!(bitten(&among, 2, 200), expected);
    }

    // The stream `http/1/n` of seed 42, whose first number is above or below one half. Computed by a second
    // implementation in another language, not copied from the output of this one.
    #[test]
    fn a_seed_bites_the_same_requests_for_ever() {
        let faults = Faults::new(42);
        faults.inject(1, half()).unwrap();
        let seen: String = bitten(&faults, 1, 24).iter().map(|bit| if *bit { '#' } else { '.' }).collect();
        assert_eq!(seen, "##..##..#.##.#.##.#####.");
    }

    #[test]
    fn a_number_is_used_once_at_a_time_and_keeps_its_evidence() {
        let faults = Faults::new(1);
        faults.inject(3, half()).unwrap();
        assert_eq!(faults.inject(3, half()), Err(InjectError::Taken(3)));
        bitten(&faults, 3, 50);
        assert!(faults.heal(3).proven && faults.heal(3).proven);
        let seen = faults.evidence(3).unwrap();
        assert!(seen.matched > 0);
        bitten(&faults, 3, 50);
        assert_eq!(faults.evidence(3), Some(seen), "what was healed counts no more");
        assert_eq!(faults.evidence(4), None);
        faults.inject(3, half()).unwrap();
        assert_eq!(faults.evidence(3).unwrap().matched, 0);
    }

    #[test]
    fn it_never_remembers_more_than_it_says_and_never_forgets_what_holds() {
        let faults = Faults::new(1);
        faults.inject(5_000, half()).unwrap();
        // Downwards, so that age is not the order of the numbers.
        for id in (1..2_000).rev() {
            faults.inject(id, half()).unwrap();
            assert!(faults.heal(id).proven);
        }
        assert_eq!(faults.told().tallies.len(), KEPT);
        assert!(faults.evidence(5_000).is_some() && faults.evidence(1_999).is_none());
        assert!(faults.evidence(1).is_some());
    }

    fn closing(matches: Match) -> HttpFault {
        HttpFault { matches, act: HttpAct::KeepAliveClose }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_begins_so_long_after_its_injection_and_numbers_from_there() {
        let faults = Faults::new(1);
        let after = Span::secs(60);
        faults.inject(1, closing(Match { after: Some(after), first: Some(2), ..Match::default() })).unwrap();
        assert_eq!(bitten(&faults, 1, 3), [false; 3]);
        tokio::time::advance(after.duration()).await;
        assert_eq!(bitten(&faults, 1, 3), [true, true, false]);
    }

    #[test]
    fn a_status_is_waited_for_and_counts_from_response_to_response() {
        let faults = Faults::new(1);
        let every_second = Match { status: vec![503], every: Some(2), ..Match::default() };
        faults.inject(9, closing(every_second)).unwrap();
        faults.inject(1, closing(Match::default())).unwrap();
        let answered = |status| {
            let mut touched = faults.touching(&get("/"));
            assert_eq!(touched.bites.len(), 1, "it was not waited for");
            faults.answered(&mut touched, StatusCode::from_u16(status).unwrap());
            touched.bites.iter().map(Bite::id).collect::<Vec<_>>()
        };
        let seen = [503, 200, 503, 503, 200, 503].map(answered);
        assert_eq!(seen, [vec![1], vec![1], vec![9, 1], vec![1], vec![1], vec![9, 1]]);
        let mut touched = faults.touching(&get("/"));
        let mut later = faults.touching(&get("/"));
        faults.answered(&mut later, StatusCode::SERVICE_UNAVAILABLE);
        assert!(faults.heal(9).proven);
        faults.answered(&mut touched, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(touched.bites.len(), 1, "what was healed meanwhile is not begun");
    }

    #[test]
    fn what_cannot_be_done_is_not_injected() {
        let faults = Faults::new(1);
        let wrong = HttpFault { matches: Match { every: Some(0), ..Match::default() }, ..half() };
        assert!(matches!(faults.inject(1, wrong), Err(InjectError::Wrong(_))));
        assert_eq!(faults.evidence(1), None);
    }
}
