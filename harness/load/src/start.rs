//! From a workload to the client that speaks its protocol.

use std::io;
use std::iter::repeat;

use shakedown_reports::journal::Window;
use shakedown_scenarios::workload::{HttpVersion, Workload};
use tokio::sync::mpsc;

use crate::client::http::HttpClient;
use crate::client::journey::JourneyClient;
use crate::client::malformed::MalformedClient;
use crate::client::operations::OperationsClient;
use crate::client::postgres::PostgresClient;
use crate::client::postgres::operations::SqlOperationsClient;
use crate::client::redis::RedisClient;
use crate::client::tcp::TcpClient;
use crate::client::websocket::WebSocketClient;
use crate::common::{Common, Start, invalid};
use crate::history::History;
use crate::http2::{Frame, Http2, Journeys, Requests};
use crate::run::{Load, launch};
use crate::udp::UdpClient;

/// Starts a load on a thread of its own. Each second's window is sent soon after the second ended, also when nothing
/// happened in it, and the last, partial one at the end. Windows go on after `duration` while requests are in flight:
/// for two timeouts at most, since what waits for a connection still has one timeout to be sent. A reader that does not
/// keep up is never waited for before the end.
///
/// # Errors
///
/// If the workload cannot be sent as it stands or the certificates it trusts cannot be read, if more connections are asked
/// for than descriptors are allowed (`InvalidInput`), or if the system has no thread, epoll or timer to give.
pub fn start(start: Start, windows: mpsc::Sender<Window>) -> io::Result<Load> {
    match start.workload.clone() {
        Workload::Http(http) => {
            let keys = http.requests.iter().map(|it| it.keys);
            if http.version == HttpVersion::Http1 {
                let (auth, data) = (http.auth.as_ref(), http.data.as_ref());
                let client = HttpClient::new(&start.host, auth, &http.requests, data).map_err(invalid)?;
                let common = Common::new(&start, &client, http.timeout, keys)?;
                return launch(start, client, common, windows);
            }
            let requests =
                Requests::new(http.auth.as_ref(), &http.requests, http.data.as_ref()).map_err(invalid)?;
            let client = Http2::new(Frame::of(&start.host, &start.workload), requests).map_err(invalid)?;
            let common = Common::new(&start, &client, http.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Grpc(grpc) => {
            let calls = Requests::calling(grpc.auth.as_ref(), &grpc.calls).map_err(invalid)?;
            let client = Http2::new(Frame::of(&start.host, &start.workload), calls).map_err(invalid)?;
            let keys = repeat(1);
            let common = Common::new(&start, &client, grpc.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Tcp(tcp) => {
            let client = TcpClient::new(&tcp.exchanges);
            let keys = tcp.exchanges.iter().map(|it| it.keys);
            let common = Common::new(&start, &client, tcp.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Udp(udp) => {
            let client = UdpClient::new(&udp.exchanges);
            let keys = udp.exchanges.iter().map(|it| it.keys);
            let common = Common::new(&start, &client, udp.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Redis(redis) => {
            let client = RedisClient::new(&redis).map_err(invalid)?;
            let keys = redis.commands.iter().map(|it| it.keys);
            let common = Common::new(&start, &client, redis.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Postgres(postgres) => {
            let client = PostgresClient::new(&postgres, start.seed).map_err(invalid)?;
            let keys = postgres.transactions.iter().map(|it| it.keys);
            let common = Common::new(&start, &client, postgres.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Operations(operations) => {
            let place = start.history.as_ref();
            let history = place.map(|place| History::begin(place, &start.name));
            // Two workloads of a run must not meet at an object.
            let names = format!("{}:{}", place.map_or("shakedown", |place| &place.run), start.name);
            if let Some(sql) = &operations.sql {
                let client = SqlOperationsClient::new(&operations, sql, &names, start.seed, history);
                let client = client.map_err(invalid)?;
                // A number is drawn for each transaction, of which it makes what it needs.
                let keys = repeat(u64::MAX);
                let common = Common::new(&start, &client, operations.timeout, keys)?;
                return launch(start, client, common, windows);
            }
            let client = OperationsClient::new(&operations, &names, history);
            let keys = repeat(operations.keys.into());
            let common = Common::new(&start, &client, operations.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::WebSocket(websocket) => {
            let client = WebSocketClient::new(&start.host, &websocket, start.seed).map_err(invalid)?;
            let keys = websocket.messages.iter().map(|it| it.keys);
            let common = Common::new(&start, &client, websocket.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Journey(journey) => {
            let keys = repeat(journey.keys);
            if journey.version != HttpVersion::Http1 {
                let journeys = Journeys::new(&journey).map_err(invalid)?;
                let client =
                    Http2::new(Frame::of(&start.host, &start.workload), journeys).map_err(invalid)?;
                let common = Common::new(&start, &client, journey.timeout, keys)?;
                return launch(start, client, common, windows);
            }
            let client = JourneyClient::new(&start.host, &journey).map_err(invalid)?;
            let common = Common::new(&start, &client, journey.timeout, keys)?;
            launch(start, client, common, windows)
        }
        Workload::Malformed(malformed) => {
            let client = MalformedClient::new(&start.host, &malformed).map_err(invalid)?;
            let keys = repeat(u64::MAX);
            let common = Common::new(&start, &client, malformed.timeout, keys)?;
            launch(start, client, common, windows)
        }
    }
}
