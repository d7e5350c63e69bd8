//! A graph of who must come before whom, and its shortest cycle.

use std::collections::VecDeque;

/// Why one comes before the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    /// Its append is before the other's.
    Appends,
    /// The other read its append.
    Reads,
    /// It read what was there before the other's append.
    Overwritten,
    /// It came back before the other began.
    RealTime,
}

/// Nodes below the first count are operations; the others only pass on.
#[derive(Debug)]
pub struct Graph {
    ops: usize,
    next: Vec<Vec<(u32, Edge)>>,
}

/// So many starts of a search for the shortest cycle are tried in one knot.
const STARTS: usize = 64;

// === impl Edge ===

impl Edge {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Appends => "appended before (ww)",
            Self::Reads => "was read by (wr)",
            Self::Overwritten => "did not see the append of (rw)",
            Self::RealTime => "ended before the begin of (rt)",
        }
    }
}

/// Adya's name for a cycle.
pub fn class(edges: &[Edge]) -> String {
    let count = |kind: Edge| edges.iter().filter(|edge| **edge == kind).count();
    let name = match (count(Edge::Overwritten), count(Edge::Reads)) {
        (0, 0) => "G0",
        (0, _) => "G1c",
        (1, _) => "G-single",
        _ => "G2",
    };
    if count(Edge::RealTime) > 0 { format!("{name}, with real time") } else { name.to_owned() }
}

// === impl Graph ===

impl Graph {
    pub fn new(ops: usize) -> Self {
        Self { ops, next: vec![Vec::new(); ops] }
    }

    /// A node more, that only passes on.
    pub fn node(&mut self) -> u32 {
        self.next.push(Vec::new());
        self.next.len() as u32 - 1
    }

    /// From the one to the other; none from one to itself.
    pub fn edge(&mut self, from: u32, to: u32, why: Edge) {
        if from != to {
            self.next[from as usize].push((to, why));
        }
    }

    /// The operations of a cycle, each with the edge to the next: the shortest that begins at one of some operations in the
    /// first knot. An edge to a node that passes on is left out.
    pub fn shortest_cycle(&self) -> Option<Vec<(u32, Edge)>> {
        let knot = self.knot()?;
        let mut is_in = vec![false; self.next.len()];
        knot.iter().for_each(|node| is_in[*node as usize] = true);
        let starts = knot.iter().filter(|node| (**node as usize) < self.ops).take(STARTS);
        starts.filter_map(|start| self.cycle_from(*start, &is_in)).min_by_key(Vec::len)
    }

    /// Nodes that all come before each other, if there are any (Tarjan's algorithm, without recursion).
    fn knot(&self) -> Option<Vec<u32>> {
        const NEW: u32 = u32::MAX;
        let count = self.next.len();
        let (mut number, mut low, mut is_open) = (vec![NEW; count], vec![0; count], vec![false; count]);
        let (mut open, mut path, mut counted) = (Vec::new(), Vec::new(), 0);
        for root in 0..count as u32 {
            if number[root as usize] != NEW {
                continue;
            }
            path.push((root, 0));
            while let Some((node, edge)) = path.last_mut() {
                let at = *node as usize;
                if *edge == 0 {
                    (number[at], low[at], is_open[at]) = (counted, counted, true);
                    open.push(*node);
                    counted += 1;
                }
                if let Some((to, _)) = self.next[at].get(*edge) {
                    *edge += 1;
                    let to = *to;
                    if number[to as usize] == NEW {
                        path.push((to, 0));
                    } else if is_open[to as usize] {
                        low[at] = low[at].min(number[to as usize]);
                    }
                    continue;
                }
                path.pop();
                if let Some((before, _)) = path.last() {
                    low[*before as usize] = low[*before as usize].min(low[at]);
                }
                if low[at] == number[at] {
                    let from = open.iter().rposition(|it| *it as usize == at).unwrap_or(0);
                    let knot = open.split_off(from);
                    knot.iter().for_each(|it| is_open[*it as usize] = false);
                    if knot.len() > 1 {
                        return Some(knot);
                    }
                }
            }
        }
        None
    }

    fn cycle_from(&self, start: u32, is_in: &[bool]) -> Option<Vec<(u32, Edge)>> {
        let mut from: Vec<Option<(u32, Edge)>> = vec![None; self.next.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for (to, why) in self.next[node as usize].iter().filter(|(to, _)| is_in[*to as usize]) {
                if *to == start {
                    from[start as usize] = Some((node, *why));
                    return Some(self.steps(start, &from));
                }
                if from[*to as usize].is_none() {
                    from[*to as usize] = Some((node, *why));
                    queue.push_back(*to);
                }
            }
        }
        None
    }

    fn steps(&self, start: u32, from: &[Option<(u32, Edge)>]) -> Vec<(u32, Edge)> {
        let mut steps = Vec::new();
        let mut node = start;
        while let Some((before, why)) = from[node as usize] {
            if (before as usize) < self.ops {
                // The edge that leaves an operation tells why; those of nodes that pass on repeat it.
                steps.push((before, why));
            }
            node = before;
            if node == start {
                break;
            }
        }
        steps.reverse();
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_cycle_is_found_through_nodes_that_pass_on() {
        let mut graph = Graph::new(6);
        let gate = graph.node();
        for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 1)] {
            graph.edge(from, to, Edge::Appends);
        }
        graph.edge(2, gate, Edge::RealTime);
        assert_eq!(graph.shortest_cycle().unwrap().len(), 4);
        graph.edge(gate, 1, Edge::RealTime);
        let cycle = graph.shortest_cycle().unwrap();
        let mut ops: Vec<u32> = cycle.iter().map(|it| it.0).collect();
        ops.sort_unstable();
        assert_eq!(ops, [1, 2]);
        assert!(class(&cycle.iter().map(|it| it.1).collect::<Vec<_>>()).contains("real time"));
        let mut line = Graph::new(3);
        line.edge(0, 1, Edge::Reads);
        line.edge(1, 2, Edge::Reads);
        line.edge(2, 2, Edge::Reads);
        assert_eq!(line.shortest_cycle(), None);
    }
}
