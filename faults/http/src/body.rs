//! A response's body under faults.
//!
//! It is pulled: who reads it makes it read on, so that a slow reader slows the server down, through every stage. A
//! stage holds at most one frame of the body below it, and hands that on before it takes another one; only a patch has to
//! see a whole body, up to its limit.

mod cut;
mod delay;
mod kept;
mod patch;
#[cfg(test)]
mod tests;
mod trickle;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use kept::Kept;

pub(crate) use cut::CutStage;
pub(crate) use delay::DelayStage;
pub(crate) use patch::PatchStage;
pub(crate) use trickle::{Pace, TrickleStage};

use crate::error::{BodyError, BoxError};

pin_project! {
    /// A body, and what it passes through.
    pub struct FaultBody<B> {
        #[pin]
        source: Source<B>,
        stages: Stages,
    }
}

pin_project! {
    #[project = SourceView]
    enum Source<B> {
        Inner { #[pin] body: B },
        Canned { bytes: Bytes },
        Kept { kept: Kept<B> },
    }
}

/// What a body passes through, from the source on.
pub(crate) type Stages = Vec<Box<dyn Stage>>;

/// What a poll of a body gives.
pub(crate) type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

/// Reads on below a stage.
pub(crate) type Pull<'a> = &'a mut dyn FnMut(&mut Context<'_>) -> Polled;

/// One fault on a body.
pub(crate) trait Stage: Send {
    /// The next frame; it holds back at most one.
    fn poll(&mut self, cx: &mut Context<'_>, pull: Pull<'_>) -> Polled;

    /// How much is to come, if this much is to come from below.
    fn size(&self, below: SizeHint) -> SizeHint;

    /// Whether nothing more comes, if nothing more comes from below (or if something does).
    fn is_over(&self, below: bool) -> bool;
}

// === impl FaultBody ===

impl<B> FaultBody<B> {
    /// A body that nothing is done to.
    pub(crate) const fn untouched(body: B) -> Self {
        Self { source: Source::Inner { body }, stages: Vec::new() }
    }

    /// A body of a fault's own.
    pub(crate) const fn canned(bytes: Bytes) -> Self {
        Self { source: Source::Canned { bytes }, stages: Vec::new() }
    }

    /// The same body, whose beginning can be looked at before it is handed on. It is done to bodies without stages.
    pub(crate) fn kept(self) -> Self {
        let source = match self.source {
            Source::Inner { body } => Source::Kept { kept: Kept::new(body) },
            known => known,
        };
        Self { source, stages: self.stages }
    }

    /// The same body, passing through these as well.
    pub(crate) fn with_stages(mut self, stages: Stages) -> Self {
        self.stages.extend(stages);
        self
    }
}

impl<B> FaultBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Reads ahead of who asks for the body until so many bytes of it are there, or it is over. What was read stays where
    /// it is when this is given up.
    pub(crate) async fn look(&mut self, most: usize) {
        if let Source::Kept { kept } = &mut self.source {
            std::future::poll_fn(|cx| kept.poll_ahead(most, cx)).await;
        }
    }

    /// What is known of how it begins.
    pub(crate) fn beginning(&self) -> Bytes {
        match &self.source {
            Source::Inner { .. } => Bytes::new(),
            Source::Canned { bytes } => bytes.clone(),
            Source::Kept { kept } => kept.beginning(),
        }
    }
}

impl<B> Body for FaultBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        let this = self.project();
        let mut source = this.source;
        poll_through(this.stages, cx, &mut |cx| source.as_mut().poll_frame(cx))
    }

    fn size_hint(&self) -> SizeHint {
        self.stages.iter().fold(self.source.size_hint(), |below, stage| stage.size(below))
    }

    fn is_end_stream(&self) -> bool {
        self.stages.iter().fold(self.source.is_end_stream(), |below, stage| stage.is_over(below))
    }
}

impl<B> std::fmt::Debug for FaultBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultBody").field("stages", &self.stages.len()).finish_non_exhaustive()
    }
}

/// Polls the last stage, which pulls from the one before it, and so on to the source.
fn poll_through(stages: &mut [Box<dyn Stage>], cx: &mut Context<'_>, source: Pull<'_>) -> Polled {
    match stages.split_last_mut() {
        None => source(cx),
        Some((last, before)) => last.poll(cx, &mut |cx| poll_through(before, cx, source)),
    }
}

// === impl Source ===

impl<B> Source<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match self.project() {
            SourceView::Inner { body } => poll_inner(body, cx),
            SourceView::Kept { kept } => kept.poll_frame(cx),
            SourceView::Canned { bytes } => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
        }
    }
}

impl<B: Body> Source<B> {
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Inner { body } => body.size_hint(),
            Self::Canned { bytes } => SizeHint::with_exact(bytes.len() as u64),
            Self::Kept { kept } => kept.size_hint(),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Inner { body } => body.is_end_stream(),
            Self::Canned { bytes } => bytes.is_empty(),
            Self::Kept { kept } => kept.is_end_stream(),
        }
    }
}

/// The next frame of somebody else's body, in the form that all have here.
fn poll_inner<B>(body: Pin<&mut B>, cx: &mut Context<'_>) -> Polled
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let frame = ready!(body.poll_frame(cx));
    let frame = frame.map(|frame| frame.map_err(|error| BodyError::Inner(error.into())));
    Poll::Ready(frame.map(|frame| Ok(frame?.map_data(|mut data| data.copy_to_bytes(data.remaining())))))
}

/// So many bytes more than this.
pub(crate) fn plus(hint: SizeHint, bytes: u64) -> SizeHint {
    let mut more = SizeHint::new();
    if let Some(upper) = hint.upper() {
        more.set_upper(upper.saturating_add(bytes));
    }
    more.set_lower(hint.lower().saturating_add(bytes));
    more
}
