//! From the lives of a process to one answer.

use shakedown_leaks::{Finding, Verdict, detect};
use shakedown_scenarios::gate::LeakResource;

use super::LeakAnswer;
use super::trace::{Life, Trace};
use crate::show::Unit;

/// What was found, and in what.
pub(super) struct Judged {
    pub(super) answer: LeakAnswer,
    pub(super) finding: Finding,
    /// The life that it was found in.
    pub(super) life: Life,
    /// How many processes there were,
    pub(super) processes: usize,
    /// and how many seconds of them were looked at.
    pub(super) seconds: f64,
}

/// What growth means for a resource.
struct Matter {
    /// Growth over a life below this is the grain of measuring.
    grain: f64,
    /// Growth an hour that matters, whatever the level,
    per_hour: f64,
    /// and as a part of the level; the larger of both counts.
    ratio: f64,
}

/// Growth of memory an hour that matters: 1 MiB/h is 50 MiB in two days.
pub const BYTES_MATTER: f64 = 1_048_576.0;
/// Growth of counts an hour that matters: two descriptors an hour reach the usual limit of 1,024 in three weeks.
pub const THINGS_MATTER: f64 = 2.0;

/// Lives at least this part of the longest have a say.
const COMPARABLE: f64 = 0.5;

// === impl Matter ===

impl Matter {
    /// An allocator takes memory in pieces of up to some hundred KiB, and 1 MiB/h is 50 MiB in two days. Two descriptors
    /// an hour reach the usual limit of 1,024 in three weeks.
    fn of(resource: LeakResource, unit: Unit) -> Self {
        match (resource, unit) {
            (_, Unit::BytesPerHour) => Self { grain: 524_288.0, per_hour: BYTES_MATTER, ratio: 0.002 },
            // Nobody knows what an exported figure counts.
            (LeakResource::Exported, _) => Self { grain: 0.0, per_hour: 0.0, ratio: 0.002 },
            _ => Self { grain: 3.0, per_hour: THINGS_MATTER, ratio: 0.002 },
        }
    }

    /// The smallest growth an hour that is called a leak.
    fn least(&self, level: f64, hours: f64) -> f64 {
        self.per_hour.max(level.abs() * self.ratio).max(self.grain / hours)
    }
}

/// Judges the longest lives. One that leaks among others that are long enough and do not is no answer.
pub(super) fn judge(trace: Trace, resource: LeakResource, unit: Unit) -> Judged {
    let mut lives = trace.finish();
    let processes = lives.len();
    let seconds = lives.iter().map(Life::seconds).sum();
    lives.sort_by(|left, right| right.seconds().total_cmp(&left.seconds()));
    let enough = lives.first().map_or(0.0, Life::seconds) * COMPARABLE;
    let found: Vec<(Life, Finding)> = lives
        .into_iter()
        .filter(|life| life.seconds() >= enough)
        .map(|life| {
            let finding = detect(&life.times, &life.values);
            (life, finding)
        })
        .collect();
    let votes = |verdict| found.iter().filter(|(_, finding)| finding.verdict == verdict).count();
    let (leaks, calm) = (votes(Verdict::Leak), votes(Verdict::NoLeak));
    let verdict = match (leaks, calm) {
        (0, 0) => Verdict::Inconclusive,
        (0, _) => Verdict::NoLeak,
        (_, 0) => Verdict::Leak,
        // Most of them agree.
        _ if leaks >= 2 * calm => Verdict::Leak,
        _ => Verdict::Inconclusive,
    };
    let at_odds = leaks > 0 && calm > 0 && verdict == Verdict::Inconclusive;
    // The longest that says what all say; without any the longest.
    let place = found.iter().position(|(_, finding)| finding.verdict == verdict).unwrap_or(0);
    let Some((life, finding)) = found.into_iter().nth(place) else {
        let answer = LeakAnswer::Inconclusive { why: "nothing was measured".into() };
        let finding = Finding::unknown("nothing was measured");
        return Judged { answer, finding, life: Life::default(), processes, seconds };
    };
    let answer = if at_odds {
        let why = format!("{leaks} of its {} longest lives leak, the others do not", leaks + calm);
        LeakAnswer::Inconclusive { why }
    } else {
        answer(&finding, &Matter::of(resource, unit), &life, processes)
    };
    Judged { answer, finding, life, processes, seconds }
}

fn answer(finding: &Finding, matter: &Matter, life: &Life, lives: usize) -> LeakAnswer {
    let hours = (life.seconds() / 3_600.0).max(1e-3);
    let level = finding.level.or_else(|| life.values.last().copied()).unwrap_or(0.0);
    let least = matter.least(level, hours);
    match (finding.verdict, finding.slope_per_hour, finding.slope_ci) {
        (Verdict::Leak, Some(per_hour), Some([low, high])) if per_hour >= least => {
            LeakAnswer::Leak { per_hour, low, high }
        }
        // It grows, and by so little that it does not matter.
        (Verdict::Leak, _, Some([_, high])) => LeakAnswer::NoneAbove { per_hour: high.max(least) },
        (Verdict::NoLeak, _, _) => {
            let bound = finding.growth_bound_per_hour.unwrap_or(0.0).max(matter.grain / hours);
            LeakAnswer::NoneAbove { per_hour: bound }
        }
        _ => {
            let why = finding.why.unwrap_or("too little, or too noisy");
            let lived =
                if lives > 1 { format!(" (the longest of {lives} processes)") } else { String::new() };
            LeakAnswer::Inconclusive { why: format!("{why}{lived}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise without a generator: the fraction of multiples of the golden ratio.
    fn noise(at: f64) -> f64 {
        (at * 0.618_033_988_75).fract() - 0.5
    }

    /// From, to, and the values in seconds of that life.
    type Lived<'a> = (u32, u32, &'a dyn Fn(f64) -> f64);

    fn trace(lives: &[Lived<'_>]) -> Trace {
        let mut trace = Trace::of_run(3_600.0);
        for (from, to, value) in lives {
            (*from..*to).for_each(|at| trace.push(f64::from(at), value(f64::from(at - from))));
            trace.cut();
        }
        trace
    }

    fn answer_of(lives: &[Lived<'_>], resource: LeakResource) -> LeakAnswer {
        let unit = if resource == LeakResource::Memory { Unit::BytesPerHour } else { Unit::PerHour };
        judge(trace(lives), resource, unit).answer
    }

    #[test]
    fn a_descriptor_a_minute_leaks_and_a_flat_hour_does_not() {
        let leak = answer_of(&[(0, 3_600, &|at| 20.0 + (at / 60.0).floor())], LeakResource::Fds);
        let LeakAnswer::Leak { per_hour, low, high } = leak else { panic!("{leak:?}") };
        assert!((55.0..65.0).contains(&per_hour) && low <= per_hour && per_hour <= high, "{leak:?}");
        let flat = answer_of(&[(0, 3_601, &|_| 20.0)], LeakResource::Fds);
        assert_eq!(flat, LeakAnswer::NoneAbove { per_hour: 3.0 });
    }

    #[test]
    fn a_leak_that_is_restarted_each_quarter_of_an_hour_is_found_in_its_lives() {
        let leaking = |at: f64| 1e8 + 2e4 * at + 1e5 * noise(at);
        let lives: Vec<Lived<'_>> =
            (0..4).map(|it| (it * 900, it * 900 + 890, &leaking as &dyn Fn(f64) -> f64)).collect();
        let answer = answer_of(&lives, LeakResource::Memory);
        let LeakAnswer::Leak { per_hour, .. } = answer else { panic!("{answer:?}") };
        assert!((6.8e7..7.6e7).contains(&per_hour), "{answer:?}");
    }

    #[test]
    fn a_level_that_is_another_after_each_restart_is_no_leak() {
        let lives: Vec<Box<dyn Fn(f64) -> f64>> = (0..4)
            .map(|it| Box::new(move |_| 50.0 + 40.0 * f64::from(it)) as Box<dyn Fn(f64) -> f64>)
            .collect();
        let lives: Vec<Lived<'_>> =
            lives.iter().zip(0..).map(|(value, it)| (it * 900, it * 900 + 890, value.as_ref())).collect();
        assert!(matches!(answer_of(&lives, LeakResource::Fds), LeakAnswer::NoneAbove { .. }));
    }

    #[test]
    fn lives_at_odds_and_lives_that_are_too_short_are_no_answer() {
        let leaks = |at: f64| 1e8 + 3e4 * at + 1e5 * noise(at);
        let calm = |at: f64| 1e8 + 1e5 * noise(at);
        let odd = answer_of(&[(0, 1_800, &leaks), (1_800, 3_600, &calm)], LeakResource::Memory);
        assert!(matches!(&odd, LeakAnswer::Inconclusive { why } if why.contains("longest lives")), "{odd:?}");
        let short = answer_of(&[(0, 60, &leaks)], LeakResource::Memory);
        assert!(matches!(&short, LeakAnswer::Inconclusive { .. }), "{short:?}");
        assert!(matches!(answer_of(&[], LeakResource::Memory), LeakAnswer::Inconclusive { .. }));
    }

    #[test]
    fn growth_that_does_not_matter_is_no_leak() {
        // 72 KiB an hour.
        let answer = answer_of(&[(0, 3_600, &|at| 1e8 + 20.0 * at)], LeakResource::Memory);
        let LeakAnswer::NoneAbove { per_hour } = answer else { panic!("{answer:?}") };
        assert!(per_hour >= 1_048_576.0, "{answer:?}");
    }
}
