//! Bodies under faults, on a clock that stands still.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use proptest::prelude::*;
use shakedown_scenarios::units::{Bandwidth, Span};

use super::{CutStage, DelayStage, FaultBody, Stages, TrickleStage};
use crate::clock::now;
use crate::error::{Aborted, BodyError};
use crate::set::Bite;

/// A body in pieces, with trailers, that counts how many of its frames were taken.
struct Pieces {
    frames: VecDeque<Bytes>,
    trailers: bool,
    taken: Arc<AtomicUsize>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.taken.fetch_add(1, Relaxed);
        if let Some(data) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("1"));
        Poll::Ready(std::mem::take(&mut self.trailers).then(|| Ok(Frame::trailers(trailers))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.frames.iter().map(Bytes::len).sum::<usize>() as u64)
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && !self.trailers
    }
}

fn pieces(sizes: &[usize]) -> (Pieces, Vec<u8>, Arc<AtomicUsize>) {
    let whole: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|place| (place % 251) as u8).collect();
    let mut rest = Bytes::from(whole.clone());
    let frames = sizes.iter().map(|size| rest.split_to(*size)).collect();
    let taken = Arc::default();
    (Pieces { frames, trailers: true, taken: Arc::clone(&taken) }, whole, taken)
}

fn slow(rate: u64) -> Stages {
    vec![Box::new(TrickleStage::new(Bandwidth::bytes_per_second(rate), &Bite::for_tests()))]
}

fn late(between: u64, chunk: u64) -> Stages {
    let mut bite = Bite::for_tests();
    let stage = DelayStage::new(Span::millis(between), Span::millis(chunk), Span::ZERO, &mut bite);
    vec![Box::new(stage)]
}

fn cut(keep: u64) -> Stages {
    vec![Box::new(CutStage::complete(keep, Bite::for_tests().mark().clone()))]
}

/// All data of a body, and whether trailers came. Its promises about what is to come are checked on the way.
async fn drain(mut body: FaultBody<Pieces>) -> (Vec<u8>, bool) {
    let (mut data, mut trailers) = (Vec::new(), false);
    loop {
        let (hint, over) = (body.size_hint(), body.is_end_stream());
        let Some(frame) = body.frame().await else { break };
        assert!(!over, "it said that it was over");
        match frame.expect("nothing fails").into_data() {
            Ok(bytes) => {
                assert!(hint.upper().is_none_or(|upper| upper >= bytes.len() as u64), "{hint:?}");
                data.extend_from_slice(&bytes);
            }
            Err(_) => trailers = true,
        }
    }
    (data, trailers)
}

fn run<F: Future>(test: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime").block_on(test)
}

proptest! {
    /// However a body is cut into pieces, time alone changes nothing of it.
    #[test]
    fn late_and_slow_bodies_are_whole(
        sizes in prop::collection::vec(0_usize..3_000, 0..12),
        rate in 50_u64..1_000_000,
        chunk in 0_u64..50,
    ) {
        let (body, whole, _) = pieces(&sizes);
        let stages = slow(rate).into_iter().chain(late(chunk, chunk)).collect();
        let (data, trailers) = run(drain(FaultBody::untouched(body).with_stages(stages)));
        prop_assert!(data == whole && trailers);
    }

    /// What is kept of a body is its beginning, wherever its pieces end; trailers come only if nothing was lost.
    #[test]
    fn a_cut_keeps_the_beginning(sizes in prop::collection::vec(0_usize..30, 0..12), keep in 0_u64..200) {
        let (body, whole, _) = pieces(&sizes);
        let (data, trailers) = run(drain(FaultBody::untouched(body).with_stages(cut(keep))));
        let kept = whole.len().min(keep as usize);
        prop_assert_eq!(&data, &whole[..kept]);
        prop_assert_eq!(trailers, kept == whole.len());
    }

    /// A second's worth passes in a second, at any rate.
    #[test]
    fn a_trickle_keeps_its_rate(rate in 10_u64..100_000) {
        let (body, _, _) = pieces(&[rate as usize, rate as usize]);
        let took = run(async {
            let began = now();
            drain(FaultBody::untouched(body).with_stages(slow(rate))).await;
            began.elapsed()
        });
        let wanted = Span::secs(2).duration();
        prop_assert!(took >= wanted.mul_f64(0.98) && took <= wanted.mul_f64(1.1), "{:?}", took);
    }
}

#[test]
fn no_stage_reads_ahead() {
    run(async {
        for stages in [slow(1_000), late(0, 10), late(10, 0), cut(1_000)] {
            let (body, _, taken) = pieces(&[500, 500, 500]);
            let mut body = FaultBody::untouched(body).with_stages(stages);
            body.frame().await.expect("a frame").expect("data");
            assert_eq!(taken.load(Relaxed), 1);
        }
    });
}

#[test]
fn a_cut_that_fails_lets_the_rest_leave_first() {
    run(async {
        let (body, whole, _) = pieces(&[5, 5]);
        let mark = Bite::for_tests().mark().clone();
        let stage = CutStage::failing(7, Aborted::default(), mark);
        let mut body = FaultBody::untouched(body).with_stages(vec![Box::new(stage)]);
        assert_eq!(body.size_hint().exact(), Some(10), "what was promised stays promised");
        let began = now();
        let mut data = Vec::new();
        let error = loop {
            match body.frame().await.expect("an error in the end") {
                Ok(frame) => data.extend(frame.into_data().expect("data")),
                Err(error) => break error,
            }
        };
        assert_eq!(data, whole[..7]);
        assert!(matches!(error, BodyError::Aborted(_)));
        assert!(began.elapsed() >= Span::millis(10).duration());
        assert!(body.frame().await.is_none() && body.is_end_stream());
    });
}
