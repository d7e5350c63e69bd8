//! The plot of a window of operations: a row for each process, a bar for each operation from its begin to its end, and the
//! one that cannot be in another colour.

use plotters::prelude::{
    Color as _, DrawingBackend, IntoDrawingArea as _, IntoFont as _, PathElement, RGBColor, Rectangle,
    SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::pages::learn_font;

/// What is drawn. Control characters in texts are left out.
#[derive(Clone, Debug)]
pub struct HistoryPlot<'a> {
    /// Its title, and what is wrong.
    pub title: &'a str,
    /// What is wrong, in words.
    pub what: &'a str,
    /// The operations.
    pub bars: &'a [Bar],
    /// What the first and the last moment are called.
    pub ends: [String; 2],
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Whose row it is in.
    pub row: String,
    /// What it did.
    pub words: String,
    /// When it began; any unit.
    pub from: f64,
    /// When it ended; `None` for what never did.
    pub to: Option<f64>,
    /// It is the one that cannot be.
    pub is_stuck: bool,
}

const WIDTH: u32 = 1_100;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 1_070.0;
const TOP: i32 = 64;
const ROW: i32 = 34;
/// From here on, words stand before the end of a bar instead of behind its begin.
const WORDS_END: i32 = 900;
/// More rows and bars than this cannot be told apart.
const ROWS: usize = 60;
const BARS: usize = 400;
const INK: RGBColor = RGBColor(60, 60, 67);
const GRID: RGBColor = RGBColor(226, 226, 230);
const DONE: RGBColor = RGBColor(120, 160, 210);
const OPEN: RGBColor = RGBColor(190, 190, 196);
const ALARM: RGBColor = RGBColor(190, 40, 30);

/// Draws it as an SVG file's text.
///
/// # Errors
/// What could not be drawn, in words.
pub fn history_plot(plot: &HistoryPlot<'_>) -> Result<String, String> {
    let mut out = String::new();
    let rows = rows(plot.bars);
    let height = TOP + ROW * rows.len() as i32 + 40;
    draw(plot, &rows, SVGBackend::with_string(&mut out, (WIDTH, height.unsigned_abs())))
        .map_err(|error| format!("cannot draw the plot: {error}"))?;
    Ok(out)
}

/// Names of the rows in the order of their first bars. The one of what cannot be is always among them.
fn rows(bars: &[Bar]) -> Vec<&str> {
    let stuck = bars.iter().filter(|bar| bar.is_stuck);
    let mut rows: Vec<&str> = Vec::new();
    for bar in stuck.chain(bars) {
        if !rows.contains(&bar.row.as_str()) && rows.len() < ROWS {
            rows.push(&bar.row);
        }
    }
    rows.sort_by_key(|row| bars.iter().position(|bar| bar.row == **row));
    rows
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw<B: DrawingBackend>(plot: &HistoryPlot<'_>, rows: &[&str], backend: B) -> Drawn {
    learn_font();
    let root = backend.into_drawing_area();
    root.fill(&RGBColor(255, 255, 255)).map_err(told)?;
    let text = |words: &str, at: (i32, i32), pos: Pos, ink: RGBColor, size: i32| {
        let style = ("sans-serif", size).into_font().color(&ink).pos(pos);
        root.draw(&Text::new(clean(words, 150), at, style)).map_err(told)
    };
    text(plot.title, (12, 12), Pos::new(HPos::Left, VPos::Top), INK, 16)?;
    text(plot.what, (12, 36), Pos::new(HPos::Left, VPos::Top), ALARM, 13)?;
    let bottom = TOP + ROW * rows.len() as i32;
    for (at, row) in rows.iter().enumerate() {
        let y = TOP + ROW * at as i32 + ROW / 2;
        let line = PathElement::new(vec![(LEFT as i32, y), (RIGHT as i32, y)], GRID);
        root.draw(&line).map_err(told)?;
        text(row, (LEFT as i32 - 8, y), Pos::new(HPos::Right, VPos::Center), INK, 12)?;
    }
    let across = across(plot.bars);
    // Those that cannot be are drawn last, on top of the others.
    let mut bars: Vec<&Bar> = plot.bars.iter().filter(|bar| !bar.is_stuck).take(BARS).collect();
    bars.extend(plot.bars.iter().filter(|bar| bar.is_stuck));
    for bar in bars {
        let Some(row) = rows.iter().position(|row| *row == bar.row) else { continue };
        let (top, from) = (TOP + ROW * row as i32, across(bar.from));
        let to = bar.to.map_or(RIGHT as i32, &across).max(from + 3);
        let ink = match bar.to {
            _ if bar.is_stuck => ALARM,
            Some(_) => DONE,
            None => OPEN,
        };
        let shape = [(from, top + 16), (to, top + 28)];
        root.draw(&Rectangle::new(shape, ink.mix(0.8).filled())).map_err(told)?;
        let words = clean(&bar.words, 40);
        let ink = if bar.is_stuck { ALARM } else { INK };
        // Words of what is at the right end would run out of the picture.
        let (x, side) = if from > WORDS_END { (to, HPos::Right) } else { (from, HPos::Left) };
        text(&words, (x, top + 3), Pos::new(side, VPos::Top), ink, 11)?;
    }
    text(&plot.ends[0], (LEFT as i32, bottom + 10), Pos::new(HPos::Left, VPos::Top), INK, 12)?;
    text(&plot.ends[1], (RIGHT as i32, bottom + 10), Pos::new(HPos::Right, VPos::Top), INK, 12)?;
    root.present().map_err(told)
}

/// From a moment to a pixel.
fn across(bars: &[Bar]) -> impl Fn(f64) -> i32 {
    let first = bars.iter().map(|bar| bar.from).fold(f64::MAX, f64::min);
    let last = bars.iter().map(|bar| bar.to.unwrap_or(bar.from)).fold(f64::MIN, f64::max);
    let length = if last > first { last - first } else { 1.0 };
    // What is open goes on beyond the last end.
    let room = if bars.iter().any(|bar| bar.to.is_none()) { 0.94 } else { 1.0 };
    move |moment| (LEFT + ((moment - first) / length).clamp(0.0, 1.0) * room * (RIGHT - LEFT)).round() as i32
}

fn clean(words: &str, most: usize) -> String {
    words.chars().filter(|it| !it.is_control()).take(most).collect()
}

fn told<E: std::fmt::Display>(error: E) -> Box<dyn std::error::Error> {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(row: &str, words: &str, from: f64, to: Option<f64>) -> Bar {
        Bar { row: row.into(), words: words.into(), from, to, is_stuck: false }
    }

    #[test]
    fn the_one_that_cannot_be_is_marked_and_hostile_words_are_harmless() {
        let mut bars: Vec<Bar> = (0..500).map(|at| bar("p1", "write 1", f64::from(at), None)).collect();
        bars.extend((0..100).map(|at| bar(&format!("q{at}"), "<script>", 3.0, Some(4.0))));
        bars.push(Bar { is_stuck: true, ..bar("last\u{7}", "read 7", 9.0, Some(600.0)) });
        let plot = HistoryPlot { title: "a<b>", what: "no", bars: &bars, ends: ["0 s".into(), "1 s".into()] };
        let svg = history_plot(&plot).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("read 7") && svg.contains("#BE281E"), "{svg}");
        assert!(svg.contains("a&lt;b&gt;") && !svg.contains("<script>") && !svg.contains("NaN"));
        let one = [bar("p", "x", 5.0, Some(5.0))];
        assert!(history_plot(&HistoryPlot { bars: &one, ..plot }).is_ok());
    }
}
