//! Everything that stands before the first process is started: ports, proxies, ledger, guardian, temporary directories.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use shakedown_faults::ledger::{Registry, Undo};
use shakedown_faults::process::{self, Identity};
use shakedown_faults::undo::DIRECTORY_PREFIX;
use shakedown_link_faults::Link;
use shakedown_scenarios::plan::Plan;
use shakedown_scenarios::target::Target;
use tempfile::TempDir;

use crate::keeper::{Keeper, KeeperError};
use crate::links::{self, PlaceError, Reserved, RunningLink};
use crate::placeholders::{Own, Places};
use crate::run_folder::RunFolder;
use crate::targets::Ground;

/// What a run starts from.
#[derive(Debug)]
pub struct Start {
    /// What is going to happen.
    pub plan: Plan,
    /// Where it is written down.
    pub folder: RunFolder,
    /// The folder of the experiment's file.
    pub base: PathBuf,
    /// This program.
    pub program: PathBuf,
    /// Where open ledgers are known.
    pub registry: Registry,
}

/// Everything that is ready before the first process.
#[derive(Debug)]
pub struct Prepared {
    /// What the run starts from.
    pub start: Start,
    /// Where everything listens.
    pub places: Places,
    /// The links.
    pub links: Arc<BTreeMap<String, RunningLink>>,
    /// Ports held for targets.
    pub reserved: Reserved,
    /// Processes that run already.
    pub attached: BTreeMap<String, Identity>,
    /// One for each process target; removed with this value.
    pub dirs: BTreeMap<String, TempDir>,
}

/// Why a run cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Something cannot be reached or listened on.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// There is no ledger or no guardian.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// A temporary directory cannot be made.
    #[error("cannot make a temporary directory for target `{target}`: {error}")]
    TempDir {
        /// The target.
        target: String,
        /// What the system said.
        error: io::Error,
    },
    /// The certificate of a link cannot be written down.
    #[error("cannot write the certificate of link `{link}` to {file}: {error}")]
    Authority {
        /// The link.
        link: String,
        /// Where it should stand.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// A process that should run does not.
    #[error("target `{target}`: there is no process {pid} that may be tested: {error}")]
    Pid {
        /// The target.
        target: String,
        /// The process id.
        pid: i32,
        /// Why not.
        error: process::ProcessError,
    },
}

impl Prepared {
    /// Chooses ports, starts proxies, ledger and guardian. Nothing of the experiment runs yet. It must be called within
    /// the runtime.
    ///
    /// # Errors
    /// [`SetupError`]; what was made until then is gone again.
    pub fn new(start: Start) -> Result<(Self, Keeper), SetupError> {
        let experiment = &start.plan.experiment;
        let attached = attach(&start.plan)?;
        let (targets, reserved) = links::place_targets(experiment)?;
        let running = links::start_links(experiment, &targets, start.plan.seed)?;
        let links = running.iter().map(|(name, link)| (name.clone(), link.address())).collect();
        let authorities = write_authorities(&start, &running)?;
        let places = Places { targets, links, authorities, shakedown: start.program.clone() };
        let mut keeper = Keeper::start(&start.folder, &start.program, &start.registry)?;
        let dirs = temporary(&start, &mut keeper)?;
        let prepared = Self { start, places, links: Arc::new(running), reserved, attached, dirs };
        Ok((prepared, keeper))
    }

    /// What a process target needs to be started.
    #[must_use]
    pub fn ground(&self, target: &str) -> Option<Ground> {
        let Target::Process(process) = self.start.plan.experiment.targets.get(target)? else { return None };
        let own = Own {
            port: self.places.targets.get(target).map(SocketAddr::port),
            dir: self.dirs.get(target).map(|dir| dir.path().to_owned()),
        };
        Some(Ground {
            name: target.to_owned(),
            process: process.clone(),
            places: self.places.clone(),
            own,
            base: self.start.base.clone(),
            log: self.start.folder.target_log(target),
            marker: self.start.folder.marker().to_owned(),
        })
    }
}

/// What clients of links that speak TLS should trust, in the run folder. It is public; the keys stay in memory.
fn write_authorities(
    start: &Start,
    running: &BTreeMap<String, RunningLink>,
) -> Result<BTreeMap<String, PathBuf>, SetupError> {
    let mut authorities = BTreeMap::new();
    for (name, link) in running {
        let Some(pem) = link.protocol().and_then(Link::ca_pem) else { continue };
        let file = start.folder.authority(name);
        let failed =
            |error| SetupError::Authority { link: name.clone(), file: file.display().to_string(), error };
        fs::write(&file, pem).map_err(failed)?;
        // Targets may run in other directories.
        let file = std::path::absolute(&file).map_err(failed)?;
        authorities.insert(name.clone(), file);
    }
    Ok(authorities)
}

fn attach(plan: &Plan) -> Result<BTreeMap<String, Identity>, SetupError> {
    let mut attached = BTreeMap::new();
    for (name, target) in &plan.experiment.targets {
        if let Target::Pid(target) = target {
            let refused = |error| SetupError::Pid { target: name.clone(), pid: target.pid, error };
            let identity = process::identify(target.pid).map_err(refused)?;
            process::check_touchable(std::slice::from_ref(&identity)).map_err(refused)?;
            attached.insert(name.clone(), identity);
        }
    }
    Ok(attached)
}

/// A directory for each process target. Others may look into it: servers such as nginx run part of themselves as another
/// user.
fn temporary(start: &Start, keeper: &mut Keeper) -> Result<BTreeMap<String, TempDir>, SetupError> {
    let mut dirs = BTreeMap::new();
    for (name, target) in &start.plan.experiment.targets {
        if matches!(target, Target::Process(_)) {
            let failed = |error: io::Error| SetupError::TempDir { target: name.clone(), error };
            let dir = tempfile::Builder::new().prefix(&format!("{DIRECTORY_PREFIX}{name}-")).tempdir();
            let dir = dir.map_err(failed)?;
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).map_err(failed)?;
            let undo = Undo::Remove { directory: dir.path().to_owned() };
            keeper.stand(undo).map_err(|why| failed(io::Error::other(why)))?;
            dirs.insert(name.clone(), dir);
        }
    }
    Ok(dirs)
}
