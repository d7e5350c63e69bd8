//! A JSON body that is changed as a whole.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use serde_json::Value;

use super::{Polled, Pull, Stage};
use crate::set::Mark;

/// Gathers a body, changes it and hands it on. A body that is larger than the limit, or no JSON, passes as it is.
pub(crate) struct PatchStage {
    patch: Value,
    gathered: BytesMut,
    /// What came behind the body: it goes behind the changed one.
    trailers: Option<Frame<Bytes>>,
    state: State,
    mark: Mark,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Gathers,
    /// What comes passes: the body is too large.
    Passes,
    /// All was handed on, but for the trailers.
    Ends,
}

/// The most that is gathered of a body, bytes.
const GATHERED_MAX: usize = 1024 * 1024;

// === impl PatchStage ===

impl PatchStage {
    pub(crate) fn new(patch: Value, mark: Mark) -> Self {
        Self { patch, gathered: BytesMut::new(), trailers: None, state: State::Gathers, mark }
    }

    /// The whole body is there.
    fn finish(&mut self) -> Polled {
        self.state = State::Ends;
        let whole = std::mem::take(&mut self.gathered).freeze();
        let bytes = match serde_json::from_slice(&whole) {
            Ok(mut document) => {
                merge(&mut document, &self.patch);
                let changed = Bytes::from(document.to_string());
                self.mark.bit();
                changed
            }
            Err(_) => whole,
        };
        match bytes.is_empty() {
            true => self.end(),
            false => Poll::Ready(Some(Ok(Frame::data(bytes)))),
        }
    }

    fn end(&mut self) -> Polled {
        Poll::Ready(self.trailers.take().map(Ok))
    }

    fn gather(&mut self, cx: &mut Context<'_>, pull: Pull<'_>) -> Polled {
        loop {
            let Some(frame) = ready!(pull(cx)).transpose()? else { return self.finish() };
            match frame.into_data() {
                Ok(data) => self.gathered.extend_from_slice(&data),
                Err(trailers) => {
                    self.trailers = Some(trailers);
                    return self.finish();
                }
            }
            if self.gathered.len() > GATHERED_MAX {
                self.state = State::Passes;
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.gathered).freeze()))));
            }
        }
    }
}

impl Stage for PatchStage {
    fn poll(&mut self, cx: &mut Context<'_>, pull: Pull<'_>) -> Polled {
        match self.state {
            State::Gathers => self.gather(cx, pull),
            State::Passes => pull(cx),
            State::Ends => self.end(),
        }
    }

    fn size(&self, below: SizeHint) -> SizeHint {
        match self.state {
            State::Gathers => SizeHint::default(),
            State::Passes => below,
            State::Ends => SizeHint::with_exact(0),
        }
    }

    fn is_over(&self, below: bool) -> bool {
        match self.state {
            State::Gathers => false,
            State::Passes => below,
            State::Ends => self.trailers.is_none(),
        }
    }
}

/// RFC 7396, section 2: members of the patch take the place of those of the same name, and `null` removes.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(name)),
            value => merge(target.entry(name).or_insert(Value::Null), value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn it_merges_as_the_examples_do() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge(&mut target, &patch);
            assert_eq!(target, expected, "{patch}");
        }
    }
}
