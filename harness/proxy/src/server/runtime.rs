//! What this process uses, under the names that Prometheus' own libraries give it.

use procfs::process::{LimitValue, Process};
use procfs::{WithCurrentSystemInfo as _, ticks_per_second};

use crate::metrics::Figure;

/// The figures; those that cannot be read are left out.
pub fn figures() -> Vec<Figure> {
    let Ok(own) = Process::myself() else { return Vec::new() };
    let mut figures = Vec::new();
    let mut gauge = |name, help, value: f64| figures.push(Figure { name, help, is_counter: false, value });
    if let Ok(count) = own.fd_count() {
        gauge("process_open_fds", "Open file descriptors", count as f64);
    }
    if let Ok(limits) = own.limits()
        && let LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        gauge("process_max_fds", "Most file descriptors that may be open", most as f64);
    }
    if let Ok(stat) = own.stat() {
        gauge("process_resident_memory_bytes", "Resident memory", stat.rss_bytes().get() as f64);
        gauge("process_virtual_memory_bytes", "Virtual memory", stat.vsize as f64);
        gauge("process_threads", "Threads", stat.num_threads as f64);
        let value = (stat.utime + stat.stime) as f64 / ticks_per_second() as f64;
        let (name, help) = ("process_cpu_seconds_total", "Processor time, user and system");
        figures.push(Figure { name, help, is_counter: true, value });
    }
    figures
}
