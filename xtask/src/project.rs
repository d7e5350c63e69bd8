//! Where the project is, what files it has, and the cargo that runs us.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that hold nothing anybody wrote. In a second working tree of git, `.git` is a file.
const NOT_OURS: [&str; 3] = ["target", "runs", ".git"];

/// A file of the project, with its path from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path from the root, with `/` between its parts.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The project's root: the folder above this package.
pub fn root() -> PathBuf {
    // Cargo says it when it runs us; a program started by hand has to rely on where it was built.
    let own =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let own = PathBuf::from(own);
    own.parent().map(Path::to_owned).unwrap_or(own)
}

/// The cargo that started us, to be run at the root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// All text files, in order. What git would ignore is left out by the names of its folders.
///
/// # Errors
/// When a folder or a file cannot be read.
pub fn files() -> io::Result<Vec<SourceFile>> {
    let root = root();
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, files)?;
        }
        // What is not text (pictures) has nothing to be tidied.
        if kind.is_file()
            && let Ok(text) = String::from_utf8(fs::read(&path)?)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(SourceFile { path, text });
        }
    }
    Ok(())
}
