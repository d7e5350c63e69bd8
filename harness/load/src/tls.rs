//! Whom the clients of a load believe, and what they offer to speak.
//!
//! Sessions are resumed as browsers do it: the library keeps the tickets of at most 256 names, and a load asks for one.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use shakedown_scenarios::units::Span;
use shakedown_scenarios::workload::Tls;
use shakedown_tls_faults::{Connector, Originate, Trust};

use crate::client::ClientError;

/// The largest file of certificates, in bytes: those that browsers come with have a quarter of that.
const LARGEST: u64 = 1 << 20;

/// What speaks TLS for a load; `alpn` are the protocols it offers.
pub(crate) fn connector(tls: &Tls, timeout: Span, alpn: &[&str]) -> Result<Connector, ClientError> {
    let trust = match &tls.ca {
        Some(file) if tls.verify => Trust::Roots(certificates(Path::new(file))?),
        None if tls.verify => return Err(ClientError::Tls("nobody is believed, and all is verified".into())),
        _ => Trust::InsecureAnyCertificate,
    };
    let originate = Originate {
        name: tls.name.clone(),
        alpn: alpn.iter().map(ToString::to_string).collect(),
        handshake_timeout: timeout,
        ..Originate::trusting(trust)
    };
    Connector::new(&originate).map_err(|error| ClientError::Tls(error.to_string()))
}

/// Looks at a file of certificates (PEM) that a load is to trust, before there is a load.
///
/// # Errors
///
/// [`ClientError::Authority`] if it cannot be read, or holds no certificate.
pub fn look_at(file: &Path) -> Result<(), ClientError> {
    let trust = Trust::Roots(certificates(file)?);
    let connector = Connector::new(&Originate::trusting(trust));
    connector.map(drop).map_err(|error| unread(file, format!("which cannot be used: {error}")))
}

fn certificates(file: &Path) -> Result<String, ClientError> {
    let failed = |error: io::Error| unread(file, format!("which cannot be read: {error}"));
    let metadata = fs::metadata(file).map_err(failed)?;
    // A pipe or a device might never end.
    if !metadata.is_file() {
        return Err(unread(file, "found something that is no file".to_owned()));
    }
    if metadata.len() > LARGEST {
        let found = metadata.len();
        return Err(unread(file, format!("found {found} bytes, which are more than {LARGEST}")));
    }
    let mut text = String::new();
    File::open(file).and_then(|file| file.take(LARGEST).read_to_string(&mut text)).map_err(failed)?;
    Ok(text)
}

fn unread(file: &Path, why: String) -> ClientError {
    ClientError::Authority { file: file.display().to_string(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn believing(ca: Option<&Path>, verify: bool) -> Tls {
        Tls { ca: ca.map(|file| file.display().to_string()), name: None, verify }
    }

    #[test]
    fn what_cannot_be_trusted_is_told_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("empty.pem"), "").unwrap();
        std::fs::write(at("binary.pem"), [0xff, 0xfe]).unwrap();
        std::fs::write(at("large.pem"), vec![b'#'; LARGEST as usize + 1]).unwrap();
        for (file, why) in [
            ("gone.pem", "No such file"),
            ("", "no file"),
            ("empty.pem", "at least one certificate"),
            ("binary.pem", "UTF-8"),
            ("large.pem", "1048577 bytes"),
        ] {
            let told = look_at(&at(file)).unwrap_err().to_string();
            assert!(told.contains(why) && told.contains(&at(file).display().to_string()), "{told}");
            assert!(connector(&believing(Some(&at(file)), true), Span::secs(1), &[]).is_err(), "{file}");
        }
    }

    #[test]
    fn somebody_is_believed_or_nothing_is_verified() {
        let of = |tls: &Tls| connector(tls, Span::secs(1), &["http/1.1"]);
        assert!(matches!(of(&believing(None, true)), Err(ClientError::Tls(_))));
        assert!(of(&believing(None, false)).is_ok());
        let named = Tls { name: Some("no name".into()), ..believing(None, false) };
        assert!(matches!(of(&named), Err(ClientError::Tls(told)) if told.contains("no name")));
    }
}
