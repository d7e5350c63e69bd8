//! Models that shuttle plays: many random interleavings of threads, and of one that fails the schedule.

use std::fs;
use std::io;
use std::time::Duration;

use crate::Model;
use crate::model::{PROBE, PROBING, Test};
use crate::outcome::outcome;

/// The variable that shuttle's schedulers take chance from.
pub(crate) const SEED: &str = "SHUTTLE_RANDOM_SEED";

/// Whether a test asks one of shuttle's random schedulers for an interleaving.
pub(crate) fn is_model(test: &Test<'_>) -> bool {
    let probe = test.run(&[(SEED, PROBE.into())], PROBING);
    probe.is_ok_and(|said| said.text.contains(SEED) && said.text.contains("is not a valid u64"))
}

/// Plays as many interleavings as the model asks for; of one that fails the schedule is kept, and played again to see whether
/// it fails again.
pub(crate) fn play(test: &Test<'_>, model: &mut Model, time: Duration, seed: u64) -> io::Result<()> {
    let said = test.run(&[(SEED, seed.to_string())], time)?;
    (model.outcome, model.why) = outcome(&said, None);
    if !model.outcome.is_failure() {
        return Ok(());
    }
    model.place = said.panic().and_then(|panic| panic.place());
    if let Some(schedule) = quoted_after(&said.text, "failing schedule:") {
        let file = test.file("schedule");
        fs::write(&file, schedule)?;
        model.checkpoint = Some(file);
    }
    // With its own seed the interleaving that failed is the first; a scheduler that has none comes to it once more.
    let own = quoted_after(&said.text, "failing seed:").and_then(|text| text.parse().ok());
    let again = [(SEED, own.unwrap_or(seed).to_string())];
    if outcome(&test.run(&again, time)?, None).0 != model.outcome {
        model.did_not_fail_again();
        return Ok(());
    }
    model.replay = Some(test.command(&again));
    Ok(())
}

/// What stands between quotes after the word, without its line ends.
fn quoted_after(text: &str, word: &str) -> Option<String> {
    let (_, rest) = text.split_once(word)?;
    let quoted = rest.trim_start().strip_prefix('"')?.split_once('"')?.0;
    Some(quoted.split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_and_seeds_are_found_in_what_shuttle_says() {
        let said = "failing schedule:\n\"\n9101\n0002\n\"\npass that\nfailing seed:\n\"\n1838\n\"\n";
        assert_eq!(quoted_after(said, "failing schedule:").as_deref(), Some("91010002"));
        assert_eq!(quoted_after(said, "failing seed:").as_deref(), Some("1838"));
        assert_eq!(quoted_after("failing seed: none", "failing seed:"), None);
        assert_eq!(quoted_after("failing seed:\n\"\n18", "failing seed:"), None);
    }
}
