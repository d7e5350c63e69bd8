//! Faults on what links speak.

use shakedown_faults::ledger::Undo;
use shakedown_link_faults::{Link, LinkFault};
use shakedown_scenarios::plan::Cue;
use shakedown_scenarios::protocol::Protocol;
use shakedown_scenarios::seed::Streams;

use super::{Active, Healed, Holding, Injector, seen};
use crate::links::RunningLink;

impl Injector {
    pub(super) fn speaker(&self, link: &str) -> Result<&Link, String> {
        let speaker = self.links.get(link).and_then(RunningLink::protocol);
        speaker.ok_or_else(|| format!("link `{link}` speaks no protocol"))
    }

    pub(super) fn inject_protocol(
        &self,
        cue: &Cue,
        link: &str,
        protocol: Protocol,
        fault: &serde_json::Value,
    ) -> Result<Active, String> {
        let speaker = self.speaker(link)?;
        let fault = LinkFault::read(protocol, fault).map_err(|wrongs| wrongs.to_string())?;
        let entry = self.open(Undo::Link { name: link.to_owned() }, cue)?;
        let number = self.number_of(cue);
        speaker.inject(number, fault).map_err(|error| error.to_string())?;
        Ok(Active { entry: Some(entry), what: Holding::Protocol { link: link.to_owned(), number } })
    }

    /// The number of a cue on a link that speaks a protocol. Chance there is named after it, so it comes from the cue's own
    /// name: a fault more in the experiment does not change what another one hits.
    pub(super) fn number_of(&self, cue: &Cue) -> u32 {
        let mut chance = Streams::new(self.plan.seed).stream(&format!("number/{}", self.stream_of(cue)));
        (chance.u64() >> 32) as u32
    }

    pub(super) fn heal_protocol(&self, link: &str, number: u32) -> Healed {
        match self.speaker(link).ok().and_then(|speaker| speaker.heal(number)) {
            Some(ending) => Healed { bit: (ending.did.bit, ending.did.told), healed: seen(ending.healed) },
            None => {
                let gone = "it does not hold any more";
                Healed { bit: (false, gone.to_owned()), healed: (true, gone.to_owned()) }
            }
        }
    }
}
