//! Redis commands, and what a right reply to each looks like.

pub(super) mod reply;

use std::io::Write as _;

use shakedown_scenarios::workload::redis::{RedisExpect, RedisRequest, RedisWorkload, Resp};

use self::reply::{Kind, Reply, ReplyReader};
use crate::client::secret::Secret;
use crate::client::telling::quoted;
use crate::client::{Client, ClientError, ErrorClass, Reading};
use crate::mix::Ask;
use crate::template::Template;

/// The commands of a workload, ready to send.
#[derive(Debug)]
pub(crate) struct RedisClient {
    requests: Vec<Vec<Prepared>>,
    protocol: Resp,
    user: Option<String>,
    password: Option<Secret>,
}

/// A command with everything that does not change from one to the next.
#[derive(Debug)]
struct Prepared {
    arguments: Vec<Template>,
    expect: Expect,
}

/// What a right reply looks like.
#[derive(Debug)]
enum Expect {
    Any,
    Found,
    Whole,
    Text(Template),
    NilOr(Template),
    Error(Vec<u8>),
}

/// The state of reading the replies of one connection.
#[derive(Debug, Default)]
pub(crate) struct RedisAnswer {
    reader: ReplyReader,
    /// The kind of the request; `None` while the connection is greeted.
    kind: Option<u32>,
    key: u64,
    /// How many replies have come.
    replies: usize,
    verdict: Option<ErrorClass>,
    /// The reply that the verdict is on, and which one it is.
    wrong: (usize, Reply),
}

/// How much is kept of a text that is compared, so that it can be told.
const TEXT_BYTES_KEPT: usize = 64;

/// What a connection is greeted with is answered by anything but an error.
const GREETING: Expect = Expect::Any;

// === impl RedisClient ===

impl RedisClient {
    /// Prepares the commands of a workload, and reads its password from the environment.
    pub(crate) fn new(redis: &RedisWorkload) -> Result<Self, ClientError> {
        let password = redis.password_env.as_deref().map(Secret::of_environment).transpose()?;
        let requests = redis.commands.iter().map(prepared).collect();
        Ok(Self { requests, protocol: redis.protocol, user: redis.user.clone(), password })
    }

    fn commands(&self, kind: u32) -> &[Prepared] {
        &self.requests[kind as usize]
    }

    /// What a new connection says first, if anything.
    fn greeting(&self) -> Option<Vec<&[u8]>> {
        let password = self.password.as_ref().map(Secret::bytes);
        let user = self.user.as_deref().map(str::as_bytes);
        match (self.protocol, password) {
            (Resp::Resp2, None) => None,
            (Resp::Resp2, Some(password)) => {
                Some([Some(&b"AUTH"[..]), user, Some(password)].into_iter().flatten().collect())
            }
            (Resp::Resp3, None) => Some(vec![b"HELLO", b"3"]),
            // The user whom a password without a name belongs to.
            (Resp::Resp3, Some(password)) => {
                Some(vec![b"HELLO", b"3", b"AUTH", user.unwrap_or(b"default"), password])
            }
        }
    }

    /// How much of a text must be kept to judge the reply to the command that is answered next: one byte more than is
    /// expected, for what is longer is wrong.
    fn keep(&self, answer: &RedisAnswer) -> usize {
        let command = answer.kind.and_then(|kind| self.commands(kind).get(answer.replies));
        match command.map(|command| &command.expect) {
            Some(Expect::Text(text) | Expect::NilOr(text)) => {
                (text.length(answer.key) + 1).max(TEXT_BYTES_KEPT)
            }
            Some(Expect::Error(start)) => start.len(),
            _ => 0,
        }
    }

    /// Takes a reply into account; what was wrong first is the verdict on a pipeline.
    fn judge(&self, answer: &mut RedisAnswer) {
        let command = answer.kind.and_then(|kind| self.commands(kind).get(answer.replies));
        let expect = command.map_or(&GREETING, |command| &command.expect);
        let verdict = expect.judge(answer.key, answer.reader.reply());
        if answer.verdict.is_none() && verdict.is_err() {
            answer.wrong.0 = answer.replies;
            answer.wrong.1.copy(answer.reader.reply());
        }
        answer.verdict = answer.verdict.or(verdict.err());
        answer.replies += 1;
    }
}

impl Client for RedisClient {
    type Answer = RedisAnswer;

    fn answer(&self) -> RedisAnswer {
        RedisAnswer::default()
    }

    fn greet(&self, answer: &mut RedisAnswer, out: &mut Vec<u8>) -> bool {
        *answer = RedisAnswer::default();
        let Some(words) = self.greeting() else { return false };
        command(&words, out);
        answer.reader.await_replies(1);
        true
    }

    fn reads_late(&self) -> bool {
        true
    }

    fn has_key(&self, kind: usize) -> bool {
        let mut commands = self.requests.get(kind).into_iter().flatten();
        commands.any(|command| command.arguments.iter().any(Template::has_place))
    }

    fn ask(&self, ask: &Ask, answer: &mut RedisAnswer, out: &mut Vec<u8>) {
        let commands = self.commands(ask.kind);
        commands.iter().for_each(|command| command.render(ask.key, out));
        (answer.kind, answer.key, answer.replies, answer.verdict) = (Some(ask.kind), ask.key, 0, None);
        answer.reader.await_replies(commands.len());
    }

    fn whole_at_once(&self, _: &RedisAnswer) -> bool {
        false
    }

    fn read(&self, answer: &mut RedisAnswer, bytes: &[u8], _: &mut Vec<u8>) -> Reading {
        let mut rest = bytes;
        let mut broken = false;
        while !rest.is_empty() && !broken {
            let keep = self.keep(answer);
            match answer.reader.read(&mut rest, keep) {
                Ok(true) => self.judge(answer),
                Ok(false) => {}
                Err(_) => broken = true,
            }
        }
        match answer.reader.is_answered() {
            // What is wrong behind the last reply is not that reply's fault, but nothing may follow it.
            true => Reading::Whole { verdict: answer.verdict.map_or(Ok(()), Err), keep: !broken },
            false if broken => Reading::Whole { verdict: Err(ErrorClass::Protocol), keep: false },
            false => Reading::More,
        }
    }

    fn may_quote(&self) -> bool {
        self.password.is_none()
    }

    fn why(&self, answer: &RedisAnswer, class: ErrorClass) -> Option<String> {
        if class == ErrorClass::Protocol {
            return Some("expected replies in RESP, found something else".to_owned());
        }
        answer.verdict.filter(|verdict| *verdict == class)?;
        let (place, wrong) = &answer.wrong;
        match answer.kind {
            // Whoever does not know a command may give it back, with the password in it: an error's first word is its code.
            None if self.password.is_some() => {
                let code = wrong.text.split(|byte| !byte.is_ascii_uppercase()).next().unwrap_or_default();
                Some(format!("expected to be logged in, found the error {}", quoted(code)))
            }
            None => Some(format!("expected to be greeted, found {}", wrong.told())),
            Some(kind) => {
                let command = self.commands(kind).get(*place)?;
                Some(format!("{}: {}", command.told(answer.key), command.expect.told(answer.key, wrong)))
            }
        }
    }

    fn closed(&self, _: &mut RedisAnswer) -> Result<(), ErrorClass> {
        Err(ErrorClass::Closed)
    }

    fn unasked(&self, answer: &mut RedisAnswer, bytes: &[u8], _: u64, _: &mut Vec<u8>) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            // Pushes may come at any time; a reply that nobody asked for cannot.
            if answer.reader.read(&mut rest, 0).is_err() {
                return false;
            }
        }
        true
    }
}

// === impl Prepared ===

impl Prepared {
    /// The command, for people.
    fn told(&self, key: u64) -> String {
        let mut words = Vec::new();
        for argument in &self.arguments {
            argument.render(key, &mut words);
            words.push(b' ');
        }
        quoted(words.trim_ascii_end())
    }

    fn render(&self, key: u64, out: &mut Vec<u8>) {
        write!(out, "*{}\r\n", self.arguments.len()).expect("writing into a Vec cannot fail");
        for argument in &self.arguments {
            write!(out, "${}\r\n", argument.length(key)).expect("writing into a Vec cannot fail");
            argument.render(key, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn prepared(request: &RedisRequest) -> Vec<Prepared> {
    let commands = request.commands.iter();
    let prepared = commands.map(|command| Prepared {
        arguments: command.arguments.iter().map(|argument| Template::new(argument)).collect(),
        expect: Expect::new(&command.expect),
    });
    prepared.collect()
}

/// Writes a command whose words are known.
pub(super) fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    write!(out, "*{}\r\n", words.len()).expect("writing into a Vec cannot fail");
    for word in words {
        write!(out, "${}\r\n", word.len()).expect("writing into a Vec cannot fail");
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

// === impl Expect ===

impl Expect {
    fn new(expect: &RedisExpect) -> Self {
        match expect {
            RedisExpect::Any => Self::Any,
            RedisExpect::Found => Self::Found,
            RedisExpect::Whole => Self::Whole,
            RedisExpect::Text(text) => Self::Text(Template::new(text)),
            RedisExpect::NilOr(text) => Self::NilOr(Template::new(text)),
            RedisExpect::Error(start) => Self::Error(start.clone().into_bytes()),
        }
    }

    /// What was expected, and what came instead.
    fn told(&self, key: u64, reply: &Reply) -> String {
        let text = |text: &Template| {
            let mut expected = Vec::new();
            text.render(key, &mut expected);
            quoted(&expected)
        };
        let expected = match self {
            Self::Any => "no error".to_owned(),
            Self::Found => "something".to_owned(),
            Self::Whole => "a whole number".to_owned(),
            Self::Text(wanted) => text(wanted),
            Self::NilOr(wanted) => format!("nil or {}", text(wanted)),
            Self::Error(start) => format!("an error that starts with {}", quoted(start)),
        };
        format!("expected {expected}, found {}", reply.told())
    }

    fn judge(&self, key: u64, reply: &Reply) -> Result<(), ErrorClass> {
        let is_text = |text: &Template| {
            let mut expected = Vec::new();
            text.render(key, &mut expected);
            reply.kind == Kind::Text && reply.is_exactly(&expected)
        };
        let holds = match self {
            Self::Error(start) if reply.kind == Kind::Error => {
                return if reply.text.starts_with(start) { Ok(()) } else { Err(ErrorClass::Status) };
            }
            _ if reply.has_error => return Err(ErrorClass::Status),
            Self::Found | Self::Text(_) if reply.kind == Kind::Nil => return Err(ErrorClass::Miss),
            Self::Any | Self::Found => true,
            Self::Whole => reply.kind == Kind::Whole,
            Self::Text(text) => is_text(text),
            Self::NilOr(text) => reply.kind == Kind::Nil || is_text(text),
            Self::Error(_) => false,
        };
        if holds { Ok(()) } else { Err(ErrorClass::Check) }
    }
}

#[cfg(test)]
mod tests;
