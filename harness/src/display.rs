//! What people see while a run goes on: a live display on a terminal, and one plain line a minute where there is none.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shakedown_reports::journal::{HistoryKept, ModelOutcome, What, Window};
use shakedown_scenarios::experiment::Phase;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::units::Span;

use crate::console;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Span = Span::secs(60);

/// Shows a run.
pub struct Display {
    surface: Surface,
    plan: Plan,
    phase: Option<Phase>,
    holding: Vec<u32>,
    load: BTreeMap<String, Second>,
    next_line: Span,
}

enum Surface {
    Live { all: MultiProgress, bar: ProgressBar, load: ProgressBar },
    Lines,
}

/// The last second of one workload.
#[derive(Clone, Debug, Default)]
struct Second {
    ok: u64,
    failed: u64,
    p95_us: u64,
}

// === impl Display ===

impl Display {
    /// A display for this plan, on standard error.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let surface = if io::stderr().is_terminal() { Surface::live(plan) } else { Surface::Lines };
        Self {
            surface,
            plan: plan.clone(),
            phase: None,
            holding: Vec::new(),
            load: BTreeMap::new(),
            next_line: LINE_EVERY,
        }
    }

    /// Takes an event in; what a person must know of is written at once.
    pub fn event(&mut self, at: Span, what: &What) {
        match what {
            What::PhaseStarted { phase } => self.phase = Some(*phase),
            What::Injected { cue } => self.holding.push(*cue),
            What::Healed { cue, .. } => self.holding.retain(|held| held != cue),
            _ => {}
        }
        if let Some(line) = self.line(what) {
            self.write(&format!("{}  {}", clock_face(at), console::printable(&line)));
        }
    }

    /// Takes one second of a workload in.
    pub fn window(&mut self, window: &Window) {
        let second = Second {
            ok: window.ok,
            failed: window.errors.values().sum(),
            p95_us: window.latency.value_at_quantile(0.95),
        };
        self.load.insert(window.workload.clone(), second);
    }

    /// Time has passed since the load began.
    pub fn tick(&mut self, at: Span) {
        let (status, load) = (self.status(), self.load_line());
        match &self.surface {
            Surface::Live { bar, load: line, .. } => {
                bar.set_position(at.as_micros() / 1000);
                bar.set_message(status);
                line.set_message(load);
            }
            Surface::Lines => {
                if at >= self.next_line {
                    self.next_line = at.plus(LINE_EVERY);
                    let total = self.plan.experiment.phases.total();
                    let line = format!("{}  of {}  {status}  {load}", clock_face(at), clock_face(total));
                    console::tell(&line);
                }
            }
        }
    }

    /// Writes a line that stays.
    pub fn write(&self, line: &str) {
        match &self.surface {
            Surface::Live { all, .. } => {
                let _ = all.println(line);
            }
            Surface::Lines => console::tell(line),
        }
    }

    /// Takes the moving part away.
    pub fn end(&self) {
        if let Surface::Live { all, bar, load } = &self.surface {
            bar.finish_and_clear();
            load.finish_and_clear();
            let _ = all.clear();
        }
    }

    fn status(&self) -> String {
        let phase = self.phase.map_or("starting", Phase::word);
        let faults: Vec<_> = self.holding.iter().map(|cue| self.fault(*cue)).collect();
        if faults.is_empty() { phase.to_owned() } else { format!("{phase}  ▲ {}", faults.join(", ")) }
    }

    fn load_line(&self) -> String {
        let one = |(name, second): (&String, &Second)| {
            let done = second.ok + second.failed;
            let share = if done == 0 { 0.0 } else { 100.0 * second.failed as f64 / done as f64 };
            let p95 = second.p95_us as f64 / 1000.0;
            format!("{name}: {}/s, {share:.1}% errors, p95 {p95:.1} ms", second.ok)
        };
        self.load.iter().map(one).collect::<Vec<_>>().join(" · ")
    }

    fn fault(&self, cue: u32) -> String {
        let fault =
            self.plan.cues.get(cue as usize).and_then(|cue| self.plan.experiment.faults.get(cue.fault));
        fault.map_or_else(|| format!("cue {cue}"), |fault| fault.name.clone())
    }

    /// The line for an event; most events have none.
    fn line(&self, what: &What) -> Option<String> {
        Some(match what {
            What::PhaseStarted { phase } => format!("phase     {}", phase.word()),
            What::Injected { cue } => format!("inject    {}: {}", self.fault(*cue), self.act(*cue)),
            What::InjectionFailed { cue, why } => format!("FAILED    {}: {why}", self.fault(*cue)),
            What::Bit { cue, proven: false, evidence } => {
                format!("UNPROVEN  {}: {evidence}", self.fault(*cue))
            }
            What::Bit { cue, evidence, .. } => format!("bit       {}: {evidence}", self.fault(*cue)),
            What::Healed { cue, proven: false, evidence } => {
                format!("NOT HEALED {}: {evidence}", self.fault(*cue))
            }
            What::Healed { cue, evidence, .. } => format!("healed    {}: {evidence}", self.fault(*cue)),
            What::TargetExited { target, status, expected: false } => format!("exited    {target}: {status}"),
            What::TargetReady { target, after_us } => {
                format!("ready     {target} after {:.0} ms", *after_us as f64 / 1000.0)
            }
            What::TargetFailed { target, why } => format!("FAILED    {target}: {why}"),
            What::GuardTripped { why } => format!("GUARD     {why}"),
            What::LeakCertain { target, found } => format!("LEAK      {target}: {found}"),
            What::Model(model) if model.outcome != ModelOutcome::Pass => {
                let why = model.why.as_deref().unwrap_or_default();
                format!("MODEL     {}: {} {why}", model.name, model.outcome.word())
            }
            What::HistoryKept(HistoryKept { workload, cut: Some(why), .. }) => {
                format!("degraded  the history of `{workload}` ends early: {why}")
            }
            What::Degraded { why } => format!("degraded  {why}"),
            _ => return None,
        })
    }

    fn act(&self, cue: u32) -> String {
        let fault =
            self.plan.cues.get(cue as usize).and_then(|cue| self.plan.experiment.faults.get(cue.fault));
        fault.map_or_else(String::new, |fault| fault.act.describe())
    }
}

// === impl Surface ===

impl Surface {
    fn live(plan: &Plan) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        let total = plan.experiment.phases.total();
        let bar = all.add(ProgressBar::new(total.as_micros() / 1000));
        // The templates are constants: a test builds a live surface, so they are known to parse.
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:30.cyan/blue} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
        let load = all.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("         {msg}");
        load.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self::Live { all, bar, load }
    }
}

/// A moment as `mm:ss`, or `h:mm:ss` from an hour on.
#[must_use]
pub fn clock_face(at: Span) -> String {
    let seconds = at.as_nanos() / 1_000_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_a_clock_shows_them() {
        assert_eq!(clock_face(Span::millis(61_999)), "01:01");
        assert_eq!(clock_face(Span::secs(48 * 3600)), "48:00:00");
    }
}
