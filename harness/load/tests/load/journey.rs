//! Journeys through a real nginx, which knows who has logged in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{Request, Response};

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::feeder::{Feeder, Order};
use shakedown_scenarios::workload::journey::{Capture, JourneyStep, JourneyWorkload};
use shakedown_scenarios::workload::{
    Arrivals, Destination, Habits, HttpExpect, HttpRequest, HttpVersion, Think, Workload,
};

use crate::servers::nginx_server;
use crate::support::{Totals, get, run, serve};

/// A login gives a cookie, a token and a way to go; without the first two nothing is sold, and the cookie is for `/shop`
/// alone.
const SHOP: &str = r#"
    location = /login {
        add_header Set-Cookie "sid=s-1; Path=/shop; HttpOnly";
        add_header X-Next "items";
        return 200 '{"user": {"token": "t-7"}}';
    }
    location /shop/ {
        if ($cookie_sid != "s-1") { return 403; }
        if ($http_authorization != "Bearer t-7") { return 401; }
        return 200 'item id=42 for $arg_by';
    }
    location = /shop/42 { if ($cookie_sid) { return 204; } return 403; }
    location = /leave {
        if ($cookie_sid) { return 409; }
        return 200 "seen";
    }
"#;

pub fn step(path: &str, capture: &[(&str, Capture)]) -> JourneyStep {
    let capture = capture.iter().map(|(name, capture)| ((*name).to_owned(), capture.clone())).collect();
    JourneyStep { request: get(path), capture }
}

fn status(status: u16) -> HttpExpect {
    HttpExpect { status: Some(status), ..HttpExpect::default() }
}

pub fn journey() -> JourneyWorkload {
    let login = step(
        "/login",
        &[("token", Capture::Json("/user/token".into())), ("next", Capture::Header("x-next".into()))],
    );
    // The server says whose journey it is: one of the file.
    let captures = [
        ("id", Capture::Matches("id=([0-9]+)".into())),
        ("user", Capture::Matches("for (ann|b%20b)-[0-9]+$".into())),
    ];
    let mut items = step("/shop/{next}?by={user}-{n}", &captures);
    items.request = HttpRequest {
        headers: vec![("Authorization".into(), "Bearer {token}".into())],
        expect: status(200),
        ..items.request
    };
    let mut buy = step("/shop/{id}", &[]);
    buy.request.expect = status(204);
    let mut leave = step("/leave", &[]);
    leave.request.expect = status(200);
    JourneyWorkload {
        version: HttpVersion::Http1,
        to: Destination::Target("shop".into()),
        arrivals: Arrivals::Constant(Rate::per_second(50.0).unwrap()),
        timeout: Span::secs(10),
        connections: 8,
        habits: Habits::default(),
        tls: None,
        auth: None,
        keys: 100,
        data: Some(Feeder {
            file: "users.csv".into(),
            columns: vec!["user".into()],
            order: Order::Random,
            rows: ["ann", "b b"].map(|user| vec![user.to_owned()]).to_vec(),
        }),
        steps: vec![login, items, buy, leave],
    }
}

/// How many of each step were right.
fn right(totals: &Totals) -> BTreeMap<&str, u64> {
    let mut right = BTreeMap::new();
    for endpoint in totals.windows.iter().flat_map(|window| &window.endpoints) {
        *right.entry(endpoint.name.as_str()).or_default() += endpoint.ok;
    }
    right
}

#[tokio::test]
async fn users_go_through_a_shop_that_knows_them_and_a_step_that_fails_ends_its_journey() {
    let test = "users_go_through_a_shop_that_knows_them_and_a_step_that_fails_ends_its_journey";
    let Some(server) = nginx_server(test, SHOP).await else { return };
    // Over HTTP/2 two connections have room for as many users as eight of HTTP/1.1, who go there at the same time.
    let versions =
        [(HttpVersion::Http1, 8, server.address), (HttpVersion::Http2 { streams: 4 }, 2, server.clear)];
    tokio::join!(shop(versions[0]), shop(versions[1]));
}

async fn shop((version, connections, address): (HttpVersion, u32, SocketAddr)) {
    let journey = || JourneyWorkload { version, connections, ..journey() };
    let totals = |journey: JourneyWorkload| async move {
        let (totals, _) = run(Workload::Journey(journey), address, Span::secs(1)).await;
        totals.assert_complete();
        totals
    };

    let open = totals(journey()).await;
    let steps = right(&open);
    assert_eq!(steps["GET /login"], 50, "{steps:?}");
    // The last journeys may be cut by the end of the load, and nothing else may go wrong.
    assert!(open.errors.is_empty() && steps["GET /leave"] >= 30, "{steps:?} {:?}", open.errors);
    assert_eq!(open.due, open.ok, "what is not sent is not due");

    let users = Arrivals::Closed { users: 4, think: Think::Constant(Span::millis(20)) };
    let closed = totals(JourneyWorkload { arrivals: users, connections: 4, ..journey() }).await;
    assert!(closed.errors.is_empty() && right(&closed)["GET /leave"] >= 4, "{closed:?}");

    // Nothing of this name comes: the first step fails, and no other is sent.
    let mut lost = journey();
    lost.steps[0].capture[1].1 = Capture::Header("X-Nowhere".into());
    let lost = totals(lost).await;
    assert_eq!((lost.due, lost.failed("check"), lost.ok), (50, 50, 0), "{:?}", lost.errors);

    // Whoever does not show the token is refused at the second step.
    let mut stranger = journey();
    stranger.steps[1].request.headers.clear();
    let stranger = totals(stranger).await;
    let steps = right(&stranger);
    assert_eq!((steps["GET /login"], steps.get("GET /leave")), (50, None), "{steps:?}");
    assert!(stranger.failed("status") >= 30 && stranger.errors.len() == 1, "{:?}", stranger.errors);
}

/// Answers a step of somebody whom this server knows by a cookie and a token, or else not.
fn known(request: &Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
    let field = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_known = field("cookie") == Some("sid=s-1; lang=en") && request.uri().query() == Some("by=t%207");
    let (status, body) = match request.uri().path() {
        "/login" => (200, "{\"token\": \"t 7\"}"),
        _ if is_known => (200, "well"),
        _ => (403, ""),
    };
    let answer = Response::builder().status(status);
    let answer = answer.header("set-cookie", "lang=en; Path=/").header("set-cookie", "sid=s-1; Path=/shop");
    let mut sending = respond.send_response(answer.body(()).unwrap(), false).unwrap();
    sending.send_data(Bytes::from_static(body.as_bytes()), true).unwrap();
}

#[tokio::test]
async fn a_connection_that_is_lost_in_a_journey_over_http_2_costs_only_the_step_that_was_under_way() {
    let taken = Arc::<AtomicU64>::default();
    let counter = Arc::clone(&taken);
    let address = serve(move |stream| {
        let connection = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let Ok(mut server) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = server.accept().await {
                match (connection, request.uri().path()) {
                    // The first leaves in order behind its first answer, the second is lost with a step under way.
                    (0, _) => server.graceful_shutdown(),
                    (1, "/shop/cart") => return,
                    _ => {}
                }
                known(&request, respond);
            }
        }
    })
    .await;
    let login = step("/login", &[("token", Capture::Json("/token".into()))]);
    let steps = vec![login, step("/shop/{n}?by={token}", &[]), step("/shop/cart?by={token}", &[])];
    let arrivals = Arrivals::Closed { users: 1, think: Think::Constant(Span::millis(10)) };
    let version = HttpVersion::Http2 { streams: 8 };
    let workload = JourneyWorkload { version, arrivals, steps, data: None, ..journey() };
    let (totals, _) = run(Workload::Journey(workload), address, Span::millis(500)).await;
    totals.assert_complete();
    let steps = right(&totals);
    let lost = totals.failed("reset") + totals.failed("closed");
    assert_eq!((lost, totals.errors.len()), (1, 1), "{:?}", totals.errors);
    let [logins, carts] = ["GET /login", "GET /shop/cart?by={token}"].map(|step| steps[step]);
    // One journey was lost, and the end of the load may cut another.
    assert!(carts >= 3 && (1..=2).contains(&(logins - carts)), "{steps:?}");
    assert_eq!(taken.load(Ordering::SeqCst), 3);
}
