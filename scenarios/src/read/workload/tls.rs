//! TLS of a workload: whom its clients believe.

use crate::read::context::Context;
use crate::read::scalar::{boolean, text};
use crate::syntax::Node;
use crate::workload::Tls;

/// `(ca: "ca.pem", name: "shop.local")`, or `(verify: false)`.
pub(super) fn tls(cx: &mut Context, node: &Node) -> Option<Tls> {
    let mut fields = cx.fields(node, "`tls`")?;
    let tls = Tls {
        ca: fields.optional(cx, "ca", text),
        name: fields.optional(cx, "name", text),
        verify: fields.or(cx, "verify", true, boolean),
    };
    fields.finish(cx);
    Some(tls)
}
