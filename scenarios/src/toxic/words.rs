//! A toxic in words, for plans, evidence and control planes.

use super::{Aim, Blackhole, Dialled, Distribution, Ending, Per, Shape, Side, Toxic};

// === impl Toxic ===

impl Toxic {
    /// What it does, in words and without its aim: `100ms ± 20ms latency`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Noop {} => "nothing".to_owned(),
            Self::Latency { delay, jitter, distribution, .. } => {
                let spread = if jitter.is_zero() { String::new() } else { format!(" ± {jitter}") };
                format!("{delay}{spread} latency{}", distribution.word())
            }
            Self::Wave { shape, amplitude, period, .. } => {
                format!("latency from 0s to {amplitude} and back every {period}, {}", shape.word())
            }
            Self::Stall { every, hold } => format!("stalls of {hold} every {every}"),
            Self::Bandwidth { rate, per, .. } => format!("at most {rate} {}", per.word()),
            Self::Slicer { average, variation, delay } => {
                format!("pieces of {average} ± {variation}, {delay} apart")
            }
            Self::Coalesce { window, size } => format!("small chunks wait up to {window} for {size}"),
            Self::LimitData { bytes, then } => format!("connections {} after {bytes}", then.word()),
            Self::LimitTime { after, then } => format!("connections {} after {after}", then.word()),
            Self::Timeout { after } if after.is_zero() => {
                "bytes lost, connections closed at its end".to_owned()
            }
            Self::Timeout { after } => format!("bytes lost, connections closed after {after}"),
            Self::Blackhole { mode: Blackhole::Drop } => "bytes lost".to_owned(),
            Self::Blackhole { mode: Blackhole::Hold } => "bytes stuck".to_owned(),
            Self::Partition {} => "cut".to_owned(),
            Self::SlowRead { rate, .. } => format!("reads at {rate}"),
            Self::SlowClose { delay } => format!("ends of streams {delay} late"),
            Self::DropEnd {} => "ends of streams lost".to_owned(),
            Self::Reset { after, side } => reset(*side, &after.to_string(), after.is_zero()),
            Self::Refuse {} => "new connections refused".to_owned(),
            Self::CloseOnAccept {} => "new connections closed at once".to_owned(),
            Self::HangOnAccept {} => "new connections accepted and left alone".to_owned(),
            Self::DropSyn {} => "new connections get no answer".to_owned(),
            Self::Corrupt { probability, .. } => format!("{probability} corrupted"),
            Self::Duplicate { probability } => format!("{probability} of chunks doubled"),
            Self::Reorder { probability } => format!("{probability} of chunks out of order"),
            Self::Truncate { probability } => format!("{probability} of chunks cut short"),
            Self::Loss { bad, rto, .. } => format!("losses in bursts ({bad}), sent again after {rto}"),
            Self::Dial { delay, outcome } => {
                format!("connects to the target {}", outcome.words(&delay.to_string()))
            }
        }
    }
}

fn reset(side: Side, after: &str, at_once: bool) -> String {
    let whose = match side {
        Side::Both => "connections",
        Side::Client => "clients",
        Side::Server => "connections to the target",
    };
    if at_once { format!("{whose} reset") } else { format!("{whose} reset after {after}") }
}

impl Distribution {
    const fn word(&self) -> &'static str {
        match self {
            Self::Constant | Self::Uniform => "",
            Self::Normal => " (normal)",
            Self::LogNormal => " (lognormal)",
            Self::Pareto => " (Pareto)",
            Self::ParetoNormal => " (Pareto-normal)",
            Self::Exponential => " (exponential)",
            Self::Trace(_) => " (from a trace)",
        }
    }
}

impl Shape {
    const fn word(self) -> &'static str {
        match self {
            Self::Sine => "sine",
            Self::Square => "square",
            Self::Saw => "saw",
            Self::Triangle => "triangle",
        }
    }
}

impl Per {
    const fn word(self) -> &'static str {
        match self {
            Self::Connection => "a connection",
            Self::Link => "for all connections together",
            Self::Client => "a client",
        }
    }
}

impl Ending {
    const fn word(self) -> &'static str {
        match self {
            Self::Close => "closed",
            Self::Reset => "reset",
            Self::Stall => "stuck",
        }
    }
}

impl Dialled {
    fn words(&self, delay: &str) -> String {
        match self {
            Self::Connect => format!("{delay} late"),
            Self::Fail => "fail".to_owned(),
            Self::Hang => "hang".to_owned(),
            Self::NoName => "find no name".to_owned(),
            Self::Elsewhere(address) => format!("go to {address}"),
        }
    }
}

// === impl Aim ===

impl Aim {
    /// Whom it hits, in words: `downstream`, `both ways, 30% of connections from 127.0.0.0/8`.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut words = self.way.word().to_owned();
        if self.toxicity.value() < 1.0 {
            words.push_str(&format!(", {} of connections", self.toxicity));
        }
        if self.nth > 1 {
            words.push_str(&format!(", one connection in {}", self.nth));
        }
        if let Some(first) = self.first {
            words.push_str(&format!(", the first {first} connections"));
        }
        if !self.clients.is_empty() {
            let clients: Vec<String> = self.clients.iter().map(ToString::to_string).collect();
            words.push_str(&format!(", clients {}", clients.join(", ")));
        }
        if self.after_bytes.as_bytes() > 0 {
            words.push_str(&format!(", after {}", self.after_bytes));
        }
        words
    }
}
