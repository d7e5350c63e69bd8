//! Sums that never fall although the processes they are made of come and go. Purely: observations come in as values.
//!
//! The kernel gives each process its own use (`utime`, `minflt`…) and the use of the children it has waited for
//! (`cutime`, `cminflt`…). A child that ends and is waited for moves from the one to the other; one that nobody in the
//! tree waits for takes its use with it. So the sum here grows by three things only: what a process used since it was
//! last seen; all that a new one used; and what a parent gained from its children *beyond* what had been counted of
//! them already.

use std::collections::BTreeMap;

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Page faults without a read from disk.
    pub faults_minor: u64,
    /// Page faults with one.
    pub faults_major: u64,
    /// Context switches that the process asked for by waiting.
    pub switches_voluntary: u64,
    /// Context switches that it was made to make.
    pub switches_involuntary: u64,
}

/// One process at one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its id.
    pub pid: i32,
    /// When it started, in ticks since boot; with the id this names a process for good.
    pub start: u64,
    /// Its parent.
    pub parent: i32,
    /// What it used itself.
    pub own: Counters,
    /// What the children used that it has waited for, and theirs.
    pub waited: Counters,
}

/// The sum of one tree since it was first seen.
#[derive(Debug, Default)]
pub struct Account {
    /// Uptime at the first observation; `None`: there was none yet.
    since: Option<u64>,
    total: Counters,
    last: BTreeMap<i32, Observation>,
    own_only: bool,
}

// === impl Account ===

impl Account {
    /// Counts only what processes use themselves, not what they inherit from children they waited for.
    pub fn leave_out_children(&mut self) {
        self.own_only = true;
    }

    /// Takes all processes of the tree at one tick, zombies included, and says what the tree has used since the first
    /// call. `uptime` is the moment of this observation in the unit of [`Observation::start`].
    pub fn observe(&mut self, uptime: u64, processes: &[Observation]) -> Counters {
        let now: BTreeMap<i32, Observation> =
            processes.iter().map(|it| (it.pid, self.restrict(*it))).collect();
        if let Some(since) = self.since {
            let counted = self.counted_before(&now);
            for process in now.values() {
                let gain = self.gain(since, process, counted.get(&process.pid).copied().unwrap_or_default());
                self.total = self.total.plus(gain);
            }
        } else {
            self.since = Some(uptime);
        }
        self.last = now;
        self.total
    }

    fn restrict(&self, seen: Observation) -> Observation {
        let waited = if self.own_only { Counters::default() } else { seen.waited };
        Observation { waited, ..seen }
    }

    /// By how much one process makes the sum grow. `counted` is what was counted already of those that ended below it.
    fn gain(&self, since: u64, now: &Observation, counted: Counters) -> Counters {
        match self.same_before(now) {
            Some(last) => now.own.minus(last.own).plus(now.waited.minus(last.waited).minus(counted)),
            // It joined the tree, but is older than our watch: what it used before is not this tree's.
            None if now.start < since => Counters::default(),
            None => now.own.plus(now.waited.minus(counted)),
        }
    }

    fn same_before(&self, now: &Observation) -> Option<&Observation> {
        self.last.get(&now.pid).filter(|last| last.start == now.start)
    }

    /// What had been counted of the processes that are gone now, by the nearest ancestor that is still there: if it
    /// waited for them, it has inherited just that.
    fn counted_before(&self, now: &BTreeMap<i32, Observation>) -> BTreeMap<i32, Counters> {
        let is_gone = |last: &Observation| now.get(&last.pid).is_none_or(|it| it.start != last.start);
        let mut counted: BTreeMap<i32, Counters> = BTreeMap::new();
        for gone in self.last.values().filter(|last| is_gone(last)) {
            let mut ancestor = self.last.get(&gone.parent);
            // Parents start before their children, so this climbs; the bound guards against ids that were used twice.
            for _ in 0..self.last.len() {
                ancestor = match ancestor {
                    Some(above) if is_gone(above) => self.last.get(&above.parent),
                    found => found,
                };
            }
            if let Some(heir) = ancestor {
                let sum = counted.entry(heir.pid).or_default();
                *sum = sum.plus(gone.own).plus(gone.waited);
            }
        }
        counted
    }
}

// === impl Counters ===

impl Counters {
    /// The sum, each figure at most its largest value.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// The difference, each figure at least zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    fn with(self, other: Self, act: fn(u64, u64) -> u64) -> Self {
        Self {
            cpu_us: act(self.cpu_us, other.cpu_us),
            faults_minor: act(self.faults_minor, other.faults_minor),
            faults_major: act(self.faults_major, other.faults_major),
            switches_voluntary: act(self.switches_voluntary, other.switches_voluntary),
            switches_involuntary: act(self.switches_involuntary, other.switches_involuntary),
        }
    }
}

// === impl Observation ===

impl Observation {
    /// The same with the context switches of its threads, which the kernel keeps elsewhere.
    #[must_use]
    pub fn with_switches(self, (voluntary, involuntary): (u64, u64)) -> Self {
        let own = Counters { switches_voluntary: voluntary, switches_involuntary: involuntary, ..self.own };
        Self { own, ..self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cpu(cpu_us: u64) -> Counters {
        Counters { cpu_us, ..Counters::default() }
    }

    /// A process that started with the watch (at 100) or later.
    fn process(pid: i32, parent: i32, own: u64, waited: u64) -> Observation {
        Observation { pid, start: 100, parent, own: cpu(own), waited: cpu(waited) }
    }

    #[track_caller]
    fn check(ticks: &[(&[Observation], u64)]) {
        let mut account = Account::default();
        for (number, (processes, expected)) in ticks.iter().enumerate() {
            assert_eq!(account.observe(100, processes).cpu_us, *expected, "tick {number}");
        }
    }

    #[test]
    fn what_was_used_before_the_first_look_is_left_out() {
        check(&[(&[process(1, 0, 500, 70)], 0), (&[process(1, 0, 520, 70)], 20)]);
    }

    #[test]
    fn a_new_child_counts_from_its_birth() {
        check(&[(&[process(1, 0, 5, 0)], 0), (&[process(1, 0, 5, 0), process(2, 1, 30, 0)], 30)]);
    }

    #[test]
    fn a_child_that_was_waited_for_counts_once() {
        check(&[
            (&[process(1, 0, 5, 0)], 0),
            (&[process(1, 0, 5, 0), process(2, 1, 30, 0)], 30),
            // It used 8 more before it ended.
            (&[process(1, 0, 6, 38)], 39),
        ]);
    }

    #[test]
    fn a_child_that_nobody_waited_for_stays_counted() {
        check(&[
            (&[process(1, 0, 5, 0), process(2, 1, 30, 0)], 0),
            (&[process(1, 0, 5, 0), process(2, 1, 40, 0)], 10),
            (&[process(1, 0, 7, 0)], 12),
        ]);
    }

    #[test]
    fn a_child_between_two_ticks_shows_in_its_parent() {
        check(&[(&[process(1, 0, 5, 0)], 0), (&[process(1, 0, 5, 25)], 25)]);
    }

    #[test]
    fn a_whole_branch_that_ends_at_once_counts_once() {
        check(&[
            (&[process(1, 0, 0, 0), process(2, 1, 0, 0), process(3, 2, 0, 0)], 0),
            (&[process(1, 0, 0, 0), process(2, 1, 10, 0), process(3, 2, 20, 0)], 30),
            (&[process(1, 0, 0, 33)], 33),
        ]);
    }

    #[test]
    fn an_id_used_again_is_a_new_process() {
        let again = Observation { start: 200, ..process(2, 1, 4, 0) };
        check(&[(&[process(1, 0, 0, 0), process(2, 1, 50, 0)], 0), (&[process(1, 0, 0, 51), again], 5)]);
    }

    #[test]
    fn an_older_process_that_joins_starts_at_zero() {
        let older = Observation { start: 7, ..process(2, 0, 900, 10) };
        let later = Observation { own: cpu(903), ..older };
        check(&[(&[process(1, 0, 0, 0)], 0), (&[process(1, 0, 0, 0), older], 0), (&[later], 3)]);
    }

    #[test]
    fn the_harness_is_not_charged_for_its_children() {
        let mut account = Account::default();
        account.leave_out_children();
        account.observe(100, &[process(1, 0, 5, 0)]);
        assert_eq!(account.observe(100, &[process(1, 0, 8, 1_000)]).cpu_us, 3);
    }

    proptest! {
        /// Whatever is observed, sensible or not: the sum never falls, and nothing panics.
        #[test]
        fn it_never_falls(ticks in prop::collection::vec(
            prop::collection::vec((1i32..6, 0i32..6, 0u64..3, 0u64..u64::MAX, 0u64..1_000), 0..6), 0..20))
        {
            let mut account = Account::default();
            let mut last = Counters::default();
            for tick in ticks {
                let seen: Vec<Observation> = tick.into_iter().map(|(pid, parent, start, own, waited)| {
                    Observation { pid, start, parent, own: cpu(own), waited: cpu(waited) }
                }).collect();
                let sum = account.observe(1, &seen);
                prop_assert_eq!(last.minus(sum), Counters::default());
                last = sum;
            }
        }

        /// In a tree whose processes all wait for their children, the sum is what was truly used since the first look,
        /// but for what was never seen by anyone: here nothing, for every end is waited for at once.
        #[test]
        fn it_is_exact_where_parents_wait(steps in prop::collection::vec((0usize..8, 0u64..50, 0u8..5), 1..60)) {
            let mut model = Model::new();
            let mut account = Account::default();
            account.observe(100, &model.observations());
            for (which, work, act) in steps {
                let live: Vec<i32> = model.processes.keys().copied().collect();
                let pid = live[which % live.len()];
                model.work(pid, work);
                match act {
                    0 | 1 => model.fork(pid),
                    2 => model.end(pid),
                    _ => {}
                }
                if act != 1 {
                    prop_assert_eq!(account.observe(100, &model.observations()).cpu_us, model.truth);
                }
            }
        }
    }

    /// A tree as the kernel would keep it. A process ends only after its children did, who were waited for.
    struct Model {
        processes: BTreeMap<i32, Observation>,
        next: i32,
        truth: u64,
    }

    impl Model {
        fn new() -> Self {
            Self { processes: BTreeMap::from([(1, process(1, 0, 0, 0))]), next: 2, truth: 0 }
        }

        fn observations(&self) -> Vec<Observation> {
            self.processes.values().copied().collect()
        }

        fn work(&mut self, pid: i32, amount: u64) {
            self.processes.get_mut(&pid).unwrap().own.cpu_us += amount;
            self.truth += amount;
        }

        fn fork(&mut self, pid: i32) {
            let child = Observation { start: 100 + self.next as u64, ..process(self.next, pid, 0, 0) };
            self.processes.insert(self.next, child);
            self.next += 1;
        }

        fn end(&mut self, pid: i32) {
            if pid == 1 {
                return;
            }
            let children: Vec<i32> =
                self.processes.values().filter(|it| it.parent == pid).map(|it| it.pid).collect();
            children.into_iter().for_each(|child| self.end(child));
            let gone = self.processes.remove(&pid).unwrap();
            let heir = self.processes.get_mut(&gone.parent).unwrap();
            heir.waited = heir.waited.plus(gone.own).plus(gone.waited);
        }
    }
}
