//! What is wrong with a toxic: every problem at once, each with its field and the way out.

use super::{Aim, Dialled, Distribution, Toxic};
use crate::units::{Bandwidth, Ratio, Span};

/// Something that a toxic cannot mean.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {message}; {help}")]
pub struct ToxicProblem {
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// How many delays a trace may hold.
const LONGEST_TRACE: usize = 10_000;

/// The most that a delay may be, so that no sum of delays leaves the range of a span.
const LONGEST_DELAY: Span = Span::secs(24 * 3600);

/// Pieces below this size would make a system call for each few bytes of a bulk transfer.
const SMALLEST_SLICE: u64 = 1;

type Problems = Vec<ToxicProblem>;

// === impl Toxic ===

impl Toxic {
    /// All that is wrong with it and its aim; nothing, if it can be injected.
    #[must_use]
    pub fn problems(&self, aim: &Aim) -> Vec<ToxicProblem> {
        let mut found = Vec::new();
        self.strength(&mut found);
        self.aim(aim, &mut found);
        found
    }

    fn strength(&self, found: &mut Problems) {
        match self {
            Self::Latency { delay, jitter, distribution, correlation } => {
                latency(found, *delay, *jitter, distribution, *correlation);
            }
            Self::Wave { amplitude, period, .. } => {
                delay(found, "amplitude", *amplitude);
                above_zero(found, "period", *period);
            }
            Self::Stall { every, hold } => stall(found, *every, *hold),
            Self::Slicer { average, variation, delay } => {
                slicer(found, average.as_bytes(), variation.as_bytes());
                at_most(found, "delay", *delay);
            }
            Self::Coalesce { window, size } => {
                delay(found, "window", *window);
                if size.as_bytes() == 0 {
                    tell(found, "size", "no bytes never have to wait", "write a size such as `\"1460B\"`");
                }
            }
            Self::SlowRead { rate, .. } if *rate == Bandwidth::default() => {
                tell(
                    found,
                    "rate",
                    "at a rate of zero nothing is read",
                    "use `Blackhole(mode: Hold)` for that",
                );
            }
            Self::SlowClose { delay: of } => delay(found, "delay", *of),
            Self::Corrupt { probability, .. }
            | Self::Duplicate { probability }
            | Self::Reorder { probability }
            | Self::Truncate { probability } => likely(found, "probability", *probability),
            Self::Loss { bad, good, loss_in_bad, loss_in_good, rto } => {
                loss(found, [*bad, *good, *loss_in_bad, *loss_in_good]);
                delay(found, "rto", *rto);
            }
            Self::Dial { delay, outcome } => dial(found, *delay, outcome),
            _ => {}
        }
    }

    fn aim(&self, aim: &Aim, found: &mut Problems) {
        if aim.nth == 0 {
            tell(found, "nth", "every 0th connection is none", "write 1 for all, 3 for every third");
        }
        if aim.first == Some(0) {
            tell(found, "first", "the first 0 connections are none", "write 1 or more");
        }
        share(found, "toxicity", aim.toxicity);
        if self.shuts_the_door() && !aim.is_all() {
            let message = format!("`{}` shuts the door for everybody", self.kind());
            let help = "use `CloseOnAccept` or `HangOnAccept` to hit some connections only";
            tell(found, "toxicity", message, help);
        }
    }
}

fn tell(found: &mut Problems, field: &'static str, message: impl Into<String>, help: impl Into<String>) {
    found.push(ToxicProblem { field, message: message.into(), help: help.into() });
}

fn above_zero(found: &mut Problems, field: &'static str, span: Span) {
    if span.is_zero() {
        tell(found, field, "it takes no time", "write a time such as `\"100ms\"`");
    }
}

fn at_most(found: &mut Problems, field: &'static str, span: Span) {
    if span > LONGEST_DELAY {
        tell(found, field, format!("{span} is too long"), format!("allowed: at most {LONGEST_DELAY}"));
    }
}

fn delay(found: &mut Problems, field: &'static str, span: Span) {
    above_zero(found, field, span);
    at_most(found, field, span);
}

fn share(found: &mut Problems, field: &'static str, share: Ratio) {
    if !(0.0..=1.0).contains(&share.value()) {
        tell(found, field, format!("{share} is out of range"), "allowed: 0% to 100%");
    }
}

/// A probability of something that is asked for, and so not zero.
fn likely(found: &mut Problems, field: &'static str, share: Ratio) {
    if share.value() <= 0.0 || share.value() > 1.0 {
        tell(found, field, format!("{share} is out of range"), "allowed: above 0% to 100%");
    }
}

fn latency(found: &mut Problems, of: Span, jitter: Span, distribution: &Distribution, correlation: Ratio) {
    at_most(found, "delay", of);
    at_most(found, "jitter", jitter);
    match distribution {
        Distribution::Trace(trace) if trace.is_empty() || trace.len() > LONGEST_TRACE => {
            let message = format!("a trace of {} delays", trace.len());
            tell(found, "distribution", message, format!("allowed: 1 to {LONGEST_TRACE} of them"));
        }
        Distribution::Trace(trace) => trace.iter().for_each(|of| at_most(found, "distribution", *of)),
        _ if of.is_zero() && jitter.is_zero() => {
            tell(found, "delay", "a latency of zero is none", "write a delay such as `\"100ms\"`");
        }
        Distribution::LogNormal | Distribution::Pareto | Distribution::ParetoNormal if of.is_zero() => {
            tell(
                found,
                "delay",
                "this distribution has a mean above zero",
                "write a delay such as `\"100ms\"`",
            );
        }
        _ => {}
    }
    if !(0.0..1.0).contains(&correlation.value()) {
        tell(found, "correlation", format!("{correlation} is out of range"), "allowed: 0% to below 100%");
    }
}

fn stall(found: &mut Problems, every: Span, hold: Span) {
    above_zero(found, "hold", hold);
    if hold >= every {
        let message = format!("stalls of {hold} every {every} leave no time in between");
        tell(found, "hold", message, "make `hold` less than `every`");
    }
}

fn slicer(found: &mut Problems, average: u64, variation: u64) {
    if average < SMALLEST_SLICE {
        tell(found, "average", "pieces of no bytes are none", "write a size such as `\"64B\"`");
    } else if variation >= average {
        let message = format!("pieces of {average} ± {variation} bytes could have no bytes");
        tell(found, "variation", message, "make it less than `average`");
    }
}

fn loss(found: &mut Problems, [bad, good, loss_in_bad, loss_in_good]: [Ratio; 4]) {
    share(found, "bad", bad);
    likely(found, "good", good);
    share(found, "loss_in_bad", loss_in_bad);
    share(found, "loss_in_good", loss_in_good);
    let never = bad.value() * loss_in_bad.value() <= 0.0 && loss_in_good.value() <= 0.0;
    if never {
        tell(found, "bad", "nothing would ever be lost", "write a share such as `\"1%\"`");
    }
}

fn dial(found: &mut Problems, delay: Span, outcome: &Dialled) {
    at_most(found, "delay", delay);
    match outcome {
        Dialled::Connect if delay.is_zero() => {
            tell(found, "delay", "a dial without delay and without failure is none", "write one of the two");
        }
        Dialled::Elsewhere(address) if !is_address(address) => {
            let message = format!("`{}` is no address", crate::problem::escaped(address));
            tell(found, "outcome", message, "write `host:port`");
        }
        _ => {}
    }
}

/// Whether a text has the form `host:port`.
fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toxic::{Per, Shape};
    use crate::units::Size;

    #[track_caller]
    fn check(toxic: Toxic, fields: &[&str]) {
        let found: Vec<&str> = toxic.problems(&Aim::default()).iter().map(|problem| problem.field).collect();
        assert_eq!(found, fields, "{toxic:?}");
    }

    fn ratio(value: f64) -> Ratio {
        Ratio::new(value).unwrap()
    }

    #[test]
    fn what_can_be_meant_is_let_through() {
        check(Toxic::latency(Span::millis(1)), &[]);
        check(Toxic::jittery(Span::ZERO, Span::millis(1)), &[]);
        check(Toxic::bandwidth(Bandwidth::default()), &[]);
        check(Toxic::Slicer { average: Size::bytes(1), variation: Size::bytes(0), delay: Span::ZERO }, &[]);
        check(Toxic::Dial { delay: Span::ZERO, outcome: Dialled::Fail }, &[]);
        check(Toxic::Timeout { after: Span::ZERO }, &[]);
    }

    #[test]
    fn what_cannot_be_meant_names_its_field() {
        let second = Span::secs(1);
        check(Toxic::latency(Span::ZERO), &["delay"]);
        check(Toxic::latency(Span::secs(1 << 30)), &["delay"]);
        let trace = |distribution, correlation: f64| Toxic::Latency {
            delay: Span::ZERO,
            jitter: Span::ZERO,
            distribution,
            correlation: ratio(correlation),
        };
        check(trace(Distribution::Trace(vec![]), 1.0), &["distribution", "correlation"]);
        check(trace(Distribution::Trace(vec![second]), 0.5), &[]);
        check(
            Toxic::Wave { shape: Shape::Sine, amplitude: Span::ZERO, period: Span::ZERO, phase: second },
            &["amplitude", "period"],
        );
        check(Toxic::Stall { every: second, hold: second }, &["hold"]);
        check(
            Toxic::Slicer { average: Size::bytes(0), variation: Size::bytes(0), delay: second },
            &["average"],
        );
        check(
            Toxic::Slicer { average: Size::bytes(5), variation: Size::bytes(5), delay: second },
            &["variation"],
        );
        check(Toxic::SlowRead { rate: Bandwidth::default(), window: None }, &["rate"]);
        check(Toxic::Duplicate { probability: ratio(0.0) }, &["probability"]);
        check(Toxic::Truncate { probability: ratio(1.5) }, &["probability"]);
        check(Toxic::Dial { delay: Span::ZERO, outcome: Dialled::Connect }, &["delay"]);
        for address in ["", "x", "x:", ":1", "x:0", "x:65536"] {
            check(Toxic::Dial { delay: second, outcome: Dialled::Elsewhere(address.into()) }, &["outcome"]);
        }
    }

    #[test]
    fn the_door_is_shut_for_everybody_or_nobody() {
        let some = Aim { toxicity: ratio(0.5), ..Aim::default() };
        assert_eq!(Toxic::Refuse {}.problems(&some).len(), 1);
        assert!(Toxic::CloseOnAccept {}.problems(&some).is_empty());
        let nobody = Aim { nth: 0, first: Some(0), toxicity: ratio(1.5), ..Aim::default() };
        let limit =
            Toxic::Bandwidth { rate: Bandwidth::bytes_per_second(1), per: Per::Link, burst: Span::ZERO };
        assert_eq!(limit.problems(&nobody).len(), 3);
    }
}
