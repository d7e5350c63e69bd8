//! From a new connection to one that takes statements.

use super::message::{text, write, write_counted, write_text};
use super::scram::{MECHANISM, Salted, Scram};
use crate::client::ErrorClass;
use crate::dial::SealingRequest;

/// A login under way.
#[derive(Debug)]
pub(super) struct Login {
    scram: Scram,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The server has not said yet how.
    Open,
    /// SCRAM was chosen, and its first message sent.
    ScramBegun,
    /// The proof was sent.
    ScramProven,
    /// The server proved that it knows the password, or was told it.
    Answered,
    /// It is over.
    Done,
}

/// Version 3.0 of the protocol.
const VERSION: u32 = 3 << 16;

/// The message `SSLRequest`: its length, and a version that there is not, 1234.5679. A server that has TLS answers `S`.
pub(super) const TLS: SealingRequest =
    SealingRequest { says: &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], agrees: b'S' };

/// Writes what a connection says first.
pub(super) fn start(user: &str, database: &str, out: &mut Vec<u8>) {
    let settings = [("user", user), ("database", database), ("application_name", "shakedown")];
    write_counted(out, |out| {
        out.extend_from_slice(&VERSION.to_be_bytes());
        for (name, value) in settings {
            write_text(name.as_bytes(), out);
            write_text(value.as_bytes(), out);
        }
        out.push(0);
    });
}

// === impl Login ===

impl Login {
    /// A login with this nonce, should the server want one.
    pub(super) const fn new(nonce: String) -> Self {
        Self { scram: Scram::new(nonce), state: State::Open }
    }

    /// Whether the server let us in.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The server says how to go on with the login. Without a password, or with another way than those known here, that is an
    /// error of class `status`.
    pub(super) fn step(
        &mut self,
        body: &[u8],
        password: Option<&[u8]>,
        salted: &mut Option<Salted>,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorClass> {
        let (way, rest) = body.split_first_chunk::<4>().ok_or(ErrorClass::Protocol)?;
        let way = u32::from_be_bytes(*way);
        let password = || password.ok_or(ErrorClass::Status);
        match (way, self.state) {
            (WAY_OK, State::Open | State::Answered) => self.state = State::Done,
            (WAY_CLEARTEXT, State::Open) => {
                let password = password()?;
                write(b'p', out, |out| write_text(password, out));
                self.state = State::Answered;
            }
            (WAY_SASL, State::Open) if offers(rest, MECHANISM) => {
                password()?;
                let first = self.scram.first();
                write(b'p', out, |out| {
                    write_text(MECHANISM, out);
                    write_counted_text(first.as_bytes(), out);
                });
                self.state = State::ScramBegun;
            }
            (WAY_SASL_CONTINUE, State::ScramBegun) => {
                let last = self.scram.last(rest, password()?, salted).map_err(|_| ErrorClass::Protocol)?;
                write(b'p', out, |out| out.extend_from_slice(last.as_bytes()));
                self.state = State::ScramProven;
            }
            (WAY_SASL_FINAL, State::ScramProven) => {
                self.scram.proves(rest).map_err(|_| ErrorClass::Protocol)?;
                self.state = State::Answered;
            }
            // MD5, GSSAPI, SSPI and other mechanisms are not spoken.
            (WAY_GSS_CONTINUE | WAY_SASL_CONTINUE | WAY_SASL_FINAL | WAY_OK, _) => {
                return Err(ErrorClass::Protocol);
            }
            _ => return Err(ErrorClass::Status),
        }
        Ok(())
    }
}

const WAY_OK: u32 = 0;
const WAY_CLEARTEXT: u32 = 3;
const WAY_GSS_CONTINUE: u32 = 8;
const WAY_SASL: u32 = 10;
const WAY_SASL_CONTINUE: u32 = 11;
const WAY_SASL_FINAL: u32 = 12;

/// Whether a list of texts, each ended by a zero, has this one.
fn offers(mut list: &[u8], wanted: &[u8]) -> bool {
    while let Some((mechanism, rest)) = text(list) {
        if mechanism == wanted {
            return true;
        }
        list = rest;
    }
    false
}

/// A length that does not count itself, and the text.
fn write_counted_text(text: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text);
}
