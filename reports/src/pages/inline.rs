//! The figure as SVG inside the page: every ink is a class, so that the style sheet gives light and dark colours.

use std::fmt::Write;

use super::figure::{Figure, Stroke};
use super::paint::{Anchor, Area, Canvas, Ink, Layout, paint};

/// The SVG element.
#[must_use]
pub fn svg(figure: &Figure) -> String {
    let layout = Layout::of(figure);
    let mut canvas = Svg::default();
    paint(figure, &mut canvas);
    format!(
        "<svg id=\"timeline\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Timeline of the run\">{}</svg>",
        number(layout.width),
        number(layout.height),
        canvas.out
    )
}

#[derive(Default)]
struct Svg {
    out: String,
}

impl Svg {
    /// Writing to a string cannot fail.
    fn write(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.out.write_fmt(arguments).expect("a string takes all that is written to it");
    }

    fn points(points: &[(f64, f64)]) -> String {
        points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect::<Vec<_>>().join(" ")
    }
}

impl Canvas for Svg {
    fn rect(&mut self, area: Area, ink: Ink) {
        let Area { x, y, w, h } = area;
        let (x, y, w, h) = (number(x), number(y), number(w), number(h));
        self.write(format_args!(
            "<rect class=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>",
            class(ink)
        ));
    }

    fn line(&mut self, points: &[(f64, f64)], ink: Ink, stroke: Stroke) {
        let kind = match stroke {
            Stroke::Full => "l",
            Stroke::Thin => "l n",
            Stroke::Dashed => "l d",
        };
        self.write(format_args!(
            "<polyline class=\"{kind} {}\" points=\"{}\"/>",
            class(ink),
            Self::points(points)
        ));
    }

    fn shape(&mut self, points: &[(f64, f64)], ink: Ink) {
        self.write(format_args!("<polygon class=\"{}\" points=\"{}\"/>", class(ink), Self::points(points)));
    }

    fn text(&mut self, at: (f64, f64), text: &str, ink: Ink, anchor: Anchor) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, class, text) = (number(at.0), number(at.1), class(ink), escaped(text));
        self.write(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }
}

fn class(ink: Ink) -> String {
    match ink {
        Ink::Strong => "strong".into(),
        Ink::Text => "label".into(),
        Ink::Grid => "grid".into(),
        Ink::Phase => "phase".into(),
        Ink::Chaos => "chaos".into(),
        Ink::Gap => "gap".into(),
        Ink::Exit => "exit".into(),
        Ink::Held(hue) => format!("held f{hue}"),
        Ink::Felt(hue) => format!("felt f{hue}"),
        Ink::Fault(hue) => format!("fault f{hue}"),
        Ink::Series(hue) => format!("s{hue}"),
        Ink::Fill(hue) => format!("fill s{hue}"),
        Ink::Range(hue) => format!("range s{hue}"),
    }
}

/// One decimal is a tenth of a pixel.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Text for HTML and SVG.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
