//! What happened to proxies and toxics, for a log.
//!
//! Told in the moment it is done, in Toxiproxy's words where it has some. Where it is written, and when that was, is the
//! business of whoever listens; nobody waits for them, so a listener must not block. No bytes of connections, no headers
//! and no bodies are told, and of an address nothing before an `@`.

use std::fmt;
use std::sync::Arc;

/// How much a piece of news matters, the most important one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something could not be done.
    Error,
    /// Something is not as it was meant.
    Warn,
    /// A proxy or a toxic was made, changed or taken away.
    Info,
    /// A request was answered.
    Debug,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub message: &'static str,
    /// To what: names and values.
    pub fields: Vec<(&'static str, String)>,
}

/// Where news go: to one listener, or to nobody.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Listener>>);

type Listener = dyn Fn(News) + Send + Sync;

// === impl Level ===

impl Level {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

// === impl Log ===

impl Log {
    /// A log that hands everything to a listener.
    pub fn to(listener: impl Fn(News) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Hands a piece of news on.
    pub fn hand(&self, news: News) {
        if let Some(listener) = &self.0 {
            listener(news);
        }
    }

    /// Tells that something happened.
    pub(crate) fn tell<const N: usize>(
        &self,
        level: Level,
        message: &'static str,
        fields: [(&'static str, &str); N],
    ) {
        if self.0.is_some() {
            let fields = fields.map(|(name, value)| (name, value.to_owned())).to_vec();
            self.hand(News { level, message, fields });
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Log(somebody)" } else { "Log(nobody)" })
    }
}

/// An address without what may be a password: people paste URLs.
pub(crate) fn without_password(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, address)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_nothing_before_the_at_is_told() {
        assert_eq!(without_password("postgres://me:se@cret@db:5432"), "db:5432");
        assert_eq!(without_password("db:5432"), "db:5432");
    }
}
