//! Small questions asked of a target: is the port open, what does this path answer, how does this program end?
//!
//! Readiness and the probes of the hypothesis are made of them. Every question is bounded in time, and an answer in what
//! is kept of it.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;

/// At most so much of a body or of a program's output is kept and looked at.
const KEPT: usize = 64 * 1024;

/// What `GET` brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The body, or as much of it as was asked for.
    pub body: Vec<u8>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `None`: by a signal.
    pub code: Option<i32>,
    /// The first 64 KiB of its standard output.
    pub stdout: Vec<u8>,
}

/// Why a question has no answer, in words for people.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection or the program's start failed.
    #[error("{}", plainly(.0))]
    Io(#[from] io::Error),
    /// What came was not HTTP, or broke off.
    #[error("no whole HTTP answer: {0}")]
    Http(#[from] hyper::Error),
    /// The body is longer than whoever asked will take.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The path cannot stand in a request.
    #[error("not a path for a request: {0}")]
    Path(#[from] hyper::http::Error),
}

/// An I/O error in the field's words, without the number of the operating system.
fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        _ => error.to_string(),
    }
}

/// Asks for a path, and keeps the first 64 KiB of the body.
///
/// # Errors
/// [`AskError`] when no whole answer comes in time.
pub async fn get(address: SocketAddr, path: &str, within: Duration) -> Result<Page, AskError> {
    bounded(within, get_unbounded(address, path, KEPT)).await
}

/// Asks for a path whose whole body has at most this many bytes; of a longer one no more is read.
///
/// # Errors
/// [`AskError`] when no whole answer comes in time, or the body is longer.
pub async fn get_whole(
    address: SocketAddr,
    path: &str,
    within: Duration,
    most: usize,
) -> Result<Page, AskError> {
    let page = bounded(within, get_unbounded(address, path, most.saturating_add(1))).await?;
    if page.body.len() > most { Err(AskError::TooLong(most)) } else { Ok(page) }
}

/// Opens a connection and closes it again.
///
/// # Errors
/// [`AskError`] when it is not accepted in time.
pub async fn connect(address: SocketAddr, within: Duration) -> Result<(), AskError> {
    bounded(within, async { Ok(dial(address).await.map(drop)?) }).await
}

/// Connects. A dialling socket that the kernel gave the very port it dials is connected to itself and would take its own
/// words for an answer: nobody listens there.
async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if stream.local_addr()? == stream.peer_addr()? {
        // It must not go on holding the port that a target is about to take.
        stream.set_zero_linger()?;
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

/// Runs a program to its end; it is killed when the time is over.
///
/// # Errors
/// [`AskError`] when it cannot be started or does not end in time.
pub async fn execute(
    argv: &[String],
    envs: &[(String, String)],
    within: Duration,
) -> Result<Ended, AskError> {
    bounded(within, execute_unbounded(argv, envs)).await
}

async fn bounded<T>(within: Duration, ask: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
    tokio::time::timeout(within, ask).await.unwrap_or(Err(AskError::Timeout(within)))
}

async fn get_unbounded(address: SocketAddr, path: &str, kept: usize) -> Result<Page, AskError> {
    let stream = dial(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .header(header::USER_AGENT, concat!("shakedown/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())?;
    let answer = async {
        let mut response = sender.send_request(request).await?;
        let mut body = Vec::new();
        while body.len() < kept
            && let Some(frame) = response.body_mut().frame().await
        {
            if let Some(data) = frame?.data_ref() {
                body.extend_from_slice(&data[..data.len().min(kept - body.len())]);
            }
        }
        Ok(Page { status: response.status().as_u16(), body })
    };
    tokio::pin!(connection, answer);
    // The connection's future moves the bytes. It may well end before the answer is taken; what became of it is then told
    // by the answer.
    tokio::select! {
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

async fn execute_unbounded(argv: &[String], envs: &[(String, String)]) -> Result<Ended, AskError> {
    let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::other("the argv is empty"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(envs.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdout = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        let mut buffer = vec![0; 8 * 1024];
        loop {
            let read = pipe.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            let room = KEPT - stdout.len();
            stdout.extend_from_slice(&buffer[..read.min(room)]);
        }
    }
    let status = child.wait().await?;
    Ok(Ended { code: status.code(), stdout })
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A server that says this to the first who asks.
    async fn server(says: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(says.as_bytes()).await;
        });
        address
    }

    #[tokio::test]
    async fn a_page_is_read_to_its_end_though_the_connection_closes_with_it() {
        for _ in 0..50 {
            let address =
                server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine").await;
            let page = get(address, "/", SOON).await.unwrap();
            assert_eq!(page, Page { status: 200, body: b"fine".to_vec() });
        }
    }

    #[tokio::test]
    async fn a_whole_body_is_whole_or_too_long() {
        let says = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
        let page = get_whole(server(says).await, "/", SOON, 4).await.unwrap();
        assert_eq!(page.body, b"fine");
        let error = get_whole(server(says).await, "/", SOON, 3).await.unwrap_err();
        assert_eq!(error.to_string(), "the body is longer than 3 bytes");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told() {
        let broken = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine").await;
        assert!(matches!(get(broken, "/", SOON).await, Err(AskError::Http(_))));
        let garbage = server("hello\r\n\r\n").await;
        assert!(matches!(get(garbage, "/", SOON).await, Err(AskError::Http(_))));
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(get(nobody, "/", SOON).await.unwrap_err().to_string(), "connection refused");
        assert_eq!(connect(nobody, SOON).await.unwrap_err().to_string(), "connection refused");
        assert!(matches!(get(broken, "not a path", SOON).await, Err(AskError::Path(_) | AskError::Io(_))));
    }

    #[tokio::test]
    async fn programs_get_their_argv_as_it_is_and_end_in_time() {
        let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let ended = execute(&argv(&["printf", "%s", "$(id); `id` 'x' *"]), &[], SOON).await.unwrap();
        assert_eq!(ended, Ended { code: Some(0), stdout: b"$(id); `id` 'x' *".to_vec() });
        let slow = execute(&argv(&["sleep", "60"]), &[], Duration::from_millis(50)).await;
        assert!(matches!(slow, Err(AskError::Timeout(_))));
        assert!(execute(&argv(&["no-such-program"]), &[], SOON).await.is_err());
        assert!(execute(&[], &[], SOON).await.is_err());
    }
}
