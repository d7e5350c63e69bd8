//! The workload `Malformed`: which protocol's hostile openings, and which of them not.

use super::{MOST_CONNECTIONS, arrivals, destination};
use crate::read::context::{Blank, Context};
use crate::read::scalar::{blank, quantity, text, whole};
use crate::syntax::Node;
use crate::units::Span;
use crate::workload::malformed::{MalformedWorkload, Spoken};

blank! {
    Spoken: Self::Http, "Http";
}

/// How many may be under way where the file does not say: some openings are half a mebibyte.
const CONNECTIONS: u32 = 8;

/// The workload.
pub(super) fn malformed(cx: &mut Context, node: &Node) -> Option<MalformedWorkload> {
    let mut fields = cx.fields(node, "workload `Malformed`")?;
    let to = fields.required(cx, "to", destination);
    let arrivals = fields.required(cx, "arrivals", arrivals);
    let usual = arrivals.users().unwrap_or(CONNECTIONS);
    let workload = MalformedWorkload {
        to,
        arrivals,
        timeout: fields.or(cx, "timeout", Span::secs(5), quantity),
        connections: fields.or(cx, "connections", usual, whole(1_u32, MOST_CONNECTIONS)),
        protocol: fields.required(cx, "protocol", spoken),
        path: fields.optional(cx, "path", text),
        leave_out: fields.or(cx, "leave_out", Vec::new(), |cx, node| cx.list(node, "names", text)),
    };
    fields.finish(cx);
    Some(workload)
}

fn spoken(cx: &mut Context, node: &Node) -> Option<Spoken> {
    let word = cx.variant(node, "a protocol", &Spoken::ALL.map(Spoken::word))?;
    cx.bare(node);
    Spoken::ALL.into_iter().find(|spoken| spoken.word() == word)
}
