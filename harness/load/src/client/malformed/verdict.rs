//! What an answer to a hostile opening comes to, and what one to a well-formed opening: pure functions of its first bytes.

use crate::client::ErrorClass;

/// `None` while more bytes are needed.
pub(super) type Verdict = Option<Result<(), ErrorClass>>;

/// The longest error of PostgreSQL that is read for its code.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Whether HTTP refuses: with an error of the client's, or with one of what it does not know.
pub(super) fn http_refuses(head: &[u8]) -> Verdict {
    let is_refusal = |status: u16| matches!(status, 400..=499 | 501 | 505);
    http(head, is_refusal)
}

/// Whether HTTP is well: any answer but an error of the server's.
pub(super) fn http_is_well(head: &[u8]) -> Verdict {
    http(head, |status| status < 500)
}

fn http(head: &[u8], is_right: impl Fn(u16) -> bool) -> Verdict {
    const START: &[u8] = b"HTTP/1.";
    let compared = head.len().min(START.len());
    if head[..compared] != START[..compared] {
        return Some(Err(ErrorClass::Protocol));
    }
    // `HTTP/1.1 400`
    let status = head.get(9..12)?;
    let status = std::str::from_utf8(status).ok().and_then(|digits| digits.parse().ok());
    Some(match status {
        Some(status) if is_right(status) => Ok(()),
        Some(_) => Err(ErrorClass::Status),
        None => Err(ErrorClass::Protocol),
    })
}

/// Whether Redis refuses: with an error, plain or in bulk.
pub(super) fn redis_refuses(head: &[u8]) -> Verdict {
    Some(match head.first()? {
        b'-' | b'!' => Ok(()),
        b'+' | b':' | b'$' | b'*' | b'_' | b'#' | b',' | b'(' | b'%' | b'~' | b'>' | b'=' | b'|' => {
            Err(ErrorClass::Status)
        }
        _ => Err(ErrorClass::Protocol),
    })
}

/// Whether Redis answers a `PING`; it may want a login first.
pub(super) fn redis_is_well(head: &[u8]) -> Verdict {
    Some(if matches!(head.first()?, b'+' | b'-') { Ok(()) } else { Err(ErrorClass::Protocol) })
}

/// Whether PostgreSQL refuses a startup: with an error.
pub(super) fn postgres_refuses(head: &[u8]) -> Verdict {
    Some(match head.first()? {
        b'E' => Ok(()),
        b'R' | b'S' | b'K' | b'Z' | b'N' | b'v' | b'T' | b'C' => Err(ErrorClass::Status),
        _ => Err(ErrorClass::Protocol),
    })
}

/// Whether PostgreSQL answers a right startup: it asks for a login, or knows the user or the database not (SQLSTATE 28 or
/// 3D). That it is starting, recovering or full is no such answer.
pub(super) fn postgres_is_well(head: &[u8]) -> Verdict {
    match head.first()? {
        b'R' | b'v' => return Some(Ok(())),
        b'E' => {}
        _ => return Some(Err(ErrorClass::Protocol)),
    }
    let length = head.get(1..5)?.first_chunk().copied().map(u32::from_be_bytes)? as usize;
    if !(5..HEAD_BYTES_MAX).contains(&length) {
        return Some(Err(ErrorClass::Protocol));
    }
    let fields = head.get(5..length + 1)?;
    let mut codes = fields.split(|byte| *byte == 0).filter_map(|field| field.strip_prefix(b"C"));
    let is_login = codes.next().is_some_and(|code| code.starts_with(b"28") || code.starts_with(b"3D"));
    Some(if is_login { Ok(()) } else { Err(ErrorClass::Status) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RIGHT: Verdict = Some(Ok(()));
    const STATUS: Verdict = Some(Err(ErrorClass::Status));
    const PROTOCOL: Verdict = Some(Err(ErrorClass::Protocol));

    #[test]
    fn http_refuses_with_an_error_of_the_clients() {
        for (head, refuses, is_well) in [
            ("", None, None),
            ("HTTP/1.1 40", None, None),
            ("HTTP/1.1 400 Bad", RIGHT, RIGHT),
            ("HTTP/1.0 431 ", RIGHT, RIGHT),
            ("HTTP/1.1 505 ", RIGHT, STATUS),
            ("HTTP/1.1 200 OK", STATUS, RIGHT),
            ("HTTP/1.1 302 Found", STATUS, RIGHT),
            ("HTTP/1.1 500 ", STATUS, STATUS),
            ("HTTP/1.1 abc", PROTOCOL, PROTOCOL),
            ("HTP", PROTOCOL, PROTOCOL),
            ("<html>", PROTOCOL, PROTOCOL),
        ] {
            assert_eq!(
                (http_refuses(head.as_bytes()), http_is_well(head.as_bytes())),
                (refuses, is_well),
                "{head}"
            );
        }
    }

    #[test]
    fn redis_refuses_with_an_error() {
        for (head, refuses, is_well) in [
            ("", None, None),
            ("-ERR Protocol error", RIGHT, RIGHT),
            ("+PONG", STATUS, RIGHT),
            ("$-1", STATUS, PROTOCOL),
            ("HTTP/1.1", PROTOCOL, PROTOCOL),
        ] {
            assert_eq!(
                (redis_refuses(head.as_bytes()), redis_is_well(head.as_bytes())),
                (refuses, is_well),
                "{head}"
            );
        }
    }

    /// An error with this SQLSTATE.
    fn error(code: &str) -> Vec<u8> {
        let fields = format!("SFATAL\0C{code}\0Mno\0\0");
        [b"E".as_slice(), &(fields.len() as u32 + 4).to_be_bytes(), fields.as_bytes()].concat()
    }

    #[test]
    fn postgres_is_well_where_only_the_login_is_wrong() {
        assert_eq!((postgres_refuses(b""), postgres_is_well(b"")), (None, None));
        assert_eq!(
            (postgres_refuses(&error("08P01")), postgres_refuses(b"R"), postgres_refuses(b"H")),
            (RIGHT, STATUS, PROTOCOL)
        );
        assert_eq!((postgres_is_well(b"R"), postgres_is_well(b"H")), (RIGHT, PROTOCOL));
        assert_eq!((postgres_is_well(&error("28000")), postgres_is_well(&error("3D000"))), (RIGHT, RIGHT));
        assert_eq!((postgres_is_well(&error("57P03")), postgres_is_well(&error("53300"))), (STATUS, STATUS));
        let whole = error("28P01");
        assert!((0..whole.len()).all(|length| postgres_is_well(&whole[..length]).is_none()));
        assert_eq!(postgres_is_well(b"E\0\0\0\x02"), PROTOCOL);
        assert_eq!(postgres_is_well(b"E\x7f\xff\xff\xff"), PROTOCOL);
    }

    proptest! {
        /// Whatever a target sends: there is a verdict within the bound, and it does not change as more comes.
        #[test]
        fn a_verdict_stays(bytes in proptest::collection::vec(any::<u8>(), 1..64)) {
            for judge in [http_refuses, http_is_well, redis_refuses, redis_is_well, postgres_refuses, postgres_is_well] {
                let mut last = None;
                for length in 0..=bytes.len() {
                    let verdict = judge(&bytes[..length]);
                    prop_assert!(last.is_none() || last == verdict);
                    last = verdict;
                }
            }
        }
    }
}
