//! Much at once: faults that come and go under requests, and bytes by the megabyte.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use shakedown_http_faults::act::{
    Abort, AbortHow, Answer, BadChunk, BadChunkKind, Delay, Garbage, HttpAct, ReplaceBody, Trickle,
    TruncateBody, TruncateEnd, WrongLength,
};
use shakedown_http_faults::fault::HttpFault;
use shakedown_http_faults::matching::Match;
use shakedown_scenarios::seed::Streams;
use shakedown_scenarios::units::{Bandwidth, Ratio, Size, Span};
use tokio::io::AsyncWriteExt;

use crate::shop::FIXED;
use crate::support::*;

/// Bytes in which a lost or doubled one shows.
fn many(count: usize) -> Vec<u8> {
    (0..count as u64)
        .map(|place| ((place % 99_991).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

#[tokio::test]
async fn megabytes_pass_both_ways_unchanged_over_http1() {
    let place = Place::proxy().await;
    let body = many(8 << 20);
    let mut stream = connect(place.address()).await;
    let (mut read, mut write) = stream.split();
    let head = format!(
        "POST /mirror HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let sending = async {
        write.write_all(head.as_bytes()).await.unwrap();
        write.write_all(&body).await.unwrap();
    };
    let mut got = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut got);
    let (_, end) = soon("the mirror", async { tokio::join!(sending, reading) }).await;
    end.unwrap();
    let start = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(got[start..] == body);
}

#[tokio::test]
async fn megabytes_pass_both_ways_unchanged_over_http2() {
    let place = Place::proxy().await;
    let sender = http2(place.address()).await;
    let calls: Vec<_> = (0..4)
        .map(|number| {
            let mut sender = sender.clone();
            tokio::spawn(async move {
                let body = many((2 << 20) + number);
                let request = Request::post("http://shop/mirror").body(Full::from(body.clone())).unwrap();
                let response = soon("an answer", sender.send_request(request)).await.unwrap();
                let got = soon("the mirror", response.into_body().collect()).await.unwrap().to_bytes();
                assert!(got == body);
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn one_connection_serves_on_after_bodies_that_were_not_taken_whole() {
    let place = Place::proxy().await;
    let act: [HttpAct; 2] = [
        ReplaceBody { body: "new".to_owned(), content_type: None }.into(),
        TruncateBody { keep: Size::bytes(3), end: TruncateEnd::Complete }.into(),
    ];
    let mut stream = connect(place.address()).await;
    for act in act {
        place.inject(act);
        for _ in 0..3 {
            stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let answer = read_until(&mut stream, "\r\n\r\n").await;
            assert!(answer.contains("content-length: 3\r\n"), "{answer}");
            let mut body = [0; 3];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body).await.unwrap();
        }
        place.assert_seen(3, 3);
        place.heal();
    }
    stream.write_all(b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut stream, FIXED).await;
}

fn acts() -> Vec<HttpAct> {
    vec![
        Delay {
            before: Span::millis(3),
            between: Span::millis(2),
            chunk: Span::millis(1),
            jitter: Span::millis(2),
        }
        .into(),
        Abort::default().into(),
        Abort { how: AbortHow::Reset, after: Some(Size::bytes(4)), ..Abort::default() }.into(),
        Answer::status(503).into(),
        ReplaceBody { body: "other".to_owned(), content_type: None }.into(),
        TruncateBody { keep: Size::bytes(9), end: TruncateEnd::Complete }.into(),
        TruncateBody { keep: Size::bytes(9), end: TruncateEnd::Cut }.into(),
        Trickle { rate: Bandwidth::bytes_per_second(2_000), head: true }.into(),
        WrongLength { by: -1 }.into(),
        BadChunk { kind: BadChunkKind::TooShort }.into(),
        Garbage { size: Size::bytes(99) }.into(),
        HttpAct::KeepAliveClose,
        HttpAct::GoAway,
    ]
}

/// Control is asked thousands of times while clients of both versions run against whatever holds. Nothing panics or
/// hangs, no call of control waits, and what was all healed is all gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_come_and_go_under_live_requests() {
    let place = std::sync::Arc::new(Place::proxy().await);
    let over = std::sync::Arc::new(AtomicBool::new(false));
    let served = std::sync::Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for number in 0..16_usize {
        let (place, over, served) = (place.clone(), over.clone(), served.clone());
        clients.push(tokio::spawn(async move {
            let path = ["/fixed", "/stream", "/empty", "/echo"][number % 4];
            while !over.load(Relaxed) {
                if number % 2 == 0 {
                    place.get(path).await;
                } else {
                    let mut sender = http2(place.address()).await;
                    while let Ok(response) = send2(&mut sender, path).await {
                        let _ = soon("a body", response.into_body().collect()).await;
                        served.fetch_add(1, Relaxed);
                        if over.load(Relaxed) {
                            break;
                        }
                    }
                }
                served.fetch_add(1, Relaxed);
            }
        }));
    }
    let Place::Proxy(proxy) = &*place else { unreachable!("it is one") };
    let (acts, mut chance) = (acts(), Streams::new(SEED).stream("stress"));
    for step in 0..4_000_u32 {
        let id = chance.below(8) as u32;
        let asked = now();
        if chance.chance(0.5) {
            let matches = Match { share: Ratio::new(0.5), ..Match::default() };
            let act = acts[chance.below(acts.len() as u64) as usize].clone();
            // A number that holds is refused, which is as good a call as any.
            let _ = proxy.inject(id, HttpFault { matches, act });
        } else {
            assert!(proxy.heal(id).proven);
        }
        assert!(asked.elapsed() < Duration::from_secs(1), "step {step}");
        if step % 8 == 0 {
            tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(1)).await;
        }
    }
    (0..8).for_each(|id| assert!(proxy.heal(id).proven));
    let before = served.load(Relaxed);
    until("requests to go on", || served.load(Relaxed) > before + 32).await;
    over.store(true, Relaxed);
    for client in clients {
        soon("a client", client).await.unwrap();
    }
    assert_eq!(place.get("/fixed").await.body(), FIXED);
    until("all to be closed", || proxy.counters().open == 0).await;
}
