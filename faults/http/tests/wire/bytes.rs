//! Faults that only bytes can show: the proxy writes them itself.

use std::time::Duration;

use shakedown_http_faults::act::{BadChunk, BadChunkKind, Garbage, Trickle, WrongLength};
use shakedown_http_faults::fault::HttpFault;
use shakedown_http_faults::matching::Match;
use shakedown_scenarios::units::{Bandwidth, Size};
use tokio::io::AsyncWriteExt;

use crate::shop::{FIXED, STREAM};
use crate::support::*;

#[tokio::test]
async fn a_length_that_is_too_long_or_too_short_comes_with_the_whole_body() {
    for (by, claimed) in [(5, "25"), (-5, "15"), (-30, "50")] {
        let place = Place::proxy().await;
        place.inject(WrongLength { by });
        let answer = place.get("/fixed").await;
        assert_eq!((answer.status(), answer.header("content-length")), (200, vec![claimed.to_owned()]));
        assert_eq!((answer.body().as_str(), answer.header("x-shop")), (FIXED, vec!["open".to_owned()]));
        assert!(!answer.reset);
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn a_length_is_claimed_for_a_body_that_has_none() {
    let place = Place::proxy().await;
    place.inject(WrongLength { by: 3 });
    let answer = place.get("/stream").await;
    assert_eq!((answer.header("content-length"), answer.body()), (vec!["3".to_owned()], STREAM.concat()));
    assert!(answer.header("transfer-encoding").is_empty());
    place.assert_seen(1, 1);
}

#[tokio::test]
async fn every_kind_of_bad_chunk_is_bad_in_its_way() {
    let cases = [
        (BadChunkKind::NoSize, format!("zz\r\n{FIXED}\r\n")),
        (BadChunkKind::HugeSize, format!("fffffffffffffffff\r\n{FIXED}\r\n")),
        (BadChunkKind::TooLong, format!("24\r\n{FIXED}\r\n")),
        (BadChunkKind::TooShort, format!("13\r\n{FIXED}\r\n")),
        (BadChunkKind::NoLineEnd, format!("14{FIXED}\r\n")),
        (BadChunkKind::NoEnd, format!("14\r\n{FIXED}\r\n")),
    ];
    for (kind, expected) in cases {
        let place = Place::proxy().await;
        place.inject(BadChunk { kind });
        let answer = place.get("/fixed").await;
        assert_eq!(answer.header("transfer-encoding"), ["chunked"], "{kind:?}");
        assert!(answer.header("content-length").is_empty());
        assert_eq!((answer.body(), answer.reset), (expected, false), "{kind:?}");
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn garbage_is_the_same_for_the_same_seed_and_no_http() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let place = Place::proxy().await;
        place.inject(Garbage { size: Size::bytes(30_000) });
        let answer = place.get("/fixed").await;
        assert_eq!((answer.bytes.len(), answer.reset), (30_000, false));
        assert!(!answer.bytes.starts_with(b"HTTP"));
        place.assert_seen(1, 1);
        seen.push(answer.bytes);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_head_can_trickle_too() {
    let place = Place::proxy().await;
    place.inject(Trickle { rate: Bandwidth::bytes_per_second(400), head: true });
    for (path, body) in [("/fixed", FIXED.to_owned()), ("/stream", STREAM.concat())] {
        let began = now();
        let answer = place.get(path).await;
        assert_eq!((answer.status(), answer.unframed()), (200, body));
        // Head and body one after the other, but for the last quantum of each.
        let least = (answer.bytes.len() as u64 - 10) * 1_000 / 400;
        assert!(began.elapsed() >= Duration::from_millis(least.min(150)), "{:?}", began.elapsed());
    }
    place.assert_seen(2, 2);
}

#[tokio::test]
async fn only_the_answer_that_is_bitten_is_wrong_and_it_is_the_last_one() {
    let place = Place::proxy().await;
    let matches = Match { every: Some(3), ..Match::default() };
    place.inject_as(ID, HttpFault { matches, act: Garbage { size: Size::bytes(9) }.into() });
    let mut stream = connect(place.address()).await;
    // All at once: answers that come before must not be mixed up with the bytes of the third.
    let request = "GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request.repeat(5).as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    let text = answer.text();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text:?}");
    let last = answer.bytes.windows(FIXED.len()).rposition(|part| part == FIXED.as_bytes()).unwrap();
    assert_eq!(answer.bytes.len() - last - FIXED.len(), 9, "{text:?}");
    place.assert_seen(1, 1);
}

#[tokio::test]
async fn a_server_without_the_proxy_leaves_its_answers_right() {
    let place = Place::server().await;
    place.inject(WrongLength { by: 3 });
    assert_eq!(place.get("/fixed").await.header("content-length"), ["20"]);
    place.assert_seen(1, 0);
}

#[tokio::test]
async fn what_has_no_body_is_left_alone() {
    let place = Place::proxy().await;
    place.inject(WrongLength { by: 3 });
    place.inject_as(8, HttpFault::always(Trickle { rate: Bandwidth::bytes_per_second(100), head: true }));
    let answer = ask(place.address(), "HEAD /fixed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!((answer.status(), answer.header("content-length")), (200, vec!["20".to_owned()]));
    assert_eq!(answer.body(), "");
    place.assert_seen(1, 0);
}
