//! Redis workloads: that every command can be sent, and is answered by exactly one reply.

use super::{filled, variable};
use crate::check::Checker;
use crate::places::Path;
use crate::syntax::shortened;
use crate::workload::redis::{RedisCommand, RedisExpect, RedisWorkload};

/// The most commands that one pipeline may have.
const PIPELINE_MAX: usize = 1_000;

/// Commands that end the exchange of one reply for one command, or leave the connection in another state than the next
/// request expects.
const NOT_ALLOWED: [&str; 14] = [
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SUNSUBSCRIBE",
    "MONITOR",
    "SYNC",
    "PSYNC",
    "HELLO",
    "AUTH",
    "QUIT",
    "RESET",
    "SHUTDOWN",
];

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, redis: &RedisWorkload) {
    login(checker, path, redis);
    let path = path.then("commands");
    filled(checker, &path, redis.commands.len(), "commands: [(get: \"key:{n}\")]");
    for (index, request) in redis.commands.iter().enumerate() {
        let path = path.then(index);
        let pipeline = path.then("pipeline");
        if !checker.places.is_written(&pipeline) {
            request.commands.iter().for_each(|of| command(checker, &path, of));
            continue;
        }
        length(checker, &pipeline, request.commands.len());
        for (place, of) in request.commands.iter().enumerate() {
            command(checker, &pipeline.then(place), of);
        }
    }
}

fn login(checker: &mut Checker<'_>, path: &Path, redis: &RedisWorkload) {
    if let Some(name) = &redis.password_env {
        variable(checker, &path.then("password_env"), name);
    } else if redis.user.is_some() {
        let help = "add `password_env: \"NAME\"`, the environment variable that holds the password";
        checker.tell(&path.then("user"), "a user without a password logs nobody in", help);
    }
}

fn length(checker: &mut Checker<'_>, path: &Path, length: usize) {
    if length == 0 {
        checker.tell(
            path,
            "a pipeline without commands sends nothing",
            "write `pipeline: [(get: \"key:{n}\")]`",
        );
    }
    if length > PIPELINE_MAX {
        let message = format!("a pipeline of {length} commands is too long");
        checker.tell(path, message, format!("allowed: 1 to {PIPELINE_MAX}"));
    }
}

fn command(checker: &mut Checker<'_>, path: &Path, command: &RedisCommand) {
    let written = path.then("command");
    let RedisCommand { arguments, expect } = command;
    let Some(name) = arguments.first().filter(|name| !name.is_empty()) else {
        let help = "write the name of the command first: `command: [\"LPUSH\", \"list\", \"{n}\"]`";
        return checker.tell(&written, "a command needs a name", help);
    };
    if let Some(found) = name.chars().find(|c| c.is_whitespace() || c.is_control()) {
        let message = format!("the name of a command cannot hold `{}`", found.escape_default());
        checker.tell(
            &written.then(0),
            message,
            "write each argument by itself: `[\"LPUSH\", \"list\", \"{n}\"]`",
        );
    }
    let silences = name.eq_ignore_ascii_case("CLIENT")
        && arguments.get(1).is_some_and(|word| word.eq_ignore_ascii_case("REPLY"));
    if silences || NOT_ALLOWED.iter().any(|not| name.eq_ignore_ascii_case(not)) {
        let message = format!("`{}` cannot be part of a load", shortened(&name.to_ascii_uppercase()));
        let help = "leave it out: each command must have one reply and leave the connection as it was";
        checker.tell(&written.then(0), message, help);
    }
    if matches!(expect, RedisExpect::Error(prefix) if prefix.is_empty()) {
        checker.tell(
            &path.then("expect"),
            "any error begins with nothing",
            "write a beginning such as `\"ERR\"`",
        );
    }
}
