//! What a plan tells of a workload below its one line: the mix, the login, and where its arrivals and the run do not fit.

use std::cmp::Ordering;

use crate::units::Span;
use crate::workload::{Arrivals, Workload};

/// The most kinds of requests that are listed.
const KINDS_MAX: usize = 12;

/// A kind of request, as reports call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name: `GET /items/{n}`. Several kinds may have the same one.
    pub name: String,
    /// How often it is drawn, relative to the others; `None`: it is not, and follows the one before.
    pub weight: Option<u32>,
}

// === impl Workload ===

impl Workload {
    /// The kinds of its requests, in the order of the file.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let drawn = |name: String, weight| Endpoint { name, weight: Some(weight) };
        match self {
            Self::Http(http) => http.requests.iter().map(|it| drawn(it.endpoint(), it.weight)).collect(),
            Self::Tcp(tcp) => tcp.exchanges.iter().map(|it| drawn(it.endpoint(), it.weight)).collect(),
            Self::Udp(udp) => udp.exchanges.iter().map(|it| drawn(it.endpoint(), it.weight)).collect(),
            Self::Redis(redis) => redis.commands.iter().map(|it| drawn(it.endpoint(), it.weight)).collect(),
            Self::Grpc(grpc) => grpc.calls.iter().map(|it| drawn(it.endpoint(), it.weight)).collect(),
            Self::Postgres(postgres) => {
                postgres.transactions.iter().map(|it| drawn(it.endpoint(), it.weight)).collect()
            }
            Self::WebSocket(websocket) => {
                websocket.messages.iter().map(|it| drawn(it.endpoint(), it.weight)).collect()
            }
            Self::Operations(operations) => {
                let mix = operations.model.mix().iter();
                mix.map(|(operation, weight)| drawn(operation.word().to_owned(), *weight)).collect()
            }
            Self::Malformed(malformed) => {
                malformed.openings().map(|name| drawn(name.to_owned(), 1)).collect()
            }
            Self::Journey(journey) => {
                // What is drawn is a journey, which begins with its first step.
                let steps = journey.steps.iter().enumerate();
                let weight = |step| (step == 0).then_some(1);
                steps.map(|(at, it)| Endpoint { name: it.request.endpoint(), weight: weight(at) }).collect()
            }
        }
    }

    /// What is to be known of it in a load of this length, a line each.
    #[must_use]
    pub fn outline(&self, length: Span) -> Vec<String> {
        let secret =
            self.secret().map(|env| format!("logs in with what the environment variable {env} holds"));
        let misfit = self.arrivals().misfit(length);
        self.mix_outline().into_iter().chain(secret).chain(misfit).collect()
    }

    fn mix_outline(&self) -> Vec<String> {
        let endpoints = self.endpoints();
        // One kind is told by the line above, and the openings of hostile requests by their own list.
        if endpoints.len() < 2 || matches!(self, Self::Malformed(_) | Self::Operations(_)) {
            return Vec::new();
        }
        let all: f64 = endpoints.iter().filter_map(|endpoint| endpoint.weight).map(f64::from).sum();
        let line = |(index, Endpoint { name, weight }): (usize, &Endpoint)| match (self, weight) {
            (Self::Journey(_), _) | (_, None) => format!("{:>2}. {name}", index + 1),
            (_, Some(weight)) => format!("{:>5.1} %  {name}", 100.0 * f64::from(*weight) / all.max(1.0)),
        };
        let mut lines: Vec<String> = endpoints.iter().enumerate().take(KINDS_MAX).map(line).collect();
        match endpoints.len().saturating_sub(KINDS_MAX) {
            0 => {}
            more => lines.push(format!("and {more} more")),
        }
        lines
    }
}

// === impl Arrivals ===

impl Arrivals {
    /// Where these arrivals and a load of this length do not fit, in words.
    fn misfit(&self, length: Span) -> Option<String> {
        match self {
            Self::Stages { stages, .. } => {
                let nanos = stages.iter().fold(0_u64, |sum, stage| sum.saturating_add(stage.over.as_nanos()));
                let (all, last) = (Span::nanos(nanos), stages.last()?.rate);
                match all.cmp(&length) {
                    Ordering::Less => Some(format!(
                        "the stages end after {all}: {last} from then on to the end at {length}"
                    )),
                    Ordering::Equal => None,
                    Ordering::Greater => {
                        Some(format!("the stages take {all}, and the load ends at {length}"))
                    }
                }
            }
            Self::Spikes { every, .. } if *every > length => {
                Some(format!("a spike ends every {every}, and the load at {length}: there is none"))
            }
            Self::Daily { day, .. } if *day > length => {
                Some(format!("a day takes {day}, and the load ends at {length}"))
            }
            Self::Replay { speed, trace, .. } => {
                let all = Span::secs_f64(trace.length().as_secs_f64() / speed);
                // A trace ends with its last request; what is due in the same second as the end is the end.
                if all.plus(Span::secs(1)) < length {
                    let from_then = "nothing is asked from then on to the end at";
                    return Some(format!("the trace ends after {all}: {from_then} {length}"));
                }
                (all > length).then(|| format!("the trace takes {all}, and the load ends at {length}"))
            }
            _ => None,
        }
    }
}
