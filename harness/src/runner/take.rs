//! What each happening means: what the journal gets of it, and what the conductor is told.

use shakedown_load::{HistoryEnd, LoadEnd};
use shakedown_reports::journal::{ExportSample, HistoryKept, HostSample, Record, Sample, What, Window};
use shakedown_scenarios::fault::Act;

use super::early::Certain;
use super::{Happening, Runner};
use crate::conductor::Input;
use crate::injections::{Active, Healed};
use crate::probes::Answer;
use crate::targets::Notice;

impl Runner {
    /// Writes a happening down and says what the conductor must know of it.
    pub(super) fn take(&mut self, happening: Happening) -> Input {
        match happening {
            Happening::Target(notice) => self.take_notice(notice),
            Happening::AllReady => Input::AllReady,
            Happening::Window(window) => self.take_window(window),
            Happening::Answer(answer) => self.take_answer(answer),
            Happening::Samples(samples, host) => self.take_samples(samples, host),
            Happening::Unsampled(why) => {
                self.record(What::Degraded { why: format!("a sample is missing: {why}") });
                Input::Tick
            }
            Happening::Exported(sample) => {
                let at_us = self.at_us(self.clock.now());
                if !self.memory_is_pressed() {
                    self.early_verdict.take_page(at_us as f64 / 1e6, &sample);
                }
                self.journal.append(Record::Export(ExportSample { at_us, ..sample }));
                Input::Tick
            }
            Happening::Injected(cue, result) => self.take_injected(cue, result),
            Happening::Healed(cue, healed) => self.take_healed(cue, healed),
            Happening::Signal(signal) => Input::Signal(signal),
            Happening::Broken(why) => Input::Broken(why),
            Happening::LoadEnded(ends) => self.take_load_ended(ends),
            Happening::TargetsStopped => Input::TargetsStopped,
        }
    }

    fn take_notice(&mut self, notice: Notice) -> Input {
        let mut input = Input::Tick;
        let what = match notice {
            Notice::Started { target, pid, identity } => {
                let kept = identity.map_or(Ok(()), |identity| self.injector.started(&identity));
                self.degrade(kept);
                self.early_verdict.started(&target, self.at_us(self.clock.now()) as f64 / 1e6);
                What::TargetStarted { target, pid }
            }
            Notice::Ready { target, after } => What::TargetReady { target, after_us: after.as_micros() },
            Notice::Exited { target, pid, status, expected } => {
                let kept = self.injector.exited(pid);
                self.degrade(kept);
                What::TargetExited { target, status, expected }
            }
            Notice::Failed { target, why } => {
                if self.zero.is_none() {
                    input = Input::StartFailed(format!("target `{target}`: {why}"));
                }
                What::TargetFailed { target, why }
            }
        };
        self.record(what);
        input
    }

    /// Writes down that the ledger could not be kept: the guardian knows less than it should.
    fn degrade(&mut self, kept: Result<(), String>) {
        if let Err(why) = kept {
            self.record(What::Degraded { why: format!("the ledger is behind: {why}") });
        }
    }

    fn take_window(&mut self, window: Box<Window>) -> Input {
        self.display.window(&window);
        let failed: u64 = window.errors.values().sum();
        let input = Input::Window { workload: window.workload.clone(), done: window.ok + failed, failed };
        self.journal.append(Record::Window(window));
        input
    }

    fn take_answer(&mut self, answer: Answer) -> Input {
        let Answer { probe, ok, found, took_us } = answer;
        self.record(What::Probed { probe: probe.clone(), ok, found: found.clone(), took_us });
        Input::Probed { probe, ok, found }
    }

    fn take_samples(&mut self, samples: Vec<Sample>, host: HostSample) -> Input {
        let Some(at_us) = self.zero.map(|_| self.at_us(self.clock.now())) else { return Input::Tick };
        let mut crowded = Vec::new();
        for (name, link) in self.prepared.links.iter() {
            self.journal.append(Record::LinkSample(link.sample(name, at_us)));
            // Told once a link, when it begins.
            if let Some(why) = link.crowding()
                && self.crowded.insert(name.to_owned())
            {
                crowded.push(What::Degraded { why: format!("link `{name}` {why}") });
            }
        }
        crowded.into_iter().for_each(|what| self.record(what));
        let (available, pressed) = (host.available, self.memory_is_pressed());
        self.journal.append(Record::HostSample(HostSample { at_us, ..host }));
        for sample in samples {
            let (target, bytes) = (sample.subject.clone(), sample.rss);
            if !pressed {
                self.early_verdict.take(at_us as f64 / 1e6, &sample);
            }
            self.journal.append(Record::Sample(Sample { at_us, ..sample }));
            self.step_aside(Input::Rss { target, bytes });
        }
        if let Some(Certain { target, found }) = self.early_verdict.look() {
            let why = format!("{found} in `{target}`");
            self.record(What::LeakCertain { target, found });
            self.step_aside(Input::CertainLeak(why));
        }
        Input::Available(available)
    }

    /// Whether a fault of ours takes the memory that targets would have.
    fn memory_is_pressed(&self) -> bool {
        let plan = &self.prepared.start.plan;
        let fault = |cue: &u32| plan.experiment.faults.get(plan.cues.get(*cue as usize)?.fault);
        self.active.keys().filter_map(fault).any(|fault| matches!(fault.act, Act::MemoryPressure { .. }))
    }

    /// Feeds the conductor a second input of one happening.
    pub(super) fn step_aside(&mut self, input: Input) {
        let mut commands = Vec::new();
        self.conductor.step(self.clock.now(), input, &mut commands);
        for command in commands {
            self.obey(command);
        }
    }

    fn take_injected(&mut self, cue: u32, result: Result<Active, String>) -> Input {
        match result {
            Ok(active) => {
                self.active.insert(cue, active);
                self.record(What::Injected { cue });
                Input::Injected(cue)
            }
            Err(why) => {
                self.record(What::InjectionFailed { cue, why });
                Input::InjectionFailed(cue)
            }
        }
    }

    fn take_healed(&mut self, cue: u32, healed: Healed) -> Input {
        let (bit, evidence) = healed.bit;
        self.record(What::Bit { cue, proven: bit, evidence });
        let (proven, evidence) = healed.healed;
        self.record(What::Healed { cue, proven, evidence });
        Input::Over(cue)
    }

    fn take_load_ended(&mut self, ends: Vec<(String, LoadEnd)>) -> Input {
        for (name, end) in ends {
            if end.windows_lost > 0 {
                let why =
                    format!("{} seconds of workload `{name}` are missing in the journal", end.windows_lost);
                self.record(What::Degraded { why });
            }
            if let Some(HistoryEnd { events, cut }) = end.history {
                self.record(What::HistoryKept(HistoryKept { workload: name, events, cut }));
            }
        }
        Input::LoadEnded
    }
}
