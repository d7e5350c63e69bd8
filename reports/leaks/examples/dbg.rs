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
    let (times, values) = if a[1].ends_with(".csv") {
        let (series, _) =
            shakedown_leaks::csv::read(std::io::BufReader::new(std::fs::File::open(&a[1]).unwrap())).unwrap();
        (series.times().to_vec(), series.values().to_vec())
    } else {
        let (name, draw) = kinds::HEALTHY.iter().chain(kinds::LEAKY.iter()).find(|k| k.0 == a[1]).unwrap();
        let t = draw(&mut chance::Chance::new(a[2].parse().unwrap(), name), 5000.0);
        (t.times, t.values)
    };
    let k = (times.len() / 40).max(1);
    for i in (0..times.len()).step_by(k) {
        print!("{:.3e} ", values[i]);
    }
    println!("\n{}", shakedown_leaks::explain(&times, &values));
}
