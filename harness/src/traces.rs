//! Reads the traces that an experiment replays, and the rows and messages that its load is made of, before the plan is made: a run
//! then needs no file.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use shakedown_scenarios::experiment::Experiment;
use shakedown_scenarios::library::Companion;
use shakedown_scenarios::trace::{LONGEST_LINE, Trace, TraceError, TraceFormat, TraceReader};
use shakedown_scenarios::workload::feeder::{FILE_BYTES_MAX, FeederError};
use shakedown_scenarios::workload::grpc::MessageError;
use shakedown_scenarios::workload::{Arrivals, Workload};

/// The largest file of a trace, in bytes: a million lines of a combined log have about 200 MB.
const LARGEST: u64 = 512 << 20;

/// The most bytes of rows and messages in one experiment: all of them stand in its plan, and a file counts as often as it is named.
const ROOM: u64 = 16 << 20;

/// Why an experiment cannot replay or use a file that it names.
#[derive(Debug, thiserror::Error)]
#[error("workload `{workload}` cannot {act} {file}: {why}")]
pub struct TraceProblem {
    workload: String,
    /// `replay` or `use`.
    act: &'static str,
    file: String,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("there is no such file; paths count from the experiment's folder")]
    Missing,
    #[error("{0}")]
    Unread(io::Error),
    #[error("expected a file, found something else")]
    NoFile,
    #[error("expected at most {most} bytes, found {found}: make it smaller")]
    Large { most: u64, found: u64 },
    #[error(
        "expected at most {ROOM} bytes of rows and messages in one experiment, found more: name fewer files, or smaller ones"
    )]
    Full,
    #[error("{0}")]
    Trace(#[from] TraceError),
    #[error("{0}")]
    Rows(#[from] FeederError),
    #[error("{0}")]
    Message(#[from] MessageError),
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Unread(error) }
    }
}

/// Where the files stand that an experiment names.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// Where relative paths count from.
    pub base: &'a Path,
    /// Files that came along with the experiment, which are looked for first.
    pub files: &'a [Companion],
}

/// Puts the times of every trace, the rows of all data and the messages of all calls into the experiment.
///
/// # Errors
///
/// Every file that cannot be replayed or used, with the lines that are wrong.
pub fn read_into(experiment: &mut Experiment, folder: Folder<'_>) -> Result<(), Vec<TraceProblem>> {
    let mut problems = Vec::new();
    let mut room = ROOM;
    for (workload, of) in &mut experiment.workloads {
        let mut tell = |act, file: &str, why| {
            let (workload, file) = (workload.clone(), file.to_owned());
            problems.push(TraceProblem { workload, act, file, why });
        };
        if let Arrivals::Replay { file, format, trace, .. } = of.arrivals_mut() {
            match read(&folder.base.join(&*file), *format) {
                Ok(found) => *trace = found,
                Err(why) => tell("replay", file, why),
            }
        }
        if let Some(data) = of.data_mut() {
            let text = folder.contents(&data.file, FILE_BYTES_MAX, &mut room);
            if let Err(why) = text.and_then(|text| Ok(data.fill(&text)?)) {
                tell("use", &data.file, why);
            }
        }
        if let Workload::Grpc(grpc) = of {
            for wanted in grpc.message_files() {
                let file = wanted.file;
                let message = folder.contents(file, wanted.bytes_max, &mut room);
                if let Err(why) = message.and_then(|message| Ok(wanted.fill(&message)?)) {
                    tell("use", file, why);
                }
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn open(path: &Path, most: u64) -> Result<io::Take<File>, Why> {
    let metadata = fs::metadata(path)?;
    // A pipe or a device might never end.
    if !metadata.is_file() {
        return Err(Why::NoFile);
    }
    if metadata.len() > most {
        return Err(Why::Large { most, found: metadata.len() });
    }
    Ok(File::open(path)?.take(most))
}

// === impl Folder ===

impl Folder<'_> {
    /// The bytes of a file that may have so many; they are taken off `room`.
    fn contents(&self, name: &str, most: u64, room: &mut u64) -> Result<Vec<u8>, Why> {
        if let Some(file) = self.files.iter().find(|file| file.name == name) {
            return Ok(file.text.as_bytes().to_vec());
        }
        // Nothing more is read once it is full, however many files are named.
        if *room == 0 {
            return Err(Why::Full);
        }
        let mut contents = Vec::new();
        open(&self.base.join(name), most)?.read_to_end(&mut contents)?;
        let left = room.checked_sub(contents.len() as u64);
        *room = left.unwrap_or(0);
        left.map(|_| contents).ok_or(Why::Full)
    }
}

fn read(path: &Path, format: TraceFormat) -> Result<Trace, Why> {
    let mut input = BufReader::new(open(path, LARGEST)?);
    let mut reader = TraceReader::new(format);
    let mut line = Vec::new();
    while next_line(&mut input, &mut line)? {
        reader.line(&line)?;
    }
    Ok(reader.finish()?)
}

/// The next line with its end, cut off where it is too long to be right; false: there is none.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let taken = input.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', line)?;
    if taken > LONGEST_LINE && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(taken > 0)
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use shakedown_scenarios::units::Span;

    use super::*;

    fn experiment(replays: &str) -> Experiment {
        let text = format!(
            r#"Experiment(
                name: "replays",
                targets: {{ "shop": Process(argv: ["./shop", "{{port}}"]) }},
                workloads: {{ {replays} }},
                phases: (chaos: "1m"),
                gates: [NoLeak(of: "shop")],
            )"#
        );
        shakedown_scenarios::read::read("replays.ron", &text, &[]).expect("a right experiment")
    }

    fn beside(base: &Path) -> Folder<'_> {
        Folder { base, files: &[] }
    }

    fn replay(name: &str, file: &str, format: &str) -> String {
        format!(
            r#""{name}": Http(to: Target("shop"), arrivals: Replay(file: "{file}", format: {format}), requests: [(get: "/")]),"#
        )
    }

    #[test]
    fn traces_are_found_beside_the_experiment() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path().join("a.csv"), "seconds\n1\n3.5").unwrap();
        let line = r#"::1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5"#;
        write(dir.path().join("access.log"), format!("{line}\n{line}\n")).unwrap();
        let replays = replay("a", "a.csv", "Csv") + &replay("b", "./access.log", "AccessLog");
        let mut experiment = experiment(&replays);
        read_into(&mut experiment, beside(dir.path())).unwrap();
        let of = |name: &str| match experiment.workloads[name].arrivals() {
            Arrivals::Replay { trace, .. } => (trace.len(), trace.length()),
            other => panic!("{other:?}"),
        };
        assert_eq!((of("a"), of("b")), ((2, Span::millis(2_500)), (2, Span::millis(500))));
    }

    #[test]
    fn every_trace_that_cannot_be_replayed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path().join("wrong.csv"), "1\n2\nthree\n").unwrap();
        write(dir.path().join("long.csv"), "x".repeat(LONGEST_LINE * 3) + "\n1\n").unwrap();
        let named = [("gone", "gone.csv"), ("folder", "."), ("wrong", "wrong.csv"), ("long", "long.csv")];
        let replays: String = named.map(|(name, file)| replay(name, file, "Csv")).concat();
        let problems = read_into(&mut experiment(&replays), beside(dir.path())).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let form =
            "expected seconds such as `12.5`, or a moment such as `2024-05-01T12:00:00Z`, found `three`";
        assert_eq!(
            told,
            [
                "workload `folder` cannot replay .: expected a file, found something else",
                "workload `gone` cannot replay gone.csv: there is no such file; paths count from the experiment's folder",
                "workload `long` cannot replay long.csv: line 1: expected at most 65536 bytes, found 65537",
                &format!("workload `wrong` cannot replay wrong.csv: line 3: {form}"),
            ]
        );
    }

    /// Reads the experiment of these workloads; what is told of its files.
    fn told(workloads: &str, folder: Folder<'_>) -> Vec<String> {
        let problems = read_into(&mut experiment(workloads), folder).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect()
    }

    fn fed(name: &str, file: &str) -> String {
        format!(
            r#""{name}": Journey(to: Target("shop"), arrivals: Constant("1/s"), steps: [(get: "/{{user}}")],
                data: (file: "{file}", columns: ["user"])),"#
        )
    }

    #[test]
    fn rows_are_found_beside_the_experiment_and_what_is_wrong_with_them_is_told() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path().join("users.csv"), "\u{feff}id,user\r\n1,\"ann, b\"\r\n2,cy\r\n").unwrap();
        write(dir.path().join("short.csv"), "id,user\n1\n").unwrap();
        write(dir.path().join("large.csv"), vec![b'a'; 1 + FILE_BYTES_MAX as usize]).unwrap();
        let mix = fed("b", "./users.csv").replace("Journey(", "Http(").replace("steps", "requests");
        let mut right = experiment(&(fed("a", "users.csv") + &mix));
        read_into(&mut right, beside(dir.path())).unwrap();
        for workload in right.workloads.values() {
            assert_eq!(workload.data().unwrap().rows, [["ann, b"], ["cy"]]);
        }
        let came_along = Companion { name: "users.csv", text: "user\nbob\n" };
        let folder = Folder { files: &[came_along], ..beside(dir.path()) };
        read_into(&mut right, folder).unwrap();
        assert_eq!(right.workloads["a"].data().unwrap().rows, [["bob"]], "that one is looked for first");
        assert_eq!(right.workloads["b"].data().unwrap().rows.len(), 2, "it has another name");
        let wrong = fed("gone", "gone.csv") + &fed("short", "short.csv") + &fed("large", "large.csv");
        assert_eq!(
            told(&wrong, beside(dir.path())),
            [
                "workload `gone` cannot use gone.csv: there is no such file; paths count from the experiment's folder",
                "workload `large` cannot use large.csv: expected at most 1048576 bytes, found 1048577: make it smaller",
                "workload `short` cannot use short.csv: line 2: expected 2 fields, found 1",
            ]
        );
    }

    fn calling(name: &str, sent: &str, expected: &str) -> String {
        format!(
            r#""{name}": Grpc(to: Target("shop"), arrivals: Constant("1/s"), calls: [
                (call: "shop.Items/Put", message_file: "{sent}", expect: (message_file: "{expected}")),
            ]),"#
        )
    }

    #[test]
    fn what_is_read_into_one_experiment_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path().join("put.bin"), vec![0; 1 << 20]).unwrap();
        write(dir.path().join("item.bin"), [0]).unwrap();
        let calls = |count: usize| -> String {
            (10..10 + count).map(|call| calling(&call.to_string(), "put.bin", "item.bin")).collect()
        };
        assert_eq!(told(&calls(15), beside(dir.path())), [""; 0]);
        let full = |file: &str, call: u32| {
            format!(
                "workload `{call}` cannot use {file}: expected at most 16777216 bytes of rows and messages in one experiment, found more: name fewer files, or smaller ones"
            )
        };
        let expected = [full("put.bin", 25), full("item.bin", 25), full("put.bin", 26), full("item.bin", 26)];
        assert_eq!(told(&calls(17), beside(dir.path())), expected);
    }

    #[test]
    fn messages_are_found_beside_the_experiment_and_what_is_wrong_with_them_is_told() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path().join("put.bin"), [8, 1]).unwrap();
        write(dir.path().join("item.bin"), [0; 64 * 1024]).unwrap();
        write(dir.path().join("large.bin"), [0; 64 * 1024 + 1]).unwrap();
        write(dir.path().join("empty.bin"), []).unwrap();
        let mut right = experiment(&calling("a", "put.bin", "item.bin"));
        read_into(&mut right, beside(dir.path())).unwrap();
        let Workload::Grpc(grpc) = &right.workloads["a"] else { panic!("not gRPC") };
        assert_eq!(grpc.calls[0].message, "CAE=");
        assert_eq!(grpc.calls[0].expect.message.as_ref().unwrap().len(), 87_384);
        let wrong = calling("gone", "gone.bin", ".") + &calling("sizes", "empty.bin", "large.bin");
        assert_eq!(
            told(&wrong, beside(dir.path())),
            [
                "workload `gone` cannot use gone.bin: there is no such file; paths count from the experiment's folder",
                "workload `gone` cannot use .: expected a file, found something else",
                "workload `sizes` cannot use empty.bin: expected the bytes of a message, found none: for one without fields write `message: \"\"` instead of the file",
                "workload `sizes` cannot use large.bin: expected at most 65536 bytes, found 65537: make it smaller",
            ]
        );
    }
}
