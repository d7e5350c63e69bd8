//! A toxic that holds on a proxy: its name, what it is, and where it came from.

use std::sync::Arc;

use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::{Aim, Toxic};
use shakedown_scenarios::units::Ratio;

use crate::engine::Injection;
use crate::toxiproxy::attributes::Attributes;

/// A toxic on a proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Its number, for the engine.
    pub id: u32,
    /// What it is.
    pub draft: Draft,
}

/// A toxic that may be put on a proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Its name, of which there is one on a proxy.
    pub name: String,
    /// Its stream in Toxiproxy's words, as it was said.
    pub stream: String,
    /// What it does.
    pub form: Form,
    /// To whom.
    pub aim: Aim,
    /// What it is part of.
    pub origin: Origin,
}

/// The words that a toxic was asked for in.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Toxiproxy's.
    Toxiproxy(Attributes),
    /// Ours.
    Native(Toxic),
}

/// What a toxic is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing: it stands for itself.
    Itself,
    /// The network that a proxy behaves like.
    Profile(&'static str),
    /// A partition.
    Partition(Arc<Cut>),
}

/// A partition, as each of its toxics knows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its name.
    pub name: String,
    /// The groups of names that it is between; none where its proxies were named themselves.
    pub groups: Vec<Vec<String>>,
}

// === impl Draft ===

impl Draft {
    /// A toxic in our own words.
    #[must_use]
    pub fn native(name: String, toxic: Toxic, aim: Aim, origin: Origin) -> Self {
        Self { name, stream: stream(aim.way).to_owned(), form: Form::Native(toxic), aim, origin }
    }

    /// What it does.
    #[must_use]
    pub fn toxic(&self) -> Toxic {
        match &self.form {
            Form::Toxiproxy(attributes) => attributes.toxic(),
            Form::Native(toxic) => toxic.clone(),
        }
    }

    /// It, for the engine.
    #[must_use]
    pub fn injection(&self) -> Injection {
        Injection { name: self.name.clone(), toxic: self.toxic(), aim: self.aim.clone() }
    }

    /// The same in Toxiproxy's words, where these say all that it does.
    #[must_use]
    pub fn attributes(&self) -> Option<Attributes> {
        match &self.form {
            Form::Toxiproxy(attributes) => Some(*attributes),
            Form::Native(toxic) => Attributes::of(toxic),
        }
    }

    /// The same, if Toxiproxy could have such a toxic: its words say what it does, and it goes one way. Clients of
    /// Toxiproxy stumble over types, streams and attributes that they do not know, so that they are shown these alone.
    #[must_use]
    pub fn for_toxiproxy(&self) -> Option<Attributes> {
        self.attributes().filter(|_| self.aim.way != Way::Both)
    }

    /// Its type: Toxiproxy's, or the name of ours in the same style.
    #[must_use]
    pub fn kind(&self) -> String {
        match (self.attributes(), &self.form) {
            (None, Form::Native(toxic)) => snake_case(toxic.kind()),
            (attributes, _) => attributes.map_or("noop", |it| it.kind().word()).to_owned(),
        }
    }

    /// The share of connections, with 32 bits as Toxiproxy has it.
    #[must_use]
    pub fn toxicity(&self) -> f32 {
        self.aim.toxicity.value() as f32
    }
}

/// A share with 32 bits as the number that people wrote: 0.7 and not 0.699999988. `None`: out of range.
#[must_use]
pub fn share(toxicity: f32) -> Option<Ratio> {
    let exact: f64 = toxicity.to_string().parse().ok()?;
    Ratio::new(exact).filter(|ratio| ratio.value() <= 1.0)
}

const fn stream(way: Way) -> &'static str {
    match way {
        Way::Upstream => "upstream",
        Way::Downstream => "downstream",
        Way::Both => "both",
    }
}

/// `SlowRead` as `slow_read`.
fn snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use shakedown_scenarios::units::Span;

    use super::*;

    #[test]
    fn a_share_is_echoed_as_it_was_written() {
        for written in [0.0_f32, 0.7, 0.1, 1e-7, 1.0] {
            let aim = Aim { toxicity: share(written).unwrap(), ..Aim::default() };
            let draft = Draft::native("t".into(), Toxic::reset(), aim, Origin::Itself);
            assert_eq!(draft.toxicity(), written);
        }
        assert_eq!(share(0.7).map(Ratio::value), Some(0.7));
        assert_eq!([share(-0.1), share(1.1), share(5.0), share(f32::NAN)], [None; 4]);
    }

    #[test]
    fn a_type_is_toxiproxys_where_it_has_one() {
        let kind = |toxic| Draft::native("t".into(), toxic, Aim::default(), Origin::Itself).kind();
        assert_eq!(kind(Toxic::latency(Span::millis(5))), "latency");
        assert_eq!(kind(Toxic::reset()), "reset_peer");
        assert_eq!(kind(Toxic::CloseOnAccept {}), "close_on_accept");
        assert_eq!(kind(Toxic::Partition {}), "partition");
    }
}
