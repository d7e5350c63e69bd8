//! Is a history of operations consistent? What clients did and were told, judged against what one object could have done.
//!
//! Read in this order: [`Model`] and [`Rules`] (what the operations act upon), [`read()`] and `decode` (how a [`History`] comes
//! in), [`Segments`] (how one is kept while it is made), [`Answer`] (what is said of it), [`check()`] (the way to it), `bounds`, `zones`, `sets`, `queues` and `lists` (what needs no
//! search), `search` with `object` and `objects` (what does), `subject` (from the one to the other), `window` (what shows a
//! failure). How good and how fast it is stands in `README.md`. It knows no clock: a [`Budget`] asks whoever has one.

mod answer;
mod bounds;
mod budget;
mod cells;
mod check;
mod decode;
mod history;
mod lists;
mod mix;
mod model;
mod names;
mod object;
mod objects;
mod queues;
mod read;
mod search;
mod segments;
mod sets;
mod subject;
mod table;
mod texts;
mod window;
mod zones;

pub use answer::{Answer, Failure, Verdict, Window};
pub use budget::Budget;
pub use check::{check, explain};
pub use history::{Action, Fate, History, Micro, NEVER, NULL, Op, Transfer};
pub use model::{MODELS, Model, Rules};
pub use names::Names;
pub use read::{ReadError, read};
pub use segments::{FRAME_BYTES_MAX, SEGMENT_BYTES, SegmentWriter, Segments};
pub use texts::{Place, Texts};
