//! Whom a toxic hits, and from when on.

use shakedown_faults::toxic::Toxic;
use shakedown_faults::toxic::{Aim, Direction, Injection};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::Blackhole;
use shakedown_scenarios::units::{Size, Span};

use crate::chain::{Chain, NAME};
use crate::script::{latency, ratio};

const BLACKHOLE: Toxic = Toxic::Blackhole { mode: Blackhole::Drop };

#[test]
fn a_toxic_whose_new_form_goes_another_way_lets_this_one_go() {
    let mut chain = Chain::under(latency(Span::millis(500), Span::ZERO));
    let toxic = latency(Span::millis(500), Span::ZERO);
    let injection = Injection { name: "slow".to_owned(), toxic, aim: Aim::at(Way::Downstream) };
    chain.change(chain.rules.updated(1, injection).unwrap());
    chain.take(b"x");
    chain.run_until(Span::secs(1));
    assert_eq!(chain.writes, [(Span::ZERO, 1)]);
}

#[test]
fn an_update_draws_once_whom_it_hits() {
    let hit = (0..1_000).filter(|number| {
        let mut chain = Chain::numbered(*number);
        chain.inject(1, latency(Span::millis(1), Span::ZERO));
        let toxic = latency(Span::millis(1), Span::ZERO);
        let aim = Aim { toxicity: ratio(0.5), ..Aim::default() };
        chain.change(chain.rules.updated(1, Injection { name: "slow".to_owned(), toxic, aim }).unwrap());
        !chain.pipe.is_clear()
    });
    let hit = hit.count();
    assert!((440..560).contains(&hit), "{hit} of 1,000 at 50 %");
}

#[test]
fn both_ways_of_a_connection_are_hit_or_neither() {
    let hit = |number, way: Way, update: bool| {
        Direction::BOTH.map(|direction| {
            let mut chain = Chain::of(number, direction);
            let aim = Aim { toxicity: ratio(0.5), ..Aim::at(way) };
            let toxic = latency(Span::millis(1), Span::ZERO);
            chain.aim(1, toxic.clone(), aim.clone());
            if update {
                let injection = Injection { name: NAME.to_owned(), toxic, aim };
                chain.change(chain.rules.updated(1, injection).unwrap());
            }
            !chain.pipe.is_clear()
        })
    };
    let mut changed = 0;
    for update in [false, true] {
        let both: Vec<bool> = (0..1_000)
            .map(|number| {
                let [up, down] = hit(number, Way::Both, update);
                assert_eq!(up, down, "connection {number}");
                changed += usize::from(update && up != hit(number, Way::Both, false)[0]);
                up
            })
            .collect();
        let count = both.iter().filter(|hit| **hit).count();
        assert!((440..560).contains(&count), "{count} of 1,000 at 50 %");
    }
    assert!((440..560).contains(&changed), "an update draws anew: {changed} of 1,000 changed");
    // Two injections, one for each way, are two draws, also if they have one name.
    let pairs = (0..1_000)
        .map(|number| (hit(number, Way::Upstream, false)[0], hit(number, Way::Downstream, false)[1]));
    let alike = pairs.filter(|(up, down)| up == down).count();
    assert!((440..560).contains(&alike), "{alike} of 1,000 alike");
}

#[test]
fn what_is_aimed_at_some_connections_leaves_the_others_alone() {
    let hits = |number, aim: Aim| {
        let mut chain = Chain::numbered(number);
        chain.aim(1, latency(Span::millis(1), Span::ZERO), aim);
        !chain.pipe.is_clear()
    };
    let every_third = Aim { nth: 3, ..Aim::default() };
    assert_eq!(
        [0, 1, 2, 3, 5].map(|number| hits(number, every_third.clone())),
        [false, false, true, false, true]
    );
    let first = Aim { first: Some(2), ..Aim::default() };
    assert_eq!([0, 1, 2].map(|number| hits(number, first.clone())), [true, true, false]);
    let strangers = Aim { clients: vec!["10.0.0.0/8".parse().unwrap()], ..Aim::default() };
    assert!(!hits(0, strangers));
    let third = Aim { toxicity: ratio(0.3), ..Aim::default() };
    let hit = (0..1_000).filter(|number| hits(*number, third.clone())).count();
    assert!((250..350).contains(&hit), "{hit} of 1,000 at 30 %");
    assert!(!hits(0, Aim::at(Way::Downstream)) && hits(0, Aim::at(Way::Upstream)));
}

#[test]
fn what_begins_after_some_bytes_spares_just_these() {
    let mut chain = Chain::new();
    chain.aim(1, BLACKHOLE, Aim { after_bytes: Size::bytes(10), ..Aim::default() });
    chain.take(b"123456");
    chain.take(b"7890gone");
    chain.take(b"gone too");
    chain.run_until(Span::millis(1));
    assert_eq!(chain.written, b"1234567890");
    assert_eq!(chain.evidence(1).bytes_swallowed, 12);
}
