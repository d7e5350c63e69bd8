//! Preflight: what must hold before a run makes its folder. It looks and touches nothing.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use procfs::Current as _;
use shakedown_faults::ledger::Registry;
use shakedown_scenarios::fault::Act;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::target::{Amount, Readiness, Target};
use shakedown_scenarios::units::Size;
use shakedown_scenarios::workload::{HttpAuth, Workload};

use crate::console::chain;
use crate::exit::Refused;
use crate::postgres;
use crate::targets::start::find_program;

/// What memory pressure must leave available, whatever the experiment says.
const FLOOR: f64 = 0.10;

/// Refuses to go on over what an earlier run left open, without the programs the targets need, and for pressure that
/// this host has no room for. All reasons at once.
///
/// # Errors
/// [`Refused`] with what is wrong and what to do.
pub fn check(plan: &Plan, base: &Path, registry: &Registry) -> Result<(), Refused> {
    let mut reasons = open_ledgers(registry);
    reasons.extend(missing_programs(plan, base));
    reasons.extend(unusable_secrets(plan));
    reasons.extend(available_memory().and_then(|available| no_room(plan, available)));
    if reasons.is_empty() { Ok(()) } else { Err(Refused(reasons.join("\n"))) }
}

fn open_ledgers(registry: &Registry) -> Vec<String> {
    let ledgers = match registry.open_ledgers() {
        Ok(ledgers) => ledgers,
        Err(error) => {
            return vec![format!("cannot tell whether an earlier run left faults behind: {}", chain(&error))];
        }
    };
    let dead = ledgers.iter().filter(|ledger| !ledger.owner_lives);
    dead.map(|ledger| {
        format!(
            "run {} ended without undoing all it did ({}); `shakedown recover` does that, then run again",
            ledger.run,
            ledger.ledger.display()
        )
    })
    .collect()
}

fn missing_programs(plan: &Plan, base: &Path) -> Vec<String> {
    let mut reasons = Vec::new();
    for (name, target) in &plan.experiment.targets {
        let Target::Process(process) = target else { continue };
        let ready = if let Readiness::Exec(argv) = &process.ready { argv.first() } else { None };
        for program in process.argv.first().into_iter().chain(ready) {
            // `{shakedown}` is this program; `{dir}/…` is written when the target starts.
            if !program.contains('{')
                && let Err(why) = find_program(program, base)
            {
                reasons.push(format!("target `{name}`: {why}{}", advice(program)));
            }
        }
        let is_postgres = process.argv.starts_with(&["{shakedown}".to_owned(), "postgres".to_owned()]);
        if is_postgres && postgres::programs().is_none() {
            reasons.push(format!("target `{name}`: PostgreSQL is not installed{}", advice("postgres")));
        }
    }
    reasons
}

/// Secrets that are not there, or cannot stand where they are to stand. None is shown.
fn unusable_secrets(plan: &Plan) -> Vec<String> {
    let secrets = plan
        .experiment
        .workloads
        .iter()
        .filter_map(|(name, workload)| Some((name, workload, workload.secret()?)));
    let told = secrets.filter_map(|(name, workload, variable)| {
        let why = match std::env::var_os(variable) {
            None => "is not set",
            Some(value) => unusable(workload, value.as_bytes())?,
        };
        Some(format!(
            "workload `{name}`: the environment variable `{variable}`, which holds its secret, {why}"
        ))
    });
    told.collect()
}

/// Why a workload cannot log in with a secret.
fn unusable(workload: &Workload, secret: &[u8]) -> Option<&'static str> {
    // A user may have no password over HTTP: others put a key where the user stands.
    let may_be_empty = matches!(workload.auth(), Some(HttpAuth::Basic { .. }));
    if secret.is_empty() && !may_be_empty {
        return Some("is empty");
    }
    let is_held = workload.auth().is_none() || HttpAuth::can_hold(secret);
    (!is_held).then_some("has control characters, which no header can hold; does it end with a line break?")
}

/// How to get a program that the library's experiments want.
fn advice(program: &str) -> &'static str {
    match program {
        "redis-server" => "; on Debian: apt-get install redis-server",
        "nginx" => "; on Debian: apt-get install nginx",
        "curl" => "; on Debian: apt-get install curl",
        "socat" => "; on Debian: apt-get install socat",
        "postgres" => "; on Debian: apt-get install postgresql",
        _ => "",
    }
}

/// The reason why the largest memory pressure of the plan does not fit into what is available.
fn no_room(plan: &Plan, available: u64) -> Option<String> {
    let keep = plan.experiment.guard.keep_available.map_or(0, Size::as_bytes);
    let room = (available as f64 * (1.0 - FLOOR)).min(available.saturating_sub(keep) as f64);
    let wanted = plan.experiment.faults.iter().filter_map(|fault| match &fault.act {
        Act::MemoryPressure { amount: Amount::Size(size), .. } => Some((fault, size.as_bytes() as f64)),
        Act::MemoryPressure { amount: Amount::Share(share), .. } => {
            Some((fault, share.value() * available as f64))
        }
        _ => None,
    });
    let (fault, bytes) = wanted.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let mebibytes = |bytes: f64| format!("{:.0} MiB", bytes / f64::from(1 << 20));
    (bytes > room).then(|| {
        format!(
            "fault `{}` would take {}, but only {} of {} available may be taken: 10% and `keep_available` stay free",
            fault.name,
            mebibytes(bytes),
            mebibytes(room),
            mebibytes(available as f64),
        )
    })
}

fn available_memory() -> Option<u64> {
    procfs::Meminfo::current().ok()?.mem_available
}
