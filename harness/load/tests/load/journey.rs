//! Journeys through a real nginx, which knows who has logged in.

use std::collections::BTreeMap;

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::feeder::{Feeder, Order};
use shakedown_scenarios::workload::journey::{Capture, JourneyStep, JourneyWorkload};
use shakedown_scenarios::workload::{
    Arrivals, Destination, Habits, HttpExpect, HttpRequest, Think, Workload,
};

use crate::servers::nginx_server;
use crate::support::{Totals, get, run};

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
    let address = server.address;
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
