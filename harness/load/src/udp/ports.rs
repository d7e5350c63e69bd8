//! The ports that a load used lately, so that a late answer to one exchange finds none of the next ones at its port.

use std::collections::VecDeque;

/// How many ports are remembered. Of the 28,232 that Linux gives to outgoing sockets (`ip_local_port_range`) this is less than a third,
/// so that a fresh one is found soon; at 1,600 exchanges a second it is five seconds, the timeout where a file says none.
const LATELY: usize = 8_192;
/// Ports are numbers of 16 bits.
const PORTS: usize = 1 << 16;

/// Ports of the last 8,192 exchanges.
#[derive(Debug)]
pub(crate) struct Ports {
    used: Box<[bool]>,
    order: VecDeque<u16>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { used: vec![false; PORTS].into(), order: VecDeque::new() }
    }
}

// === impl Ports ===

impl Ports {
    /// Takes a port; false where one of the last exchanges had it.
    pub(crate) fn take(&mut self, port: u16) -> bool {
        if std::mem::replace(&mut self.used[usize::from(port)], true) {
            return false;
        }
        self.order.push_back(port);
        if self.order.len() > LATELY
            && let Some(oldest) = self.order.pop_front()
        {
            self.used[usize::from(oldest)] = false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_used_again_only_after_so_many_others() {
        let mut ports = Ports::default();
        assert!(ports.take(65_535) && !ports.take(65_535));
        for port in 0..LATELY as u16 - 1 {
            assert!(ports.take(port));
        }
        assert!(!ports.take(65_535), "one of the last");
        assert!(ports.take(60_000) && ports.take(65_535), "one too long ago");
        assert_eq!(ports.order.len(), LATELY, "memory does not grow");
    }
}
