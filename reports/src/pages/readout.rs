//! The numbers behind the figure, for the script that reads them out under the pointer.

use serde_json::{Value, json};

use super::figure::Figure;
use super::paint::Layout;

/// As JSON that can stand within a `script` element: no `<` ends it early.
#[must_use]
pub fn json(figure: &Figure) -> String {
    let layout = Layout::of(figure);
    let value = json!({
        "seconds": figure.seconds,
        "width": layout.width,
        "height": layout.height,
        "left": layout.plot.x,
        "plot": layout.plot.w,
        "panels": panels(figure),
        "phases": figure.phases.iter().map(|phase| json!([phase.from, phase.to, phase.name])).collect::<Vec<_>>(),
        "faults": figure.faults.iter().map(|band| {
            json!([band.held.from, band.held.to, band.felt_to, band.held.name])
        }).collect::<Vec<_>>(),
        "exits": figure.exits.iter().map(|(at, text)| json!([at, text])).collect::<Vec<_>>(),
    });
    value.to_string().replace('<', "\\u003c")
}

fn panels(figure: &Figure) -> Vec<Value> {
    let panel = |panel: &super::figure::PanelPlot| {
        let line = |line: &super::figure::Line| {
            json!({
                "label": line.label,
                "hue": line.hue,
                "step": usual(&line.at),
                "at": line.at,
                // Four digits are more than is shown.
                "value": line.value.iter().map(|value| rounded(*value)).collect::<Vec<_>>(),
            })
        };
        json!({ "title": panel.title, "unit": panel.unit, "lines": panel.lines.iter().map(line).collect::<Vec<_>>() })
    };
    figure.panels.iter().map(panel).collect()
}

/// The usual distance between two points: what is further from the pointer is not read out.
fn usual(at: &[f64]) -> f64 {
    let mut distances: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if distances.is_empty() {
        return 1.0;
    }
    let middle = distances.len() / 2;
    *distances.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn rounded(value: f64) -> Value {
    if value == 0.0 || !value.is_finite() {
        return json!(0);
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    let rounded = if scale.is_finite() && scale > 0.0 { (value * scale).round() / scale } else { value };
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 { json!(rounded as i64) } else { json!(rounded) }
}
