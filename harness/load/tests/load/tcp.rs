//! Send and expect over TCP.

use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::{TcpExchange, Workload};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::support::{run, serve, tcp};

/// Answers lines: `PING` with `+PONG`, `GET key` with two pieces of a value, anything else with an error.
async fn lines() -> std::net::SocketAddr {
    serve(|stream| async move {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|count| count > 0) {
            let answer: &[&str] = match line.trim() {
                "PING" => &["+PONG\r\n"],
                get if get.starts_with("GET ") => &["$3", "\r\nabc\r\n."],
                _ => &["-ERR\r\n"],
            };
            for piece in answer {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            line.clear();
        }
    })
    .await
}

#[tokio::test]
async fn exchanges_of_a_mix_are_answered_on_kept_connections() {
    let mut workload = tcp(200.0, 2, "PING\r\n", "+PONG\r\n", None);
    let get = TcpExchange {
        send: "GET {n}\r\n".into(),
        expect: "$3\r\n".into(),
        until: Some(".".into()),
        ..workload.exchanges[0].clone()
    };
    workload.exchanges.push(get);
    let (totals, _) = run(Workload::Tcp(workload), lines().await, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!((totals.due, totals.ok), (200, 200), "{:?}", totals.errors);
}

#[tokio::test]
async fn another_answer_fails_the_check() {
    let (totals, _) =
        run(Workload::Tcp(tcp(40.0, 1, "SET\r\n", "+OK", None)), lines().await, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.failed("check"), 40, "{:?}", totals.errors);
}

#[tokio::test]
async fn what_is_left_of_a_line_is_not_taken_for_the_next_answer() {
    // `+PONG` without its end: the two bytes that follow it may come with it or after it.
    let (totals, _) =
        run(Workload::Tcp(tcp(50.0, 1, "PING\r\n", "+PONG", None)), lines().await, Span::secs(1)).await;
    totals.assert_complete();
    assert_eq!(totals.ok, 50, "{:?}", totals.errors);
}
