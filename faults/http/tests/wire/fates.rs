//! Same seed, same order of requests: same fates, on every machine and for ever.

use shakedown_http_faults::act::{Answer, HttpAct};
use shakedown_http_faults::fault::HttpFault;
use shakedown_http_faults::matching::Match;
use shakedown_scenarios::units::Ratio;

use crate::support::*;

/// Which of 64 requests are hit by a fault on half of them, as bits.
const PINNED: u64 = 0x1659_cb98_c7ee_b8cf;

#[tokio::test]
async fn safety_13_the_same_seed_and_order_of_requests_give_the_same_fates_for_ever() {
    for place in Place::both().await {
        let matches = Match { share: Ratio::new(0.5), ..Match::default() };
        place.inject_as(ID, HttpFault { matches, act: HttpAct::Answer(Answer::status(503)) });
        let mut fates = 0;
        for number in 0..64 {
            fates |= u64::from(place.get("/fixed").await.status() == 503) << number;
        }
        assert_eq!(fates, PINNED, "{fates:#018x}");
    }
}
