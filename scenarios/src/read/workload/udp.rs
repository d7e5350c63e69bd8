//! The workload `Udp`: its exchanges are written as those over TCP.

use super::{CONNECTIONS, MOST_CONNECTIONS, arrivals, destination, exchange};
use crate::read::context::Context;
use crate::read::scalar::{quantity, whole};
use crate::syntax::Node;
use crate::units::Span;
use crate::workload::udp::UdpWorkload;

/// The workload.
pub(super) fn udp(cx: &mut Context, node: &Node) -> Option<UdpWorkload> {
    let mut fields = cx.fields(node, "workload `Udp`")?;
    let to = fields.required(cx, "to", destination);
    let arrivals = fields.required(cx, "arrivals", arrivals);
    let timeout = fields.or(cx, "timeout", Span::secs(5), quantity);
    let usual = arrivals.users().unwrap_or(CONNECTIONS);
    let sockets = fields.or(cx, "sockets", usual, whole(1_u32, MOST_CONNECTIONS));
    let exchanges = fields.required(cx, "exchanges", |cx, node| cx.list(node, "exchanges", exchange));
    fields.finish(cx);
    Some(UdpWorkload { to, arrivals, timeout, sockets, exchanges })
}
