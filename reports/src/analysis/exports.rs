//! Figures that targets export: folded into series of their own, with what was missed.
//!
//! [`Exported`] is what a leak check of any of them needs: a name, a unit, and values over time. A page that was missed
//! leaves no value, and so a gap.

use serde::{Deserialize, Serialize};
use shakedown_scenarios::export::{Export, FigureUnit};
use shakedown_scenarios::plan::Plan;

use super::series::{Panel, Series, SeriesBuilder};
use crate::journal::ExportSample;
use crate::show::Unit;

/// What became of one page of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportFinding {
    /// The target.
    pub target: String,
    /// Path and query of the page.
    pub path: String,
    /// How often it was asked for.
    pub asked: u64,
    /// How often it was not there, not whole, or not what it should be.
    pub missed: u64,
    /// Why it was missed last.
    pub why: Option<String>,
    /// Figures that were there and no finite number.
    pub dropped: u64,
    /// Figures that were looked for and not on the page.
    pub absent: u64,
    /// The figures, in the order of the plan.
    pub figures: Vec<FigureFinding>,
}

/// One figure over the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureFinding {
    /// Its name.
    pub name: String,
    /// Of the values.
    pub unit: Unit,
    /// First, last and largest value; `None` where it was never there.
    pub first_last_max: Option<(f64, f64, f64)>,
}

/// The values of one figure of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The target.
    pub target: String,
    /// The figure's name.
    pub name: String,
    /// Of the values.
    pub unit: Unit,
    /// Seconds since the start of the load, ascending, and values: the means of buckets as wide as those of the timeline.
    pub points: Vec<(f64, f64)>,
    /// The largest value that was ever seen.
    pub max: f64,
    /// The same for the timeline.
    series: Series,
}

/// Folds what the pages of all targets said.
#[derive(Debug)]
pub struct ExportFold<'p> {
    pages: Vec<Page<'p>>,
}

/// One page of one target.
#[derive(Debug)]
struct Page<'p> {
    target: &'p str,
    number: u32,
    export: &'p Export,
    finding: ExportFinding,
    figures: Vec<(&'p str, SeriesBuilder)>,
}

// === impl ExportFold ===

impl<'p> ExportFold<'p> {
    /// Nothing seen yet; buckets are `width` seconds wide.
    pub fn new(plan: &'p Plan, width: f64) -> Self {
        let targets = plan.experiment.targets.iter();
        let pages = targets.flat_map(|(target, of)| {
            let numbered = (0..).zip(of.exports());
            numbered.map(move |(number, export)| Page::new(target, number, export, width))
        });
        Self { pages: pages.collect() }
    }

    /// Takes a page in. What the plan does not know is left out.
    pub fn take(&mut self, sample: &ExportSample) {
        let of = |page: &&mut Page<'_>| page.target == sample.target && page.number == sample.page;
        if let Some(page) = self.pages.iter_mut().find(of) {
            page.take(sample);
        }
    }

    /// What became of each page, and the figures that were ever there.
    pub fn finish(self) -> (Vec<ExportFinding>, Vec<Exported>) {
        let (mut findings, mut exported) = (Vec::new(), Vec::new());
        for page in self.pages {
            let (finding, its) = page.finish();
            findings.push(finding);
            exported.extend(its);
        }
        (findings, exported)
    }
}

// === impl Page ===

impl<'p> Page<'p> {
    fn new(target: &'p str, number: u32, export: &'p Export, width: f64) -> Self {
        let series = |name: &str, unit| SeriesBuilder::new(Panel::Exported, target, name, unit, width);
        let figures = export.figures.iter();
        let finding = ExportFinding {
            target: target.to_owned(),
            path: export.path.clone(),
            asked: 0,
            missed: 0,
            why: None,
            dropped: 0,
            absent: 0,
            figures: Vec::new(),
        };
        let figures =
            figures.map(|figure| (figure.name.as_str(), series(&figure.name, figure_unit(figure.unit))));
        Self { target, number, export, finding, figures: figures.collect() }
    }

    fn take(&mut self, sample: &ExportSample) {
        let finding = &mut self.finding;
        finding.asked += 1;
        finding.dropped += sample.dropped;
        finding.absent += sample.absent;
        if let Some(why) = &sample.missed {
            finding.missed += 1;
            finding.why = Some(why.clone());
        }
        let at = sample.at_us as f64 / 1e6;
        for (name, series) in &mut self.figures {
            if let Some(value) = sample.figures.get(*name) {
                series.push(at, *value);
            }
        }
    }

    fn finish(self) -> (ExportFinding, Vec<Exported>) {
        let (mut finding, mut exported) = (self.finding, Vec::new());
        for ((name, builder), figure) in self.figures.into_iter().zip(&self.export.figures) {
            let unit = figure_unit(figure.unit);
            let (points, max) = (builder.points(), builder.largest());
            let ends = points.first().zip(points.last()).map(|(first, last)| (first.1, last.1));
            let first_last_max = ends.zip(max).map(|((first, last), max)| (first, last, max));
            finding.figures.push(FigureFinding { name: name.to_owned(), unit, first_last_max });
            if let Some(max) = max {
                let (target, series) = (self.target.to_owned(), builder.build());
                exported.push(Exported { target, name: name.to_owned(), unit, points, max, series });
            }
        }
        (finding, exported)
    }
}

// === impl Exported ===

impl Exported {
    /// The figure as the timeline shows it.
    #[must_use]
    pub fn into_series(self) -> Series {
        self.series
    }
}

/// The unit in which a figure is shown.
#[must_use]
pub const fn figure_unit(unit: FigureUnit) -> Unit {
    match unit {
        FigureUnit::Bytes => Unit::Bytes,
        FigureUnit::Count => Unit::Count,
        FigureUnit::Seconds => Unit::Seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPERIMENT: &str = r#"Experiment(
        name: "exports",
        targets: { "shop": Process(argv: ["./shop", "{port}"], exports: [
            Prometheus(metrics: ["live_bytes", "never"]),
            Json(path: "/stats", figures: [(name: "queue", pointer: "/queue")]),
        ]) },
        phases: (chaos: "10s"),
        gates: [NoLeak(of: "shop")],
    )"#;

    fn sample(second: i64, page: u32, figures: &[(&str, f64)]) -> ExportSample {
        ExportSample {
            at_us: second * 1_000_000,
            target: "shop".into(),
            page,
            figures: figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            ..ExportSample::default()
        }
    }

    #[test]
    fn figures_become_series_and_what_is_missed_a_gap_that_is_counted() {
        let experiment = shakedown_scenarios::read::read("x.ron", EXPERIMENT, &[]).unwrap();
        let plan = shakedown_scenarios::plan::plan(&experiment, 1, 1.0).unwrap();
        let mut fold = ExportFold::new(&plan, 1.0);
        // More than 32 bits of a float could tell apart.
        let bytes = |second: i64| 4_294_967_297.0 + second as f64;
        for second in 0..40 {
            let page = match second {
                10..30 => ExportSample { missed: Some("status 500".into()), ..sample(second, 0, &[]) },
                _ => ExportSample { absent: 1, ..sample(second, 0, &[("live_bytes", bytes(second))]) },
            };
            fold.take(&page);
        }
        fold.take(&ExportSample { dropped: 1, ..sample(3, 1, &[("stranger", 1.0)]) });
        fold.take(&sample(3, 7, &[("queue", 1.0)]));
        fold.take(&ExportSample { target: "stranger".into(), ..sample(3, 1, &[("queue", 1.0)]) });

        let (findings, exported) = fold.finish();
        assert_eq!((findings[0].asked, findings[0].missed, findings[0].absent), (40, 20, 20));
        assert_eq!(findings[0].why.as_deref(), Some("status 500"));
        let [live, never] = &findings[0].figures[..] else { panic!("{findings:?}") };
        assert_eq!((live.unit, live.first_last_max), (Unit::Bytes, Some((bytes(0), bytes(39), bytes(39)))));
        assert_eq!(never.first_last_max, None);
        assert_eq!((findings[1].asked, findings[1].missed, findings[1].dropped), (1, 0, 1));
        assert_eq!(findings[1].figures[0].first_last_max, None);

        let [live] = &exported[..] else { panic!("{exported:?}") };
        assert_eq!((live.target.as_str(), live.name.as_str(), live.max), ("shop", "live_bytes", bytes(39)));
        assert_eq!(live.points.len(), 20);
        assert_eq!((live.points[0], live.points[10]), ((0.0, bytes(0)), (30.0, bytes(30))));
        let series = live.clone().into_series();
        assert_eq!((series.panel, series.pieces()), (Panel::Exported, vec![0..10, 10..20]));
    }
}
