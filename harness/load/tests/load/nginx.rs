//! HTTP/1.1 and HTTP/2 over TLS, and HTTP/2 in the clear, with rows of a file, against nginx.

use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::feeder::{Feeder, Order};
use shakedown_scenarios::workload::journey::Capture;
use shakedown_scenarios::workload::{HttpVersion, HttpWorkload, JourneyWorkload, Tls, Workload};

use crate::journey::{journey, step};
use crate::servers::nginx_over_tls;
use crate::support::{http, run};

#[tokio::test]
async fn nginx_answers_both_versions_over_tls_and_in_the_clear() {
    let test = "nginx_answers_both_versions_over_tls_and_in_the_clear";
    let Some((server, ca)) = nginx_over_tls(test).await else { return };
    let tls = Some(Tls { ca: Some(ca.display().to_string()), name: Some("shop.local".into()), verify: true });
    let rows = ["ann", "b c"].map(|user| vec![user.to_owned()]).to_vec();
    let data = Feeder { file: "users.csv".into(), columns: vec!["user".into()], order: Order::InTurn, rows };
    let newer = HttpVersion::Http2 { streams: 20 };
    for (version, tls, address, protocol) in [
        (HttpVersion::Http1, tls.clone(), server.address, "HTTP/1.1"),
        (newer, tls.clone(), server.address, "HTTP/2.0"),
        (newer, None, server.clear, "HTTP/2.0"),
    ] {
        let mut workload = HttpWorkload { version, tls, data: Some(data.clone()), ..http(600.0, 2) };
        workload.requests[0].path = "/items/{n}?user={user}".into();
        workload.requests[0].headers = vec![("X-User".into(), "{user}".into())];
        workload.requests[0].expect.matches = Some(r#""row": "(ann/ann|b c/b%20c)""#.into());
        workload.requests[0].expect.json =
            vec![("/protocol".into(), protocol.into()), ("/name".into(), "item".into())];
        workload.requests[0].expect.headers = vec![("content-type".into(), "application/json".into())];
        let (totals, _) = run(Workload::Http(workload), address, Span::millis(500)).await;
        totals.assert_complete();
        // Among them are those that nginx leaves undone when it ends a connection, after a hundred requests.
        assert_eq!((totals.due, totals.ok), (300, 300), "{protocol}: {:?}", totals.errors);
    } // Journeys too, across the connections that nginx ends after a hundred requests.
    let mut next = step("/items/{protocol}", &[]);
    next.request.expect.json = vec![("/name".into(), "item".into())];
    let steps = vec![step("/items/1", &[("protocol", Capture::Matches("(HTTP/2.0)".into()))]), next];
    let journeys = JourneyWorkload { version: newer, connections: 2, tls, steps, data: None, ..journey() };
    let (totals, _) = run(Workload::Journey(journeys), server.address, Span::millis(500)).await;
    totals.assert_complete();
    // The end of the load may cut the last ones short.
    assert!(totals.ok == totals.due && (30..=50).contains(&totals.ok), "{totals:?}");
}
