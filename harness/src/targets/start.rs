//! Starting a process: its files, its environment, its log, its readiness.

use std::fs::{self, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use shakedown_faults::process::RUN_VARIABLE;
use shakedown_scenarios::target::{Process, Readiness};
use tokio::process::{Child, Command};
use tokio::time::MissedTickBehavior;

use crate::asking;
use crate::limits;
use crate::placeholders::{Own, Places};

/// The environment entry that marks every process of one target of one run.
#[must_use]
pub fn target_marker(run: &str, target: &str) -> String {
    format!("{TARGET_MARKER}={run}/{target}")
}

/// The name of the environment variable of [`target_marker`].
const TARGET_MARKER: &str = "SHAKEDOWN_TARGET";

/// How often readiness is asked, and how long one answer may take.
const READY_EVERY: Duration = Duration::from_millis(25);
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything a process needs to be started, now and again.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The target's name.
    pub name: String,
    /// What the experiment says of it.
    pub process: Process,
    /// Where everything listens.
    pub places: Places,
    /// Its port and temporary directory.
    pub own: Own,
    /// The folder of the experiment's file: relative working directories and programs start there.
    pub base: PathBuf,
    /// The file that takes its output.
    pub log: PathBuf,
    /// The value of [`RUN_VARIABLE`].
    pub marker: String,
}

// === impl Ground ===

impl Ground {
    /// Writes the target's files into its temporary directory.
    ///
    /// # Errors
    /// When a file cannot be written; the error names it.
    pub fn lay(&self) -> io::Result<()> {
        let Some(dir) = &self.own.dir else { return Ok(()) };
        for (name, text) in &self.process.files {
            let path = dir.join(name);
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(named)?;
            }
            fs::write(&path, self.places.fill_contents(text, &self.own)).map_err(named)?;
        }
        Ok(())
    }

    /// Starts the process in a session of its own.
    ///
    /// # Errors
    /// When the program cannot be started or its log cannot be opened.
    pub fn spawn(&self) -> io::Result<Child> {
        let argv = self.places.fill_all(&self.process.argv, &self.own);
        let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::other("the argv is empty"))?;
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let found = find_program(program, &self.base).map_err(io::Error::other)?;
        let mut command = Command::new(found);
        command.args(arguments).current_dir(self.working_directory());
        for (name, value) in &self.process.env {
            command.env(name, self.places.fill(value, &self.own));
        }
        command.env(RUN_VARIABLE, &self.marker);
        command.env(TARGET_MARKER, format!("{}/{}", self.marker, self.name));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A session of its own: a Ctrl-C at the terminal reaches the harness alone, which then ends the target in order;
        // and what the target leaves behind can still be told by its session.
        let limit = limits::inherited();
        let prepare = move || {
            nix::unistd::setsid()?;
            if let Some((soft, hard)) = limit {
                setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
            }
            Ok(())
        };
        // SAFETY: `setsid` and `setrlimit` are one system call each; they take no lock and no memory, as must be between
        // fork and exec.
        unsafe { command.pre_exec(prepare) };
        command.spawn()
    }

    fn working_directory(&self) -> PathBuf {
        match (&self.process.dir, &self.own.dir) {
            (Some(dir), _) => self.base.join(self.places.fill(dir, &self.own)),
            (None, Some(dir)) => dir.clone(),
            (None, None) => self.base.clone(),
        }
    }

    /// Where it serves.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.own.port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Waits until the process serves, and keeps in `seen` what the last question found. It may wait for ever: the caller
    /// sets the limit.
    pub async fn serves(&self, seen: &Mutex<String>) {
        let mut ticks = tokio::time::interval(READY_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.answers().await {
                Ok(()) => return,
                Err(found) => *seen.lock().unwrap_or_else(PoisonError::into_inner) = found,
            }
        }
    }

    /// Asks once; what was found instead of the right answer.
    async fn answers(&self) -> Result<(), String> {
        match (&self.process.ready, self.address()) {
            (Readiness::Started, _) | (Readiness::Tcp | Readiness::Http(_), None) => Ok(()),
            (Readiness::Tcp, Some(address)) => {
                let answer = asking::connect(address, READY_TIMEOUT).await;
                answer.map_err(|error| format!("a connection to {address} found: {error}"))
            }
            (Readiness::Http(path), Some(address)) => {
                let asked = format!("GET http://{address}{path}");
                match asking::get(address, path, READY_TIMEOUT).await {
                    Ok(page) if (200..300).contains(&page.status) => Ok(()),
                    Ok(page) => Err(format!("{asked} answered {}, expected 200 to 299", page.status)),
                    Err(error) => Err(format!("{asked} found: {error}")),
                }
            }
            (Readiness::Exec(argv), _) => {
                let argv = self.places.fill_all(argv, &self.own);
                let marker = [(RUN_VARIABLE.to_owned(), self.marker.clone())];
                match asking::execute(&argv, &marker, READY_TIMEOUT).await {
                    Ok(ended) if ended.code == Some(0) => Ok(()),
                    Ok(ended) => Err(format!("`{}` ended with {:?}, expected 0", argv.join(" "), ended.code)),
                    Err(error) => Err(format!("`{}` found: {error}", argv.join(" "))),
                }
            }
        }
    }

    /// The last lines of its log, for an error message.
    #[must_use]
    pub fn last_words(&self) -> String {
        const LINES: usize = 5;
        let tail = tail(&self.log, 4096).unwrap_or_default();
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        if last.is_empty() {
            "it printed nothing".to_owned()
        } else {
            format!("it printed: {}", last.join(" | "))
        }
    }
}

/// Where a program is. One with a slash is taken from the experiment's folder; one without is looked up in the search
/// path and, since servers live there on Debian, in the folders of the administrator.
///
/// # Errors
/// Where it was looked for and what is wrong there, for people.
pub fn find_program(program: &str, base: &Path) -> Result<PathBuf, String> {
    const ADMINISTRATOR: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
    if program.contains('/') {
        let path = base.join(program);
        return match fs::metadata(&path) {
            Err(error) => Err(format!(
                "cannot find {}: {error}; relative paths start at the experiment's folder",
                path.display()
            )),
            Ok(_) if is_program(&path) => Ok(path),
            Ok(_) => Err(format!("{} is not executable; `chmod +x` makes it so", path.display())),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(ADMINISTRATOR.map(PathBuf::from));
    let found = folders.map(|folder| folder.join(program)).find(|path| is_program(path));
    found.ok_or_else(|| format!("there is no program `{program}` in the search path"))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn tail(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut text = Vec::new();
    file.take(bytes).read_to_end(&mut text)?;
    Ok(text)
}
