//! The token that requests must carry: in a file that only its owner can read, never on the command line.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq as _;

/// A secret. It is compared in a time that does not depend on what is in it, and shown nowhere.
#[derive(Clone)]
pub struct Token(Vec<u8>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file could not be read or made.
    #[error("read or make the token file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others can read it.
    #[error(
        "trust the token file {path}: others than its owner can read it (mode {mode:o}); say `chmod 600` to it"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It could be guessed.
    #[error(
        "trust the token in {path}: it has {found} characters, expected at least {LEAST}; remove the file for a new one"
    )]
    Short {
        /// The file.
        path: PathBuf,
        /// How many it has.
        found: usize,
    },
}

/// The fewest characters: 128 bits as hexadecimal digits.
const LEAST: usize = 32;
/// A file of more is no token.
const MOST: u64 = 4096;
/// The bits of a new one, in bytes.
const FRESH: usize = 32;

// === impl Token ===

impl Token {
    /// The token in a file; a new one, if there is no such file.
    ///
    /// # Errors
    /// If others can read it, it is too short, or it cannot be read or made.
    pub fn from_file(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::File { path: path.to_owned(), source };
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => Self::fresh(file).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(failed(error)),
        }
    }

    /// The token of this text.
    pub fn from_text(text: &str) -> Self {
        Self(text.trim().as_bytes().to_vec())
    }

    fn fresh(mut file: File) -> io::Result<Self> {
        let mut bytes = [0_u8; FRESH];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        file.write_all(format!("{text}\n").as_bytes())?;
        file.sync_all()?;
        Ok(Self::from_text(&text))
    }

    fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Open { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text).map_err(failed)?;
        let token = Self::from_text(&text);
        match token.0.len() {
            found @ 0..LEAST => Err(TokenError::Short { path: path.to_owned(), found }),
            _ => Ok(token),
        }
    }

    /// Whether this is it.
    pub fn is(&self, found: &str) -> bool {
        self.0.ct_eq(found.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_missing_file_becomes_one_that_only_its_owner_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        Token::from_file(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!((text.len(), path.metadata().unwrap().mode() & 0o777), (65, 0o600));
        assert!(Token::from_file(&path).unwrap().is(text.trim()));
        assert_eq!(format!("{:?}", Token::from_text(&text)), "Token(…)");
    }

    #[test]
    fn a_file_that_others_can_read_or_guess_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        Token::from_file(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Token::from_file(&path), Err(TokenError::Open { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(matches!(Token::from_file(&path), Err(TokenError::Short { found: 5, .. })));
        assert!(matches!(
            Token::from_file(folder.path()),
            Err(TokenError::Open { .. } | TokenError::File { .. })
        ));
    }
}
