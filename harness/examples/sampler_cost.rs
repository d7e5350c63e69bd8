//! What a tick of the sampler costs, in CPU time, and whether its memory stays flat.
//!
//!     cargo run --release -p shakedown --example sampler_cost
//!
//! It starts one child with 64 MiB, 16 threads, 100 open files and 100 TCP connections, and takes 2,000 ticks of it as
//! a run would: all processes, the child's tree, the harness itself, the machine.
//!
//! It does not know what a bigger target costs: see the header of `shakedown::sampler` for what the cost grows with.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use shakedown::sampler::Sampler;

const TICKS: u32 = 2_000;

fn main() -> io::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("target") {
        return target();
    }
    let mut target = Command::new(std::env::current_exe()?)
        .arg("target")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let result = measure(&mut target);
    drop(target.stdin.take());
    target.wait()?;
    result
}

/// CPU time by part of a tick.
#[derive(Default)]
struct Costs {
    scan: Duration,
    target: Duration,
    harness: Duration,
    host: Duration,
}

fn measure(target: &mut Child) -> io::Result<()> {
    let mut ready = [0; 6];
    target.stdout.as_mut().expect("it is piped").read_exact(&mut ready)?;
    let roots = [i32::try_from(target.id()).expect("the kernel's ids fit")];
    let mut sampler = Sampler::new();
    let (mut costs, mut resident, mut last) = (Costs::default(), Vec::new(), None);
    for number in 0..TICKS {
        let mut tick = timed(&mut costs.scan, || sampler.scan())?;
        let sample =
            timed(&mut costs.target, || sampler.sample(&mut tick, "target", &roots, Some("RUN=none"), 0));
        let own = timed(&mut costs.harness, || sampler.sample_harness(&mut tick, 0));
        timed(&mut costs.host, || sampler.host_sample(0))?;
        if number % (TICKS / 4) == TICKS / 4 - 1 {
            resident.push(own.rss >> 10);
        }
        last = Some(sample);
    }
    report(&costs, &resident, &format!("{last:#?}"))
}

fn report(costs: &Costs, resident_kib: &[u64], last: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let parts = [
        ("all processes", costs.scan),
        ("the target", costs.target),
        ("the harness", costs.harness),
        ("the machine", costs.host),
    ];
    for (part, cost) in parts {
        writeln!(out, "{part:>14}: {:>8.0} µs a tick", cost.as_secs_f64() * 1e6 / f64::from(TICKS))?;
    }
    let whole: Duration = parts.iter().map(|(_, cost)| *cost).sum();
    writeln!(
        out,
        "{:>14}: {:>8.3} % of a core at one tick a second",
        "together",
        whole.as_secs_f64() * 100.0 / f64::from(TICKS)
    )?;
    writeln!(out, "resident memory of the sampling process by quarter: {resident_kib:?} KiB")?;
    writeln!(out, "the last sample of the target: {last}")
}

fn timed<T>(sum: &mut Duration, act: impl FnOnce() -> T) -> T {
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default();
    let before = used();
    let result = act();
    *sum += used().saturating_sub(before);
    result
}

/// Holds what the header says until its input ends.
fn target() -> io::Result<()> {
    let _memory = std::hint::black_box(vec![1_u8; 64 << 20]);
    let _files: Vec<File> = (0..100).map(|_| File::open("/dev/null")).collect::<Result<_, _>>()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(TcpStream::connect(listener.local_addr()?)?);
        sockets.push(listener.accept()?.0);
    }
    for _ in 0..16 {
        thread::spawn(|| {
            loop {
                thread::park();
            }
        });
    }
    io::stdout().write_all(b"ready\n")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
