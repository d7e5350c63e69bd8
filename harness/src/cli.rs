//! The command line: its words and their help. What the commands do is in [`crate::commands`].

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use shakedown_histories::{MODELS, Model};
use shakedown_scenarios::experiment::Engine;
use shakedown_scenarios::units::{Size, Span, UnitError};

/// A way to see it work at once, and the exit codes, below every long help.
const AFTER_HELP: &str = "\
First steps:
  shakedown list                              the experiments that come along
  shakedown run quickstart                    load and break a demonstration server, about a minute
  shakedown new http > mine.ron               a first experiment of your own, with comments
  shakedown schema Http auth                  what may stand in an experiment; without a word, the list
  shakedown check mine.ron && shakedown plan mine.ron && shakedown run mine.ron

Exit codes:
  0 pass   1 fail (gate, hypothesis or finding)   2 inconclusive   3 stopped by the guard
  4 a fault could not be undone   64 bad experiment or usage   70 internal error   130/143 signalled";

/// Examples, below the help of `schema`.
const SCHEMA_HELP: &str = "\
A word is an entry of the list, a group of it, or any field or word that stands in an experiment; case does not matter.

Examples:
  shakedown schema Journey        the workload Journey, with every field, its range and its default
  shakedown schema auth order     what `auth` takes, and what `order` does

Exit codes: 0 found; 64 no experiment has such a word.";

/// What flags may look like, and what answers where, below the help of `proxy`.
const PROXY_HELP: &str = "\
Flags may be written as Toxiproxy's are: `-host=0.0.0.0 -port 8475 -proxy-metrics`.

It answers Toxiproxy's API (/version, /proxies, /populate, /reset, /metrics) and its own:
  /v1/proxies/{name}                 PUT {\"upstream\": \"127.0.0.1:6379\", \"from\": \"a\", \"to\": \"b\"}
  /v1/proxies/{name}/toxics/{toxic}  PUT {\"toxic\": {\"Latency\": {\"delay\": \"100ms\"}}}
  /v1/proxies/{name}/profile         POST {\"name\": \"3g\"}; GET /v1/profiles lists them
  /v1/proxies/{name}/connections     GET
  /v1/partitions/{name}              POST {\"between\": [[\"a\", \"b\"], [\"c\"]]}
  /v1/links/{name}                   PUT {\"kind\": \"http\", \"upstream\": \"127.0.0.1:8080\"}
  /v1/links/{name}/faults/{fault}    PUT {\"http\": {\"act\": {\"answer\": {\"status\": 503}}}}
GET shows what is there and what it did, DELETE takes it away. Links are http, tls, udp or dns.
Toxiproxy's paths list only toxics that Toxiproxy could have; its clients cannot read others.

Everything random comes from the one seed; each proxy has a seed of its own, by its name.

The log is on standard error, a line for each proxy, toxic, link and fault that comes, changes or
goes; JSON if that is no terminal. LOG_LEVEL is error, warn, info (the usual), debug or disabled.

Exit codes: 0 ended by SIGINT or SIGTERM; 64 the port is taken, or the config or the token file is no good.";

/// What is read, what is answered, and the exit codes, below the help of `leaks`.
const LEAKS_HELP: &str = "\
A file has a header, the time in its first column (seconds, or RFC 3339) and the value in its second; other
columns are not read. Piped, or with --json, each file gives one JSON object on a line, in order; a file that
cannot be read gives {\"file\":…,\"verdict\":null,\"error\":…}. Slopes are per hour, and about the end of the trace.

Exit codes: 0 no leak in any file; 1 a leak in some; 64 no leak found, but a file cannot be read;
2 no leak found, but an answer is inconclusive.";

/// What a model is, and the exit codes, below the help of `races`.
const RACES_HELP: &str = "\
A model is a test that calls loom::model, or another of loom's, in a build with `--cfg loom`. Each is played in a
process of its own, and is ended with its time. Of one that fails, the failing interleaving is kept in a file, told
step by step, and played again by the command that is printed. Piped, or with --json, the answer is one JSON object.

With --engine shuttle a model is a test that calls shuttle's check_random, check_pct or check_urw in a build with
`--cfg shuttle`: random interleavings, of models too large for loom. With --engine tsan every test is run once under
ThreadSanitizer, which wants a nightly toolchain with rust-src (`shakedown doctor` tells). Neither proves that there is no
race: their pass says that none was seen.

Exit codes: 0 all models pass; 1 some found something; 2 none did, but a limit was reached before all was played;
64 there is no model, or the package does not build.";

/// What is read, what is answered, and the exit codes, below the help of `history`.
const HISTORY_HELP: &str = "\
A file has one event a line, in the order in which they happened:
  {\"process\":3,\"type\":\"invoke\",\"f\":\"write\",\"key\":\"k\",\"value\":5,\"time\":1200,\"index\":0}
  {\"process\":3,\"type\":\"ok\",\"f\":\"write\",\"key\":\"k\",\"value\":5,\"time\":1900,\"index\":1}
type is invoke, ok, fail (it did not happen) or info (nobody knows; the process is not heard of again). key, time (ns) and
index may be missing; each key is an object of its own. f and value, by model:
  register          read; write V                    counter      add N; read
  cas-register      the same; cas [OLD,NEW]          set          add V; read [V,…]
  kv                get; put V; cas [OLD,NEW]        queue        enqueue V; dequeue (null: it was empty)
  kv-append         get; put TEXT; append TEXT       lock         acquire; release
  bank              transfer {from,to,amount}; read {ACCOUNT: BALANCE, …}
  list-append       txn [[\"append\",KEY,V],[\"r\",KEY,[V,…]],…], or of registers [[\"w\",KEY,V],[\"r\",KEY,V],…]
What was read stands on the ok line. A history that a run kept (`consistency` in its experiment) is given by its first file,
RUN/histories/WORKLOAD.000001.jsonl.zst; those that follow it are read with it, up to the first that is not whole.

Piped, or with --json, each file gives one JSON object on a line, in order; a file that is not a history gives
{\"file\":…,\"verdict\":null,\"error\":…}. check_ms is the check alone, parse_ms the reading before it, and window_ms the
search for the shortest window that fails.

Exit codes: 0 true for all files; 1 false for some; 64 none is false, but a file is not a history;
2 none is false, but an answer is unknown.";

/// Load a server, break what is around it, and see what it does.
///
/// shakedown reads an experiment (a RON file), starts the targets in it, drives load through a fault-injecting proxy,
/// injects faults on a fixed timeline, and writes a report with a verdict. Every fault is undone whatever happens.
///
/// Links carry TCP, HTTP (with WebSocket), TLS, UDP or DNS, and take faults on bytes, connections, requests, frames,
/// handshakes, datagrams and answers about names. Processes are killed, stopped and restarted; CPU and memory are pressed on.
#[derive(Debug, Parser)]
#[command(name = "shakedown", version, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read experiments and tell all problems at once, with their places
    #[command(after_help = "Exit codes: 0 all are right; 64 some are not.")]
    Check {
        /// Experiment files, or names from `shakedown list`
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        /// Values for its variables
        #[command(flatten)]
        variables: Variables,
    },

    /// Print the timeline of an experiment; touches nothing
    Plan {
        /// Experiment file, or a name from `shakedown list`
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Seed and speed
        #[command(flatten)]
        chance: Chance,
        /// Values for its variables
        #[command(flatten)]
        variables: Variables,
        /// Print the whole plan as RON: what a run folder holds as plan.ron
        #[arg(long)]
        ron: bool,
    },

    /// Run an experiment and write its report
    Run {
        /// Experiment file, or a name from `shakedown list`
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Seed and speed
        #[command(flatten)]
        chance: Chance,
        /// Values for its variables
        #[command(flatten)]
        variables: Variables,
        /// The run folder: must not exist yet, or be empty [default: a new one below runs/]
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },

    /// Judge a run again and write its report anew; works on killed runs too
    Report {
        /// The run folder
        #[arg(value_hint = ValueHint::DirPath)]
        run: PathBuf,
    },

    /// Serve as a stand-alone fault proxy that Toxiproxy's clients drive unchanged
    #[command(after_help = PROXY_HELP, disable_version_flag = true)]
    Proxy(ProxyOptions),

    /// Tell whether a series in a CSV file leaks, how fast, since when, and how sure that is
    #[command(after_help = LEAKS_HELP)]
    Leaks(LeaksOptions),

    /// Play the models of races of a cargo package in every order of their threads, and tell what they found
    #[command(after_help = RACES_HELP)]
    Races(RacesOptions),

    /// Tell whether what clients did and were told is consistent: linearizable, or for transactions strictly serializable
    #[command(after_help = HISTORY_HELP)]
    History(HistoryOptions),

    /// Undo what runs left behind whose harness and guardian are both dead
    #[command(after_help = "Exit codes: 0 nothing is left; 4 something could not be undone.")]
    Recover,

    /// Tell what this host can and cannot do, and what is missing
    Doctor,

    /// List the experiments that come along
    List {
        /// Print this one's text instead, or that of a file it comes with
        name: Option<String>,
    },

    /// Print a first experiment with comments
    New {
        /// The template; without it, the templates are listed
        template: Option<String>,
    },

    /// Print what may stand in an experiment: every struct, field and word, with ranges and defaults
    #[command(after_help = SCHEMA_HELP)]
    Schema {
        /// The entries of these words; without one, all entries are listed
        words: Vec<String>,
        /// Print every entry
        #[arg(long, conflicts_with = "words")]
        all: bool,
    },

    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },

    /// The demonstration target of the quickstart
    #[command(hide = true)]
    Demo(crate::demo::Options),

    /// A PostgreSQL of an experiment's own, made in a folder when it first starts
    #[command(hide = true)]
    Postgres(crate::postgres::Options),

    /// Undo the faults of a run whose harness dies (started by `run`)
    #[command(hide = true)]
    Guardian {
        /// The ledger to watch over
        ledger: PathBuf,
    },

    /// Press on the host (started by `run`)
    #[command(hide = true)]
    Injector {
        /// What to press, as JSON
        spec: String,
    },
}

/// Values put in for an experiment's variables.
#[derive(Debug, clap::Args)]
pub struct Variables {
    /// Give a variable of the experiment another value
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

/// Where chance comes from, and how fast the clock of the plan runs.
#[derive(Debug, clap::Args)]
pub struct Chance {
    /// Everything random comes from this number [default: a new one, printed]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Divide all durations of the timeline by this: a dress rehearsal, stamped as such
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub rehearse: f64,
}

/// Which series are judged, and how the answer is told.
#[derive(Debug, clap::Args)]
pub struct LeaksOptions {
    /// CSV files, or folders of runs
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// The same of another build: says whether these grow faster (a CSV file for CSV files, a run's folder for runs)
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub baseline: Option<PathBuf>,
    /// So much more growth an hour than the baseline's is still as good [default: 0; in runs what matters of a resource]
    #[arg(long, value_name = "VALUE", value_parser = finite, requires = "baseline")]
    pub margin: Option<f64>,
    /// A value that must not be reached: says in how many hours it would be
    #[arg(long, value_name = "VALUE", value_parser = finite, allow_negative_numbers = true)]
    pub limit: Option<f64>,
    /// The unit of the values, to be told with them: bytes, seconds, or any word
    #[arg(long, value_name = "WORD")]
    pub unit: Option<String>,
    /// Draw the series, its fitted course and where it leads (one file only)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub plot: Option<PathBuf>,
    /// Answer in JSON on a terminal too
    #[arg(long)]
    pub json: bool,
}

/// Which models are played, and how far.
#[derive(Debug, clap::Args)]
pub struct RacesOptions {
    /// Only models whose name (program::module::test) holds one of these
    pub filters: Vec<String>,
    /// The package's Cargo.toml [default: the one of this folder]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub manifest_path: Option<PathBuf>,
    /// A package of that workspace
    #[arg(long, short, value_name = "NAME")]
    pub package: Option<String>,
    /// Only the models of this integration test (tests/NAME.rs)
    #[arg(long = "test", value_name = "NAME")]
    pub tests: Vec<String>,
    /// Features to build with, as cargo takes them
    #[arg(long, value_name = "FEATURES")]
    pub features: Vec<String>,
    /// Build with optimisation: for models that take long
    #[arg(long)]
    pub release: bool,
    /// What plays them: loom, shuttle or tsan
    #[arg(long, value_name = "ENGINE", default_value = "loom", value_parser = engine)]
    pub engine: Engine,
    /// What the build is configured with; `none` for models that need nothing [default: loom or shuttle, with that engine]
    #[arg(long, value_name = "NAME")]
    pub cfg: Option<String>,
    /// shuttle: where chance comes from [default: a new one; what fails is printed with its own]
    #[arg(long)]
    pub seed: Option<u64>,
    /// tsan: the toolchain, as rustup names it [default: nightly]
    #[arg(long, value_name = "NAME")]
    pub toolchain: Option<String>,
    /// loom: interrupt a thread at most so often where it could go on [default: as often as it can]
    #[arg(long, value_name = "COUNT")]
    pub preemptions: Option<u8>,
    /// loom: switches allowed in one interleaving
    #[arg(long, value_name = "COUNT", default_value = "10000")]
    pub branches: NonZeroUsize,
    /// loom: interleavings played of each model at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub permutations: Option<u64>,
    /// Time for each model
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    pub time: Span,
    /// Models played at once [default: as many as there are cores]
    #[arg(long, value_name = "COUNT")]
    pub jobs: Option<NonZeroUsize>,
    /// Where failing interleavings are kept [default: races/races in the target folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub keep: Option<PathBuf>,
    /// Answer in JSON on a terminal too
    #[arg(long)]
    pub json: bool,
}

/// Which histories are judged, against what, and how the answer is told.
#[derive(Debug, clap::Args)]
pub struct HistoryOptions {
    /// Files of one event a line
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// What the operations act upon: register, cas-register, kv, kv-append, counter, set, queue, lock, bank, list-append
    #[arg(long, value_parser = model, hide_possible_values = true)]
    pub model: Model,
    /// The first state: nil, or a value in JSON [default: nil, \"\", 0, [], free; for a bank what the first reads say]
    #[arg(long, value_name = "nil|VALUE", allow_negative_numbers = true)]
    pub init: Option<String>,
    /// What a completed read of null says: that nothing was there, or nothing at all (as in Knossos)
    #[arg(long, value_name = "value|any", default_value = "value", value_parser = ["value", "any"], hide_possible_values = true)]
    pub nil: String,
    /// What a failed cas says: only that it did not happen, or that the value differed
    #[arg(long, value_name = "drop|mismatch", default_value = "drop", value_parser = ["drop", "mismatch"], hide_possible_values = true)]
    pub fail: String,
    /// Give up on a file after so long, without the reading
    #[arg(long, default_value = "10s", value_parser = span)]
    pub timeout: Span,
    /// Give up on a file that takes more memory, about
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size)]
    pub memory: Size,
    /// Draw the window that fails (one file only)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub plot: Option<PathBuf>,
    /// Answer in JSON on a terminal too
    #[arg(long)]
    pub json: bool,
}

/// What a stand-alone fault proxy is asked to be.
#[derive(Debug, clap::Args)]
pub struct ProxyOptions {
    /// The host that the API listens on; one that others can reach needs `--token-file`
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// The API's port; 0 takes any free one
    #[arg(long, default_value_t = 8474)]
    pub port: u16,
    /// Proxies to begin with, toxics and all: a JSON file in the form of /populate's body
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Everything random comes from this number [default: a new one, printed]
    #[arg(long, value_parser = any_seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// What /metrics shows
    #[command(flatten)]
    pub metrics: ProxyMetrics,
    /// Requests must carry the token in this file (`Authorization: Bearer`); it is made if it is not there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// Print the version of Toxiproxy that it behaves like, and its own
    #[arg(long)]
    pub version: bool,
}

/// What `/metrics` of a fault proxy shows.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ProxyMetrics {
    /// Show what passes through proxies at /metrics
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_parser = go_bool)]
    pub proxy_metrics: bool,
    /// Show what this process uses at /metrics
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", hide_default_value = true, hide_possible_values = true, value_parser = go_bool)]
    pub runtime_metrics: bool,
}

/// The command line with the flags of `proxy` that Go would take, `-host=x` too, as `--host=x`. All others stay as they
/// are.
pub fn normalized(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|command| command == "proxy") {
        arguments.iter_mut().skip(2).for_each(|argument| {
            if argument.to_str().is_some_and(is_go_flag) {
                let mut double = OsString::from("-");
                double.push(&*argument);
                *argument = double;
            }
        });
    }
    arguments
}

/// A dash, and a word; `-h` and `-1` are none.
fn is_go_flag(argument: &str) -> bool {
    let Some(word) = argument.strip_prefix('-') else { return false };
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_some()
}

/// A whole number of 64 bits, negative ones too, as Go's flags take it.
fn any_seed(text: &str) -> Result<u64, String> {
    let signed = || text.parse::<i64>().map(i64::cast_unsigned);
    text.parse::<u64>().or_else(|_| signed()).map_err(|_| "expected a whole number of 64 bits".to_owned())
}

/// What Go's flags take for yes and no.
fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

fn model(text: &str) -> Result<Model, String> {
    let names = || MODELS.map(|(name, _)| name).join(", ");
    Model::named(text).ok_or_else(|| format!("expected one of {}", names()))
}

fn span(text: &str) -> Result<Span, String> {
    text.parse().map_err(|error: UnitError| error.to_string())
}

fn size(text: &str) -> Result<Size, String> {
    text.parse().map_err(|error: UnitError| error.to_string())
}

fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| "expected a number".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let wrong = || "expected a number from 1 to 100000".to_owned();
    let factor: f64 = text.parse().map_err(|_| wrong())?;
    if (1.0..=100_000.0).contains(&factor) { Ok(factor) } else { Err(wrong()) }
}

fn engine(text: &str) -> Result<Engine, String> {
    let all = [Engine::Loom, Engine::Shuttle, Engine::Tsan];
    let named = all.into_iter().find(|engine| engine.word() == text);
    named.ok_or_else(|| "expected loom, shuttle or tsan".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[track_caller]
    fn proxy(arguments: &[&str]) -> ProxyOptions {
        let all = ["shakedown", "proxy"].iter().chain(arguments).map(OsString::from);
        match Cli::try_parse_from(normalized(all)).unwrap().command {
            Command::Proxy(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_of_a_proxy_come_with_one_dash_or_two() {
        let usual = proxy(&[]);
        assert_eq!((usual.host.as_str(), usual.port, usual.seed), ("localhost", 8474, None));
        assert!(!usual.metrics.proxy_metrics && !usual.metrics.runtime_metrics);
        for arguments in [
            &["-host=127.0.0.1", "-port", "8475", "-seed=-1", "-proxy-metrics", "-config", "x.json"][..],
            &[
                "--host",
                "127.0.0.1",
                "--port=8475",
                "--seed",
                "-1",
                "--proxy-metrics=true",
                "--config=x.json",
            ],
            &["-host", "127.0.0.1", "-port=8475", "-seed", "-1", "-proxy-metrics=1", "--config", "x.json"],
        ] {
            let options = proxy(arguments);
            assert_eq!(
                (options.host.as_str(), options.port, options.seed),
                ("127.0.0.1", 8475, Some(u64::MAX))
            );
            assert!(options.metrics.proxy_metrics && !options.metrics.runtime_metrics);
            assert_eq!(options.config, Some("x.json".into()));
        }
        assert!(!proxy(&["-runtime-metrics=false"]).metrics.runtime_metrics);
        assert!(proxy(&["-version"]).version);
    }

    #[test]
    fn flags_of_other_commands_are_left_alone() {
        let all: Vec<OsString> = ["shakedown", "run", "-x", "-host=y"].iter().map(OsString::from).collect();
        assert_eq!(normalized(all.clone()), all);
    }

    #[test]
    fn a_set_without_a_value_is_refused() {
        assert!(key_value("rate").is_err());
        assert!(key_value("=5").is_err());
        assert_eq!(key_value("a=b=c"), Ok(("a".into(), "b=c".into())));
    }
}
