//! Journeys: HTTP requests one after the other, each made of what those before it were answered.
//!
//! What an answer gives is foreign text, and is put in as [`phrase`](crate::client::phrase) says: no answer can write a second
//! request.
//!
//! What a step asks is made here, as values ([`Asked`]), and what is captured, checked and kept of an answer is decided here. How
//! either stands on a connection is known by [`http1`] and by [`http2`](crate::http2).

mod glean;
mod http1;
mod jar;

use shakedown_scenarios::workload::JourneyWorkload;
use shakedown_scenarios::workload::journey::JourneyStep;

use self::glean::{Gleaner, Grip};
use self::jar::Jar;
use crate::client::http::answer::Sink;
use crate::client::http::checks::{Checks, Seen, Witness};
use crate::client::http::{USER_AGENT, checked, login};
use crate::client::secret::Secret;
use crate::client::texts::Texts;
use crate::client::{ClientError, ErrorClass};
use crate::mix::Ask;
use crate::rows;

pub(crate) use self::http1::JourneyClient;

/// The steps of a journey, whatever they go over.
#[derive(Debug)]
pub(crate) struct Journey {
    steps: Vec<Step>,
    /// What every step logs in with.
    login: Option<(String, Secret)>,
    /// How many values there are: one for each column, and one for each name that is captured.
    values: usize,
    /// Rows, of which each journey has one; none where it has no data.
    rows: Vec<Vec<String>>,
    /// Whether the next journey on a seat is the same user's.
    keeps_cookies: bool,
}

/// One step with everything that does not change from one journey to the next.
#[derive(Debug)]
struct Step {
    method: String,
    texts: Texts,
    checks: Checks,
    /// What is captured, each with the index of its value.
    grips: Vec<(usize, Grip)>,
}

/// A user on a journey.
#[derive(Debug, Default)]
pub(crate) struct User {
    seen: Seen,
    step: u32,
    /// What stands for `{n}`.
    number: u64,
    /// When the request was taken up, in nanoseconds since the start of the load.
    now: u64,
    /// The path that is asked for.
    path: Vec<u8>,
    values: Vec<Vec<u8>>,
    jar: Jar,
    gleaner: Gleaner,
    /// Which of the step's captures found nothing.
    missed: Option<usize>,
}

/// What a step asks for its user, as values.
pub(crate) struct Asked<'a> {
    journey: &'a Journey,
    step: &'a Step,
    user: &'a User,
    pub method: &'a str,
    /// Path and query: visible ASCII characters, the first of which is `/`.
    pub path: &'a [u8],
    pub body: Vec<u8>,
}

/// A field of what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub name: &'a str,
    /// Without control characters, tabs that the experiment wrote aside.
    pub value: &'a [u8],
    /// Whether only the target may learn it.
    pub is_secret: bool,
}

/// What sees an answer while it is read.
pub(crate) struct Eyes<'a> {
    witness: Witness<'a>,
    gleaner: &'a mut Gleaner,
    grips: &'a [(usize, Grip)],
    jar: &'a mut Jar,
    path: &'a [u8],
    now: u64,
}

// === impl Journey ===

impl Journey {
    /// Prepares the steps of a journey, and reads its secret from the environment.
    pub(crate) fn new(journey: &JourneyWorkload) -> Result<Self, ClientError> {
        let login = journey.auth.as_ref().map(login).transpose()?;
        let rows = journey.data.as_ref().map(rows::table).transpose()?.unwrap_or_default();
        let mut names: Vec<&str> = journey.data.as_ref().map_or(Vec::new(), rows::names);
        let mut steps = Vec::new();
        for step in &journey.steps {
            steps.push(Step::new(step, &mut names)?);
        }
        let keeps_cookies = journey.arrivals.users().is_some();
        Ok(Self { steps, login, values: names.len(), rows, keeps_cookies })
    }

    /// Somebody who has not been anywhere yet.
    pub(crate) fn user(&self) -> User {
        User { values: vec![Vec::new(); self.values], ..User::default() }
    }

    /// Whether any step has a place for the number that is drawn.
    pub(crate) fn has_number(&self) -> bool {
        self.steps.iter().any(|step| step.texts.has_number())
    }

    fn step(&self, step: u32) -> &Step {
        &self.steps[step as usize]
    }

    /// A user takes up a step, in nanoseconds since the start of the load; with the first one a journey begins.
    pub(crate) fn begin(&self, ask: &Ask, user: &mut User, now: u64) {
        if ask.kind == 0 {
            user.values.iter_mut().for_each(Vec::clear);
            let row = self.rows.get(ask.row as usize).into_iter().flatten();
            for (value, field) in user.values.iter_mut().zip(row) {
                value.extend_from_slice(field.as_bytes());
            }
            if !self.keeps_cookies {
                user.jar.clear();
            }
        }
        (user.step, user.number, user.now) = (ask.kind, ask.key, now);
        user.path.clear();
        self.step(ask.kind).texts.path(ask.key, &user.values, &mut user.path);
    }

    /// What the present step asks; the same however often it is made.
    pub(crate) fn asked<'a>(&'a self, user: &'a User) -> Asked<'a> {
        let step = self.step(user.step);
        let mut body = Vec::new();
        step.texts.body(user.number, &user.values, &mut body);
        Asked { journey: self, step, user, method: &step.method, path: &user.path, body }
    }

    /// What sees the answer to the present step; `is_new`: it begins.
    pub(crate) fn eyes<'a>(&'a self, user: &'a mut User, is_new: bool) -> Eyes<'a> {
        let step = self.step(user.step);
        let User { seen, gleaner, jar, path, now, .. } = user;
        if is_new {
            seen.begin(&step.checks);
            gleaner.begin();
        }
        let witness = Witness { checks: &step.checks, seen };
        Eyes { witness, gleaner, grips: &step.grips, jar, path, now: *now }
    }

    /// The verdict on a whole answer with this status; what it gives becomes values.
    pub(crate) fn judge(&self, user: &mut User, status: u16) -> Result<(), ErrorClass> {
        let step = self.step(user.step);
        user.missed = None;
        step.checks.judge(status, &mut user.seen)?;
        user.missed = user.gleaner.finish(&step.grips, &mut user.values);
        if user.missed.is_none() { Ok(()) } else { Err(ErrorClass::Check) }
    }

    /// Why the answer that was judged last is wrong, for people.
    pub(crate) fn why(&self, user: &User, status: u16, class: ErrorClass) -> Option<String> {
        let step = self.step(user.step);
        let missed = || user.missed.and_then(|index| step.grips.get(index)).map(|(_, grip)| grip.missed());
        match class {
            ErrorClass::Status | ErrorClass::Check => {
                step.checks.why(status, &user.seen, self.may_quote()).or_else(missed)
            }
            _ => None,
        }
    }

    /// Whether answers may be quoted: where requests hold a secret they may give it back.
    pub(crate) const fn may_quote(&self) -> bool {
        self.login.is_none()
    }

    /// The step behind this one.
    pub(crate) fn follows(&self, ask: &Ask) -> Option<u32> {
        Some(ask.kind + 1).filter(|next| (*next as usize) < self.steps.len())
    }

    /// How long a step may take from when it was due, in nanoseconds.
    pub(crate) fn within(&self, ask: &Ask) -> Option<u64> {
        self.step(ask.kind).checks.within
    }
}

// === impl Step ===

impl Step {
    /// Prepares a step, whose texts know the names of those before it; its own are added to them.
    fn new<'s>(step: &'s JourneyStep, names: &mut Vec<&'s str>) -> Result<Self, ClientError> {
        let request = &step.request;
        checked(request)?;
        let texts = Texts::new(request, names);
        let mut grips = Vec::new();
        for (name, capture) in &step.capture {
            let known = names.iter().position(|known| known == name);
            let value = known.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            grips.push((value, Grip::new(capture)?));
        }
        let checks = Checks::new(&request.expect)?;
        Ok(Self { method: request.method.clone(), texts, checks, grips })
    }
}

// === impl Asked ===

impl Asked<'_> {
    /// Whether the experiment itself writes this header.
    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.step.texts.has(wanted)
    }

    /// Tells its fields in their order, without the one that names the target: that is the version's own.
    pub(crate) fn fields(&self, mut tell: impl FnMut(Field<'_>)) {
        let Self { journey, step, user, .. } = self;
        let mut open = |name: &str, value: &[u8]| tell(Field { name, value, is_secret: false });
        if !step.texts.has("user-agent") {
            open("User-Agent", USER_AGENT.as_bytes());
        }
        if let Some((name, secret)) = &journey.login {
            tell(Field { name, value: secret.bytes(), is_secret: true });
        }
        let mut open = |name: &str, value: &[u8]| tell(Field { name, value, is_secret: false });
        step.texts.headers(user.number, &user.values, |name, value| open(name, value));
        let mut cookies = Vec::new();
        if !step.texts.has("cookie") && user.jar.write(&user.path, user.now, &mut cookies) {
            open("Cookie", &cookies);
        }
        if let Some(length) = step.texts.length(user.number, &user.values) {
            open("Content-Length", length.to_string().as_bytes());
        }
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
pub(crate) mod tests;
