//! Commands to a real Redis.

use shakedown_scenarios::units::{Rate, Span};
use shakedown_scenarios::workload::redis::{RedisCommand, RedisExpect, RedisRequest, RedisWorkload, Resp};
use shakedown_scenarios::workload::{Arrivals, Destination, Workload};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::servers::{Server, redis_server};
use crate::support::{Totals, run};

type Command<'c> = (&'c [&'c str], RedisExpect);

/// Constant arrivals of requests with one command each, with a timeout of 10 s.
pub fn redis(per_second: f64, connections: u32, commands: &[Command<'_>]) -> RedisWorkload {
    let requests = commands.iter().map(|command| request(std::slice::from_ref(command)));
    RedisWorkload {
        to: Destination::Target("cache".into()),
        arrivals: Arrivals::Constant(Rate::per_second(per_second).unwrap()),
        timeout: Span::secs(10),
        connections,
        habits: Default::default(),
        tls: None,
        protocol: Resp::Resp2,
        user: None,
        password_env: None,
        commands: requests.collect(),
    }
}

fn request(commands: &[Command<'_>]) -> RedisRequest {
    let command = |(arguments, expect): &Command<'_>| RedisCommand {
        arguments: arguments.iter().map(ToString::to_string).collect(),
        expect: expect.clone(),
    };
    RedisRequest { commands: commands.iter().map(command).collect(), weight: 1, keys: 100 }
}

async fn totals(server: &Server, workload: RedisWorkload) -> Totals {
    let (totals, _) = run(Workload::Redis(workload), server.address, Span::secs(1)).await;
    totals.assert_complete();
    totals
}

/// What the server itself says.
async fn asked(server: &Server, command: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_mix_with_pipelines_is_answered_rightly_in_both_protocols() {
    let Some(server) = redis_server("a_mix_with_pipelines_is_answered_rightly_in_both_protocols", &[]).await
    else {
        return;
    };
    let text = |text: &str| RedisExpect::Text(text.to_owned());
    for protocol in [Resp::Resp2, Resp::Resp3] {
        let mix: [Command<'_>; 4] = [
            (&["SET", "k:{n}", "v-{n}"], text("OK")),
            (&["GET", "k:{n}"], RedisExpect::NilOr("v-{n}".into())),
            (&["HGETALL", "nothing"], RedisExpect::Any),
            (&["LPUSH", "k:{n}:list", "a b\r\n"], RedisExpect::Whole),
        ];
        let mut workload = RedisWorkload { protocol, ..redis(400.0, 4, &mix) };
        let pipeline: [Command<'_>; 3] = [
            (&["SET", "p:{n}", "é-{n}"], text("OK")),
            (&["GET", "p:{n}"], text("é-{n}")),
            (&["LPUSH", "p:{n}", "x"], RedisExpect::Error("WRONGTYPE".into())),
        ];
        workload.commands.push(request(&pipeline));
        let totals = totals(&server, workload).await;
        assert_eq!((totals.due, totals.ok), (400, 400), "{protocol:?}: {:?}", totals.errors);
    }
}

#[tokio::test]
async fn every_right_increment_is_one_at_the_server() {
    let Some(server) = redis_server("every_right_increment_is_one_at_the_server", &[]).await else { return };
    let totals = totals(&server, redis(300.0, 8, &[(&["INCR", "hits"], RedisExpect::Whole)])).await;
    assert_eq!(totals.ok, 300, "{:?}", totals.errors);
    assert_eq!(asked(&server, "GET hits").await, "$3\r\n300\r\n+OK\r\n");
}

#[tokio::test]
async fn misses_refusals_and_wrong_values_are_classes_of_their_own() {
    let Some(server) = redis_server("misses_refusals_and_wrong_values_are_classes_of_their_own", &[]).await
    else {
        return;
    };
    asked(&server, "SET text other").await;
    let commands: [(&[&str], RedisExpect, &str, &str); 4] = [
        (&["GET", "nothing"], RedisExpect::Found, "miss", "`GET nothing`: expected something, found nil"),
        (
            &["LPUSH", "text", "x"],
            RedisExpect::Any,
            "status",
            "expected no error, found the error `WRONGTYPE ",
        ),
        (&["NO-SUCH-COMMAND"], RedisExpect::Any, "status", "found the error `ERR unknown command"),
        (&["GET", "text"], RedisExpect::Text("text".into()), "check", "expected `text`, found `other`"),
    ];
    for (command, expect, class, why) in commands {
        let totals = totals(&server, redis(50.0, 2, &[(command, expect)])).await;
        assert_eq!((totals.due, totals.failed(class)), (50, 50), "{command:?}: {:?}", totals.errors);
        assert!(totals.whys(class)[0].contains(why), "{:?}", totals.whys(class));
    }
}

/// A variable that is there wherever tests run; what it holds is the password.
const SECRET: &str = "PATH";

#[tokio::test]
async fn connections_log_in_with_a_password_of_the_environment() {
    let secret = std::env::var(SECRET).unwrap();
    let test = "connections_log_in_with_a_password_of_the_environment";
    let Some(server) = redis_server(test, &["--requirepass", &secret]).await else { return };
    for protocol in [Resp::Resp2, Resp::Resp3] {
        let outside =
            || RedisWorkload { protocol, ..redis(50.0, 2, &[(&["PING"], RedisExpect::Text("PONG".into()))]) };
        let refused = totals(&server, outside()).await;
        assert_eq!(refused.failed("status"), 50, "{protocol:?}: {:?}", refused.errors);
        let inside = RedisWorkload { password_env: Some(SECRET.to_owned()), ..outside() };
        let served = totals(&server, inside.clone()).await;
        assert_eq!(served.ok, 50, "{protocol:?}: {:?}", served.errors);
        let stranger = totals(&server, RedisWorkload { user: Some("nobody".into()), ..inside }).await;
        assert_eq!(stranger.failed("status"), 50, "{protocol:?}: {:?}", stranger.errors);
    }
}

#[tokio::test]
async fn a_redis_that_is_gone_refuses() {
    let Some(mut server) = redis_server("a_redis_that_is_gone_refuses", &[]).await else { return };
    server.kill();
    let totals = totals(&server, redis(50.0, 2, &[(&["PING"], RedisExpect::Any)])).await;
    assert_eq!(totals.failed("refused"), 50, "{:?}", totals.errors);
}
