//! debug
#![allow(warnings)]
#[path = "corpus/chance.rs"]
mod chance;
#[path = "corpus/kinds.rs"]
mod kinds;
#[path = "corpus/trace.rs"]
mod trace;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let all = kinds::HEALTHY.iter().chain(kinds::LEAKY.iter());
    let (name, draw) = all.clone().find(|k| k.0 == a[1]).unwrap();
    let t = draw(&mut chance::Chance::new(a[2].parse().unwrap(), name), 6000.0);
    let k = (t.times.len() / 70).max(1);
    for i in (0..t.times.len()).step_by(k) {
        println!("{:.0} {:.4e}", t.times[i], t.values[i]);
    }
    println!("{}", shakedown_leaks::explain(&t.times, &t.values));
}
