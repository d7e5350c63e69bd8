//! What the protocols find wrong with their faults, in one form: each with the field it is about.

use shakedown_datagram_faults::dns::DnsFault;
use shakedown_datagram_faults::injections::Problem as DatagramProblem;
use shakedown_datagram_faults::udp::UdpFault;
use shakedown_http_faults::fault::HttpFault;
use shakedown_scenarios::words::Wrong;
use shakedown_tls_faults::{Problem as TlsProblem, TlsFault};
use shakedown_websocket_faults::WebSocketFault;

/// Fields of a DNS fault that are not its act's.
const DNS_OWN: [&str; 3] = ["name", "every", "probability"];

pub(crate) fn http(fault: &HttpFault) -> Vec<Wrong> {
    let problems = fault.check().err();
    let wrong = |problem: &shakedown_http_faults::problem::Problem| {
        Wrong::new(&problem.field, format!("expected {}, found `{}`", problem.allowed, problem.found))
    };
    problems.iter().flat_map(|problems| problems.all()).map(wrong).collect()
}

pub(crate) fn websocket(fault: &WebSocketFault) -> Vec<Wrong> {
    let wrong = |problem: shakedown_websocket_faults::Problem| {
        let message =
            format!("expected {} to be {}, found {}", problem.field, problem.expected, problem.found);
        Wrong::new(problem.field, message).within(fault.name())
    };
    fault.check().into_iter().map(wrong).collect()
}

pub(crate) fn tls(fault: &TlsFault) -> Vec<Wrong> {
    let wrong = |problem: TlsProblem| {
        let (field, message) = match problem {
            TlsProblem::Probability { found, .. } => {
                ("probability", format!("expected above 0% and at most 100%, found {found}"))
            }
            TlsProblem::NoLength => ("length", "expected a length above 0s, found 0s".to_owned()),
        };
        let help = match problem {
            TlsProblem::Probability { .. } => "leave it out to hit every connection",
            TlsProblem::NoLength => "leave it out to stall until the fault heals",
        };
        Wrong::new(field, message).help(help).within(fault.name())
    };
    fault.check().into_iter().map(wrong).collect()
}

pub(crate) fn udp(fault: &UdpFault) -> Vec<Wrong> {
    let name = variant(fault);
    fault.check().into_iter().map(|problem| datagram(problem).within(&name)).collect()
}

pub(crate) fn dns(fault: &DnsFault) -> Vec<Wrong> {
    let name = format!("act.{}", variant(&fault.act));
    let place = |problem: DatagramProblem| {
        let own = DNS_OWN.contains(&problem.field);
        if own { datagram(problem) } else { datagram(problem).within(&name) }
    };
    fault.check().into_iter().map(place).collect()
}

fn datagram(problem: DatagramProblem) -> Wrong {
    Wrong::new(problem.field, problem.message)
}

/// The word for a variant, as serde writes it.
fn variant(of: &impl serde::Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(map)) => map.into_iter().next().map_or(String::new(), |(name, _)| name),
        _ => String::new(),
    }
}
