//! Faults: what they did, and whether it was undone and got over.

use serde::Serialize;

use super::{Badge, CHIPS_MAX, INFO, badge, cleaned};
use crate::analysis::{Analysis, FaultFinding, Recovery, Verdict};
use crate::show;

/// A fault in a few words: what, when, and whether it is over.
#[derive(Debug, Serialize)]
pub struct Chip {
    pub badge: Badge,
    pub at: String,
    pub title: String,
    pub outcome: String,
}

#[derive(Debug, Serialize)]
pub struct FaultRow {
    pub title: String,
    pub does: String,
    pub planned: String,
    pub actual: String,
    pub bit: Badge,
    pub bit_evidence: String,
    pub heal: Badge,
    pub heal_evidence: String,
    pub recovery: Badge,
    pub recovery_words: String,
}

pub(super) fn chips(analysis: &Analysis) -> Vec<Chip> {
    let mut faults: Vec<&FaultFinding> = analysis.faults.iter().collect();
    // Where there are too many, those that went wrong stay.
    if faults.len() > CHIPS_MAX {
        faults.sort_by_key(|fault| std::cmp::Reverse(recovery_badge(fault).1));
        faults.truncate(CHIPS_MAX);
        faults.sort_by(|a, b| a.planned_from.total_cmp(&b.planned_from));
    }
    let chip = |fault: &FaultFinding| Chip {
        badge: recovery_badge(fault).0,
        at: show::offset(fault.injected.unwrap_or(fault.planned_from)),
        title: cleaned(&fault.title()),
        outcome: outcome(fault),
    };
    faults.into_iter().map(chip).collect()
}

fn outcome(fault: &FaultFinding) -> String {
    if fault.injected.is_none() {
        return "never injected".into();
    }
    match &fault.recovery {
        Recovery::NoEffect => "no effect seen".into(),
        Recovery::After(0.0) => "normal again at once".into(),
        Recovery::After(seconds) => format!("normal again after {}", show::seconds(*seconds)),
        Recovery::AtLeast(seconds, until) => {
            cleaned(&format!("not normal for {} {until}", show::seconds(*seconds)))
        }
        Recovery::Shared(with) => cleaned(&format!("recovered with {with}")),
        Recovery::Unknown(_) if fault.healed.is_none() => "held when the journal stops".into(),
        Recovery::Unknown(_) => "recovery unknown".into(),
    }
}

fn recovery_badge(fault: &FaultFinding) -> (Badge, u8) {
    match fault.recovery {
        _ if fault.injected.is_none() => (badge(Verdict::Inconclusive), 1),
        Recovery::NoEffect | Recovery::After(_) => (badge(Verdict::Pass), 0),
        Recovery::Shared(_) => (INFO, 0),
        Recovery::Unknown(_) => (badge(Verdict::Inconclusive), 1),
        Recovery::AtLeast(..) if fault.recovery.never_came() => (badge(Verdict::Fail), 2),
        Recovery::AtLeast(..) => (badge(Verdict::Inconclusive), 1),
    }
}

pub(super) fn fault(fault: &FaultFinding) -> FaultRow {
    let planned = if fault.instant {
        show::offset(fault.planned_from)
    } else {
        format!("{} – {}", show::offset(fault.planned_from), show::offset(fault.planned_to))
    };
    let actual = match (fault.injected, fault.healed) {
        (None, _) => "never".into(),
        (Some(from), _) if fault.instant => show::offset_tenths(from),
        (Some(from), Some(to)) => format!("{} – {}", show::offset_tenths(from), show::offset_tenths(to)),
        (Some(from), None) => format!("{} – ?", show::offset_tenths(from)),
    };
    let (bit, bit_evidence) = proof(fault.bit.as_ref(), fault.injected.is_some(), Verdict::Inconclusive);
    let (heal, heal_evidence) = if fault.instant && fault.heal.is_none() {
        (INFO, "nothing to undo".into())
    } else {
        proof(fault.heal.as_ref(), fault.injected.is_some(), Verdict::Fail)
    };
    FaultRow {
        title: cleaned(&fault.title()),
        does: cleaned(&fault.does),
        planned,
        actual,
        bit,
        bit_evidence: fault.failed.as_ref().map_or(bit_evidence, |why| cleaned(why)),
        heal,
        heal_evidence,
        recovery: recovery_badge(fault).0,
        recovery_words: cleaned(&fault.recovery.words()),
    }
}

fn proof(proof: Option<&crate::analysis::Proof>, injected: bool, otherwise: Verdict) -> (Badge, String) {
    match proof {
        Some(proof) if proof.proven => (badge(Verdict::Pass), cleaned(&proof.evidence)),
        Some(proof) => (badge(otherwise), cleaned(&proof.evidence)),
        None if injected => (badge(Verdict::Inconclusive), "not on record".into()),
        None => (badge(Verdict::Inconclusive), "never injected".into()),
    }
}
