//! Journeys: HTTP requests one after the other, each made of what those before it were answered.
//!
//! What an answer gives is foreign text. Where it is put into a path, whatever a path cannot hold is percent-encoded; in a
//! header, control characters become spaces (RFC 9110, section 5.5): so no answer can write a second request.

mod glean;
mod jar;
mod phrase;

use std::cell::{Cell, RefCell};
use std::io::Write as _;

use shakedown_scenarios::seed::Chance;
use shakedown_scenarios::workload::JourneyWorkload;
use shakedown_scenarios::workload::feeder::{Feeder, Order};
use shakedown_scenarios::workload::journey::JourneyStep;

use self::glean::{Gleaner, Grip};
use self::jar::Jar;
use self::phrase::{Phrase, Place};
use crate::client::http::answer::{AnswerReader, Sink, Step as Read};
use crate::client::http::checks::{Checks, Seen, Witness};
use crate::client::http::{USER_AGENT, checked, login};
use crate::client::secret::Secret;
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::mix::Ask;

/// The steps of a journey, ready to send.
#[derive(Debug)]
pub(crate) struct JourneyClient {
    steps: Vec<Step>,
    /// How many values there are: one for each column, and one for each name that is captured.
    values: usize,
    data: Option<Rows>,
    /// Whether the next journey on a connection is the same user's.
    keeps_cookies: bool,
}

/// Rows, one for each journey. Which comes next follows from the order in which journeys are sent, and from the seed.
#[derive(Debug)]
struct Rows {
    rows: Vec<Vec<String>>,
    next: Cell<usize>,
    /// Where they are drawn.
    chance: Option<RefCell<Chance>>,
}

/// One step with everything that does not change from one journey to the next.
#[derive(Debug)]
struct Step {
    method: String,
    path: Phrase,
    /// Host and the like, and what it logs in with.
    fixed: Secret,
    headers: Vec<(String, Phrase)>,
    body: Phrase,
    /// Whether it says how long its body is though that is empty.
    has_length: bool,
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
    pub(crate) fn new(host: &str, journey: &JourneyWorkload, chance: Chance) -> Result<Self, ClientError> {
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::Host(host.to_owned()));
        }
        let login = journey.auth.as_ref().map(login).transpose()?;
        let data = journey.data.as_ref().map(|feeder| Rows::new(feeder, chance)).transpose()?;
        let mut names: Vec<&str> = journey.columns().iter().map(String::as_str).collect();
        let mut steps = Vec::new();
        for step in &journey.steps {
            steps.push(Step::new(host, login.as_ref(), step, &mut names)?);
        }
        let keeps_cookies = journey.arrivals.users().is_some();
        Ok(Self { steps, values: names.len(), data, keeps_cookies })
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
        self.steps.iter().any(Step::has_number)
    }

    fn begins(&self, _: &Ask, answer: &mut JourneyAnswer, _: usize, now: u64) {
        answer.now = now;
    }

    fn ask(&self, ask: &Ask, answer: &mut JourneyAnswer, out: &mut Vec<u8>) {
        if ask.kind == 0 {
            answer.values.iter_mut().for_each(Vec::clear);
            if let Some(data) = &self.data {
                data.next(&mut answer.values);
            }
            if !self.keeps_cookies {
                answer.jar.clear();
            }
        }
        let step = self.step(ask.kind);
        answer.step = ask.kind;
        answer.path.clear();
        step.path.write(ask.key, &answer.values, Place::Path, &mut answer.path);
        step.write(ask.key, answer, out);
        answer.reader.begin(step.method == "HEAD");
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

// === impl Rows ===

impl Rows {
    /// The rows of a file that was read.
    fn new(feeder: &Feeder, chance: Chance) -> Result<Self, ClientError> {
        if feeder.rows.is_empty() {
            return Err(ClientError::Rows(feeder.file.clone()));
        }
        let chance = (feeder.order == Order::Random).then(|| RefCell::new(chance));
        Ok(Self { rows: feeder.rows.clone(), next: Cell::new(0), chance })
    }

    /// Puts the fields of the next row before the other values.
    fn next(&self, values: &mut [Vec<u8>]) {
        let row = match &self.chance {
            Some(chance) => chance.borrow_mut().below(self.rows.len() as u64) as usize,
            None => self.next.replace((self.next.get() + 1) % self.rows.len()),
        };
        for (value, field) in values.iter_mut().zip(&self.rows[row]) {
            value.extend_from_slice(field.as_bytes());
        }
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
        checked(request)?;
        let phrase = |text: &str| Phrase::new(text, names);
        let has = |wanted: &str| request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut fixed = Vec::new();
        if !has("host") {
            fixed.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        if !has("user-agent") {
            fixed.extend_from_slice(format!("User-Agent: {USER_AGENT}\r\n").as_bytes());
        }
        if let Some((name, secret)) = login {
            fixed.extend_from_slice(&[name.as_bytes(), b": ", secret.bytes(), b"\r\n"].concat());
        }
        let (path, body) = (phrase(&request.path), phrase(&request.body));
        let headers = request.headers.iter().map(|(name, value)| (name.clone(), phrase(value))).collect();
        let mut grips = Vec::new();
        for (name, capture) in &step.capture {
            let known = names.iter().position(|known| known == name);
            let value = known.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            grips.push((value, Grip::new(capture)?));
        }
        let is_close = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("connection") && value.to_ascii_lowercase().contains("close")
        };
        Ok(Self {
            method: request.method.clone(),
            path,
            fixed: Secret::new(fixed),
            headers,
            body,
            has_length: ["POST", "PUT", "PATCH"].contains(&request.method.as_str()),
            has_cookie: has("cookie"),
            asks_to_close: request.headers.iter().any(is_close),
            checks: Checks::new(&request.expect)?,
            grips,
        })
    }

    fn has_number(&self) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        [&self.path, &self.body].into_iter().chain(headers).any(Phrase::has_number)
    }

    /// Appends the request of a user whose path is written already.
    fn write(&self, number: u64, user: &JourneyAnswer, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        self.body.write(number, &user.values, Place::Body, &mut body);
        out.extend_from_slice(&[self.method.as_bytes(), b" ", &user.path, b" HTTP/1.1\r\n"].concat());
        out.extend_from_slice(self.fixed.bytes());
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            value.write(number, &user.values, Place::Header, out);
            out.extend_from_slice(b"\r\n");
        }
        if !self.has_cookie {
            user.jar.write(&user.path, user.now, out);
        }
        if self.has_length || !body.is_empty() {
            write!(out, "Content-Length: {}\r\n", body.len()).expect("writing into a Vec cannot fail");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
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
