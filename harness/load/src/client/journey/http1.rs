//! Journeys over HTTP/1.1: each user has a connection of its own.

use shakedown_scenarios::workload::JourneyWorkload;

use super::{Asked, Journey, User};
use crate::client::http::answer::{AnswerReader, Step as Read};
use crate::client::http::{asks_to_close, checked_host};
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::mix::Ask;

/// A journey, ready to send.
#[derive(Debug)]
pub(crate) struct JourneyClient {
    journey: Journey,
    /// What the target is called.
    host: String,
    /// For each step whether it asks to close its connection.
    closes: Vec<bool>,
}

/// A user on a journey, and what has been read of its answer.
#[derive(Debug, Default)]
pub(crate) struct JourneyAnswer {
    reader: AnswerReader,
    pub(super) user: User,
}

// === impl JourneyClient ===

impl JourneyClient {
    /// Prepares the steps of a journey, and reads its secret from the environment.
    pub(crate) fn new(host: &str, journey: &JourneyWorkload) -> Result<Self, ClientError> {
        checked_host(host)?;
        let closes = journey.steps.iter().map(|step| asks_to_close(&step.request)).collect();
        Ok(Self { journey: Journey::new(journey)?, host: host.to_owned(), closes })
    }
}

impl Client for JourneyClient {
    type Answer = JourneyAnswer;

    fn answer(&self) -> JourneyAnswer {
        JourneyAnswer { user: self.journey.user(), ..JourneyAnswer::default() }
    }

    fn has_key(&self, _: usize) -> bool {
        self.journey.has_number()
    }

    fn begins(&self, ask: &Ask, answer: &mut JourneyAnswer, _: usize, now: u64) {
        self.journey.begin(ask, &mut answer.user, now);
    }

    fn ask(&self, _: &Ask, answer: &mut JourneyAnswer, out: &mut Vec<u8>) {
        let asked = self.journey.asked(&answer.user);
        write(&self.host, &asked, out);
        answer.reader.begin(asked.method == "HEAD");
        self.journey.eyes(&mut answer.user, true);
    }

    fn follows(&self, ask: &Ask) -> Option<u32> {
        self.journey.follows(ask)
    }

    fn whole_at_once(&self, _: &JourneyAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut JourneyAnswer, bytes: &[u8], _: &mut Vec<u8>) -> Reading {
        let JourneyAnswer { reader, user } = answer;
        match reader.read(bytes, self.journey.eyes(user, false)) {
            Ok(Read::More) => Reading::More,
            Ok(Read::Whole { rest }) => {
                let keep = reader.may_keep() && !self.closes[user.step as usize] && rest == 0;
                Reading::Whole { verdict: self.journey.judge(user, reader.status()), keep }
            }
            Err(_) => Reading::Whole { verdict: Err(ErrorClass::Protocol), keep: false },
        }
    }

    fn may_quote(&self) -> bool {
        self.journey.may_quote()
    }

    fn why(&self, answer: &JourneyAnswer, class: ErrorClass) -> Option<String> {
        match class {
            ErrorClass::Protocol => answer.reader.violation().map(|violation| violation.to_string()),
            class => self.journey.why(&answer.user, answer.reader.status(), class),
        }
    }

    fn closed(&self, answer: &mut JourneyAnswer) -> Result<(), ErrorClass> {
        if !answer.reader.ends_with_the_connection() {
            return Err(ErrorClass::Closed);
        }
        self.journey.judge(&mut answer.user, answer.reader.status())
    }

    fn within(&self, ask: &Ask) -> Option<u64> {
        self.journey.within(ask)
    }

    fn unasked(&self, _: &mut JourneyAnswer, _: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        false
    }
}

/// Appends a request.
fn write(host: &str, asked: &Asked<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&[asked.method.as_bytes(), b" ", asked.path, b" HTTP/1.1\r\n"].concat());
    if !asked.has("host") {
        out.extend_from_slice(&[b"Host: ", host.as_bytes(), b"\r\n"].concat());
    }
    asked.fields(|of| {
        out.extend_from_slice(&[of.name.as_bytes(), b": ", of.value, b"\r\n"].concat());
    });
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&asked.body);
}
