//! What happened in each second, in memory that does not grow.
//!
//! A second is open until the pacer has passed its end; by then everything that was due or completed in it is here. A
//! histogram counts from 1 µs to 1 h with two significant digits: a value is told within 0.8 % for 26 KiB (three digits
//! would take 184 KiB a histogram). Histograms are emptied and used again. A mix of several endpoints has one for each in
//! which something completed; the workload's own is their sum, which is exact.

use std::collections::{BTreeMap, VecDeque};

use hdrhistogram::Histogram;
use shakedown_reports::journal::{Example, Window};

use crate::client::ErrorClass;
use crate::endpoints::{Endpoints, Part};
use crate::examples::Examples;

/// The longest time that a histogram tells, in microseconds: one hour. What takes longer counts as this.
pub const LATENCY_MICROS_MAX: u64 = 3_600_000_000;
/// Significant decimal digits of every histogram.
pub const SIGNIFICANT_DIGITS: u8 = 2;

const SECOND: u64 = 1_000_000_000;

/// A histogram with the bounds that all windows use, so that any two can be added.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that the library accepts")
}

/// Collects what happens and hands it out by the second.
#[derive(Debug)]
pub(crate) struct Recorder {
    workload: String,
    /// The open seconds in order; the first one is `first`. Never empty.
    open: VecDeque<Second>,
    first: u64,
    spare: Vec<Times>,
    clamped: u64,
    endpoints: Endpoints,
    examples: Examples,
}

#[derive(Debug, Default)]
struct Second {
    due: u64,
    sent: u64,
    ok: u64,
    errors: [u64; ErrorClass::ALL.len()],
    dropped: u64,
    received: u64,
    /// Only a second in which something was due or completed needs histograms.
    times: Option<Times>,
    /// By endpoint; empty where the workload has one, and as long as nothing completed.
    parts: Vec<Option<Part>>,
    examples: Vec<Example>,
}

#[derive(Debug)]
struct Times {
    latency: Histogram<u64>,
    service: Histogram<u64>,
    late: Histogram<u64>,
}

/// The life of a request up to its end; all in nanoseconds since the start of the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// When it was due.
    pub due: u64,
    /// When a connection took it up.
    pub sent: u64,
    /// When its answer was whole, or was given up.
    pub done: u64,
    /// Its kind: an index into the mix.
    pub kind: u32,
}

// === impl Recorder ===

impl Recorder {
    /// A recorder at the start of a load, with the name of each kind of its mix.
    pub(crate) fn new(workload: &str, kinds: &[String]) -> Self {
        Self {
            workload: workload.to_owned(),
            open: VecDeque::from([Second::default()]),
            first: 0,
            spare: Vec::new(),
            clamped: 0,
            endpoints: Endpoints::new(kinds),
            examples: Examples::default(),
        }
    }

    /// A request was due at `due`; the pacer came to it at `now`. Counts in the second in which it was due.
    pub(crate) fn due(&mut self, due: u64, now: u64) {
        self.second(due).due += 1;
        let late = micros(now.saturating_sub(due));
        self.times(due).late.saturating_record(late);
    }

    /// A request found no place to wait in.
    pub(crate) fn dropped(&mut self, now: u64, count: u64) {
        self.second(now).dropped += count;
    }

    /// A connection took a request up.
    pub(crate) fn sent(&mut self, now: u64) {
        self.second(now).sent += 1;
    }

    /// Bytes came.
    pub(crate) fn received(&mut self, now: u64, bytes: u64) {
        self.second(now).received += bytes;
    }

    /// A request came to its end.
    pub(crate) fn done(&mut self, course: Course, verdict: Result<(), ErrorClass>) {
        let Course { due, sent, done, kind } = course;
        let (latency, service) = (micros(done.saturating_sub(due)), micros(done.saturating_sub(sent)));
        match verdict {
            Ok(()) => {
                self.clamped += u64::from(latency > LATENCY_MICROS_MAX);
                self.second(done).ok += 1;
                self.times(done).service.saturating_record(service);
                match self.part(done, kind) {
                    Some(part) => part.right(latency),
                    None => self.times(done).latency.saturating_record(latency),
                }
            }
            Err(class) => {
                self.second(done).errors[class as usize] += 1;
                if let Some(part) = self.part(done, kind) {
                    part.wrong(class);
                }
            }
        }
    }

    /// Whether a request of this kind that fails so now should be put into words.
    pub(crate) fn wants_example(&mut self, kind: u32, class: ErrorClass, now: u64) -> bool {
        let (endpoint, _) = self.endpoints.named(kind);
        self.examples.wants(endpoint, class, now / SECOND)
    }

    /// Why a request failed that came to its end at `done`, for people.
    pub(crate) fn example(&mut self, kind: u32, class: ErrorClass, why: String, done: u64) {
        if let Some(example) = self.examples.take(self.endpoints.named(kind), class, why) {
            self.second(done).examples.push(example);
        }
    }

    /// How many right answers took longer than [`LATENCY_MICROS_MAX`] and were counted as that.
    pub(crate) const fn clamped(&self) -> u64 {
        self.clamped
    }

    /// When the first open second ends.
    pub(crate) const fn first_end(&self) -> u64 {
        (self.first + 1).saturating_mul(SECOND)
    }

    /// Whether nothing happened in the first open second.
    pub(crate) fn first_is_empty(&self) -> bool {
        let Second { due, sent, ok, errors, dropped, received, times, parts, examples } = &self.open[0];
        [due, sent, ok, dropped, received].iter().all(|count| **count == 0)
            && errors.iter().all(|count| *count == 0)
            && times.is_none()
            && parts.is_empty()
            && examples.is_empty()
    }

    /// Closes the first open second; `backlog` requests are in flight or waiting at its end.
    pub(crate) fn close_first(&mut self, backlog: u64) -> Window {
        let second = self.open.pop_front().unwrap_or_default();
        let number = u32::try_from(self.first).unwrap_or(u32::MAX);
        self.first += 1;
        if self.open.is_empty() {
            self.open.push_back(Second::default());
        }
        let mut times = second.times.unwrap_or_else(|| self.take_times());
        let endpoints = self.endpoints.close(second.parts, &mut times.latency);
        let window = Window {
            second: number,
            workload: self.workload.clone(),
            due: second.due,
            sent: second.sent,
            ok: second.ok,
            errors: by_word(second.errors),
            dropped: second.dropped,
            backlog,
            received: second.received,
            latency: times.latency.clone(),
            service: times.service.clone(),
            late_us_max: times.late.max(),
            late_us_p50: times.late.value_at_quantile(0.5),
            endpoints,
            examples: second.examples,
        };
        self.give_times_back(times);
        window
    }

    fn second(&mut self, moment: u64) -> &mut Second {
        // What belongs to a second that is closed already counts in the first open one rather than not at all.
        let index = usize::try_from((moment / SECOND).saturating_sub(self.first)).unwrap_or(usize::MAX);
        while self.open.len() <= index {
            self.open.push_back(Second::default());
        }
        &mut self.open[index]
    }

    fn times(&mut self, moment: u64) -> &mut Times {
        if self.second(moment).times.is_none() {
            let times = self.take_times();
            self.second(moment).times = Some(times);
        }
        self.second(moment).times.as_mut().expect("was put there just now")
    }

    /// Where an endpoint's share of a second is counted; `None` where the workload has but one endpoint.
    fn part(&mut self, moment: u64, kind: u32) -> Option<&mut Part> {
        let (index, all) = (self.endpoints.of(kind)?, self.endpoints.count());
        if self.second(moment).parts.is_empty() {
            self.second(moment).parts.resize_with(all, || None);
        }
        if self.second(moment).parts[index].is_none() {
            let part = self.endpoints.take_part();
            self.second(moment).parts[index] = Some(part);
        }
        self.second(moment).parts[index].as_mut()
    }

    fn take_times(&mut self) -> Times {
        let new = || Times { latency: histogram(), service: histogram(), late: histogram() };
        self.spare.pop().unwrap_or_else(new)
    }

    fn give_times_back(&mut self, mut times: Times) {
        // After a pause of the whole process many seconds may have been open at once; two is the usual number.
        if self.spare.len() < 2 {
            times.latency.reset();
            times.service.reset();
            times.late.reset();
            self.spare.push(times);
        }
    }
}

/// The classes that happened, by their words.
pub(crate) fn by_word(errors: [u64; ErrorClass::ALL.len()]) -> BTreeMap<String, u64> {
    let counted = ErrorClass::ALL.into_iter().zip(errors).filter(|(_, count)| *count > 0);
    counted.map(|(class, count)| (class.word().to_owned(), count)).collect()
}

const fn micros(nanos: u64) -> u64 {
    nanos.saturating_add(500) / 1_000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use shakedown_reports::journal::Counts;

    use super::*;

    fn recorder() -> Recorder {
        Recorder::new("browse", &["GET /".to_owned()])
    }

    fn course(due: u64, sent: u64, done: u64) -> Course {
        Course { due, sent, done, kind: 0 }
    }

    #[test]
    fn latency_counts_from_due_and_service_from_sent() {
        let mut recorder = recorder();
        recorder.due(100_000_000, 100_200_000);
        recorder.sent(400_000_000);
        recorder.done(course(100_000_000, 400_000_000, 500_000_000), Ok(()));
        let window = recorder.close_first(0);
        assert_eq!((window.second, window.due, window.sent, window.ok), (0, 1, 1, 1));
        assert!(window.latency.equivalent(window.latency.max(), 400_000), "{}", window.latency.max());
        assert!(window.service.equivalent(window.service.max(), 100_000), "{}", window.service.max());
        assert!((199..=201).contains(&window.late_us_max), "{}", window.late_us_max);
    }

    #[test]
    fn a_request_counts_where_it_was_due_and_where_it_completed() {
        let mut recorder = recorder();
        recorder.due(SECOND - 1, 2 * SECOND);
        recorder.sent(2 * SECOND);
        recorder.done(course(SECOND - 1, 2 * SECOND, 3 * SECOND + 5), Err(ErrorClass::Timeout));
        let windows: Vec<Window> = (0..4).map(|_| recorder.close_first(1)).collect();
        assert_eq!(windows.iter().map(|window| window.due).collect::<Vec<_>>(), [1, 0, 0, 0]);
        assert_eq!(windows.iter().map(|window| window.sent).collect::<Vec<_>>(), [0, 0, 1, 0]);
        assert_eq!(windows[3].errors.get("timeout"), Some(&1));
        assert_eq!(windows[3].errors.len(), 1, "classes that did not happen are not named");
        assert!(windows[3].latency.is_empty(), "the time of a failure is not a latency");
    }

    #[test]
    fn what_takes_longer_than_an_hour_is_counted_as_an_hour_and_told() {
        let mut recorder = recorder();
        recorder.done(course(0, 0, 7_200 * SECOND), Ok(()));
        assert_eq!(recorder.clamped(), 1);
        let last = (0..=7_200).map(|_| recorder.close_first(0)).last().unwrap();
        assert_eq!(last.latency.len(), 1);
        assert!(last.latency.equivalent(last.latency.max(), LATENCY_MICROS_MAX));
    }

    #[test]
    fn a_late_entry_for_a_closed_second_is_not_lost() {
        let mut recorder = recorder();
        let _ = recorder.close_first(0);
        recorder.done(course(0, 0, 5), Ok(()));
        assert_eq!(recorder.close_first(0).ok, 1);
    }

    #[test]
    fn histograms_are_used_again_and_come_back_empty() {
        let mut recorder = recorder();
        for second in 0..100 {
            recorder.done(course(0, 0, second * SECOND), Ok(()));
            assert_eq!(recorder.close_first(0).latency.len(), 1);
        }
        assert_eq!(recorder.spare.len(), 1);
    }

    proptest! {
        // Histograms are large beside what a case does with them.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_histogram_tells_every_time_within_one_percent(micros in 1..LATENCY_MICROS_MAX) {
            let mut histogram = histogram();
            histogram.record(micros).unwrap();
            let told = histogram.max() as f64;
            prop_assert!((told / micros as f64 - 1.0).abs() <= 0.01, "{told} for {micros}");
        }

        /// Whatever completes when: the endpoints of all windows add up to their windows, histogram for histogram.
        #[test]
        fn endpoints_add_up_to_their_workload_exactly(
            moments in proptest::collection::vec((0..4 * SECOND, 0..2 * SECOND, 0..9_usize, 0..5_u32), 0..200),
        ) {
            let kinds = ["a", "b", "a", "c", "d"].map(str::to_owned);
            let (mut parted, mut plain) = (Recorder::new("browse", &kinds), recorder());
            for (due, took, class, kind) in moments {
                let verdict = ErrorClass::ALL.get(class).map_or(Ok(()), |class| Err(*class));
                let course = Course { due, sent: due, done: due + took, kind };
                parted.done(course, verdict);
                plain.done(Course { kind: 0, ..course }, verdict);
            }
            for _ in 0..7 {
                let (parted, plain) = (parted.close_first(0), plain.close_first(0));
                prop_assert_eq!(&parted.latency, &plain.latency);
                prop_assert_eq!((parted.ok, &parted.errors), (plain.ok, &plain.errors));
                let mut latency = histogram();
                parted.endpoints.iter().for_each(|part| latency.add(part.latency.histogram()).unwrap());
                prop_assert_eq!(Counts::of(&latency), Counts::of(&parted.latency));
                prop_assert_eq!(parted.endpoints.iter().map(|part| part.ok).sum::<u64>(), parted.ok);
                let failed = |errors: &BTreeMap<String, u64>| errors.values().sum::<u64>();
                let parts = parted.endpoints.iter().map(|part| failed(&part.errors)).sum::<u64>();
                prop_assert_eq!(parts, failed(&parted.errors));
                let names: Vec<&str> = parted.endpoints.iter().map(|part| part.name.as_str()).collect();
                prop_assert!(names.is_sorted() && names.iter().all(|name| ["a", "b", "c", "d"].contains(name)));
                prop_assert!(plain.endpoints.is_empty());
            }
        }

        /// Whatever happens when: the sums over all windows are what was put in.
        #[test]
        fn nothing_is_lost_between_windows(
            moments in proptest::collection::vec((0..10 * SECOND, 0..2 * SECOND, 0..=ErrorClass::ALL.len()), 0..200),
            closes in 0..8_usize,
        ) {
            let mut recorder = recorder();
            let mut windows = Vec::new();
            let half = moments.len() / 2;
            for (index, (due, took, class)) in moments.iter().enumerate() {
                recorder.due(*due, due + took);
                let verdict = ErrorClass::ALL.get(*class).map_or(Ok(()), |class| Err(*class));
                recorder.done(course(*due, *due, due + took), verdict);
                if index == half {
                    windows.extend((0..closes).map(|_| recorder.close_first(0)));
                }
            }
            windows.extend((0..20).map(|_| recorder.close_first(0)));
            let due: u64 = windows.iter().map(|window| window.due).sum();
            let ok: u64 = windows.iter().map(|window| window.ok).sum();
            let errors: u64 = windows.iter().flat_map(|window| window.errors.values()).sum();
            prop_assert_eq!((due, ok + errors), (moments.len() as u64, moments.len() as u64));
            prop_assert_eq!(windows.iter().map(|window| window.latency.len()).sum::<u64>(), ok);
            prop_assert!(windows.iter().enumerate().all(|(index, window)| window.second as usize == index));
        }
    }
}
