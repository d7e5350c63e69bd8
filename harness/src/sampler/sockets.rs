//! TCP sockets by state: the inodes of descriptors looked up in the kernel's tables, one per network namespace and tick.
//! Our own namespace's comes from [`socket_diag`], others' from `/proc/PID/net/tcp` and `tcp6`.
//!
//! Some sockets have no descriptor (any more): in `TIME_WAIT`, half closed and given up by the process, or not accepted
//! yet. They are counted for the subject that listens on their port; on the side that dialled, nobody can tell whose
//! they were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use procfs::net::{TcpNetEntries, TcpNetEntry, TcpState};
use procfs::{FromReadSI as _, current_system_info};

use super::socket_diag;

/// The tables that were read at one tick, by network namespace.
#[derive(Debug, Default)]
pub(super) struct Tables {
    by_namespace: BTreeMap<String, Table>,
}

/// All TCP sockets of one network namespace.
#[derive(Debug, Default)]
struct Table {
    /// With a descriptor somewhere, by inode.
    owned: BTreeMap<u64, (State, u16)>,
    /// Without one, by local port and state.
    ownerless: BTreeMap<(u16, State), u64>,
}

/// A state by the kernel's name for it in lower case.
type State = &'static str;

/// One TCP socket of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its local port.
    pub(super) port: u16,
    pub(super) state: TcpState,
    /// 0: no descriptor refers to it.
    pub(super) inode: u64,
}

// === impl Tables ===

impl Tables {
    /// How many sockets are in which state. A socket that several processes hold counts once.
    pub(super) fn states(&mut self, sockets: &[(i32, Vec<u64>)]) -> BTreeMap<String, u64> {
        let mut by_namespace: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for (pid, inodes) in sockets {
            let namespace = namespace(*pid);
            self.by_namespace.entry(namespace.clone()).or_insert_with_key(|key| Table::read(*pid, key));
            by_namespace.entry(namespace).or_default().extend(inodes);
        }
        let mut states = BTreeMap::new();
        for (namespace, inodes) in by_namespace {
            if let Some(table) = self.by_namespace.get(&namespace) {
                table.count(&inodes, &mut states);
            }
        }
        states
    }
}

/// The network namespace of a process. Where that may not be read, the process is taken to be in one of its own, whose
/// table is then read through it.
fn namespace(pid: i32) -> String {
    let link = fs::read_link(format!("/proc/{pid}/ns/net"));
    link.map_or_else(|_| format!("of process {pid}"), |link| link.to_string_lossy().into_owned())
}

// === impl Table ===

impl Table {
    /// Reads the table of a namespace in which this process is; what cannot be read is empty.
    fn read(pid: i32, namespace_of_it: &str) -> Self {
        let is_ours = namespace_of_it == namespace(std::process::id().cast_signed());
        let asked = if is_ours { socket_diag::entries().ok() } else { None };
        let mut table = Self::default();
        for entry in asked.unwrap_or_else(|| from_files(pid)) {
            table.add(&entry);
        }
        table
    }

    fn add(&mut self, entry: &Entry) {
        let state = word(&entry.state);
        if entry.inode == 0 {
            *self.ownerless.entry((entry.port, state)).or_default() += 1;
        } else {
            self.owned.insert(entry.inode, (state, entry.port));
        }
    }

    fn count(&self, inodes: &BTreeSet<u64>, states: &mut BTreeMap<String, u64>) {
        let mut add = |state: &str, count: u64| *states.entry(state.to_owned()).or_default() += count;
        let mut listening = BTreeSet::new();
        for (state, port) in inodes.iter().filter_map(|inode| self.owned.get(inode)) {
            add(state, 1);
            if *state == LISTEN {
                listening.insert(*port);
            }
        }
        for ((port, state), count) in &self.ownerless {
            if listening.contains(port) {
                add(state, *count);
            }
        }
    }
}

fn from_files(pid: i32) -> Vec<Entry> {
    let read = |family: &str| {
        let entries = TcpNetEntries::from_file(format!("/proc/{pid}/net/{family}"), current_system_info());
        entries.map(|it| it.0).unwrap_or_default()
    };
    read("tcp").into_iter().chain(read("tcp6")).map(Entry::from).collect()
}

impl From<TcpNetEntry> for Entry {
    fn from(entry: TcpNetEntry) -> Self {
        Self { port: entry.local_address.port(), state: entry.state, inode: entry.inode }
    }
}

const LISTEN: &str = "listen";

const fn word(state: &TcpState) -> State {
    match state {
        TcpState::Established => "established",
        TcpState::SynSent => "syn_sent",
        TcpState::SynRecv | TcpState::NewSynRecv => "syn_recv",
        TcpState::FinWait1 => "fin_wait1",
        TcpState::FinWait2 => "fin_wait2",
        TcpState::TimeWait => "time_wait",
        TcpState::Close => "close",
        TcpState::CloseWait => "close_wait",
        TcpState::LastAck => "last_ack",
        TcpState::Listen => LISTEN,
        TcpState::Closing => "closing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_without_a_descriptor_belong_to_who_listens_on_their_port() {
        let text = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:0050 0100007F:0009 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0100007F:0050 0100007F:000A 06 00000000:00000000 03:000000F1 00000000     0        0 0 3 0
   3: 0100007F:0050 0100007F:000B 06 00000000:00000000 03:000000F1 00000000     0        0 0 3 0
   4: 0100007F:0051 0100007F:000B 06 00000000:00000000 03:000000F1 00000000     0        0 0 3 0
   5: 0100007F:0052 0100007F:0009 08 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   6: 0100007F:0053 0100007F:0009 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
";
        let mut table = Table::default();
        for entry in TcpNetEntries::from_read(text.as_bytes(), current_system_info()).unwrap().0 {
            table.add(&entry.into());
        }
        let mut states = BTreeMap::new();
        // 9 is no TCP socket.
        table.count(&BTreeSet::from([1, 2, 3, 9]), &mut states);
        let expected = [("close_wait", 1), ("established", 1), ("listen", 1), ("time_wait", 2)];
        assert_eq!(states, expected.map(|(state, count)| (state.to_owned(), count)).into());
    }

    #[test]
    fn the_files_and_the_kernel_tell_the_same_of_our_sockets() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ours = |entries: Vec<Entry>| {
            entries.into_iter().find(|it| it.port == port && it.state == TcpState::Listen)
        };
        let told = ours(socket_diag::entries().unwrap());
        assert!(told.as_ref().is_some_and(|it| it.inode != 0));
        assert_eq!(ours(from_files(std::process::id().cast_signed())), told);
    }
}
