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
    if a[1] == "dump" {
        let r: Vec<u64> = a[2].split("..").map(|x| x.parse().unwrap()).collect();
        for (i, (name, draw)) in kinds::HEALTHY.iter().chain(kinds::LEAKY.iter()).enumerate() {
            let leaky = i >= kinds::HEALTHY.len();
            for seed in r[0]..r[1] {
                let t = draw(&mut chance::Chance::new(seed, name), 5000.0);
                for look in if leaky { 10..=10 } else { 1..=10 } {
                    let (x, y) = t.prefix(look as f64 / 10.0);
                    let f = shakedown_leaks::detect(x, y);
                    let p = match f.verdict {
                        shakedown_leaks::Verdict::NoLeak => 1.0 - f.confidence,
                        _ => f.confidence,
                    };
                    println!(
                        "{name};{leaky};{seed};{look};{:.0};{};{p:.4};{};{}",
                        x[x.len() - 1] - x[0],
                        x.len(),
                        f.verdict.word(),
                        f.why.unwrap_or("")
                    );
                }
            }
        }
        return;
    }
    let (times, values) = if a[1].ends_with(".csv") {
        let (series, _) =
            shakedown_leaks::csv::read(std::io::BufReader::new(std::fs::File::open(&a[1]).unwrap())).unwrap();
        (series.times().to_vec(), series.values().to_vec())
    } else {
        let (name, draw) = kinds::HEALTHY.iter().chain(kinds::LEAKY.iter()).find(|k| k.0 == a[1]).unwrap();
        let t = draw(&mut chance::Chance::new(a[2].parse().unwrap(), name), 5000.0);
        let part: f64 = a.get(3).map_or(1.0, |x| x.parse().unwrap());
        let (x, y) = t.prefix(part);
        (x.to_vec(), y.to_vec())
    };
    let k = (times.len() / 40).max(1);
    for i in (0..times.len()).step_by(k) {
        print!("{:.3e} ", values[i]);
    }
    println!("\n{}", shakedown_leaks::explain(&times, &values));
}
