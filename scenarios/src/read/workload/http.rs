//! What HTTP requests log in with, and what a right answer looks like.

use super::{STREAMS, STREAMS_MAX};
use crate::read::context::Context;
use crate::read::scalar::{quantity, text, whole};
use crate::read::words;
use crate::syntax::Node;
use crate::workload::{HttpAuth, HttpExpect, HttpVersion};

/// `Bearer("TOKEN")`, `Basic(user: "app", password_env: "PASSWORD")` or `Header(name: "X-Key", env: "KEY")`.
pub(super) fn auth(cx: &mut Context, node: &Node) -> Option<HttpAuth> {
    match cx.variant(node, "a login", &["Bearer", "Basic", "Header"])? {
        "Bearer" => {
            let env = cx.only(node, r#"Bearer("SHOP_TOKEN")"#)?;
            cx.step("env", env, text).map(|env| HttpAuth::Bearer { env })
        }
        "Basic" => {
            let mut fields = cx.fields(node, "`Basic`")?;
            let user = fields.required(cx, "user", text);
            let password_env = fields.required(cx, "password_env", text);
            fields.finish(cx);
            Some(HttpAuth::Basic { user, password_env })
        }
        _ => {
            let mut fields = cx.fields(node, "`Header`")?;
            let name = fields.required(cx, "name", text);
            let env = fields.required(cx, "env", text);
            fields.finish(cx);
            Some(HttpAuth::Header { name, env })
        }
    }
}

/// `Http1`, `Http2` or `Http2(streams: 20)`.
pub(super) fn version(cx: &mut Context, node: &Node) -> Option<HttpVersion> {
    if cx.variant(node, "a version", &["Http1", "Http2"])? == "Http1" {
        cx.bare(node);
        return Some(HttpVersion::Http1);
    }
    let mut fields = cx.fields(node, "`Http2`")?;
    let streams = fields.or(cx, "streams", STREAMS, whole(1, STREAMS_MAX));
    fields.finish(cx);
    Some(HttpVersion::Http2 { streams })
}

/// What a right answer looks like.
pub(super) fn expect(cx: &mut Context, node: &Node) -> Option<HttpExpect> {
    let mut fields = cx.fields(node, "`expect`")?;
    let expect = HttpExpect {
        status: fields.optional(cx, "status", whole(100_u16, 599)),
        body: fields.optional(cx, "body", text),
        headers: fields.or(cx, "headers", Vec::new(), |cx, node| cx.entries(node, "headers", text)),
        matches: fields.optional(cx, "matches", text),
        json: fields.or(cx, "json", Vec::new(), |cx, node| cx.entries(node, "values", words::value)),
        at_least: fields.optional(cx, "at_least", quantity),
        at_most: fields.optional(cx, "at_most", quantity),
        within: fields.optional(cx, "within", quantity),
    };
    fields.finish(cx);
    Some(expect)
}
