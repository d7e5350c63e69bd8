//! Journeys: HTTP requests one after the other, each made of what those before it were answered.
//!
//! What an answer gives is foreign text, and is put in as [`phrase`](crate::client::phrase) says: no answer can write a second request.

mod glean;
mod jar;

use shakedown_scenarios::workload::JourneyWorkload;
use shakedown_scenarios::workload::journey::JourneyStep;

use self::glean::{Gleaner, Grip};
use self::jar::Jar;
use crate::client::http::answer::{AnswerReader, Sink, Step as Read};
use crate::client::http::checks::{Checks, Seen, Witness};
use crate::client::http::draft::Draft;
use crate::client::http::{asks_to_close, login};
use crate::client::secret::Secret;
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::mix::Ask;
use crate::rows;

/// The steps of a journey, ready to send.
#[derive(Debug)]
pub(crate) struct JourneyClient {
    steps: Vec<Step>,
    /// How many values there are: one for each column, and one for each name that is captured.
    values: usize,
    /// Rows, of which each journey has one; none where it has no data.
    rows: Vec<Vec<String>>,
    /// Whether the next journey on a connection is the same user's.
    keeps_cookies: bool,
}

/// One step with everything that does not change from one journey to the next.
#[derive(Debug)]
struct Step {
    draft: Draft,
    is_head: bool,
    /// Whether it writes its cookies itself.
    has_cookie: bool,
    asks_to_close: bool,
    checks: Checks,
    /// What is captured, each with the index of its value.
    grips: Vec<(usize, Grip)>,
}

/// A user on a journey.
#[derive(Debug, Default)]
pub(crate) struct JourneyAnswer {
    reader: AnswerReader,
    seen: Seen,
    step: u32,
    /// When the request was taken up, in nanoseconds since the start of the load.
    now: u64,
    /// The path that was asked for.
    path: Vec<u8>,
    values: Vec<Vec<u8>>,
    jar: Jar,
    gleaner: Gleaner,
}

/// What sees an answer while it is read.
struct Eyes<'a> {
    witness: Witness<'a>,
    gleaner: &'a mut Gleaner,
    grips: &'a [(usize, Grip)],
    jar: &'a mut Jar,
    path: &'a [u8],
    now: u64,
}

// === impl JourneyClient ===

impl JourneyClient {
    /// Prepares the steps of a journey, and reads its secret from the environment.
    pub(crate) fn new(host: &str, journey: &JourneyWorkload) -> Result<Self, ClientError> {
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::Host(host.to_owned()));
        }
        let login = journey.auth.as_ref().map(login).transpose()?;
        let rows = journey.data.as_ref().map(rows::table).transpose()?.unwrap_or_default();
        let mut names: Vec<&str> = journey.data.as_ref().map_or(Vec::new(), rows::names);
        let mut steps = Vec::new();
        for step in &journey.steps {
            steps.push(Step::new(host, login.as_ref(), step, &mut names)?);
        }
        let keeps_cookies = journey.arrivals.users().is_some();
        Ok(Self { steps, values: names.len(), rows, keeps_cookies })
    }

    fn step(&self, step: u32) -> &Step {
        &self.steps[step as usize]
    }

    /// The verdict on a whole answer; what it gives becomes values.
    fn judge(&self, answer: &mut JourneyAnswer) -> Result<(), ErrorClass> {
        let step = self.step(answer.step);
        step.checks.judge(answer.reader.status(), &mut answer.seen)?;
        let found = answer.gleaner.finish(&step.grips, &mut answer.values);
        if found { Ok(()) } else { Err(ErrorClass::Check) }
    }
}

impl Client for JourneyClient {
    type Answer = JourneyAnswer;

    fn answer(&self) -> JourneyAnswer {
        JourneyAnswer { values: vec![Vec::new(); self.values], ..JourneyAnswer::default() }
    }

    fn has_key(&self, _: usize) -> bool {
        self.steps.iter().any(|step| step.draft.has_number())
    }

    fn begins(&self, _: &Ask, answer: &mut JourneyAnswer, _: usize, now: u64) {
        answer.now = now;
    }

    fn ask(&self, ask: &Ask, answer: &mut JourneyAnswer, out: &mut Vec<u8>) {
        if ask.kind == 0 {
            answer.values.iter_mut().for_each(Vec::clear);
            let row = self.rows.get(ask.row as usize).into_iter().flatten();
            for (value, field) in answer.values.iter_mut().zip(row) {
                value.extend_from_slice(field.as_bytes());
            }
            if !self.keeps_cookies {
                answer.jar.clear();
            }
        }
        let step = self.step(ask.kind);
        answer.step = ask.kind;
        answer.path.clear();
        step.draft.path(ask.key, &answer.values, &mut answer.path);
        let cookies = |out: &mut Vec<u8>| {
            if !step.has_cookie {
                answer.jar.write(&answer.path, answer.now, out);
            }
        };
        step.draft.write(ask.key, &answer.values, cookies, out);
        answer.reader.begin(step.is_head);
        answer.seen.begin(&step.checks);
        answer.gleaner.begin();
    }

    fn follows(&self, ask: &Ask) -> Option<u32> {
        Some(ask.kind + 1).filter(|next| (*next as usize) < self.steps.len())
    }

    fn whole_at_once(&self, _: &JourneyAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut JourneyAnswer, bytes: &[u8], _: &mut Vec<u8>) -> Reading {
        let step = self.step(answer.step);
        let JourneyAnswer { reader, seen, gleaner, jar, path, now, .. } = answer;
        let witness = Witness { checks: &step.checks, seen };
        let eyes = Eyes { witness, gleaner, grips: &step.grips, jar, path, now: *now };
        match reader.read(bytes, eyes) {
            Ok(Read::More) => Reading::More,
            Ok(Read::Whole { rest }) => {
                let keep = answer.reader.may_keep() && !step.asks_to_close && rest == 0;
                Reading::Whole { verdict: self.judge(answer), keep }
            }
            Err(_) => Reading::Whole { verdict: Err(ErrorClass::Protocol), keep: false },
        }
    }

    fn closed(&self, answer: &mut JourneyAnswer) -> Result<(), ErrorClass> {
        if !answer.reader.ends_with_the_connection() {
            return Err(ErrorClass::Closed);
        }
        self.judge(answer)
    }

    fn within(&self, ask: &Ask) -> Option<u64> {
        self.step(ask.kind).checks.within
    }

    fn unasked(&self, _: &mut JourneyAnswer, _: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        false
    }
}

// === impl Step ===

impl Step {
    /// Prepares a step, whose texts know the names of those before it; its own are added to them.
    fn new<'s>(
        host: &str,
        login: Option<&(String, Secret)>,
        step: &'s JourneyStep,
        names: &mut Vec<&'s str>,
    ) -> Result<Self, ClientError> {
        let request = &step.request;
        let draft = Draft::new(host, login, request, names)?;
        let mut grips = Vec::new();
        for (name, capture) in &step.capture {
            let known = names.iter().position(|known| known == name);
            let value = known.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            grips.push((value, Grip::new(capture)?));
        }
        Ok(Self {
            draft,
            is_head: request.method == "HEAD",
            has_cookie: request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie")),
            asks_to_close: asks_to_close(request),
            checks: Checks::new(&request.expect)?,
            grips,
        })
    }
}

// === impl Eyes ===

impl Sink for Eyes<'_> {
    fn head(&mut self, fields: &[httparse::Header<'_>]) {
        self.witness.head(fields);
        self.gleaner.head(self.grips, fields);
        let named =
            |name: &'static str| fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        let date = named("date").next().map(|field| field.value);
        named("set-cookie").for_each(|field| self.jar.set(field.value, self.path, date, self.now));
    }

    fn body(&mut self, bytes: &[u8]) {
        self.witness.body(bytes);
        self.gleaner.body(self.grips, bytes);
    }
}

#[cfg(test)]
mod tests;
