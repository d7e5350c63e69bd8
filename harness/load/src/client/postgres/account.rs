//! Who logs in, on each connection anew.

use std::cell::{Cell, RefCell};

use super::login::{self, Login};
use super::message::field;
use super::scram::Salted;
use super::{BROKEN, Step};
use crate::client::secret::Secret;
use crate::client::telling::quoted;
use crate::client::{ClientError, ErrorClass, Reading};

/// The account of a workload.
#[derive(Debug)]
pub(super) struct Account {
    user: String,
    database: String,
    password: Option<Secret>,
    /// Two logins of one run have different nonces, and two runs with one seed the same.
    seed: u64,
    logins: Cell<u64>,
    salted: RefCell<Option<Salted>>,
}

// === impl Account ===

impl Account {
    /// An account, whose password is in a variable of the environment where it has one.
    pub(super) fn new(
        user: &str,
        database: &str,
        password_env: Option<&str>,
        seed: u64,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            user: user.to_owned(),
            database: database.to_owned(),
            password: password_env.map(Secret::of_environment).transpose()?,
            seed,
            logins: Cell::new(0),
            salted: RefCell::default(),
        })
    }

    /// Whether a target may be quoted that knows no password.
    pub(super) const fn may_quote(&self) -> bool {
        self.password.is_none()
    }

    /// What an error says, for people. Its words are left out where they give the password back.
    pub(super) fn told(&self, body: &[u8]) -> String {
        let state = String::from_utf8_lossy(field(body, b'C').unwrap_or_default());
        let password = self.password.as_ref().map(Secret::bytes).filter(|password| !password.is_empty());
        let gives_back = |message: &&[u8]| {
            password.is_some_and(|password| memchr::memmem::find(message, password).is_some())
        };
        let state = quoted(state.as_bytes());
        match field(body, b'M').filter(|message| !gives_back(message)) {
            Some(message) => format!("the error {} (SQLSTATE {state})", quoted(message)),
            None => format!("an error of SQLSTATE {state}"),
        }
    }

    /// Writes what a connection says first.
    pub(super) fn begin(&self, out: &mut Vec<u8>) -> Login {
        let number = self.logins.get();
        self.logins.set(number.wrapping_add(1));
        login::start(&self.user, &self.database, out);
        Login::new(format!("shakedown-{:016x}-{number:x}", self.seed))
    }

    /// What a message means for a login under way.
    pub(super) fn step(&self, login: Option<&mut Login>, of: u8, body: &[u8], reply: &mut Vec<u8>) -> Step {
        let Some(login) = login else { return Step::Over(BROKEN) };
        let password = self.password.as_ref().map(Secret::bytes);
        let verdict = match of {
            b'R' => login.step(body, password, &mut self.salted.borrow_mut(), reply),
            b'K' => Ok(()),
            b'Z' if login.is_done() => return Step::Over(Reading::Whole { verdict: Ok(()), keep: true }),
            _ => Err(ErrorClass::Protocol),
        };
        match verdict {
            Ok(()) => Step::Goes,
            Err(class) => Step::Over(Reading::Whole { verdict: Err(class), keep: false }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_words_unless_they_give_the_password_back() {
        let secret = std::env::var("PATH").unwrap();
        let told = |password_env, message: &str| {
            let account = Account::new("app", "shop", password_env, 1).unwrap();
            account.told(format!("SFATAL\0VFATAL\0C28P01\0M{message}\0\0").as_bytes())
        };
        let failed = "password authentication failed for user \"app\"";
        let words = format!("the error `{failed}` (SQLSTATE `28P01`)");
        assert_eq!((told(None, failed), told(Some("PATH"), failed)), (words.clone(), words));
        let echo = format!("wrong password: {secret}!");
        assert_eq!(told(Some("PATH"), &echo), "an error of SQLSTATE `28P01`");
    }
}
