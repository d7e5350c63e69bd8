//! What a control plane refuses, in the words of Toxiproxy where it has one.

/// Why a request was refused. The texts are Toxiproxy's where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It cannot be read.
    #[error("bad request body: {0}")]
    BadBody(String),
    /// It is larger than a body may be.
    #[error("request body is too large: at most {0} bytes")]
    TooLarge(usize),
    /// A field is not there, or empty.
    #[error("missing required field: {0}")]
    Missing(&'static str),
    /// A field of one of several proxies, counted from 1.
    #[error("missing required field: {0} at proxy {1}")]
    MissingAt(&'static str, usize),
    /// What is wrong with one of several proxies, counted from 1.
    #[error("{0} at proxy {1}")]
    At(Box<ApiError>, usize),
    /// A direction there is none of.
    #[error("stream was invalid, can be either upstream or downstream")]
    Stream,
    /// A toxic there is none of.
    #[error("invalid toxic type")]
    Type,
    /// A value that cannot be meant: the field, why, and what would be right.
    #[error("invalid value: {0}")]
    Value(String),
    /// There are as many as there may be.
    #[error("too many {what}: at most {most}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The most.
        most: usize,
    },
    /// No proxy of this name.
    #[error("proxy not found")]
    NoProxy,
    /// No toxic of this name.
    #[error("toxic not found")]
    NoToxic,
    /// A proxy of this name is there.
    #[error("proxy already exists")]
    ProxyExists,
    /// A toxic of this name is there, on either stream.
    #[error("toxic already exists")]
    ToxicExists,
    /// No link of this name.
    #[error("link not found")]
    NoLink,
    /// No fault of this name.
    #[error("fault not found")]
    NoFault,
    /// A link of this name is there, and speaks something else.
    #[error("link already exists, and is of kind {0}; a link keeps its kind: DELETE it first")]
    LinkKind(&'static str),
    /// An address cannot be listened on.
    #[error("{0}")]
    Listen(String),
    /// The data plane could not do it.
    #[error("{0}")]
    Plane(String),
    /// What went wrong with several proxies, each by its name.
    #[error("{}", listed(.0))]
    Several(Vec<(String, ApiError)>),
}

/// The most proxies that an error names.
const MOST_NAMED: usize = 100;

// === impl ApiError ===

impl ApiError {
    /// The status of its answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::At(error, _) => error.status(),
            Self::NoProxy | Self::NoToxic | Self::NoLink | Self::NoFault => 404,
            Self::ProxyExists | Self::ToxicExists | Self::LinkKind(_) => 409,
            Self::TooLarge(_) => 413,
            Self::Listen(_) | Self::Plane(_) | Self::Several(_) => 500,
            _ => 400,
        }
    }
}

fn listed(wrong: &[(String, ApiError)]) -> String {
    let named = wrong.iter().take(MOST_NAMED).map(|(name, error)| format!("{name}: {error}"));
    let more = wrong.len().checked_sub(MOST_NAMED).filter(|more| *more > 0);
    named.chain(more.map(|more| format!("and {more} more"))).collect::<Vec<_>>().join("; ")
}
