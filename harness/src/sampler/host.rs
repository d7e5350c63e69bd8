//! The machine as a whole: memory left, CPU time, pressure.

use std::io;

use procfs::{
    CpuPressure, CpuTime, Current as _, CurrentSI as _, IoPressure, KernelStats, Meminfo, MemoryPressure,
    PressureRecord,
};
use shakedown_reports::journal::HostSample;

/// Reads them.
pub(super) fn sample(at_us: i64) -> io::Result<HostSample> {
    let memory = Meminfo::current().map_err(io::Error::other)?;
    let stats = KernelStats::current().map_err(io::Error::other)?;
    Ok(HostSample {
        at_us,
        available: memory.mem_available.unwrap_or(memory.mem_free),
        cpu_us: busy_us(&stats.total),
        cpu_pressure: CpuPressure::current().map(|it| share(&it.some)).ok(),
        memory_pressure: MemoryPressure::current().map(|it| share(&it.some)).ok(),
        io_pressure: IoPressure::current().map(|it| share(&it.some)).ok(),
    })
}

/// Time that was not idle, nor idle while waiting for a disk. Time that the hypervisor gave to others counts as busy: this
/// machine could not use it. Guests' time is part of `user` and `nice` already.
fn busy_us(cpu: &CpuTime) -> u64 {
    let known = [cpu.irq, cpu.softirq, cpu.steal].into_iter().flatten();
    let ticks: u64 = cpu.user + cpu.nice + cpu.system + known.sum::<u64>();
    ticks.saturating_mul(1_000_000) / procfs::ticks_per_second()
}

fn share(record: &PressureRecord) -> f64 {
    f64::from(record.avg10) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_memory_and_has_worked() {
        let first = sample(7).unwrap();
        assert_eq!(first.at_us, 7);
        assert!(first.available > 1 << 20 && first.cpu_us > 0, "{first:?}");
        let pressures = [first.cpu_pressure, first.memory_pressure, first.io_pressure];
        assert!(pressures.into_iter().flatten().all(|share| (0.0..=1.0).contains(&share)), "{first:?}");
        assert!(sample(8).unwrap().cpu_us >= first.cpu_us);
    }
}
