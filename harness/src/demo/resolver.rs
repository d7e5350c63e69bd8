//! Asking a name server for an address, as simply as it can be done: one question over UDP, one answer, nothing kept.
//!
//! It believes nobody who leads it away from this machine: the demonstration target stays on loopback, whatever a name
//! server says.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name server could not be asked.
    #[error("the name server cannot be asked: {0}")]
    Asking(#[from] io::Error),
    /// It answered with an error (RFC 1035, section 4.1.1).
    #[error("the name server answers with code {0}")]
    Refused(u8),
    /// Its answer holds no address.
    #[error("the name server names no address")]
    Nowhere,
    /// Its answer leads away from this machine.
    #[error("the name server says {0}, which is not on this machine")]
    Elsewhere(Ipv4Addr),
}

/// As long as an answer over UDP may be without extensions.
const LONGEST: usize = 512;

/// The head of a message, and what follows a question's and a record's name.
const HEAD: usize = 12;
const QUESTION: usize = 4;
const RECORD: usize = 10;

/// Asks for the IPv4 address of a name and waits for as long as it takes: whoever calls has the patience.
///
/// # Errors
/// When the server cannot be asked, refuses, names nothing, or an address outside loopback.
pub async fn ask(server: SocketAddr, name: &str) -> Result<Ipv4Addr, ResolveError> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    // The socket is new and connected: only this server's answer to this question comes here.
    socket.connect(server).await?;
    socket.send(&question(name)).await?;
    let mut answer = [0; LONGEST];
    let length = socket.recv(&mut answer).await?;
    address(&answer[..length])
}

fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        message.push(label.len() as u8);
        message.extend(label);
    }
    // The root; one question of type A in class IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The first address of an answer.
fn address(message: &[u8]) -> Result<Ipv4Addr, ResolveError> {
    let code = message.get(3).ok_or(ResolveError::Nowhere)? & 0xf;
    if code != 0 {
        return Err(ResolveError::Refused(code));
    }
    let address = first_address(message).ok_or(ResolveError::Nowhere)?;
    if address.is_loopback() { Ok(address) } else { Err(ResolveError::Elsewhere(address)) }
}

fn first_address(message: &[u8]) -> Option<Ipv4Addr> {
    let mut at = after_name(message, HEAD)? + QUESTION;
    loop {
        let record = after_name(message, at)?;
        at = record + RECORD;
        match *message.get(record..at)? {
            // Type A, class IN, four bytes long.
            [0, 1, 0, 1, _, _, _, _, 0, 4] => {
                return message.get(at..)?.first_chunk().copied().map(Ipv4Addr::from);
            }
            [.., high, low] => at += usize::from(u16::from_be_bytes([high, low])),
            _ => return None,
        }
    }
}

/// Where a name ends that begins here: behind its zero, or behind a pointer.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match usize::from(*message.get(at)?) {
            0 => return Some(at + 1),
            0xc0.. => return Some(at + 2),
            label => at += label + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to the question for `db.test` with these records.
    fn answer(code: u8, records: &[&[u8]]) -> Vec<u8> {
        let mut message = question("db.test");
        (message[2], message[3], message[7]) = (0x81, 0x80 | code, records.len() as u8);
        records.iter().for_each(|record| message.extend(*record));
        message
    }

    const LOCAL: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1];

    #[test]
    fn a_question_is_written_as_the_standard_has_it() {
        let expected = b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x04test\x00\x00\x01\x00\x01";
        assert_eq!(question("db.test"), expected);
    }

    #[test]
    fn the_first_address_on_this_machine_is_taken_and_nothing_else() {
        let alias: &[u8] = &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12];
        let far: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1];
        assert_eq!(address(&answer(0, &[LOCAL])).unwrap(), Ipv4Addr::LOCALHOST);
        assert_eq!(address(&answer(0, &[alias, LOCAL])).unwrap(), Ipv4Addr::LOCALHOST);
        assert!(matches!(address(&answer(0, &[far])), Err(ResolveError::Elsewhere(_))));
        assert!(matches!(address(&answer(3, &[])), Err(ResolveError::Refused(3))));
        let cut = answer(0, &[&LOCAL[..14]]);
        for wrong in [answer(0, &[]), answer(0, &[alias]), cut, Vec::new(), vec![0; 13]] {
            assert!(matches!(address(&wrong), Err(ResolveError::Nowhere)), "{wrong:?}");
        }
    }
}
