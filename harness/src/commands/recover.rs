//! `recover`: undoing what runs left behind whose harness and guardian are both dead.

use anyhow::{Context as _, Result};
use shakedown_faults::ledger::Registry;
use shakedown_faults::recover::{self, Recovered};

use crate::console::{chain, printable, say};
use crate::exit::Exit;

/// `shakedown recover`.
pub fn recover() -> Result<Exit> {
    let registry = Registry::of_this_user().context("cannot use the state folder")?;
    let recovered = recover::recover(&registry).context("cannot read the state folder")?;
    if recovered.is_empty() {
        say("nothing to recover: no run has left anything behind");
    }
    recovered.iter().for_each(tell_one);
    let settled = recovered.iter().all(Recovered::is_settled);
    Ok(if settled { Exit::Pass } else { Exit::NotUndone })
}

fn tell_one(recovered: &Recovered) {
    let state = if recovered.is_settled() { "nothing is left" } else { "NOT ALL IS UNDONE" };
    say(&format!("{}: {state} ({})", printable(&recovered.run), recovered.ledger.display()));
    for (entry, outcome) in &recovered.entries {
        say(&format!("  entry {entry}: {}", printable(&outcome.to_string())));
    }
    if let Some(trouble) = &recovered.trouble {
        say(&format!("  {}", printable(&chain(trouble))));
    }
}
