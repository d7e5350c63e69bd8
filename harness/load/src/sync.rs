//! What threads share goes over these; a model of them brings its own.

pub(crate) use std::sync::mpsc;
pub(crate) use tokio::sync::watch;
