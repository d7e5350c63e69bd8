//! The figures, in the text form of Prometheus.

use std::fmt::{self, Write as _};

use crate::heap::Heap;

type Read = Box<dyn Fn() -> f64 + Send + Sync>;

/// What a program tells of itself; each figure is read when it is asked for.
///
/// | name | what | unit |
/// |---|---|---|
/// | `vitals_heap_live_bytes` | allocated now, as asked for | bytes |
/// | `vitals_heap_live_allocations` | allocated and not freed yet | allocations |
/// | `vitals_runtime_live_tasks` | spawned and not ended yet (feature `tokio`) | tasks |
///
/// All are gauges. The names begin with `vitals_` so that they do not meet those that other libraries export
/// (`process_…`, `jemalloc_…`, `tokio_…`).
#[derive(Default)]
pub struct Vitals {
    gauges: Vec<(String, String, Read)>,
}

// === impl Vitals ===

impl Vitals {
    /// Nothing to tell yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells what is live in an allocator that counts.
    #[must_use]
    pub fn heap(self, heap: &'static dyn Heap) -> Self {
        self.gauge("vitals_heap_live_bytes", "Bytes allocated now, as asked for", || heap.live_bytes() as f64)
            .gauge("vitals_heap_live_allocations", "Allocations that are not freed yet", || {
                heap.live_allocations() as f64
            })
    }

    /// Tells the live tasks of a runtime: `Handle::current()` within it.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub fn tasks(self, runtime: tokio::runtime::Handle) -> Self {
        self.gauge("vitals_runtime_live_tasks", "Tasks that are spawned and not ended yet", move || {
            runtime.metrics().num_alive_tasks() as f64
        })
    }

    /// Tells a figure of the program's own. `name` should end in its unit (`…_bytes`, `…_orders`), and say whose it is at
    /// its beginning; what cannot stand in a name becomes `_`. `about` is one line for people.
    #[must_use]
    pub fn gauge(mut self, name: &str, about: &str, read: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        let allowed = |(at, c): (usize, char)| match c {
            'a'..='z' | 'A'..='Z' | '_' | ':' => c,
            '0'..='9' if at > 0 => c,
            _ => '_',
        };
        let name = name.chars().enumerate().map(allowed).collect();
        let about = about.replace('\\', r"\\").replace('\n', r"\n");
        self.gauges.push((name, about, Box::new(read)));
        self
    }

    /// All figures as they are now: the body of a `/metrics`, of the type [`Vitals::CONTENT_TYPE`].
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, about, read) in &self.gauges {
            let value = read();
            // Writing to a `String` does not fail. Rust writes `inf` and `NaN` as the format wants them.
            let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} gauge\n{name} {value}");
        }
        text
    }

    /// The media type of [`Vitals::text`].
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";
}

impl fmt::Debug for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.gauges.iter().map(|(name, ..)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let vitals = Vitals::new()
            .gauge("shop_queue_orders", "Orders that\nwait", || 3.0)
            .gauge("9 läden", r"a\b", || 0.5)
            .gauge("none", "", || f64::NAN);
        let expected = "# HELP shop_queue_orders Orders that\\nwait\n# TYPE shop_queue_orders gauge\nshop_queue_orders 3\n\
            # HELP __l_den a\\\\b\n# TYPE __l_den gauge\n__l_den 0.5\n# HELP none \n# TYPE none gauge\nnone NaN\n";
        assert_eq!(vitals.text(), expected);
    }

    #[cfg(feature = "tokio")]
    #[tokio::test]
    async fn tasks_are_counted_while_they_live() {
        let vitals = Vitals::new().tasks(tokio::runtime::Handle::current());
        let count =
            || vitals.text().lines().last().unwrap().rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
        let before = count();
        let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(std::future::pending::<()>())).collect();
        assert_eq!(count(), before + 10);
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        assert_eq!(count(), before);
    }
}
