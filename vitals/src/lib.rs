//! Figures that a Rust program exports of itself, for leak checks that look at it from outside.
//!
//! What the kernel knows of a process is coarse: resident memory holds what the allocator keeps for later, and tasks are
//! not seen at all. A program that counts its live bytes and its live tasks shows a leak of a few kilobytes in minutes.
//! [`Counting`] wraps the global allocator, [`Vitals`] gathers what there is to tell and writes it in the text form of
//! Prometheus, for the program's own `/metrics`.
//!
//! ```
//! use shakedown_vitals::{Counting, Vitals};
//!
//! #[global_allocator]
//! static HEAP: Counting = Counting::system();
//!
//! let kept = vec![1_u8; 1_000_000];
//! let vitals = Vitals::new().heap(&HEAP).gauge("shop_queue_orders", "Orders that wait", || 3.0);
//! assert!(HEAP.live_bytes() >= 1_000_000);
//!
//! let text = vitals.text();
//! assert!(text.contains("\nvitals_heap_live_bytes 1"), "{text}");
//! assert!(text.contains("\nshop_queue_orders 3\n"), "{text}");
//! drop(kept);
//! ```
//!
//! # Features
//!
//! - `tokio`: `Vitals::tasks`, the live tasks of a runtime.
//! - `serve`: `serve`, a page on a loopback port for programs that serve no HTTP themselves.
//!
//! # What it does not know
//!
//! - Memory that does not come from the global allocator: mappings, stacks of threads, what C libraries allocate.
//! - What the allocator adds to an allocation, and what it keeps after one is freed: live bytes are what was asked for.
//! - Where memory was allocated. For that a heap profiler is the tool.

mod heap;
#[cfg(feature = "serve")]
mod serve;
mod text;

pub use heap::{Counting, Heap};
#[cfg(feature = "serve")]
pub use serve::{Serving, serve};
pub use text::Vitals;
