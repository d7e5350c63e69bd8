//! The objects that the search knows, one for each model that it decides.

pub mod bank;
pub mod cells;
pub mod counter;
pub mod lock;
pub mod queue;
pub mod register;
pub mod text;
