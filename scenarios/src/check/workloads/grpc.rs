//! gRPC workloads: that every call can be made, and that some answer could be right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{data, filled, header, http, name};
use crate::check::Checker;
use crate::places::{Path, Step};
use crate::syntax::shortened;
use crate::workload::grpc::{COMPARED_BYTES_MAX, GrpcCall, GrpcWorkload};

pub(super) fn rules(checker: &mut Checker<'_>, path: &Path, grpc: &GrpcWorkload) {
    http::auth(checker, &path.then("auth"), grpc.auth.as_ref());
    let path = path.then("calls");
    filled(checker, &path, grpc.calls.len(), "calls: [(call: \"shop.Items/Get\", message: \"CAE=\")]");
    for (index, of) in grpc.calls.iter().enumerate() {
        call(checker, &path.then(index), of);
    }
}

fn call(checker: &mut Checker<'_>, path: &Path, call: &GrpcCall) {
    name(checker, path, call.name.as_deref());
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if !call.method.split_once('/').is_some_and(|(service, method)| is_word(service) && is_word(method)) {
        let message = format!("`{}` is nothing that can be called", shortened(&call.method));
        checker.tell(
            &path.then("call"),
            message,
            "write `package.Service/Method`, such as `\"shop.Items/Get\"`",
        );
    }
    encoded(checker, &path.then("message"), &call.message);
    file(checker, path, call.message_file.as_deref());
    for (name, value) in &call.metadata {
        let at = path.then("metadata").then(name);
        header(checker, &at, name, value);
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("grpc-") || ["te", "content-type"].contains(&lower.as_str()) {
            let message = format!("`{}` is gRPC's own", shortened(name));
            checker.tell(&at.then(Step::Key), message, "remove it");
        }
    }
    expect(checker, &path.then("expect"), call);
}

fn expect(checker: &mut Checker<'_>, path: &Path, call: &GrpcCall) {
    let expect = &call.expect;
    if let Some(message) = &expect.message
        && encoded(checker, &path.then("message"), message)
            .is_some_and(|length| length as u64 > COMPARED_BYTES_MAX)
    {
        let help = format!(
            "allowed: at most {COMPARED_BYTES_MAX} bytes; check its size by `at_least` and `at_most`"
        );
        checker.tell(&path.then("message"), "this message is too long to be compared", help);
    }
    file(checker, path, expect.message_file.as_deref());
    http::sizes(checker, path, "message", (expect.at_least, expect.at_most));
    http::within(checker, path, expect.within);
}

fn file(checker: &mut Checker<'_>, path: &Path, file: Option<&str>) {
    if let Some(file) = file {
        data::file(checker, &path.then("message_file"), file, "order.bin");
    }
}

/// That a text is Base64; how many bytes it stands for.
fn encoded(checker: &mut Checker<'_>, path: &Path, text: &str) -> Option<usize> {
    let decoded = BASE64.decode(text);
    if let Err(error) = &decoded {
        let help = "encode the message as `protoc --encode` and `base64 -w0` do, such as `\"CAE=\"`";
        checker.tell(path, format!("this is not Base64: {}", shortened(&error.to_string())), help);
    }
    decoded.ok().map(|bytes| bytes.len())
}
