//! Each fault, as a client and a server see it.

use std::time::{Duration, Instant};

use shakedown_datagram_faults::injections::InjectError;
use shakedown_datagram_faults::udp::{UdpFault, UdpLimits};
use shakedown_scenarios::target::Way;
use shakedown_scenarios::units::Size;

use crate::support::{Stage, assert_nothing_is_missing, is_silent, receive, soon, until};

#[expect(clippy::disallowed_methods, reason = "a test of time measures it")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_black_hole_swallows_one_way_until_it_heals() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    stage.inject(1, r#"{"blackhole": {"direction": "upstream"}}"#);
    stage.send(0..5).await;
    until("it bites", || stage.proxy.evidence(1).unwrap().lost == 5).await;
    assert!(is_silent(&stage.server));
    stage.server.send_to(b"the other way", session).await.unwrap();
    assert_eq!(receive(&stage.client).await, b"the other way");
    let healed = stage.proxy.heal(1);
    assert!(healed.proven, "{healed}");
    stage.send(5..6).await;
    assert_eq!(receive(&stage.server).await, 5_u32.to_be_bytes());
    assert_eq!(stage.proxy.evidence(1).unwrap().to_string(), "5 of 5 datagrams lost");
}

/// The same seed and the same order: the same datagrams are lost, whoever asks.
#[tokio::test]
async fn the_same_datagrams_are_lost_again() {
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let stage = Stage::under(r#"{"burst_loss": {"p": "10%", "r": "30%"}}"#).await;
        stage.send(0..200).await;
        let got = stage.got(0).await;
        let lost = stage.proxy.evidence(1).unwrap().lost;
        assert_eq!(got.len() as u64 + lost, 200);
        assert!((20..100).contains(&lost), "{lost}");
        assert_nothing_is_missing(&stage.proxy.counters(), 0, lost);
        rounds.push(got);
    }
    assert_eq!(rounds[0], rounds[1]);
}

#[tokio::test]
async fn copies_come_as_often_as_asked_for() {
    let stage = Stage::under(r#"{"duplicate": {"probability": "1", "copies": 2}}"#).await;
    stage.send(0..3).await;
    assert_eq!(stage.got(0).await, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    let evidence = stage.proxy.evidence(1).unwrap();
    assert!(evidence.bit() && evidence.copies == 6);
    assert_nothing_is_missing(&stage.proxy.counters(), 6, 0);
}

#[tokio::test]
async fn a_reordered_datagram_comes_after_those_that_overtook_it() {
    let stage =
        Stage::under(r#"{"reorder": {"probability": "1", "gap": 4, "datagrams": 2, "time": "10s"}}"#).await;
    stage.send(0..8).await;
    // The fourth of each four is held back until two have overtaken it; the last has too few behind it.
    let mut got = Vec::new();
    for _ in 0..7 {
        got.push(u32::from_be_bytes(receive(&stage.server).await.try_into().unwrap()));
    }
    let place = |number| got.iter().position(|other| *other == number).unwrap();
    assert!(place(3) > place(5) && place(2) < place(4), "{got:?}");
    assert!(!got.contains(&7));
    until("it bites", || stage.proxy.evidence(1).unwrap().bit()).await;
    let _ = stage.proxy.heal(1);
    assert_eq!(receive(&stage.server).await, 7_u32.to_be_bytes());
}

#[tokio::test]
async fn a_reordered_datagram_without_others_comes_in_time() {
    let stage = Stage::under(r#"{"reorder": {"probability": "1", "time": "30ms"}}"#).await;
    let began = now();
    stage.send(0..1).await;
    assert_eq!(receive(&stage.server).await, 0_u32.to_be_bytes());
    assert!(began.elapsed() >= Duration::from_millis(30));
    assert!(!stage.proxy.evidence(1).unwrap().bit());
}

#[tokio::test]
async fn a_delayed_datagram_is_late_and_never_early() {
    let stage = Stage::under(r#"{"delay": {"delay": "40ms", "direction": "upstream"}}"#).await;
    for _ in 0..5 {
        let began = now();
        stage.client.send(b"late").await.unwrap();
        let mut bytes = [0; 10];
        let (len, session) = soon("the way up", stage.server.recv_from(&mut bytes)).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(40));
        stage.server.send_to(&bytes[..len], session).await.unwrap();
        assert_eq!(receive(&stage.client).await, b"late");
    }
    let evidence = stage.proxy.evidence(1).unwrap();
    assert!(evidence.bit() && evidence.delayed == 5, "{evidence}");
}

#[tokio::test]
async fn delays_do_not_add_up_and_jitter_reorders() {
    let stage = Stage::under(
        r#"{"delay": {"delay": "100ms", "jitter": "90ms", "distribution": "normal", "correlation": "10%"}}"#,
    )
    .await;
    let began = now();
    stage.send(0..200).await;
    let mut got = stage.got(0).await;
    // One after the other they would take 20 s.
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(!got.is_sorted());
    got.sort_unstable();
    assert_eq!(got, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_heal_sends_on_what_is_under_way() {
    let stage = Stage::under(r#"{"delay": {"delay": "1h"}}"#).await;
    stage.send(0..10).await;
    assert_eq!(stage.proxy.counters().under_way, 10);
    let _ = stage.proxy.heal(1);
    assert_eq!(stage.got(0).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn bits_are_flipped_as_many_as_asked_for_and_copies_keep_theirs() {
    let stage = Stage::under(r#"{"duplicate": {"probability": "1"}}"#).await;
    stage.inject(2, r#"{"corrupt": {"probability": "50%", "bits": 3}}"#);
    let sent = [0x5a; 100];
    let flipped = |bytes: &[u8]| -> u32 {
        assert_eq!(bytes.len(), sent.len());
        bytes.iter().zip(sent).map(|(byte, sent)| (byte ^ sent).count_ones()).sum()
    };
    let mut seen = [0; 4];
    for _ in 0..40 {
        stage.client.send(&sent).await.unwrap();
        for _ in 0..2 {
            seen[flipped(&receive(&stage.server).await) as usize] += 1;
        }
    }
    assert_eq!((seen[1], seen[2], seen[0] + seen[3]), (0, 0, 80));
    assert!(seen[0] > 10 && seen[3] > 10, "{seen:?}");
    assert_eq!(stage.proxy.evidence(2).unwrap().bits_flipped, seen[3] * 3);
}

#[tokio::test]
async fn what_is_longer_than_the_mtu_is_lost() {
    let stage = Stage::under(r#"{"mtu": {"bytes": 1200}}"#).await;
    stage.client.send(&[1; 1_201]).await.unwrap();
    stage.client.send(&[2; 1_200]).await.unwrap();
    assert_eq!(receive(&stage.server).await, [2; 1_200]);
    assert_eq!(stage.proxy.evidence(1).unwrap().bytes_lost, 1_201);
}

#[tokio::test]
async fn what_is_under_way_is_bounded_in_number_and_in_bytes() {
    let few = UdpLimits { datagrams: 10, ..UdpLimits::default() };
    let small = UdpLimits { kept: Size::bytes(10 * (256 + 4)), ..UdpLimits::default() };
    for limits in [few, small] {
        let stage = Stage::set_within(limits).await;
        stage.inject(1, r#"{"delay": {"delay": "1h"}}"#);
        stage.send(0..25).await;
        let counters = stage.proxy.counters();
        assert_eq!((counters.under_way, counters.overflowed), (10, 15));
        assert_nothing_is_missing(&counters, 0, 0);
        let _ = stage.proxy.heal(1);
        assert_eq!(stage.got(0).await, (0..10).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let stage = Stage::set().await;
    let fault = UdpFault::Blackhole { direction: Way::Both };
    stage.proxy.inject(1, fault).unwrap();
    assert_eq!(stage.proxy.inject(1, fault), Err(InjectError::Taken(1)));
    let wrong: UdpFault =
        serde_json::from_str(r#"{"duplicate": {"probability": "2", "copies": 99}}"#).unwrap();
    let error = stage.proxy.inject(2, wrong).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`probability`: expected 0% to 100%, found 200%; `copies`: expected 1 to 16, found 99"
    );
    assert!(stage.proxy.evidence(2).is_none());
    assert!(stage.proxy.heal(2).proven && stage.proxy.heal(1).proven && stage.proxy.heal(1).proven);
    stage.send(0..1).await;
    assert_eq!(stage.got(0).await, [0]);
}

/// Many changes while datagrams flow: none is refused, none is stuck, and in the end all passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_come_and_go_while_datagrams_flow() {
    let stage = Stage::set().await;
    let faults = [
        r#"{"loss": {"probability": "30%"}}"#,
        r#"{"delay": {"delay": "1h", "jitter": "5ms"}}"#,
        r#"{"reorder": {"probability": "30%", "time": "1h", "datagrams": 0}}"#,
        r#"{"duplicate": {"probability": "30%", "copies": 2}}"#,
        r#"{"corrupt": {"probability": "30%"}}"#,
    ];
    for round in 0..100_u32 {
        let fault: UdpFault = serde_json::from_str(faults[round as usize % faults.len()]).unwrap();
        stage.proxy.inject(round, fault).unwrap();
        for number in 0..5_u32 {
            stage.client.send(&number.to_be_bytes()).await.unwrap();
        }
        if let Some(before) = round.checked_sub(2) {
            let _ = stage.proxy.heal(before);
        }
        tokio::task::yield_now().await;
    }
    until("taking all", || stage.proxy.counters().up.came == 500).await;
    let _ = (stage.proxy.heal(98), stage.proxy.heal(99));
    until("nothing is under way", || stage.proxy.counters().under_way == 0).await;
    let done: Vec<_> = (0..100).map(|id| stage.proxy.evidence(id).unwrap()).collect();
    let (copies, lost) = (done.iter().map(|one| one.copies).sum(), done.iter().map(|one| one.lost).sum());
    assert_nothing_is_missing(&stage.proxy.counters(), copies, lost);
}
