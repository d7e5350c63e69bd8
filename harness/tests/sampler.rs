//! The sampler against real processes. This program is started again as a *puppet*: a process that holds just what it
//! was told to hold, says `ready`, does what it reads on its standard input, and ends with the end of that.

#![expect(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

#[path = "support/skips.rs"]
mod skips;

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _, pipe, stdin, stdout};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use shakedown::sampler::Sampler;
use shakedown_reports::journal::{HARNESS, Sample};
use skips::skipped;

/// The first argument of a puppet.
const PUPPET: &str = "puppet";

/// No puppet lives longer, whatever happens to its test.
const LIFETIME_SECS: u32 = 120;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [PUPPET, ref holdings @ ..] => return bounded(|| puppet(holdings)),
        [MIDDLE, how] => return bounded(|| middle(how == "stays")),
        _ => {}
    }
    let test = |name: &str, run: fn()| {
        Trial::test(name, move || {
            run();
            Ok::<(), Failed>(())
        })
    };
    let trials = vec![
        test(
            "descriptors_are_counted_by_kind_and_sockets_by_state",
            descriptors_by_kind_and_sockets_by_state,
        ),
        test("memory_and_threads_are_seen", memory_and_threads_are_seen),
        test("children_belong_to_the_tree_and_its_end_is_all_zeros", children_belong_to_the_tree),
        test("cpu_time_of_children_that_come_and_go_is_kept", cpu_time_of_children_is_kept),
        test("an_orphan_is_found_by_its_mark", an_orphan_is_found_by_its_mark),
        test("an_orphan_that_was_seen_before_is_kept_without_a_mark", an_orphan_is_kept),
        test("a_zombie_is_no_process_and_its_cpu_time_stays", a_zombie_is_no_process),
        test("the_harness_is_itself_alone", the_harness_is_itself_alone),
        test("what_does_not_run_is_down", what_does_not_run_is_down),
        test("a_stopped_target_is_still_read", a_stopped_target_is_still_read),
        test("a_control_group_tells_memory_without_files", a_control_group_tells_memory_without_files),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn bounded(life: impl FnOnce()) {
    nix::unistd::alarm::set(LIFETIME_SECS);
    life();
}

// === the tests ===

fn descriptors_by_kind_and_sockets_by_state() {
    let plain = Puppet::start(&[]).sample();
    let holding =
        Puppet::start(&["files=30", "pipes=5", "connections=7", "half-closed=3", "events=2"]).sample();
    let more = |kind: &str| holding.fds.get(kind).unwrap_or(&0) - plain.fds.get(kind).unwrap_or(&0);
    assert_eq!(more("file"), 30, "{holding:?}");
    assert_eq!(more("pipe"), 10, "{holding:?}");
    // A listener, both ends of seven connections, and the ends that are left of three.
    assert_eq!(more("socket"), 1 + 14 + 3, "{holding:?}");
    assert_eq!(more("event"), 2, "{holding:?}");
    let state = |name: &str| holding.sockets.get(name).copied().unwrap_or(0);
    assert_eq!((state("listen"), state("established"), state("close_wait")), (1, 14, 3), "{holding:?}");
    // The ends that were closed first are nobody's now; whether they are still there is the kernel's business.
    assert!(plain.sockets.is_empty(), "{plain:?}");
}

fn memory_and_threads_are_seen() {
    const MIB: u64 = 1 << 20;
    let plain = Puppet::start(&[]).sample();
    let holding = Puppet::start(&["memory=64", "threads=9"]).sample();
    assert_eq!(holding.threads - plain.threads, 9);
    for (name, before, after) in [
        ("rss", plain.rss, holding.rss),
        ("anonymous", plain.anonymous, holding.anonymous),
        ("pss", plain.pss.unwrap_or(0), holding.pss.unwrap_or(64 * MIB)),
    ] {
        let grown = after.saturating_sub(before);
        assert!((63 * MIB..72 * MIB).contains(&grown), "{name} grew by {grown}: {holding:?}");
    }
    assert!(holding.pss.is_none_or(|pss| pss <= holding.rss));
    assert_eq!(holding.swap, 0);
}

fn children_belong_to_the_tree() {
    let mut puppet = Puppet::start(&["threads=2"]);
    assert_eq!(puppet.sample().processes, 1);
    puppet.order("child threads=3");
    let with_child = puppet.sample();
    assert_eq!((with_child.processes, with_child.threads), (2, (1 + 2) + (1 + 3)), "{with_child:?}");
    puppet.kill();
    let mut down = puppet.sample();
    // The child saw the end of its input and ends by itself, soon.
    for _ in 0..1_000 {
        if down.processes == 0 {
            break;
        }
        thread::park_timeout(Duration::from_millis(5));
        down = puppet.sample();
    }
    assert_eq!(down, Sample { at_us: down.at_us, subject: puppet.name.clone(), ..Sample::default() });
}

fn cpu_time_of_children_is_kept() {
    let mut puppet = Puppet::start(&[]);
    let first = puppet.sample();
    assert_eq!(
        (first.cpu_us, first.faults_minor, first.switches_voluntary),
        (0, 0, 0),
        "counted since first seen"
    );
    let mut last = first;
    for round in 1..=3 {
        puppet.order("burn-child 80");
        puppet.order("burn 50");
        let now = puppet.sample();
        assert!(now.cpu_us >= round * 110_000, "round {round}: {now:?}");
        assert!(now.cpu_us - last.cpu_us < 5_000_000, "nothing is counted twice: {now:?}");
        assert!(now.faults_minor > last.faults_minor, "a child's page faults: {now:?}");
        assert!(now.switches_voluntary > last.switches_voluntary, "it waited for its input: {now:?}");
        assert!(
            now.switches_involuntary >= last.switches_involuntary && now.faults_major >= last.faults_major
        );
        last = now;
    }
}

fn an_orphan_is_found_by_its_mark() {
    let mut puppet = Puppet::start(&[]);
    puppet.order("orphan");
    let sample = puppet.sample();
    assert_eq!(sample.processes, 1, "it has left the tree: {sample:?}");
    let marker = format!("{MARK}={}", puppet.name);
    let (mut sampler, mut found) = (Sampler::new(), 0);
    for _ in 0..2 {
        let mut tick = sampler.scan().unwrap();
        found = sampler.sample(&mut tick, "marked", &[puppet.pid()], Some(&marker), 0).processes;
    }
    assert_eq!(found, 2);
}

fn an_orphan_is_kept() {
    let mut puppet = Puppet::start(&[]);
    puppet.order("chain");
    assert_eq!(puppet.sample().processes, 3, "itself, its child and its child's child");
    puppet.order("cut");
    let mut sample = puppet.sample();
    assert_eq!(sample.processes, 2, "the one in the middle is gone: {sample:?}");
    sample = puppet.sample();
    assert_eq!(sample.processes, 2, "{sample:?}");
}

fn a_zombie_is_no_process() {
    let mut puppet = Puppet::start(&[]);
    puppet.sample();
    puppet.order("zombie 60");
    let sample = puppet.sample();
    assert_eq!(sample.processes, 1, "{sample:?}");
    assert!(sample.cpu_us >= 50_000, "{sample:?}");
}

fn the_harness_is_itself_alone() {
    let mut puppet = Puppet::start(&["memory=64"]);
    let mut sampler = Sampler::new();
    let mut tick = sampler.scan().unwrap();
    let sample = sampler.sample_harness(&mut tick, 3);
    assert_eq!((sample.processes, sample.at_us, sample.subject.as_str()), (1, 3, HARNESS));
    assert!(sample.rss > 0 && sample.threads >= 1 && sample.fds_total() >= 3, "{sample:?}");
    puppet.order("burn 300");
    puppet.kill();
    let mut tick = sampler.scan().unwrap();
    let later = sampler.sample_harness(&mut tick, 4);
    assert!(later.cpu_us >= sample.cpu_us);
    // What a child used is not the harness's, although the harness has waited for it; other tests use some meanwhile.
    let host = sampler.host_sample(4).unwrap();
    assert!(host.cpu_us > later.cpu_us);
}

fn what_does_not_run_is_down() {
    let mut sampler = Sampler::new();
    let mut tick = sampler.scan().unwrap();
    let sample = sampler.sample(&mut tick, "gone", &[i32::MAX, 0, -1], Some("NO_SUCH_MARK=1"), 5);
    assert_eq!(sample, Sample { at_us: 5, subject: "gone".to_owned(), ..Sample::default() });
}

fn a_stopped_target_is_still_read() {
    let mut puppet = Puppet::start(&["files=4"]);
    let before = puppet.sample();
    puppet.signal(Signal::SIGSTOP);
    let stopped = puppet.sample();
    puppet.signal(Signal::SIGCONT);
    assert_eq!((stopped.processes, &stopped.fds), (1, &before.fds));
}

fn a_control_group_tells_memory_without_files() {
    let mut puppet = Puppet::start(&[]);
    assert_eq!(puppet.sample().cgroup, None, "it is in the harness's own group");
    let group = match Group::new(&puppet.name) {
        Ok(group) => group,
        Err(error) => {
            return skipped(
                "a_control_group_tells_memory_without_files",
                &format!("no control group for memory can be made here: {error}"),
            );
        }
    };
    // What it holds from now on is charged to the group: all of what it allocates, none of what it only read.
    group.take(puppet.pid());
    puppet.order("memory 64");
    puppet.order("cached 32");
    let told = puppet.sample().cgroup.expect("the kernel tells the memory of a group");
    assert!((63 << 20..80 << 20).contains(&told), "{told}");
    puppet.kill();
}

/// A control group with the memory controller, gone with its last process.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> std::io::Result<Self> {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let one = Path::new("/sys/fs/cgroup/memory");
        let parent = if one.is_dir() { one } else { Path::new("/sys/fs/cgroup") };
        let group = Self(parent.join(format!("shakedown-test-{name}")));
        std::fs::create_dir(&group.0)?;
        // Version 2 has the controller where the parent gives it only.
        std::fs::metadata(group.0.join("memory.stat"))?;
        Ok(group)
    }

    fn take(&self, pid: i32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel lets a group go when its last process is gone for good, a moment after it was waited for.
        for _ in 0..1_000 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::yield_now();
        }
    }
}

// === a puppet, from the test's side ===

/// The variable that marks a puppet and all that comes of it.
const MARK: &str = "SHAKEDOWN_TEST_PUPPET";

struct Puppet {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    sampler: Sampler,
}

impl Puppet {
    fn start(holdings: &[&str]) -> Self {
        let name = format!("{}-{:?}", std::process::id(), thread::current().id());
        let mut child =
            again(&[PUPPET]).args(holdings).env(MARK, &name).stdin(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut puppet = Self { name, child, input, output, sampler: Sampler::new() };
        puppet.await_ready();
        puppet
    }

    fn await_ready(&mut self) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the puppet ended before it was ready");
    }

    fn order(&mut self, order: &str) {
        writeln!(self.input.as_mut().unwrap(), "{order}").unwrap();
        self.await_ready();
    }

    fn sample(&mut self) -> Sample {
        let mut tick = self.sampler.scan().unwrap();
        self.sampler.sample(&mut tick, &self.name, &[self.child.id() as i32], None, 1)
    }

    fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Ends it now, and closes the input that its children hang on.
    fn kill(&mut self) {
        self.input = None;
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === a puppet, from the inside ===

/// The first argument of a puppet's child that only starts another puppet, on its own standard input.
const MIDDLE: &str = "middle";

/// What a puppet holds until it ends.
#[derive(Default)]
struct Held {
    files: Vec<File>,
    pipes: Vec<(PipeReader, PipeWriter)>,
    listener: Option<TcpListener>,
    sockets: Vec<TcpStream>,
    events: Vec<OwnedFd>,
    memory: Vec<u8>,
    /// Children, and the ends of their inputs: they end when these close.
    children: Vec<(Child, Option<PipeWriter>)>,
}

fn puppet(holdings: &[&str]) {
    let mut held = Held::default();
    for holding in holdings {
        let (what, count) = holding.split_once('=').expect("WHAT=COUNT");
        held.take(what, count.parse().expect("a count"));
    }
    say_ready();
    for order in stdin().lines() {
        held.obey(&order.expect("lines of text"));
        say_ready();
    }
}

/// Starts a puppet that reads this process's input, and then ends at once or never.
fn middle(stays: bool) {
    let mut child = again(&[PUPPET]).spawn().unwrap();
    await_ready(&mut child);
    say_ready();
    if stays {
        park_for_good();
    }
}

fn say_ready() {
    let mut out = stdout().lock();
    // Whoever listened may be gone; then the input ends too.
    let _ = out.write_all(b"ready\n").and_then(|()| out.flush());
}

fn again(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).stdout(Stdio::piped());
    command
}

fn await_ready(child: &mut Child) {
    let mut line = [0; 6];
    child.stdout.as_mut().expect("it is piped").read_exact(&mut line).expect("it becomes ready");
}

impl Held {
    fn take(&mut self, what: &str, count: usize) {
        match what {
            "files" => self.files.extend((0..count).map(|_| File::open("/dev/null").unwrap())),
            "pipes" => self.pipes.extend((0..count).map(|_| pipe().unwrap())),
            "connections" => self.connect(count, false),
            "half-closed" => self.connect(count, true),
            "events" => self.events.extend((0..count).map(|_| event())),
            "threads" => (0..count).for_each(|_| drop(thread::spawn(|| park_for_good()))),
            "memory" => self.memory = vec![1; count << 20],
            "cached" => self.write(count),
            "burn" => burn(Duration::from_millis(count as u64)),
            _ => panic!("a puppet cannot hold {what}"),
        }
    }

    fn connect(&mut self, count: usize, half_closed: bool) {
        let listener = self.listener.get_or_insert_with(|| TcpListener::bind("127.0.0.1:0").unwrap());
        for _ in 0..count {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            self.sockets.push(listener.accept().unwrap().0);
            if !half_closed {
                self.sockets.push(client);
            }
        }
    }

    /// A file of so many MiB, of which the kernel keeps all pages.
    fn write(&mut self, mebibytes: usize) {
        let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        (0..mebibytes).for_each(|_| file.write_all(&[7; 1 << 20]).unwrap());
        file.sync_all().unwrap();
        self.files.push(file);
    }

    fn obey(&mut self, order: &str) {
        match order.split_once(' ').unwrap_or((order, "")) {
            (what @ ("memory" | "cached"), mebibytes) => self.take(what, mebibytes.parse().expect("MiB")),
            ("burn", millis) => self.take("burn", millis.parse().expect("milliseconds")),
            ("burn-child", millis) => {
                let mut child =
                    again(&[PUPPET, &format!("burn={millis}")]).stdin(Stdio::null()).spawn().unwrap();
                child.wait().unwrap();
            }
            ("zombie", millis) => {
                let child = again(&[PUPPET, &format!("burn={millis}")]).stdin(Stdio::null()).spawn().unwrap();
                let id = Id::Pid(Pid::from_raw(child.id() as i32));
                waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
                self.children.push((child, None));
            }
            ("child", holding) => self.start(&[PUPPET, holding]),
            ("chain", "") => self.start(&[MIDDLE, "stays"]),
            ("orphan", "") => {
                self.start(&[MIDDLE, "leaves"]);
                self.children.last_mut().expect("it was started").0.wait().unwrap();
            }
            ("cut", "") => {
                let middle = &mut self.children.last_mut().expect("there is a chain").0;
                middle.kill().unwrap();
                middle.wait().unwrap();
            }
            _ => panic!("a puppet cannot {order}"),
        }
    }

    fn start(&mut self, arguments: &[&str]) {
        let (input, end) = pipe().unwrap();
        let mut child = again(arguments).stdin(input).spawn().unwrap();
        await_ready(&mut child);
        self.children.push((child, Some(end)));
    }
}

fn park_for_good() -> ! {
    loop {
        thread::park();
    }
}

fn event() -> OwnedFd {
    // SAFETY: the call takes no pointers, and the descriptor it returns is nobody else's.
    unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC)) }
}

/// Uses so much CPU time, however long that takes.
fn burn(amount: Duration) {
    let used = || Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap());
    let end = used() + amount;
    while used() < end {
        std::hint::spin_loop();
    }
}
