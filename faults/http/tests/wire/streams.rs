//! HTTP/2 and gRPC: what passes, and what faults do to streams and connections.

use http_body_util::BodyExt;
use shakedown_http_faults::act::{
    Abort, Answer, Delay, GrpcStatus, HeaderChange, HeaderEdit, HttpAct, ReplaceBody, StreamCode, Trickle,
    TruncateBody, TruncateEnd,
};
use shakedown_http_faults::fault::HttpFault;
use shakedown_http_faults::matching::Match;
use shakedown_scenarios::units::{Bandwidth, Size, Span};

use crate::shop::{FIXED, STREAM};
use crate::support::*;

#[tokio::test]
async fn a_call_of_grpc_passes_with_its_trailers() {
    for place in Place::both().await {
        let mut sender = http2(place.address()).await;
        let response = send2(&mut sender, "/grpc").await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/grpc");
        let whole = soon("the body", response.into_body().collect()).await.unwrap();
        assert_eq!(whole.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(whole.to_bytes().as_ref(), b"\0\0\0\0\x02ok");
    }
}

#[tokio::test]
async fn many_streams_share_a_connection_and_each_gets_its_own_answer() {
    let place = Place::proxy().await;
    let matches = Match { every: Some(3), ..Match::default() };
    place.inject_as(ID, HttpFault { matches, act: Delay::before(Span::millis(20)).into() });
    let sender = http2(place.address()).await;
    let calls = (0..30).map(|number| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let response = send2(&mut sender, &format!("/echo?{number}")).await.unwrap();
            assert!(text(response.into_body()).await.contains(&format!("/echo?{number} HTTP/2.0")));
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    place.assert_seen(10, 10);
    if let Place::Proxy(proxy) = &place {
        assert_eq!((proxy.counters().accepted, proxy.counters().requests), (1, 30));
    }
}

#[tokio::test]
async fn an_abort_resets_the_stream_with_its_code_and_leaves_the_connection() {
    for place in Place::both().await {
        let mut sender = http2(place.address()).await;
        let codes = [
            (StreamCode::Cancel, h2::Reason::CANCEL),
            (StreamCode::EnhanceYourCalm, h2::Reason::ENHANCE_YOUR_CALM),
            (StreamCode::InternalError, h2::Reason::INTERNAL_ERROR),
        ];
        for (code, reason) in codes {
            place.inject(Abort { code, ..Abort::default() });
            let error = send2(&mut sender, "/fixed").await.unwrap_err();
            assert_eq!(reset_code(&error), Some(reason), "{error:?}");
            place.assert_seen(1, 1);
            place.heal();
        }
        assert_eq!(send2(&mut sender, "/fixed").await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn an_abort_within_the_body_resets_the_stream_after_so_much_of_it() {
    for place in Place::both().await {
        place.inject(Abort {
            code: StreamCode::RefusedStream,
            after: Some(Size::bytes(7)),
            ..Abort::default()
        });
        let mut sender = http2(place.address()).await;
        let mut body = send2(&mut sender, "/fixed").await.unwrap().into_body();
        let first = soon("data", body.frame()).await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first, &FIXED[..7]);
        let error = soon("the reset", body.frame()).await.unwrap().unwrap_err();
        assert_eq!(reset_code(&error), Some(h2::Reason::REFUSED_STREAM), "{error:?}");
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn a_reset_of_the_server_arrives_with_its_code() {
    let Place::Server(address, faults) = Place::server().await else { unreachable!("it is one") };
    let abort = Abort { code: StreamCode::EnhanceYourCalm, ..Abort::default() };
    faults.inject(1, HttpFault::always(abort)).unwrap();
    let place = Place::before(address);
    let mut sender = http2(place.address()).await;
    let error = send2(&mut sender, "/fixed").await.unwrap_err();
    assert_eq!(reset_code(&error), Some(h2::Reason::ENHANCE_YOUR_CALM), "{error:?}");
}

#[tokio::test]
async fn a_grpc_status_comes_in_the_head_and_ends_the_stream() {
    for place in Place::both().await {
        place.inject(GrpcStatus { code: 14, message: "100% gone: ü".to_owned() });
        let mut sender = http2(place.address()).await;
        let response = send2(&mut sender, "/grpc").await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"application/grpc".parse().unwrap())
        );
        assert_eq!(response.headers()["grpc-status"], "14");
        assert_eq!(response.headers()["grpc-message"], "100%25 gone: %C3%BC");
        // Trailers-only: the frame of headers is the last one.
        assert!(http_body::Body::is_end_stream(response.body()));
        place.assert_seen(1, 1);
    }
}

#[tokio::test]
async fn go_away_lets_the_answer_come_and_no_other_request_go() {
    let place = Place::proxy().await;
    place.inject(HttpAct::GoAway);
    let mut sender = http2(place.address()).await;
    let response = send2(&mut sender, "/fixed").await.unwrap();
    assert_eq!(text(response.into_body()).await, FIXED);
    until("the connection to end", || sender.is_closed()).await;
    place.assert_seen(1, 1);
    place.heal();
    let mut sender = http2(place.address()).await;
    assert_eq!(send2(&mut sender, "/fixed").await.unwrap().status(), 200);
    assert!(!sender.is_closed());
}

#[tokio::test]
async fn go_away_says_so_in_a_frame() {
    let place = Place::proxy().await;
    place.inject(HttpAct::GoAway);
    let (mut sender, connection) = h2::client::handshake(connect(place.address()).await).await.unwrap();
    let end = tokio::spawn(connection);
    let request = http::Request::get("http://shop/fixed").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let mut body = soon("an answer", response).await.unwrap().into_body();
    while let Some(data) = soon("the body", body.data()).await {
        body.flow_control().release_capacity(data.unwrap().len()).unwrap();
    }
    // A connection that ends with GOAWAY NO_ERROR ends well while its client still has a use for it.
    soon("the end", end).await.unwrap().unwrap();
    let refused = sender.ready().await.err();
    assert_eq!(refused.and_then(|error| error.reason()), Some(h2::Reason::NO_ERROR));
}

#[tokio::test]
async fn acts_on_heads_and_bodies_work_on_streams_as_well() {
    for place in Place::both().await {
        let mut sender = http2(place.address()).await;
        let cases: [(HttpAct, &str, u16, &str); 6] = [
            (Answer { body: "no".to_owned(), ..Answer::status(503) }.into(), "/fixed", 503, "no"),
            (ReplaceBody { body: "new".to_owned(), content_type: None }.into(), "/stream", 200, "new"),
            (TruncateBody { keep: Size::bytes(3), end: TruncateEnd::Complete }.into(), "/fixed", 200, "012"),
            (Trickle { rate: Bandwidth::bytes_per_second(500), head: false }.into(), "/fixed", 200, FIXED),
            (Delay { between: Span::millis(5), ..Delay::default() }.into(), "/fixed", 200, FIXED),
            (HeaderChange::response("x", HeaderEdit::Add("y".to_owned())).into(), "/fixed", 200, FIXED),
        ];
        for (act, path, status, body) in cases {
            place.inject(act.clone());
            let response = send2(&mut sender, path).await.unwrap();
            assert_eq!(response.status(), status, "{act:?}");
            assert_eq!(text(response.into_body()).await, body, "{act:?}");
            place.assert_seen(1, 1);
            place.heal();
        }
    }
}

#[tokio::test]
async fn acts_of_http1_do_not_bite_streams() {
    let place = Place::proxy().await;
    place.inject(HttpAct::KeepAliveClose);
    let mut sender = http2(place.address()).await;
    let response = send2(&mut sender, "/stream").await.unwrap();
    assert_eq!(text(response.into_body()).await, STREAM.concat());
    place.assert_seen(1, 0);
}

#[tokio::test]
async fn streams_that_could_be_meant_for_two_hosts_are_refused() {
    let place = Place::proxy().await;
    let mut sender = http2(place.address()).await;
    let request = |host: &str| {
        let request = http::Request::get("http://shop/echo").header("host", host);
        request.body(http_body_util::Full::default()).unwrap()
    };
    assert_eq!(sender.send_request(request("other")).await.unwrap().status(), 400);
    assert_eq!(sender.send_request(request("SHOP")).await.unwrap().status(), 200);
    let mut two = request("shop");
    two.headers_mut().append("host", "shop".parse().unwrap());
    assert_eq!(sender.send_request(two).await.unwrap().status(), 400);
}
