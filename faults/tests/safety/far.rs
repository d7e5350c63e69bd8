//! The peers of a proxy: clients and an echoing server, in a process that does as it is told, line by line.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::footprint::raise_limit;

/// How many connect at once.
const AT_ONCE: usize = 64;

/// Far more than an echo takes.
const ECHO_WITHIN: Duration = Duration::from_secs(10);

/// The process, as its proxy sees it. It ends with this.
pub struct Far {
    child: Child,
    tell: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    /// Where its server listens.
    pub server: SocketAddr,
}

// === impl Far ===

impl Far {
    pub fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg("far").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, said) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut said = BufReader::new(said).lines();
        let server = said.next().unwrap().unwrap().parse().unwrap();
        Self { child, tell, said, server }
    }

    /// Tells it something, and waits until it is done.
    pub fn ask(&mut self, what: &str) -> String {
        self.begin(what);
        self.done()
    }

    pub fn begin(&mut self, what: &str) {
        writeln!(self.tell, "{what}").unwrap();
    }

    pub fn done(&mut self) -> String {
        self.said.next().expect("the peers have died").unwrap()
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays it: `connect ADDRESS COUNT`, `close`, `churn ADDRESS PER_SECOND SECONDS`.
pub fn play(_: &[String]) {
    raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    println!("{}", listener.local_addr().unwrap());
    runtime.spawn(serve(listener));
    let mut held = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["connect", address, count] => {
                let (count, address): (usize, _) = (count.parse().unwrap(), address.parse().unwrap());
                held.extend(runtime.block_on(connect_all(address, count)));
                println!("{} open", held.len());
            }
            ["close"] => {
                held.clear();
                println!("closed");
            }
            ["churn", address, rate, seconds] => {
                let (rate, seconds) = (rate.parse().unwrap(), seconds.parse().unwrap());
                let failed = runtime.block_on(churn(address.parse().unwrap(), rate, seconds));
                println!("{failed} failed");
            }
            _ => panic!("{line}"),
        }
    }
}

async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // Small buffers: there are many of these.
            let mut buffer = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Those that came through to the server and back.
async fn connect_all(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let (places, mut opening) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for _ in 0..count {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        opening.spawn(async move {
            let stream = ping(address).await;
            drop(place);
            stream
        });
    }
    opening.join_all().await.into_iter().flatten().collect()
}

/// Connects at a rate, whatever becomes of each; how many failed.
async fn churn(address: SocketAddr, rate: u32, seconds: u32) -> usize {
    let (mut all, mut failed) = (JoinSet::new(), 0);
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    for _ in 0..rate * seconds {
        tick.tick().await;
        all.spawn(async move { ping(address).await.is_none() });
        while let Some(ended) = all.try_join_next() {
            failed += usize::from(ended.unwrap());
        }
    }
    failed + all.join_all().await.into_iter().filter(|failed| *failed).count()
}

async fn ping(address: SocketAddr) -> Option<TcpStream> {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"x").await?;
        stream.read_exact(&mut [0]).await?;
        Ok::<_, std::io::Error>(stream)
    };
    tokio::time::timeout(ECHO_WITHIN, asking).await.ok()?.ok()
}
