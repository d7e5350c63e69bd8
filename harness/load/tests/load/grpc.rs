//! Unary calls of gRPC, against a small server that speaks its frames and trailers.

use bytes::Bytes;
use http::{HeaderMap, Response};
use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::grpc::{GrpcCall, GrpcExpect, GrpcStatus, GrpcWorkload};
use shakedown_scenarios::workload::{Arrivals, Destination, Habits, Workload};

use crate::http2::server;
use crate::support::run;

fn call(method: &str, message: &str, expect: GrpcExpect) -> GrpcCall {
    GrpcCall {
        name: None,
        method: method.into(),
        message: message.into(),
        message_file: None,
        metadata: vec![("x-shop".into(), "blue".into())],
        expect,
        weight: 1,
    }
}

fn expecting(status: GrpcStatus, message: Option<&str>) -> GrpcExpect {
    GrpcExpect { status, message: message.map(Into::into), ..GrpcExpect::default() }
}

/// Sends what was asked back (`Echo`), or has no such thing; only in the words of gRPC.
async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
) -> Option<()> {
    let (head, mut body) = request.into_parts();
    let is = |name: &str, value: &str| head.headers.get(name).is_some_and(|found| found == value);
    let is_right = head.method == "POST"
        && is("content-type", "application/grpc")
        && is("te", "trailers")
        && is("x-shop", "blue");
    let mut asked = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        asked.extend_from_slice(&piece);
    }
    let found = is_right && head.uri.path() == "/shop.Items/Echo";
    let answer = Response::builder().header("content-type", "application/grpc").body(()).ok()?;
    let mut sending = respond.send_response(answer, false).ok()?;
    if found {
        sending.send_data(Bytes::from(asked), false).ok()?;
    }
    let status = if found {
        "0"
    } else if is_right {
        "5"
    } else {
        "3"
    };
    let trailers: HeaderMap = [("grpc-status".parse().ok()?, status.parse().ok()?)].into_iter().collect();
    sending.send_trailers(trailers).ok()
}

#[tokio::test]
async fn calls_are_judged_by_their_status_and_their_message() {
    let (address, _) = server(|request, respond| drop(tokio::spawn(answer(request, respond)))).await;
    let calls = vec![
        call("shop.Items/Echo", "CAE=", expecting(GrpcStatus::Ok, Some("CAE="))),
        call("shop.Items/Other", "", expecting(GrpcStatus::NotFound, None)),
        GrpcCall {
            name: Some("another message".into()),
            ..call("shop.Items/Echo", "CAE=", expecting(GrpcStatus::Ok, Some("CAI=")))
        },
        GrpcCall {
            name: Some("another status".into()),
            ..call("shop.Items/Other", "", expecting(GrpcStatus::Ok, None))
        },
    ];
    let workload = GrpcWorkload {
        to: Destination::Target("shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(400.0).unwrap()),
        timeout: Span::secs(10),
        connections: 2,
        streams: 20,
        habits: Habits::default(),
        tls: None,
        auth: None,
        calls,
    };
    let (totals, _) = run(Workload::Grpc(workload), address, Span::millis(500)).await;
    totals.assert_complete();
    let (checks, statuses) = (totals.failed("check"), totals.failed("status"));
    assert_eq!((totals.due, totals.ok + checks + statuses), (200, 200), "{:?}", totals.errors);
    let of = |name: &str| {
        let parts =
            totals.windows.iter().flat_map(|window| &window.endpoints).filter(|part| part.name == name);
        parts.fold((0, 0), |(ok, wrong), part| (ok + part.ok, wrong + part.errors.values().sum::<u64>()))
    };
    for name in ["shop.Items/Echo", "shop.Items/Other"] {
        assert!(matches!(of(name), (20.., 0)), "{name}: {:?}", of(name));
    }
    assert!(checks >= 20 && of("another message") == (0, checks), "{:?}", totals.errors);
    assert!(statuses >= 20 && of("another status") == (0, statuses), "{:?}", totals.errors);
}
