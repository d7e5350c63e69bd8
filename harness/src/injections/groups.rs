//! Partitions between groups: every link between them is cut, and all of them are joined again.
//!
//! On TCP bytes wait for the heal; datagrams are lost, as they would be.

use serde_json::json;
use shakedown_faults::ledger::Undo;
use shakedown_faults::toxic::Injection;
use shakedown_link_faults::LinkFault;
use shakedown_scenarios::fault::{GroupWay, Groups};
use shakedown_scenarios::plan::Cue;
use shakedown_scenarios::protocol::Protocol;
use shakedown_scenarios::target::Way;
use shakedown_scenarios::toxic::{Aim, Toxic};

use super::{Active, Healed, Holding, Injector};

impl Injector {
    pub(super) fn inject_split(&self, cue: &Cue, between: &Groups, way: GroupWay) -> Result<Active, String> {
        let cuts = self.plan.experiment.links_between(between, way);
        let links: Vec<String> = cuts.iter().map(|(link, _)| (*link).clone()).collect();
        let entry = self.open(Undo::Link { name: links.join(", ") }, cue)?;
        for (done, (link, way)) in cuts.iter().enumerate() {
            if let Err(why) = self.cut(cue, link, *way) {
                let healed = self.heal_split(cue.id, &links[..done]);
                self.close(entry, healed);
                return Err(format!("link `{link}`: {why}"));
            }
        }
        Ok(Active { entry: Some(entry), what: Holding::Split { links } })
    }

    fn cut(&self, cue: &Cue, link: &str, way: Way) -> Result<(), String> {
        if let Ok(proxy) = self.proxy(link) {
            let name = format!("{}/{link}", self.stream_of(cue));
            let injection = Injection { name, toxic: Toxic::Partition {}, aim: Aim::at(way) };
            return proxy.inject(cue.id, injection).map_err(|error| error.to_string());
        }
        let direction = match way {
            Way::Upstream => "upstream",
            Way::Downstream => "downstream",
            Way::Both => "both",
        };
        let words = json!({"blackhole": {"direction": direction}});
        let fault = LinkFault::read(Protocol::Udp, &words).map_err(|wrongs| wrongs.to_string())?;
        self.speaker(link)?.inject(self.number_of(cue), fault).map_err(|error| error.to_string())
    }

    /// It bit if a link was cut that somebody used; which ones those were is told. It is healed if all links are.
    pub(super) fn heal_split(&self, cue: u32, links: &[String]) -> Healed {
        let number = self.plan.cues.get(cue as usize).map_or(0, |cue| self.number_of(cue));
        let (mut bit, mut gone) = ((false, Vec::new()), (true, Vec::new()));
        for link in links {
            let healed = match self.proxy(link) {
                Ok(_) => self.heal_toxic(cue, link),
                Err(_) => self.heal_protocol(link, number),
            };
            bit.0 |= healed.bit.0;
            bit.1.push(format!("{link}: {}", healed.bit.1));
            gone.0 &= healed.healed.0;
            gone.1.push(format!("{link}: {}", healed.healed.1));
        }
        Healed { bit: (bit.0, bit.1.join("; ")), healed: (gone.0, gone.1.join("; ")) }
    }
}
