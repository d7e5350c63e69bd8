//! Targets and links.

use std::collections::BTreeMap;

use super::context::{Blank, Context};
use super::export;
use super::scalar::{blank, quantity, text, texts, whole};
use super::words;
use crate::protocol::LinkKind;
use crate::syntax::{Node, Struct, Value};
use crate::target::{
    Address, Attached, DnsLink, Link, Port, Process, ProtocolLink, Readiness, Restart, Target, TcpLink, Way,
};
use crate::units::Span;

blank! {
    Target: Self::Address(Address { address: String::new() }), r#"Process(argv: ["./server", "{port}"])"#;
    Link: Self::Tcp(TcpLink { to: String::new(), listen: Port::Auto, from: None }), r#"Tcp(to: "target")"#;
    BTreeMap<String, Target>: Self::new(), r#"{"server": Process(argv: ["./server", "{port}"])}"#;
}

/// One target.
pub(super) fn target(cx: &mut Context, node: &Node) -> Option<Target> {
    match cx.variant(node, "a target", &["Process", "Pid", "Address"])? {
        "Process" => process(cx, node).map(Target::Process),
        "Pid" => attached(cx, node).map(Target::Pid),
        _ => {
            let address = cx.only(node, r#"Address("127.0.0.1:8080")"#)?;
            let address = cx.step("address", address, text).unwrap_or_default();
            Some(Target::Address(Address { address }))
        }
    }
}

fn process(cx: &mut Context, node: &Node) -> Option<Process> {
    let mut fields = cx.fields(node, "`Process`")?;
    let process = Process {
        argv: fields.required(cx, "argv", texts),
        env: fields.or(cx, "env", BTreeMap::new(), |cx, node| cx.map(node, "variables", text)),
        dir: fields.optional(cx, "dir", text),
        files: fields.or(cx, "files", BTreeMap::new(), |cx, node| cx.map(node, "files", text)),
        port: fields.or(cx, "port", Port::Auto, port),
        ready: fields.or(cx, "ready", Readiness::Tcp, readiness),
        ready_within: fields.or(cx, "ready_within", Span::secs(10), quantity),
        restart: fields.or(cx, "restart", Restart::Never, restart),
        grace: fields.or(cx, "grace", Span::secs(5), quantity),
        exports: fields.or(cx, "exports", Vec::new(), export::exports),
    };
    fields.finish(cx);
    Some(process)
}

fn attached(cx: &mut Context, node: &Node) -> Option<Attached> {
    let mut fields = cx.fields(node, "`Pid`")?;
    let pid = fields.required(cx, "pid", whole(1_i32, i32::MAX));
    let address = fields.optional(cx, "address", text);
    let exports = fields.or(cx, "exports", Vec::new(), export::exports);
    fields.finish(cx);
    Some(Attached { pid, address, exports })
}

/// `Auto`, or a number.
fn port(cx: &mut Context, node: &Node) -> Option<Port> {
    if matches!(node.value, Value::Struct(Struct { name: Some(_), .. })) {
        cx.variant(node, "a port", &["Auto"])?;
        cx.bare(node);
        return Some(Port::Auto);
    }
    if !matches!(node.value, Value::Number(_) | Value::Text(_)) {
        return cx.expected(node, "a port", "write `Auto` or a number from 1 to 65535");
    }
    whole(1_u16, u16::MAX)(cx, node).map(Port::Fixed)
}

fn readiness(cx: &mut Context, node: &Node) -> Option<Readiness> {
    match cx.variant(node, "a readiness", &["Tcp", "Http", "Exec", "Started"])? {
        "Http" => {
            let path = cx.only(node, r#"Http("/healthz")"#)?;
            cx.step("http", path, text).map(Readiness::Http)
        }
        "Exec" => {
            let argv = cx.only(node, r#"Exec(["program", "argument"])"#)?;
            cx.step("exec", argv, texts).map(Readiness::Exec)
        }
        bare => {
            cx.bare(node);
            Some(if bare == "Tcp" { Readiness::Tcp } else { Readiness::Started })
        }
    }
}

fn restart(cx: &mut Context, node: &Node) -> Option<Restart> {
    if cx.variant(node, "a restart policy", &["Never", "OnExit"])? == "Never" {
        cx.bare(node);
        return Some(Restart::Never);
    }
    let mut fields = cx.fields(node, "`OnExit`")?;
    let from = fields.or(cx, "from", Span::millis(200), quantity);
    let to = fields.or(cx, "to", Span::secs(10), quantity);
    fields.finish(cx);
    Some(Restart::OnExit { from, to })
}

/// One link.
pub(super) fn link(cx: &mut Context, node: &Node) -> Option<Link> {
    let word = cx.variant(node, "a link", &LinkKind::ALL.map(LinkKind::word))?;
    let kind = LinkKind::ALL.into_iter().find(|kind| kind.word() == word)?;
    let mut fields = cx.fields(node, &format!("link `{word}`"))?;
    let link = if kind == LinkKind::Dns {
        let listen = fields.or(cx, "listen", Port::Auto, port);
        Link::Dns(DnsLink { listen, zone: words::fields(cx, &mut fields, kind.details()).into() })
    } else {
        let to = fields.required(cx, "to", text);
        let listen = fields.or(cx, "listen", Port::Auto, port);
        let from = fields.optional(cx, "from", text);
        let options = words::fields(cx, &mut fields, kind.details()).into();
        match kind {
            LinkKind::Http => Link::Http(ProtocolLink { to, listen, from, options }),
            LinkKind::Tls => Link::Tls(ProtocolLink { to, listen, from, options }),
            LinkKind::Udp => Link::Udp(ProtocolLink { to, listen, from, options }),
            LinkKind::Tcp | LinkKind::Dns => Link::Tcp(TcpLink { to, listen, from }),
        }
    };
    fields.finish(cx);
    Some(link)
}

/// Which way of a link.
pub(super) fn way(cx: &mut Context, node: &Node) -> Option<Way> {
    let way = match cx.variant(node, "a way", &["Upstream", "Downstream", "Both"])? {
        "Upstream" => Way::Upstream,
        "Downstream" => Way::Downstream,
        _ => Way::Both,
    };
    cx.bare(node);
    Some(way)
}
