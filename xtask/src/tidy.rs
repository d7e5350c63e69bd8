//! The project's own rules about its files, one function each.

use crate::project::SourceFile;

type Rule = fn(&SourceFile) -> Vec<(usize, String)>;

const RULES: [Rule; 7] = [
    stands_in_a_folder,
    has_a_header,
    is_no_mod_rs,
    names_no_machine,
    names_no_package_host,
    gives_a_reason_to_ignore,
    starts_no_shell,
];

/// Every breach, as `path:line: what`.
pub fn broken(files: &[SourceFile]) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| !is_written_by_cargo(file)) {
        for (line, what) in RULES.iter().flat_map(|rule| rule(file)) {
            broken.push(format!("{}:{line}: {what}", file.path));
        }
    }
    broken
}

/// What everybody looks for at the root is written large there, or begins with a dot.
fn stands_in_a_folder(file: &SourceFile) -> Vec<(usize, String)> {
    let is_stray = !file.path.contains('/') && file.path.starts_with(|it: char| it.is_lowercase());
    if is_stray { vec![(1, "belongs in a folder, or was left behind".to_owned())] } else { Vec::new() }
}

/// A file says first what it is for; the name of `tests.rs` beside the code it tests says it already.
fn has_a_header(file: &SourceFile) -> Vec<(usize, String)> {
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if !is_rust(file) || file.path.ends_with("/tests.rs") || first.starts_with("//!") {
        return Vec::new();
    }
    vec![(1, "expected a header `//! …` that says what this file is for".to_owned())]
}

/// A module `foo` is `foo.rs` beside `foo/`.
fn is_no_mod_rs(file: &SourceFile) -> Vec<(usize, String)> {
    let is_one = file.path == "mod.rs" || file.path.ends_with("/mod.rs");
    if is_one { vec![(1, "name it after its folder and put it beside that".to_owned())] } else { Vec::new() }
}

/// A path of one machine breaks a clone elsewhere.
fn names_no_machine(file: &SourceFile) -> Vec<(usize, String)> {
    // Put together here, so that this file does not break its own rule.
    let paths = ["root", "home", "Users", "work"].map(|folder| format!("/{folder}/"));
    let starts_path = |line: &str, path: &str| {
        line.match_indices(path)
            .any(|(at, _)| !line[..at].ends_with(|it: char| it.is_alphanumeric() || "._-}*".contains(it)))
    };
    lines_with(file, |line| paths.iter().any(|path| starts_path(line, path)), "a path of one machine")
}

/// Where packages come from is the business of whoever builds.
fn names_no_package_host(file: &SourceFile) -> Vec<(usize, String)> {
    let hosts =
        [["crates", "io"], ["pypi", "org"], ["npmjs", "org"], ["debian", "org"]].map(|parts| parts.join("."));
    lines_with(
        file,
        |line| hosts.iter().any(|host| line.contains(host.as_str())),
        "the host of a package registry",
    )
}

/// A test that does not run says why.
fn gives_a_reason_to_ignore(file: &SourceFile) -> Vec<(usize, String)> {
    let bare = ["#[ignore", "]"].concat();
    if !is_rust(file) {
        return Vec::new();
    }
    lines_with(file, |line| line.trim_start().starts_with(&bare), "expected `#[ignore = \"the reason\"]`")
}

/// Programs are started with their arguments one by one; a shell would read names that others chose.
fn starts_no_shell(file: &SourceFile) -> Vec<(usize, String)> {
    let shells = ["sh", "bash", "/bin/sh", "/bin/bash"].map(|shell| format!("Command::new(\"{shell}\")"));
    lines_with(
        file,
        |line| is_rust(file) && shells.iter().any(|it| line.contains(it.as_str())),
        "starts a shell",
    )
}

/// It names the host of the packages.
fn is_written_by_cargo(file: &SourceFile) -> bool {
    file.path == "Cargo.lock" || file.path.ends_with("/Cargo.lock")
}

fn is_rust(file: &SourceFile) -> bool {
    file.path.ends_with(".rs")
}

fn lines_with(file: &SourceFile, is_wrong: impl Fn(&str) -> bool, what: &str) -> Vec<(usize, String)> {
    let numbered = file.text.lines().enumerate();
    numbered.filter(|(_, line)| is_wrong(line)).map(|(at, _)| (at + 1, what.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(broken(&[file]), expected, "{text}");
    }

    #[test]
    fn the_project_is_tidy() {
        let broken = broken(&project::files().unwrap());
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn each_rule_finds_its_breach() {
        check("a/b.rs", "\n//! What for.\nfn main() {}\n", &[]);
        check(
            "a/b.rs",
            "fn main() {}\n",
            &["a/b.rs:1: expected a header `//! …` that says what this file is for"],
        );
        check("a/b.rs", "", &["a/b.rs:1: expected a header `//! …` that says what this file is for"]);
        check("a/tests.rs", "use super::*;\n", &[]);
        check("a/mod.rs", "//! x", &["a/mod.rs:1: name it after its folder and put it beside that"]);
        let home = ["/ho", "me/"].concat();
        check("a/b.md", &format!("x\nsee {home}me/x\n"), &["a/b.md:2: a path of one machine"]);
        check("a/b.md", &format!("$dir{home} and net{home}: parts of longer paths\n"), &[]);
        check(
            "a/b.toml",
            &format!("x = \"{}\"", ["crates", "io"].join(".")),
            &["a/b.toml:1: the host of a package registry"],
        );
        let bare = ["#[ignore", "]"].concat();
        check(
            "a/b.rs",
            &format!("//! x\n    {bare}\n"),
            &["a/b.rs:2: expected `#[ignore = \"the reason\"]`"],
        );
        let shell = ["Command::new", "(\"sh\")"].concat();
        check("a/b.rs", &format!("//! x\n{shell}\n"), &["a/b.rs:2: starts a shell"]);
        check("README.md", "", &[]);
        check(".hidden", "", &[]);
        check("notes", "", &["notes:1: belongs in a folder, or was left behind"]);
        check("Cargo.lock", &home, &[]);
        check("a/Cargo.lock", &home, &[]);
        check("a/NotCargo.lock", &home, &["a/NotCargo.lock:1: a path of one machine"]);
    }
}
