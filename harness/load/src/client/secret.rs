//! Secrets from the environment: read when a load starts, sent to the target, and written nowhere else.

use std::fmt;
use std::os::unix::ffi::OsStringExt as _;

use crate::client::ClientError;

/// What only the target may learn.
#[derive(Clone)]
pub(crate) struct Secret(Vec<u8>);

// === impl Secret ===

impl Secret {
    /// The value of an environment variable.
    pub(crate) fn of_environment(name: &str) -> Result<Self, ClientError> {
        let value = std::env::var_os(name).ok_or_else(|| ClientError::Unset(name.to_owned()))?;
        Ok(Self(value.into_vec()))
    }

    /// Bytes that hold a secret.
    pub(crate) const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be sent.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_not_shown() {
        let path = Secret::of_environment("PATH").unwrap();
        assert_eq!(path.bytes(), std::env::var("PATH").unwrap().as_bytes());
        assert_eq!(format!("{path:?}"), "a secret");
        let unset = Secret::of_environment("SHAKEDOWN_NOBODY_SETS_THIS").unwrap_err();
        assert_eq!(unset, ClientError::Unset("SHAKEDOWN_NOBODY_SETS_THIS".to_owned()));
    }
}
