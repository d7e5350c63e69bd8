//! Row 3: a proxy whose process has no descriptors left: it neither exits nor spins, and serves again when there are some.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use shakedown_faults::proxy::Proxy;

use crate::footprint::now;

const LIMIT: u64 = 64;

/// In a process of its own, since it takes all descriptors there are.
pub fn play(_: &[String]) {
    let limit = libc::rlimit { rlim_cur: LIMIT, rlim_max: LIMIT };
    // SAFETY: it reads a structure that lives until it returns.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = TcpListener::bind(any()).unwrap();
        let proxy = Proxy::start(any(), server.local_addr().unwrap(), 42).unwrap();
        // A proxy that looks for its first clients takes a descriptor for a moment: it has looked once it has called for one.
        let _first = (TcpStream::connect(proxy.address()).unwrap(), server.accept().unwrap());
        let mut held = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            held.push(file);
        }
        // One for the client; the proxy has none left for its side.
        held.pop();
        let client = TcpStream::connect(proxy.address()).unwrap();
        let (before, began) = (cpu_time(), now());
        wait(Duration::from_millis(1_000)).await;
        let spent = cpu_time() - before;
        assert_eq!(proxy.counters().accepted, 1);
        println!("{spent:?} of CPU in {:?} without descriptors", began.elapsed());
        assert!(spent * 20 <= began.elapsed(), "{spent:?} of CPU in {:?}", began.elapsed());

        drop(held);
        let relief = now();
        while proxy.counters().accepted == 1 {
            assert!(relief.elapsed() < Duration::from_secs(1), "it does not serve again");
            wait(Duration::from_millis(1)).await;
        }
        println!("serves again after {:?}", relief.elapsed());
        drop(client);
    });
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[expect(clippy::disallowed_methods, reason = "the length over which CPU time is measured")]
async fn wait(length: Duration) {
    tokio::time::sleep(length).await;
}

fn cpu_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}
