//! What this process uses, under the names that Prometheus' own libraries give it (`process_*`).
//!
//! Toxiproxy shows `go_*` beside them. They are about Go's runtime; there is none here, and nothing stands in for them.

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
    if let Ok(limits) = own.limits() {
        if let LimitValue::Value(most) = limits.max_open_files.soft_limit {
            gauge("process_max_fds", "Most file descriptors that may be open", most as f64);
        }
        let most = match limits.max_address_space.soft_limit {
            LimitValue::Value(most) => most as f64,
            // As Prometheus' own libraries say it.
            LimitValue::Unlimited => -1.0,
        };
        gauge("process_virtual_memory_max_bytes", "Most virtual memory; -1: no limit", most);
    }
    if let Ok(stat) = own.stat() {
        gauge("process_resident_memory_bytes", "Resident memory", stat.rss_bytes().get() as f64);
        gauge("process_virtual_memory_bytes", "Virtual memory", stat.vsize as f64);
        gauge("process_threads", "Threads", stat.num_threads as f64);
        if let Ok(booted) = procfs::boot_time_secs() {
            let since = booted as f64 + stat.starttime as f64 / ticks_per_second() as f64;
            gauge("process_start_time_seconds", "When the process began, in seconds since 1970", since);
        }
        let value = (stat.utime + stat.stime) as f64 / ticks_per_second() as f64;
        let (name, help) = ("process_cpu_seconds_total", "Processor time, user and system");
        figures.push(Figure { name, help, is_counter: true, value });
    }
    figures
}
