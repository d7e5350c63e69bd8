//! What was measured, round by round, and what is told of it: medians, and ratios that were taken within each round.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::peers::Peer;
use super::{Figure, Measurement, Versus};
use crate::quantile;

/// The figures of one measurement.
#[derive(Clone, Debug)]
pub struct Table {
    measurement: Measurement,
    peers: Vec<Peer>,
    rounds: usize,
    rows: Vec<Row>,
}

/// One figure: for each peer the value of each round, `None` where there is none.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    unit: &'static str,
    versus: Versus,
    cells: Vec<Vec<Option<f64>>>,
}

const NAME: usize = 44;
const CELL: usize = 10;

// === impl Table ===

impl Table {
    /// An empty one.
    #[must_use]
    pub fn new(measurement: Measurement, peers: &[Peer], rounds: usize) -> Self {
        Self { measurement, peers: peers.to_vec(), rounds, rows: Vec::new() }
    }

    /// Adds what one round, counted from zero, found for a peer.
    pub fn add(&mut self, round: usize, peer: Peer, figures: Vec<Figure>) {
        let Some(column) = self.peers.iter().position(|known| *known == peer) else { return };
        for figure in figures {
            let row = self.row(&figure);
            self.rows[row].cells[column][round] = Some(figure.value).filter(|value| value.is_finite());
        }
    }

    /// As text to read.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("\n{}: {}\n{:NAME$}", self.measurement.name, self.measurement.about, "");
        for peer in &self.peers {
            let _ = write!(text, "{:>CELL$}", peer.name());
        }
        text.push('\n');
        for row in &self.rows {
            let name = format!("{}, {}", row.name, row.unit);
            line(
                &mut text,
                name.trim_end_matches(", "),
                row.cells.iter().map(|cell| median(cell.iter().copied())),
            );
            self.compare(&mut text, row, Peer::Direct);
            self.compare(&mut text, row, Peer::Ours);
        }
        text
    }

    /// The same for programs, with the values of each round.
    #[must_use]
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let peers = self.peers.iter().zip(&row.cells).map(|(peer, cell)| {
                let median = median(cell.iter().copied());
                (peer.name().to_owned(), json!({ "median": median, "rounds": cell }))
            });
            json!({ "figure": row.name, "unit": row.unit, "peers": peers.collect::<serde_json::Map<_, _>>() })
        });
        json!({ "measurement": self.measurement.name, "figures": rows.collect::<Vec<_>>() })
    }

    fn row(&mut self, figure: &Figure) -> usize {
        let known = self.rows.iter().position(|row| row.name == figure.name);
        known.unwrap_or_else(|| {
            let cells = vec![vec![None; self.rounds]; self.peers.len()];
            let (name, unit, versus) = (figure.name.clone(), figure.unit, figure.versus);
            self.rows.push(Row { name, unit, versus, cells });
            self.rows.len() - 1
        })
    }

    /// A line that holds all peers against one, where there is something to hold.
    fn compare(&self, text: &mut String, row: &Row, base: Peer) {
        let Some(column) = self.peers.iter().position(|peer| *peer == base) else { return };
        let (name, with): (_, fn(f64, f64) -> f64) = match (row.versus, base) {
            (Versus::Nothing, _) => return,
            (Versus::Added, Peer::Direct) => ("added to direct".to_owned(), |value, base| value - base),
            _ => (format!("{} = 1", base.name()), |value, base| value / base),
        };
        let against = |(other, cell): (usize, &Vec<Option<f64>>)| {
            let pairs = cell.iter().zip(&row.cells[column]);
            let compared = pairs.map(|(value, base)| Some(with((*value)?, (*base)?)));
            if other == column { None } else { median(compared) }
        };
        let cells: Vec<_> = row.cells.iter().enumerate().map(against).collect();
        if cells.iter().any(Option::is_some) {
            line(text, &format!("    {name}"), cells.into_iter());
        }
    }
}

fn line(text: &mut String, name: &str, cells: impl Iterator<Item = Option<f64>>) {
    let _ = write!(text, "  {name:<width$}", width = NAME - 2);
    for cell in cells {
        let _ = write!(text, "{:>CELL$}", cell.map_or_else(|| "–".to_owned(), digits));
    }
    text.push('\n');
}

/// Three significant digits, or all of a whole number.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 || size == 0.0 => 2,
        _ => 3,
    };
    format!("{value:.places$}")
}

fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.flatten().collect();
    (!values.is_empty()).then(|| quantile(values, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(versus: Versus, rounds: [[f64; 2]; 3]) -> Table {
        let measurement = super::super::ALL[0];
        let mut table = Table::new(measurement, &[Peer::Direct, Peer::Ours], rounds.len());
        for (round, values) in rounds.into_iter().enumerate() {
            for (peer, value) in [Peer::Direct, Peer::Ours].into_iter().zip(values) {
                table.add(round, peer, vec![Figure::new("speed", "1/s", versus, value)]);
            }
        }
        table
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The medians, 20 and 9, would give 0.45.
        let text = table(Versus::Ratio, [[10.0, 9.0], [20.0, 18.0], [30.0, 3.0]]).text();
        let ratios = text.lines().find(|line| line.contains("direct = 1")).unwrap();
        assert!(ratios.ends_with("0.900"), "{text}");
    }

    #[test]
    fn what_is_added_is_a_difference() {
        let text = table(Versus::Added, [[1.0, 4.0], [10.0, 12.5], [3.0, 4.0]]).text();
        let added = text.lines().find(|line| line.contains("added to direct")).unwrap();
        assert!(added.ends_with("2.50"), "{text}");
    }

    #[test]
    fn a_round_that_failed_is_left_out() {
        let mut table = table(Versus::Ratio, [[10.0, 9.0], [10.0, 5.0], [10.0, 8.0]]);
        table.add(0, Peer::Ours, vec![Figure::new("speed", "1/s", Versus::Ratio, f64::NAN)]);
        let json = table.json();
        assert_eq!(json["figures"][0]["peers"]["ours"]["rounds"], json!([null, 5.0, 8.0]));
    }
}
