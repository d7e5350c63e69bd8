//! Acts on bodies over HTTP/1.

use std::time::Duration;

use serde_json::{Value, json};
use shakedown_http_faults::act::{Delay, MergePatch, ReplaceBody, Trickle, TruncateBody, TruncateEnd};
use shakedown_http_faults::fault::HttpFault;
use shakedown_scenarios::units::{Bandwidth, Size, Span};
use tokio::io::AsyncWriteExt;

use crate::shop::{FIXED, STREAM};
use crate::support::*;

#[tokio::test]
async fn a_body_comes_some_time_after_its_head() {
    for place in Place::both().await {
        place.inject(Delay { between: Span::millis(80), ..Delay::default() });
        let mut stream = connect(place.address()).await;
        stream.write_all(b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        let began = now();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        read_until(&mut stream, FIXED).await;
        assert!(began.elapsed() >= Duration::from_millis(50), "{:?}", began.elapsed());
        place.assert_seen(1, 1);
        assert!(place.evidence().waited >= Span::millis(80));
    }
}

#[tokio::test]
async fn every_chunk_of_a_body_comes_late() {
    for place in Place::both().await {
        place.inject(Delay { chunk: Span::millis(30), ..Delay::default() });
        let began = now();
        let answer = place.get("/stream").await;
        assert_eq!(answer.unframed(), STREAM.concat());
        place.assert_seen(1, 1);
        let seen = place.evidence();
        assert_eq!(seen.bytes, STREAM.concat().len() as u64);
        // Before a proxy chunks may have been joined on their way.
        let chunks = if place.is_proxy() { 1 } else { STREAM.len() as u64 };
        assert!(seen.waited >= Span::millis(30 * chunks), "{seen}");
        assert!(began.elapsed() >= Span::millis(30 * chunks).duration());
    }
}

#[tokio::test]
async fn another_body_takes_the_place_of_the_servers() {
    for place in Place::both().await {
        place
            .inject(ReplaceBody { body: "{}".to_owned(), content_type: Some("application/json".to_owned()) });
        for path in ["/fixed", "/stream", "/empty"] {
            let answer = place.get(path).await;
            assert_eq!((answer.status(), answer.body().as_str()), (200, "{}"), "{path}");
            assert_eq!(answer.header("content-length"), ["2"]);
            assert_eq!(answer.header("content-type"), ["application/json"]);
            assert_eq!(answer.header("x-shop"), ["open"]);
        }
        place.assert_seen(3, 3);
    }
}

#[tokio::test]
async fn parts_of_a_json_body_are_changed_and_other_bodies_are_left_alone() {
    for place in Place::both().await {
        place.inject(MergePatch { patch: json!({"price": null, "stock": {"left": -1}}) });
        let answer = place.get("/json").await;
        let body: Value = serde_json::from_str(&answer.unframed()).unwrap();
        assert_eq!(body, json!({"name": "apple", "stock": {"left": -1, "where": "here"}}));
        place.assert_seen(1, 1);
        // No JSON, empty, and JSON by its name only.
        for (path, body) in [("/fixed", FIXED), ("/empty", ""), ("/not-json", "{\"cut")] {
            assert_eq!(place.get(path).await.unframed(), body, "{path}");
        }
        place.assert_seen(4, 1);
        let large = place.get("/large-json").await.unframed();
        assert_eq!(large.len(), (2 << 20) + 2, "too large to be looked into");
        place.assert_seen(5, 1);
    }
}

#[tokio::test]
async fn a_body_that_is_cut_promises_more_than_comes() {
    for place in Place::both().await {
        place.inject(TruncateBody { keep: Size::bytes(5), end: TruncateEnd::Cut });
        let answer = place.get("/fixed").await;
        assert_eq!(
            (answer.header("content-length"), answer.body().as_str()),
            (vec!["20".to_owned()], "01234")
        );
        let answer = place.get("/stream").await;
        assert!(!answer.body().ends_with("0\r\n\r\n"), "{answer:?}");
        place.assert_seen(2, 2);
        assert_eq!(place.get("/empty").await.body(), "");
        place.assert_seen(3, 2);
    }
}

#[tokio::test]
async fn a_body_can_end_early_in_good_order() {
    for place in Place::both().await {
        place.inject(TruncateBody { keep: Size::bytes(5), end: TruncateEnd::Complete });
        let answer = place.get("/fixed").await;
        assert_eq!(
            (answer.header("content-length"), answer.body().as_str()),
            (vec!["5".to_owned()], "01234")
        );
        assert_eq!(place.get("/stream").await.unframed(), "one,t");
        place.assert_seen(2, 2);
        // What is not longer passes.
        place.heal();
        place.inject(TruncateBody { keep: Size::bytes(20), end: TruncateEnd::Complete });
        assert_eq!(place.get("/fixed").await.body(), FIXED);
        place.assert_seen(1, 0);
    }
}

#[tokio::test]
async fn a_trickle_takes_its_time_and_loses_nothing() {
    for place in Place::both().await {
        place.inject(Trickle { rate: Bandwidth::bytes_per_second(100), head: false });
        let began = now();
        let answer = place.get("/fixed").await;
        assert_eq!(answer.body(), FIXED);
        // The last byte may go when the 20th hundredth of a second has passed.
        assert!(began.elapsed() >= Duration::from_millis(190), "{:?}", began.elapsed());
        place.assert_seen(1, 1);
        assert_eq!(place.evidence().bytes, 20);
    }
}

#[tokio::test]
async fn a_trickle_ends_when_it_is_healed() {
    for place in Place::both().await {
        place.inject(Trickle { rate: Bandwidth::bytes_per_second(1_000), head: false });
        let mut stream = connect(place.address()).await;
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        read_until(&mut stream, "xxx").await;
        place.heal();
        // A mebibyte at that rate takes a quarter of an hour.
        assert_eq!(rest(&mut stream).await.bytes.len(), (1 << 20) - 3);
    }
}

#[tokio::test]
async fn several_faults_on_one_body_work_through_each_other() {
    for place in Place::both().await {
        let cut = TruncateBody { keep: Size::bytes(10), end: TruncateEnd::Complete };
        place.inject_as(1, HttpFault::always(cut));
        place.inject(Trickle { rate: Bandwidth::bytes_per_second(200), head: false });
        place.inject_as(8, HttpFault::always(Delay { chunk: Span::millis(1), ..Delay::default() }));
        let answer = place.get("/fixed").await;
        assert_eq!(
            (answer.header("content-length"), answer.body().as_str()),
            (vec!["10".to_owned()], &FIXED[..10])
        );
        place.assert_seen(1, 1);
    }
}
