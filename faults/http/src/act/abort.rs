//! Ending an exchange in the middle.

use h2::Reason;
use serde::{Deserialize, Serialize};
use shakedown_scenarios::units::Size;

use super::Dressing;
use crate::body::CutStage;
use crate::error::Aborted;
use crate::set::Bite;

/// How, and when. By default the connection (or stream) ends without a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", default)]
pub struct Abort {
    /// What becomes of an HTTP/1 connection.
    pub how: AbortHow,
    /// The error code with which an HTTP/2 stream is reset.
    pub code: StreamCode,
    /// Only after so many bytes of the response's body; a body that is not longer than that passes. If not said, the
    /// exchange is aborted before upstream is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Size>,
}

/// What becomes of an HTTP/1 connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortHow {
    /// It is closed.
    #[default]
    Close,
    /// It gets a RST. Only the proxy can do this; in somebody's own server the connection is closed.
    Reset,
}

/// The error codes of HTTP/2 (RFC 9113, section 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamCode {
    /// 0x0
    NoError,
    /// 0x1
    ProtocolError,
    /// 0x2
    #[default]
    InternalError,
    /// 0x3
    FlowControlError,
    /// 0x7
    RefusedStream,
    /// 0x8
    Cancel,
    /// 0xb
    EnhanceYourCalm,
    /// 0xd
    #[serde(rename = "http_1_1_required", alias = "http11_required")]
    Http11Required,
}

// === impl Abort ===

impl Abort {
    pub(super) fn instead(&self) -> Option<Aborted> {
        self.after.is_none().then(|| self.aborted())
    }

    pub(super) fn dress(&self, response: &mut Dressing<'_>, bite: &Bite) {
        if let Some(after) = self.after {
            let stage = CutStage::failing(after.as_bytes(), self.aborted(), bite.mark().clone());
            response.stages.push(Box::new(stage));
        }
    }

    fn aborted(&self) -> Aborted {
        Aborted::new(self.how, self.code)
    }
}

// === impl StreamCode ===

impl StreamCode {
    /// The code as HTTP/2 has it.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::NoError => Reason::NO_ERROR,
            Self::ProtocolError => Reason::PROTOCOL_ERROR,
            Self::InternalError => Reason::INTERNAL_ERROR,
            Self::FlowControlError => Reason::FLOW_CONTROL_ERROR,
            Self::RefusedStream => Reason::REFUSED_STREAM,
            Self::Cancel => Reason::CANCEL,
            Self::EnhanceYourCalm => Reason::ENHANCE_YOUR_CALM,
            Self::Http11Required => Reason::HTTP_1_1_REQUIRED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_as_its_name() {
        let codes = ["no_error", "protocol_error", "internal_error", "flow_control_error", "refused_stream"];
        for code in codes.into_iter().chain(["cancel", "enhance_your_calm", "http_1_1_required"]) {
            let read: StreamCode = serde_json::from_str(&format!("\"{code}\"")).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{code}\""));
        }
    }

    #[test]
    fn without_a_count_it_comes_before_upstream_is_asked() {
        assert!(Abort::default().instead().is_some());
        assert!(Abort { after: Some(Size::bytes(0)), ..Abort::default() }.instead().is_none());
    }
}
