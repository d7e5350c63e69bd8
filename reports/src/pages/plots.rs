//! The figure as files, drawn by plotters: SVG, and PNG with a font of its own, so that no font of the system is needed.
//!
//! Plotters only draws here: which range an axis has and where its marks stand is decided in [`super::axis`], where
//! no value can make it endless.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{Figure, Stroke};
use super::paint::{Anchor, Area, Canvas, Ink, Layout, TEXT, fault_rgb, paint, rgb};

/// Why a plot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The drawing failed.
    #[error("drawing failed: {0}")]
    Draw(String),
    /// The picture could not be packed.
    #[error("cannot encode the picture")]
    Encode(#[from] png::EncodingError),
}

/// Pixels for each unit of a figure, so that text is sharp on dense screens.
const SCALE: f64 = 2.0;
/// White around everything.
const BORDER: f64 = 16.0;

/// The figure as SVG.
///
/// # Errors
///
/// Where plotters cannot draw it.
pub fn svg(figure: &Figure) -> Result<String, PlotError> {
    let mut out = String::new();
    let root = SVGBackend::with_string(&mut out, size(figure)).into_drawing_area();
    draw(figure, root)?;
    Ok(out)
}

/// The figure as PNG.
///
/// # Errors
///
/// Where plotters cannot draw it or it cannot be packed.
pub fn png(figure: &Figure) -> Result<Vec<u8>, PlotError> {
    let (width, height) = size(figure);
    let mut pixels = vec![0u8; width as usize * height as usize * 3];
    draw(figure, BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area())?;
    Ok(pack(&pixels, (width, height))?)
}

/// Pixels of three bytes as a PNG file.
///
/// # Errors
///
/// Where there are not as many as the size says.
pub fn pack(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, png::EncodingError> {
    let mut packed = Vec::new();
    let mut encoder = png::Encoder::new(&mut packed, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(packed)
}

/// Gives plotters its font, once.
pub fn learn_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (style, font) in
            [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())]
        {
            // A font that is refused shows as an error of the first text.
            let _ = plotters::style::register_font("sans-serif", style, font);
        }
    });
}

fn size(figure: &Figure) -> (u32, u32) {
    let layout = Layout::of(figure);
    let pixels = |length: f64| ((length + 2.0 * BORDER) * SCALE).ceil().clamp(1.0, 20_000.0) as u32;
    (pixels(layout.width), pixels(layout.height))
}

fn draw<B: DrawingBackend>(figure: &Figure, root: DrawingArea<B, Shift>) -> Result<(), PlotError> {
    learn_font();
    root.fill(&WHITE).map_err(|error| PlotError::Draw(error.to_string()))?;
    let mut drawing = Drawing { root, failed: None };
    paint(figure, &mut drawing);
    if let Some(why) = drawing.failed {
        return Err(PlotError::Draw(why));
    }
    drawing.root.present().map_err(|error| PlotError::Draw(error.to_string()))
}

struct Drawing<B: DrawingBackend> {
    root: DrawingArea<B, Shift>,
    /// The first thing that went wrong; the rest is not drawn.
    failed: Option<String>,
}

impl<B: DrawingBackend> Drawing<B> {
    fn keep<E: std::fmt::Display>(&mut self, outcome: Result<(), E>) {
        if let Err(error) = outcome {
            self.failed.get_or_insert_with(|| error.to_string());
        }
    }
}

impl<B: DrawingBackend> Canvas for Drawing<B> {
    fn rect(&mut self, area: Area, ink: Ink) {
        let corners = [pixel((area.x, area.y)), pixel((area.x + area.w, area.y + area.h))];
        let drawn = self.root.draw(&Rectangle::new(corners, color(ink).filled()));
        self.keep(drawn);
    }

    fn line(&mut self, points: &[(f64, f64)], ink: Ink, stroke: Stroke) {
        let width = match stroke {
            Stroke::Full => 3,
            Stroke::Thin | Stroke::Dashed => 2,
        };
        let width = if matches!(ink, Ink::Grid | Ink::Gap) { 1 } else { width };
        let points: Vec<(i32, i32)> = points.iter().map(|point| pixel(*point)).collect();
        let style = color(ink).stroke_width(width);
        let drawn = if stroke == Stroke::Dashed {
            self.root.draw(&DashedPathElement::new(points, 8, 6, style))
        } else {
            self.root.draw(&PathElement::new(points, style))
        };
        self.keep(drawn);
    }

    fn shape(&mut self, points: &[(f64, f64)], ink: Ink) {
        let points: Vec<(i32, i32)> = points.iter().map(|point| pixel(*point)).collect();
        let drawn = self.root.draw(&Polygon::new(points, color(ink)));
        self.keep(drawn);
    }

    fn text(&mut self, at: (f64, f64), text: &str, ink: Ink, anchor: Anchor) {
        let across = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let style = if ink == Ink::Strong { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, TEXT * SCALE, style).color(&color(ink));
        let font = font.pos(Pos::new(across, VPos::Bottom));
        // Plotters counts from the lowest descender, a figure from the baseline.
        let place = pixel((at.0, at.1 + TEXT * 0.22));
        let drawn = self.root.draw(&Text::new(text.to_owned(), place, font));
        self.keep(drawn);
    }
}

fn pixel(point: (f64, f64)) -> (i32, i32) {
    let place = |value: f64| ((value + BORDER) * SCALE).round().clamp(-30_000.0, 30_000.0) as i32;
    (place(point.0), place(point.1))
}

fn color(ink: Ink) -> RGBAColor {
    let solid = |(red, green, blue): (u8, u8, u8)| RGBColor(red, green, blue);
    match ink {
        Ink::Strong => RGBColor(17, 24, 39).mix(1.0),
        Ink::Text => RGBColor(75, 85, 99).mix(1.0),
        Ink::Grid => RGBColor(222, 226, 232).mix(1.0),
        Ink::Phase => RGBColor(236, 239, 244).mix(1.0),
        Ink::Chaos => RGBColor(253, 230, 200).mix(1.0),
        Ink::Gap => RGBColor(156, 163, 175).mix(1.0),
        Ink::Exit => RGBColor(185, 28, 28).mix(1.0),
        Ink::Held(hue) => solid(fault_rgb(hue)).mix(0.16),
        Ink::Felt(hue) => solid(fault_rgb(hue)).mix(0.07),
        Ink::Fault(hue) => solid(fault_rgb(hue)).mix(1.0),
        Ink::Series(hue) => solid(rgb(hue)).mix(1.0),
        Ink::Fill(hue) => solid(rgb(hue)).mix(0.7),
        Ink::Range(hue) => solid(rgb(hue)).mix(0.15),
    }
}
