//! What a load's thread shares with others, in every order in which they can run: the wish that it ends, and the blocks of its
//! history.
//!
//! The files of the load are compiled here a second time, with channels made of the model's mutexes. Each claim has a twin that
//! is wrong on purpose: the model has to find what is wrong with it.

#![allow(clippy::unwrap_used, reason = "what fails here fails its test")]

mod ends;
mod histories;
mod sync;

#[path = "../../src/blocks.rs"]
mod blocks;
#[path = "../../src/wish.rs"]
mod wish;

/// Three threads have too many orders to try all of them; what is to be found takes two preemptions.
fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(check);
}
