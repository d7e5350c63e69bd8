//! Pressure: it is really there, it proves so, and it ends in every way it should.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shakedown_faults::pressure::{Evidence, Pressure, Spec, room};
use shakedown_faults::process;
use shakedown_scenarios::target::Amount;
use shakedown_scenarios::units::{Ratio, Size, Span};

use crate::parts::Step;
use crate::stage::{Playing, SOON, Stage, now, state, wait_until};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("cpu_pressure_burns_its_share_and_says_so", cpu_pressure_burns_its_share_and_says_so),
        trial(
            "memory_pressure_is_resident_and_gone_when_healed",
            memory_pressure_is_resident_and_gone_when_healed,
        ),
        trial(
            "memory_that_is_not_there_is_refused_before_it_is_taken",
            memory_that_is_not_there_is_refused_before_it_is_taken,
        ),
        trial(
            "an_armed_injector_does_nothing_until_it_is_told",
            an_armed_injector_does_nothing_until_it_is_told,
        ),
        trial("an_injector_ends_at_its_own_deadline", an_injector_ends_at_its_own_deadline),
        trial("an_injector_ends_on_a_signal", an_injector_ends_on_a_signal),
        trial(
            "a_stopped_harness_does_not_hold_up_an_injectors_deadline",
            a_stopped_harness_does_not_hold_up_an_injectors_deadline,
        ),
        trial(
            "an_injector_that_does_not_listen_is_ended_all_the_same",
            an_injector_that_does_not_listen_is_ended_all_the_same,
        ),
        trial(
            "an_injector_outlives_the_thread_that_asked_for_it",
            an_injector_outlives_the_thread_that_asked_for_it,
        ),
        trial("a_program_that_is_no_injector_is_an_error", a_program_that_is_no_injector_is_an_error),
    ]
}

const MARKER: &str = "life-pressures";

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn cpu(load: f64, hold: Span) -> Spec {
    Spec::Cpu { workers: 1, load: Ratio::new(load).unwrap(), hold }
}

fn memory(bytes: u64, ramp: Span) -> Spec {
    Spec::Memory {
        amount: Amount::Size(Size::bytes(bytes)),
        ramp,
        hold: Span::secs(30),
        keep_available: None,
    }
}

fn start(spec: &Spec) -> Pressure {
    Pressure::start(&program(), spec, MARKER).unwrap()
}

fn heal(pressure: &mut Pressure) {
    let healed = pressure.heal();
    assert!(healed.proven, "{healed}");
    assert_eq!(state(pressure.identity().pid), None);
    assert!(pressure.heal().proven, "healing is idempotent");
}

fn cpu_pressure_burns_its_share_and_says_so() {
    let mut pressure = start(&cpu(0.3, Span::secs(30)));
    // On a crowded machine its share comes late, and the proof with it.
    wait_until("a second of proof", SOON, || {
        let told = pressure.evidence().filter(Evidence::bit);
        matches!(told, Some(Evidence::Cpu { passed, .. }) if passed >= Span::secs(1))
    });
    // By the kernel's own count, in ticks of ten milliseconds.
    let told = pressure.evidence().unwrap();
    let ticks = cpu_ticks(pressure.identity().pid);
    let Evidence::Cpu { burned, .. } = told else { panic!("{told}") };
    assert!(Span::millis((ticks + 20) * 10) >= burned, "{ticks} ticks, {burned} told");
    assert!(told.bit(), "{told}");
    let achieved = told.achieved().unwrap();
    assert!(achieved < 0.45, "asked 30 % and burned {achieved}");
    heal(&mut pressure);
}

/// User and system time of a process, by the kernel.
fn cpu_ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn memory_pressure_is_resident_and_gone_when_healed() {
    const BYTES: u64 = 200 << 20;
    let began = now();
    let mut pressure = start(&memory(BYTES, Span::millis(500)));
    wait_until("all of it being there", SOON, || pressure.evidence().is_some_and(|told| told.bit()));
    assert!(began.elapsed() >= Duration::from_millis(400), "the ramp is a ramp");
    let resident = resident(pressure.identity().pid);
    assert!(resident >= BYTES * 9 / 10, "{resident}");
    heal(&mut pressure);
    let told = pressure.evidence().unwrap();
    assert!(told.bit(), "what was proven stays proven: {told}");
}

fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn memory_that_is_not_there_is_refused_before_it_is_taken() {
    let room = room().unwrap();
    let too_much = memory(room.available - room.total / 20, Span::ZERO);
    let error = Pressure::start(&program(), &too_much, MARKER).unwrap_err().to_string();
    assert!(error.contains("may be taken"), "{error}");
    let keep = Some(Size::bytes(room.available - (10 << 20)));
    let spec = Spec::Memory {
        amount: Amount::Size(Size::bytes(100 << 20)),
        ramp: Span::ZERO,
        hold: Span::ZERO,
        keep_available: keep,
    };
    let error = Pressure::start(&program(), &spec, MARKER).unwrap_err().to_string();
    assert!(error.contains("asked to take 100 MiB"), "{error}");
}

fn an_armed_injector_does_nothing_until_it_is_told() {
    let mut pressure = Pressure::arm(&program(), &cpu(1.0, Span::secs(30)), MARKER).unwrap();
    let pid = pressure.identity().pid;
    // It waits for our word, which is the only thing it can wait for.
    wait_until("it waiting", SOON, || state(pid) == Some('S'));
    assert!(pressure.evidence().is_none());
    pressure.press().unwrap();
    wait_until("the first report", SOON, || pressure.evidence().is_some());
    heal(&mut pressure);
    let mut never_pressed = Pressure::arm(&program(), &cpu(1.0, Span::secs(30)), MARKER).unwrap();
    heal(&mut never_pressed);
    assert!(never_pressed.evidence().is_none());
}

fn an_injector_ends_at_its_own_deadline() {
    let began = now();
    let mut pressure = start(&cpu(0.1, Span::millis(300)));
    wait_until("its end", SOON, || state(pressure.identity().pid).is_none());
    assert!(began.elapsed() >= Duration::from_millis(300));
    heal(&mut pressure);
    assert!(pressure.evidence().is_some(), "its last words were heard");
}

fn an_injector_ends_on_a_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut pressure = start(&cpu(0.1, Span::secs(30)));
        kill(Pid::from_raw(pressure.identity().pid), signal).unwrap();
        wait_until("its end", SOON, || state(pressure.identity().pid).is_none());
        heal(&mut pressure);
    }
}

fn a_stopped_harness_does_not_hold_up_an_injectors_deadline() {
    // A pipe that is full and that nobody reads stands for a harness that does not run.
    let (_reader, mut writer) = std::io::pipe().unwrap();
    let brim = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    writer.write_all(&vec![b'\n'; brim as usize]).unwrap();
    let [word, json] = cpu(0.1, Span::millis(500)).arguments().unwrap();
    let mut command = Command::new(program());
    command.args([word, json]).stdin(Stdio::piped()).stdout(writer);
    let mut child = Playing(command.spawn().unwrap());
    child.0.stdin.as_mut().unwrap().write_all(b"p").unwrap();
    wait_until("its end", SOON, || state(child.0.id() as i32).is_none());
    assert!(child.0.wait().unwrap().success());
}

fn an_injector_that_does_not_listen_is_ended_all_the_same() {
    let mut pressure = start(&cpu(0.1, Span::secs(30)));
    let _ = process::stop(std::slice::from_ref(pressure.identity())).unwrap();
    heal(&mut pressure);
}

fn an_injector_outlives_the_thread_that_asked_for_it() {
    let pressure = std::thread::spawn(|| start(&cpu(0.1, Span::secs(30)))).join().unwrap();
    // The kernel ends children with the thread that started them, and that one has ended.
    let told = pressure.evidence();
    wait_until("more evidence", SOON, || pressure.evidence() != told);
    let stage = Stage::new("thread");
    drop(stage.play(Step::GuardianStarted));
    assert!(process::lives(pressure.identity()));
}

fn a_program_that_is_no_injector_is_an_error() {
    let hold = cpu(0.1, Span::secs(1));
    assert!(Pressure::start(std::path::Path::new("/nonexistent"), &hold, MARKER).is_err());
    let error = Pressure::start(std::path::Path::new("true"), &hold, MARKER).unwrap_err().to_string();
    assert!(error.contains("ended at once") || error.contains("roken pipe"), "{error}");
}
