//! The harness's side of an injector.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use shakedown_scenarios::units::Span;

use super::child::PRESS;
use super::{Evidence, Report, Spec};
use crate::process::{self, Identity, RUN_VARIABLE};
use crate::proof::Healed;

/// A running injector. When this is dropped, the injector ends.
#[derive(Debug)]
pub struct Pressure {
    spec: Spec,
    identity: Identity,
    word: Option<ChildStdin>,
    heard: Arc<Heard>,
}

/// What the injector told, kept by the thread that listens to it.
#[derive(Debug)]
struct Heard {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    pressing: bool,
    evidence: Option<Evidence>,
    trouble: Option<String>,
    ended: Option<String>,
}

/// A process is started and has reserved its memory in far less.
const START_WITHIN: Span = Span::secs(5);

/// An injector ends within a tenth of a second, but giving back many gigabytes takes the kernel a while.
const END_WITHIN: Span = Span::secs(3);

// === impl Pressure ===

impl Pressure {
    /// Starts `program injector …`, marked as a process of this run, which does nothing yet: [`Pressure::press`] lets
    /// it begin, once its [`Pressure::identity`] is in the ledger.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn arm(program: &Path, spec: &Spec, marker: &str) -> io::Result<Self> {
        spec.check().map_err(io::Error::other)?;
        let mut command = Command::new(program);
        command.args(spec.arguments().map_err(io::Error::other)?).env(RUN_VARIABLE, marker);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A Ctrl-C at the terminal is for the harness, which then heals in order.
        command.process_group(0);
        let heard = Arc::new(Heard { told: Mutex::default(), changed: Condvar::new() });
        let (sender, started) = mpsc::channel();
        let listener = Arc::clone(&heard);
        let kind = spec.clone();
        // The injector is ended by the kernel when the thread that started it dies, so that thread is its own.
        thread::Builder::new().name("injector".to_owned()).spawn(move || match start(&mut command) {
            Ok((child, word, said, identity)) => {
                let _ = sender.send(Ok((word, identity)));
                listener.listen(child, said, &kind);
            }
            Err(error) => {
                let _ = sender.send(Err(error));
            }
        })?;
        let (word, identity) =
            started.recv().map_err(|_| io::Error::other("the injector's thread ended"))??;
        Ok(Self { spec: spec.clone(), identity, word: Some(word), heard })
    }

    /// Lets an armed injector begin, and waits until it says that it does.
    ///
    /// # Errors
    /// If it refuses, with the reason, or says nothing within five seconds.
    pub fn press(&mut self) -> io::Result<()> {
        let word = self.word.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        word.write_all(&[PRESS])?;
        let told = self
            .heard
            .wait(START_WITHIN, |told| told.pressing || told.trouble.is_some() || told.ended.is_some());
        match (&told.trouble, told.pressing, &told.ended) {
            (Some(why), ..) => Err(io::Error::other(why.clone())),
            (None, true, _) => Ok(()),
            (None, false, Some(how)) => Err(io::Error::other(format!("the injector ended at once: {how}"))),
            (None, false, None) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the injector does not answer"))
            }
        }
    }

    /// [`Pressure::arm`] and [`Pressure::press`] in one, where a ledger's entry stands for it already (the run's marker).
    ///
    /// # Errors
    /// Those of both.
    pub fn start(program: &Path, spec: &Spec, marker: &str) -> io::Result<Self> {
        let mut pressure = Self::arm(program, spec, marker)?;
        pressure.press()?;
        Ok(pressure)
    }

    /// Who presses.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What was asked for.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What it told so far; `None` before its first report.
    #[must_use]
    pub fn evidence(&self) -> Option<Evidence> {
        self.heard.told().evidence.clone()
    }

    /// Ends it, and looks whether it is gone. Blocks for six seconds at the most, and for less than a tenth as a rule. Doing
    /// it again is no error.
    pub fn heal(&mut self) -> Healed {
        self.word = None;
        let ended = self.heard.wait(END_WITHIN, |told| told.ended.is_some()).ended.is_some();
        if !ended {
            // It does not listen. What is reported then is what is seen, not what this says.
            let _ = process::kill(std::slice::from_ref(&self.identity));
        }
        let told = self.heard.wait(END_WITHIN, |told| told.ended.is_some());
        match (process::lives(&self.identity), &told.ended) {
            (false, Some(how)) => Healed::proven(format!("injector {} is gone ({how})", self.identity)),
            (false, None) => Healed::proven(format!("injector {} is gone", self.identity)),
            (true, _) => Healed::unproven(format!("injector {} is still there", self.identity)),
        }
    }
}

type Started = (Child, ChildStdin, ChildStdout, Identity);

fn start(command: &mut Command) -> io::Result<Started> {
    let mut child = command.spawn()?;
    let ends = child.stdin.take().zip(child.stdout.take());
    let pid = i32::try_from(child.id()).unwrap_or(0);
    let identity = process::identify(pid).map_err(io::Error::other);
    match (ends, identity) {
        (Some((word, said)), Ok(identity)) => Ok((child, word, said, identity)),
        (_, identity) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(identity.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()))
        }
    }
}

// === impl Heard ===

impl Heard {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing panics while it is held; if something did, what was told would still be whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, longest: Span, is_it: impl Fn(&Told) -> bool) -> MutexGuard<'_, Told> {
        let waited = self.changed.wait_timeout_while(self.told(), longest.duration(), |told| !is_it(told));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Listens until the injector has ended.
    fn listen(&self, mut child: Child, said: ChildStdout, spec: &Spec) {
        for line in BufReader::new(said).lines() {
            let Ok(line) = line else { break };
            // What is not a report proves nothing, and is not ours to judge.
            if let Ok(report) = serde_json::from_str(&line) {
                self.told().note(report, spec);
                self.changed.notify_all();
            }
        }
        let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        self.told().ended = Some(how);
        self.changed.notify_all();
    }
}

// === impl Told ===

impl Told {
    fn note(&mut self, report: Report, spec: &Spec) {
        match (report, spec) {
            (Report::Pressing, _) => self.pressing = true,
            (Report::Cpu { passed, burned }, Spec::Cpu { workers, load, .. }) => {
                self.evidence = Some(Evidence::Cpu { workers: *workers, asked: *load, passed, burned });
            }
            (Report::Memory { asked, resident }, Spec::Memory { .. }) => {
                let most = self.most_resident().max(resident);
                self.evidence =
                    Some(Evidence::Memory { asked, resident: most, trouble: self.trouble.clone() });
            }
            (Report::Refused { why } | Report::GaveBack { why }, _) => {
                if let Some(Evidence::Memory { trouble, .. }) = &mut self.evidence {
                    *trouble = Some(why.clone());
                }
                self.trouble = Some(why);
            }
            // An injector that tells of another pressure than its own proves nothing.
            (Report::Cpu { .. } | Report::Memory { .. }, _) => {}
        }
    }

    fn most_resident(&self) -> u64 {
        match &self.evidence {
            Some(Evidence::Memory { resident, .. }) => *resident,
            _ => 0,
        }
    }
}
