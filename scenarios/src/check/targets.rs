//! Targets and links: processes that can be started, links that lead somewhere.

use super::Checker;
use crate::placeholder::{self, Placeholder};
use crate::places::{Path, Step, part};
use crate::syntax::shortened;
use crate::target::{Port, Process, Readiness, Restart, Target};

pub(super) fn rules(checker: &mut Checker<'_>) {
    let experiment = checker.experiment;
    for (name, target) in &experiment.targets {
        let path = part!["targets", name];
        match target {
            Target::Process(process) => process_rules(checker, &path, name, process),
            Target::Pid(attached) if attached.pid == 1 => {
                let help = "name the process to look at; pid 1 is what every other process hangs on";
                checker.tell(&path.then("pid"), "pid 1 cannot be a target", help);
            }
            Target::Pid(_) | Target::Address(_) => {}
        }
    }
    for (name, link) in &experiment.links {
        if let Some(to) = link.to() {
            checker.reachable(&part!["links", name, "to"], to);
        }
        if link.from().is_some_and(|from| from.trim().is_empty()) {
            let help = "name a target, or whoever else connects to it, such as `\"clients\"`";
            checker.tell(&part!["links", name, "from"], "nobody stands before the link", help);
        }
    }
}

fn process_rules(checker: &mut Checker<'_>, path: &Path, name: &str, process: &Process) {
    argv(checker, &path.then("argv"), &process.argv, true);
    environment(checker, path, process);
    files(checker, path, process);
    readiness(checker, path, process);
    restart(checker, path, process);
    told_its_port(checker, path, name, process);
}

/// That a program is named, and that its arguments can be given to it.
pub(super) fn argv(checker: &mut Checker<'_>, path: &Path, argv: &[String], own: bool) {
    match argv.first() {
        None => checker.tell(
            path,
            "an empty argv starts nothing",
            "write the program first: `[\"program\", \"argument\"]`",
        ),
        Some(program) if program.trim().is_empty() => {
            checker.tell(
                &path.then(0),
                "the name of the program is empty",
                "write the program's name or path",
            );
        }
        Some(_) => {}
    }
    for (index, argument) in argv.iter().enumerate() {
        let path = path.then(index);
        without_zero(checker, &path, argument);
        checker.placeholders(&path, argument, own);
    }
}

fn without_zero(checker: &mut Checker<'_>, path: &Path, text: &str) {
    if text.contains('\0') {
        checker.tell(path, "the system takes no zero byte here", "remove the `\\0`");
    }
}

fn environment(checker: &mut Checker<'_>, path: &Path, process: &Process) {
    for (name, value) in &process.env {
        let path = path.then("env").then(name);
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("`{}` cannot be the name of an environment variable", shortened(name));
            checker.tell(&path.then(Step::Key), message, "use a name without `=`");
        }
        without_zero(checker, &path, value);
        checker.placeholders(&path, value, true);
    }
    if let Some(dir) = &process.dir {
        let path = path.then("dir");
        without_zero(checker, &path, dir);
        checker.placeholders(&path, dir, true);
        if dir.is_empty() {
            checker.tell(
                &path,
                "an empty `dir` is no directory",
                "write `\".\"`, or leave `dir` out for a temporary one",
            );
        }
    }
}

/// That files stay in the target's own directory.
fn files(checker: &mut Checker<'_>, path: &Path, process: &Process) {
    for (name, contents) in &process.files {
        let path = path.then("files").then(name);
        if !stays_inside(name) {
            let message = format!("`{}` does not stay in the target's own directory", shortened(name));
            let help =
                "write a relative path without `..`, such as `\"nginx.conf\"` or `\"conf/nginx.conf\"`";
            checker.tell(&path.then(Step::Key), message, help);
        }
        // Braces are common in files of all kinds: only what is a placeholder for sure is looked at.
        for found in placeholder::find(contents).into_iter().filter(|found| !found.literal) {
            if let Some(meaning) = found.meaning {
                checker.referred(&path, found.at, &meaning);
            }
        }
    }
}

fn stays_inside(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    !path.contains(['\0', '\\']) && path.split('/').all(part)
}

fn readiness(checker: &mut Checker<'_>, path: &Path, process: &Process) {
    match &process.ready {
        Readiness::Http(url) => http_path(checker, &path.then("ready").then("http"), url),
        Readiness::Exec(program) => argv(checker, &path.then("ready").then("exec"), program, true),
        Readiness::Tcp | Readiness::Started => {}
    }
    if process.ready_within.is_zero() {
        checker.tell(
            &path.then("ready_within"),
            "nothing is ready within no time",
            "write how long it may take: `\"10s\"`",
        );
    }
}

/// A path of HTTP as it stands in a request line.
pub(super) fn http_path(checker: &mut Checker<'_>, path: &Path, url: &str) {
    if !url.starts_with('/') {
        let help =
            format!("write `\"/{}\"`: only the path and query, without scheme and host", shortened(url));
        checker.tell(path, format!("`{}` does not start with `/`", shortened(url)), help);
    } else if let Some(found) = url.chars().find(|c| c.is_control() || c.is_whitespace() || !c.is_ascii()) {
        let message = format!("a path cannot hold `{}`", found.escape_default());
        checker.tell(path, message, "write it percent-encoded, for instance `%20` for a space");
    }
}

fn restart(checker: &mut Checker<'_>, path: &Path, process: &Process) {
    let Restart::OnExit { from, to } = process.restart else { return };
    let path = path.then("restart");
    if from > to {
        let message = format!("the first delay, {from}, is more than the longest, {to}");
        checker.tell(&path.then("from"), message, "make `from` at most `to`");
    }
    if from.is_zero() {
        let help =
            "write a delay such as `\"200ms\"`; a program that fails at once would be started without end";
        checker.tell(&path.then("from"), "the first delay is zero", help);
    }
}

/// That a process which has to listen on a port chosen by us can know it.
fn told_its_port(checker: &mut Checker<'_>, path: &Path, name: &str, process: &Process) {
    let waits = matches!(process.ready, Readiness::Tcp | Readiness::Http(_));
    let own = |placeholder: &Placeholder| match placeholder {
        Placeholder::Port => true,
        Placeholder::TargetPort(of) | Placeholder::Target(of) => of == name,
        _ => false,
    };
    // A mistyped placeholder may have been meant for the port; it has been told.
    let tells = |text: &String| {
        placeholder::find(text).iter().any(|found| !found.literal && found.meaning.as_ref().is_none_or(own))
    };
    let told = process.argv.iter().chain(process.env.values()).chain(process.files.values()).any(tells);
    if process.port == Port::Auto && waits && !told && !checker.places.is_broken_within(path) {
        let message =
            format!("target `{}` is never told its port, so it cannot become ready", shortened(name));
        let help =
            "put `{port}` into argv, env or files; or name its `port: 8080`; or write `ready: Started`";
        checker.tell(path, message, help);
    }
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn a_file_cannot_leave_its_directory() {
        for inside in ["a", "a/b.conf", "a..b", "...", "é"] {
            assert!(stays_inside(inside), "{inside}");
        }
        for outside in ["", ".", "..", "/a", "a/../b", "../a", "a/..", "a//b", "a/", "./a", "a\0", "..\\a"] {
            assert!(!stays_inside(outside), "{outside}");
        }
    }
}
