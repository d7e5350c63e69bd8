//! Faults that come and go under traffic.

use futures_util::{SinkExt as _, StreamExt as _};
use shakedown_scenarios::seed::Streams;
use shakedown_websocket_faults::Control;

use crate::support::{described, joined, soon, text};

/// Those that change when and in how many frames something comes, and not what.
const HARMLESS: [&str; 4] = [
    r#"{"delay":{"delay":"3ms","jitter":"3ms"}}"#,
    r#"{"delay":{"delay":"1h","which":{"every":50}}}"#,
    r#"{"fragment":{"size":"7B"}}"#,
    r#"{"fragment":{"size":"1B","which":{"probability":"20%"}}}"#,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_come_and_go_under_traffic_and_no_message_is_lost() {
    const MESSAGES: usize = 3_000;
    let control = Control::new();
    let joined = joined(&control).await;
    let (mut say, mut hear) = (joined.client.split().0, joined.server.split().1);
    let saying = tokio::spawn(async move {
        for number in 0..MESSAGES {
            say.send(text(&format!("message {number}"))).await.unwrap();
        }
        say
    });
    let hearing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            let heard = hear.next().await.unwrap().unwrap().into_text().unwrap();
            assert_eq!(heard.as_str(), format!("message {number}"));
        }
    });
    let mut chance = Streams::new(1).stream("stress");
    let mut changes = 0;
    // Whatever holds is healed some steps later, so that even an hour's delay is over soon.
    soon("the conversation", async {
        while !hearing.is_finished() {
            let id = u32::try_from(chance.below(6)).unwrap();
            match chance.below(2) {
                0 => drop(control.inject(id, described(HARMLESS[chance.below(4) as usize]))),
                _ => drop(control.heal(id)),
            }
            changes += 1;
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(changes > 10, "{changes}");
    drop(soon("saying", saying).await.unwrap());
    soon("hearing", hearing).await.unwrap();
}
