//! How evenly constant arrivals come: the deviation of each request from its due time, seen by the server.

use std::cell::RefCell;
use std::future::{Future, ready};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Parser;
use shakedown_benches::{Constant, quantile, run, serve};
use shakedown_fixtures::http::{self, Defect};
use shakedown_scenarios::units::{Rate, Span};

/// Loads a server that notes when each request comes, and tells how far from the schedule that was.
#[derive(Debug, Parser)]
struct Flags {
    /// Arrivals, constant.
    #[arg(long, default_value = "5000/s")]
    rate: Rate,
    /// The length of each round.
    #[arg(long, default_value = "10s")]
    duration: Span,
    /// Connections that may be open at once.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Rounds; the median of each figure is told, too.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// Notes when each request came.
#[derive(Clone)]
struct Noting {
    notes: Rc<RefCell<Vec<Instant>>>,
    out: Arc<Mutex<Vec<Instant>>>,
}

impl Defect for Noting {
    #[expect(clippy::disallowed_methods, reason = "the moment of arrival is what is measured")]
    fn hold(&mut self) -> impl Future<Output = ()> {
        let mut notes = self.notes.borrow_mut();
        notes.push(Instant::now());
        // Handed over in lots: a lock for each request would be part of what is measured. The last lot is left out
        // where it is not full.
        if notes.len() == LOT {
            self.out.lock().expect("nobody panics with the lock").append(&mut notes);
        }
        ready(())
    }
}

const LOT: usize = 1_000;

#[expect(clippy::print_stdout, reason = "a program that prints what it measured")]
fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let load = Constant { rate: flags.rate, connections: flags.connections, duration: flags.duration };
    println!("{} for {}, {} connections", flags.rate, flags.duration, flags.connections);
    let (mut halves, mut tails) = (Vec::new(), Vec::new());
    for round in 1..=flags.rounds {
        let out = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&out);
        let address =
            serve(move |listener| http::serve(listener, Noting { notes: Rc::default(), out: notes }))?;
        let outcome = run(load, address)?;
        let arrived = std::mem::take(&mut *out.lock().expect("nobody panics with the lock"));
        let deviation = deviations(&arrived, outcome.start, flags.rate);
        let at = |share| quantile(deviation.clone(), share);
        println!(
            "round {round}: {} arrivals | deviation p50 {:.0} p90 {:.0} p99 {:.0} p99.9 {:.0} max {:.0} µs | pacer late p50 {} max {} µs",
            arrived.len(),
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            at(1.0),
            outcome.late_micros_p50,
            outcome.late_micros_max
        );
        halves.push(at(0.5));
        tails.push(at(0.99));
    }
    let (half, tail) = (quantile(halves, 0.5), quantile(tails, 0.5));
    println!("median of {} rounds: deviation p50 {half:.0} µs, p99 {tail:.0} µs", flags.rounds);
    Ok(())
}

/// Microseconds between the n-th arrival and the n-th due time: arrivals are sorted, so requests that overtake each other
/// on two connections are not told apart, and the deviation is the whole way from due to the server's hand.
fn deviations(arrived: &[Instant], start: Instant, rate: Rate) -> Vec<f64> {
    let mut seconds: Vec<f64> =
        arrived.iter().map(|at| at.saturating_duration_since(start).as_secs_f64()).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    let due = |number: usize| number as f64 / rate.hertz();
    seconds.into_iter().enumerate().map(|(number, at)| (at - due(number)).abs() * 1e6).collect()
}
