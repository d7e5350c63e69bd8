use super::*;
use proptest::prelude::*;

const ONE: FlowKey = FlowKey { session: 0, direction: Direction::Upstream };
const OTHER: FlowKey = FlowKey { session: 0, direction: Direction::Downstream };

fn millis(count: u64) -> Span {
    Span::millis(count)
}

fn delay(since: u64, time: Span) -> Wait {
    Wait { since, time, others: None }
}

fn behind(since: u64, datagrams: u32, time: Span) -> Wait {
    Wait { since, time, others: Some(datagrams) }
}

fn queue() -> Queue<char> {
    Queue::new(100, 1 << 20)
}

fn push(queue: &mut Queue<char>, item: char, waits: &[Wait], now: Span) {
    queue.push(ONE, 10, waits, item, now).unwrap();
}

/// What has arrived by now, in its order.
fn arrived(queue: &mut Queue<char>, now: Span) -> String {
    std::iter::from_fn(|| queue.pop(now)).map(|arrived| arrived.item).collect()
}

#[test]
fn each_goes_on_at_its_own_moment_and_not_before() {
    let mut queue = queue();
    push(&mut queue, 'a', &[delay(1, millis(30))], millis(0));
    push(&mut queue, 'b', &[delay(1, millis(10))], millis(5));
    push(&mut queue, 'c', &[delay(1, millis(25))], millis(5));
    assert_eq!(queue.next(), Some(millis(15)));
    assert_eq!(arrived(&mut queue, Span::nanos(14_999_999)), "");
    assert_eq!(arrived(&mut queue, millis(15)), "b");
    assert_eq!(arrived(&mut queue, millis(30)), "ac");
    assert_eq!((queue.next(), queue.cost()), (None, 0));
}

#[test]
fn waits_follow_each_other_and_a_late_timer_does_not_add_up() {
    let mut queue = queue();
    push(&mut queue, 'a', &[delay(1, millis(10)), delay(2, millis(10))], millis(0));
    assert_eq!(arrived(&mut queue, millis(17)), "");
    assert_eq!(queue.next(), Some(millis(20)));
    let last = queue.pop(millis(20)).unwrap();
    let lasted: Vec<Span> = last.waited.iter().map(|waited| waited.lasted).collect();
    assert_eq!((last.came, lasted), (millis(0), vec![millis(17), millis(10)]));
}

#[test]
fn one_that_is_held_back_goes_on_when_enough_have_overtaken_it() {
    let mut queue = queue();
    push(&mut queue, 'a', &[behind(1, 2, millis(50))], millis(0));
    assert!(queue.holds_back());
    queue.passed(OTHER, millis(1));
    queue.passed(ONE, millis(1));
    assert_eq!(arrived(&mut queue, millis(1)), "");
    queue.passed(ONE, millis(2));
    let waited = queue.pop(millis(2)).unwrap().waited;
    assert_eq!(waited, [Waited { since: 1, lasted: millis(2), overtakers: Some(2) }]);
    assert!(!queue.holds_back());
}

#[test]
fn with_nobody_to_overtake_it_goes_on_in_time() {
    let mut queue = queue();
    push(&mut queue, 'a', &[behind(1, 2, millis(50))], millis(0));
    push(&mut queue, 'b', &[behind(1, 2, millis(50))], millis(10));
    let first = queue.pop(millis(50)).unwrap();
    assert_eq!((first.item, first.waited[0].overtakers), ('a', Some(0)));
    // One that came first overtakes nothing when it goes first.
    let second = queue.pop(millis(60)).unwrap();
    assert_eq!((second.item, second.waited[0].overtakers), ('b', Some(0)));
}

#[test]
fn overtaking_counts_from_where_one_would_have_gone() {
    let mut queue = queue();
    push(&mut queue, 'a', &[delay(1, millis(10))], millis(0));
    push(&mut queue, 'b', &[delay(1, millis(10)), behind(2, 1, millis(50))], millis(1));
    push(&mut queue, 'c', &[delay(1, millis(10))], millis(2));
    assert_eq!(arrived(&mut queue, millis(10)), "a");
    assert_eq!(arrived(&mut queue, millis(11)), "");
    assert_eq!(arrived(&mut queue, millis(12)), "cb");
}

#[test]
fn where_only_time_counts_overtakers_are_counted_but_change_nothing() {
    let mut queue = queue();
    push(&mut queue, 'a', &[behind(1, 0, millis(5))], millis(0));
    (0..3).for_each(|_| queue.passed(ONE, millis(1)));
    assert_eq!(arrived(&mut queue, millis(4)), "");
    assert_eq!(queue.pop(millis(5)).unwrap().waited[0].overtakers, Some(3));
}

#[test]
fn a_heal_ends_what_was_owed_to_it_and_nothing_else() {
    let mut queue = queue();
    push(&mut queue, 'a', &[delay(1, Span::secs(3_600))], millis(0));
    push(&mut queue, 'b', &[behind(1, 9, Span::secs(60)), delay(2, millis(10))], millis(0));
    push(&mut queue, 'c', &[delay(2, millis(10)), delay(1, millis(10))], millis(0));
    queue.keep(|since| since != 1, millis(5));
    assert!(!queue.holds_back());
    assert_eq!(arrived(&mut queue, millis(5)), "a");
    assert_eq!(arrived(&mut queue, millis(10)), "c");
    assert_eq!(arrived(&mut queue, millis(15)), "b");
}

#[test]
fn what_does_not_fit_is_handed_back() {
    let mut few = Queue::new(1, 1 << 20);
    few.push(ONE, 0, &[delay(1, millis(1))], 'a', millis(0)).unwrap();
    assert_eq!(few.push(ONE, 0, &[delay(1, millis(1))], 'b', millis(0)), Err(Full('b')));
    let mut small = Queue::new(10, 1_000);
    assert_eq!(small.push(ONE, 1_000 - KEEPING + 1, &[delay(1, millis(1))], 'a', millis(0)), Err(Full('a')));
    small.push(ONE, 1_000 - KEEPING, &[delay(1, millis(1))], 'b', millis(0)).unwrap();
    assert_eq!(small.push(ONE, 0, &[delay(1, millis(1))], 'c', millis(0)), Err(Full('c')));
    assert_eq!((small.len(), small.cost()), (1, 1_000));
}

#[derive(Clone, Debug)]
enum Act {
    Push(bool, Vec<Wait>),
    Pass(bool),
    Tick(u64),
    Heal(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let wait = (1u64..4, 0u64..40, prop::option::of(0u32..4)).prop_map(|(since, time, others)| Wait {
        since,
        time: millis(time),
        others,
    });
    let act = prop_oneof![
        4 => (any::<bool>(), prop::collection::vec(wait, 1..4)).prop_map(|(one, waits)| Act::Push(one, waits)),
        2 => any::<bool>().prop_map(Act::Pass),
        3 => (0u64..25).prop_map(Act::Tick),
        1 => (1u64..4).prop_map(Act::Heal),
    ];
    prop::collection::vec(act, 0..80)
}

const fn flow(one: bool) -> FlowKey {
    if one { ONE } else { OTHER }
}

proptest! {
    /// Whatever happens, each arrives exactly once, none before the waits that only time ends are over unless they were
    /// healed, and in the end nothing is left and nothing is paid for.
    #[test]
    fn nothing_is_lost_and_nothing_is_early(acts in acts()) {
        let mut queue: Queue<usize> = Queue::new(20, 20 * (KEEPING + 10));
        let mut now = Span::ZERO;
        let (mut pushed, mut got, mut healed) = (Vec::new(), Vec::new(), [false; 4]);
        for act in acts {
            match act {
                Act::Push(one, waits) => {
                    let number = pushed.len();
                    let room = queue.len() < 20;
                    prop_assert_eq!(queue.push(flow(one), 10, &waits, number, now).is_ok(), room);
                    if room {
                        pushed.push((now, waits));
                    }
                }
                Act::Pass(one) => queue.passed(flow(one), now),
                Act::Tick(length) => now = now.plus(millis(length)),
                Act::Heal(since) => {
                    healed[usize::try_from(since).unwrap()] = true;
                    queue.keep(|other| other != since, now);
                }
            }
            while let Some(arrived) = queue.pop(now) {
                got.push((arrived.item, now, arrived.waited));
            }
            prop_assert!(queue.next().is_none_or(|due| due > now));
        }
        while let Some(due) = queue.next() {
            now = now.max(due);
            while let Some(arrived) = queue.pop(now) {
                got.push((arrived.item, now, arrived.waited));
            }
        }
        prop_assert_eq!((queue.len(), queue.cost(), queue.holds_back()), (0, 0, false));
        let mut items: Vec<usize> = got.iter().map(|(item, ..)| *item).collect();
        items.sort_unstable();
        prop_assert_eq!(items, (0..pushed.len()).collect::<Vec<_>>());
        for (item, at, waited) in &got {
            let (came, waits) = &pushed[*item];
            let owed = waits.iter().filter(|wait| wait.others.is_none_or(|others| others == 0));
            let owed = owed.filter(|wait| !healed[usize::try_from(wait.since).unwrap()]);
            let least = owed.fold(*came, |moment, wait| moment.plus(wait.time));
            prop_assert!(*at >= least, "{} at {:?}, not before {:?}", item, at, least);
            for waited in waited {
                let enough = waits.iter().any(|wait| wait.since == waited.since);
                prop_assert!(enough, "{:?} was never asked for", waited);
            }
        }
    }

    /// Those of one flow that wait equally long keep their order.
    #[test]
    fn equal_waits_keep_the_order(gaps in prop::collection::vec(0u64..5, 1..50), wait in 0u64..50) {
        let mut queue: Queue<usize> = Queue::new(100, 1 << 20);
        let mut now = Span::ZERO;
        let mut got = Vec::new();
        for (number, gap) in gaps.iter().enumerate() {
            now = now.plus(millis(*gap));
            queue.push(ONE, 1, &[delay(1, millis(wait))], number, now).unwrap();
            got.extend(std::iter::from_fn(|| queue.pop(now)).map(|arrived| arrived.item));
        }
        got.extend(std::iter::from_fn(|| queue.pop(now.plus(Span::secs(1)))).map(|arrived| arrived.item));
        prop_assert_eq!(got, (0..gaps.len()).collect::<Vec<_>>());
    }
}
