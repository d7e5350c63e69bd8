//! The login by SCRAM-SHA-256 (RFC 5802 and RFC 7677), as PostgreSQL uses it: the password never goes over the wire, and
//! the server proves that it knows it too.
//!
//! Passwords are taken as they are: those that are not ASCII would have to be normalised first (RFC 4013), which is not done.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

/// What PostgreSQL calls it.
pub(super) const MECHANISM: &[u8] = b"SCRAM-SHA-256";

/// The most iterations that are done for a server: PostgreSQL asks for 4,096, and each takes about a microsecond of the
/// thread that paces the load.
const ITERATIONS_MAX: u32 = 100_000;

/// No channel binding: `n,,` in base64.
const NO_BINDING: &str = "biws";

type Hash = [u8; 32];

/// The server does not follow the exchange, or does not know the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Untrusted;

/// A login under way.
#[derive(Debug)]
pub(super) struct Scram {
    nonce: String,
    /// The signature by which the server proves that it knows the password.
    signature: Hash,
}

/// A password with a server's salt, which takes long to compute and is the same for every connection.
#[derive(Clone)]
pub(super) struct Salted {
    salt: Vec<u8>,
    iterations: u32,
    hash: Hash,
}

// === impl Scram ===

impl Scram {
    /// A login with this nonce: visible ASCII without a comma.
    pub(super) const fn new(nonce: String) -> Self {
        Self { nonce, signature: [0; 32] }
    }

    /// The first message. The user's name was told before: PostgreSQL ignores the one that would stand here.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// The last message, as the answer to the server's first one. `salted` is used if it fits, and kept for the next login.
    pub(super) fn last(
        &mut self,
        server: &[u8],
        password: &[u8],
        salted: &mut Option<Salted>,
    ) -> Result<String, Untrusted> {
        let server = std::str::from_utf8(server).map_err(|_| Untrusted)?;
        let mut parts = server.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(Untrusted);
        let nonce = part("r=")?;
        let salt = BASE64.decode(part("s=")?).map_err(|_| Untrusted)?;
        let iterations: u32 = part("i=")?.parse().map_err(|_| Untrusted)?;
        let is_longer = nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len();
        if !is_longer || iterations == 0 || iterations > ITERATIONS_MAX {
            return Err(Untrusted);
        }
        let fits = |known: &Salted| known.salt == salt && known.iterations == iterations;
        let key = match salted.as_ref().filter(|known| fits(known)) {
            Some(known) => known.hash,
            None => salted.insert(Salted::new(password, salt, iterations)).hash,
        };
        let bare = format!("c={NO_BINDING},r={nonce}");
        let signed = format!("{},{server},{bare}", self.first_bare());
        let client_key = hmac(&key, b"Client Key");
        let proof = xored(client_key, hmac(&Sha256::digest(client_key), signed.as_bytes()));
        self.signature = hmac(&hmac(&key, b"Server Key"), signed.as_bytes());
        Ok(format!("{bare},p={}", BASE64.encode(proof)))
    }

    /// Whether the server's last message proves that it knows the password.
    pub(super) fn proves(&self, server: &[u8]) -> Result<(), Untrusted> {
        let proof = server.strip_prefix(b"v=").and_then(|proof| BASE64.decode(proof).ok());
        if proof.is_some_and(|proof| proof == self.signature) { Ok(()) } else { Err(Untrusted) }
    }
}

// === impl Salted ===

impl Salted {
    /// PBKDF2 with HMAC-SHA-256 and one block (RFC 8018, section 5.2).
    fn new(password: &[u8], salt: Vec<u8>, iterations: u32) -> Self {
        let mut block = hmac(password, &[&salt[..], &[0, 0, 0, 1]].concat());
        let mut hash = block;
        for _ in 1..iterations {
            block = hmac(password, &block);
            hash = xored(hash, block);
        }
        Self { salt, iterations, hash }
    }
}

impl std::fmt::Debug for Salted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a salted password")
    }
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Hash {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

fn xored(mut one: Hash, other: Hash) -> Hash {
    one.iter_mut().zip(other).for_each(|(one, other)| *one ^= other);
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: Hash) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(hmac(b"Jefe", b"what do ya want for nothing?")), expected);
        let long = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hex(hmac(&[0xaa; 131], message)), long);
    }

    /// The exchange of RFC 7677, section 3, but for the user's name, which does not stand in PostgreSQL's.
    #[test]
    fn the_exchange_is_that_of_rfc_7677() {
        let salted = Salted::new(b"pencil", BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(), 4_096);
        let signed = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                      r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                      c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let client_key = hmac(&salted.hash, b"Client Key");
        let proof = xored(client_key, hmac(&Sha256::digest(client_key), signed.as_bytes()));
        assert_eq!(BASE64.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let signature = hmac(&hmac(&salted.hash, b"Server Key"), signed.as_bytes());
        assert_eq!(BASE64.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_server_that_does_not_follow_is_not_trusted() {
        let last = |server: &str| {
            Scram::new("abc".to_owned()).last(server.as_bytes(), b"x", &mut None).map(|last| last.len())
        };
        assert!(last("r=abcdef,s=AAAA,i=2").is_ok());
        for server in [
            "",
            "r=abc,s=AAAA,i=2",
            "r=xyz1,s=AAAA,i=2",
            "r=abcd,s=?,i=2",
            "r=abcd,s=AAAA,i=0",
            "r=abcd,s=AAAA,i=4000000000",
            "r=abcd,s=AAAA",
            "s=AAAA,r=abcd,i=1",
            "m=x,r=abcd,s=AAAA,i=1",
        ] {
            assert_eq!(last(server), Err(Untrusted), "{server}");
        }
        let mut scram = Scram::new("abc".to_owned());
        let mut salted = None;
        scram.last(b"r=abcdef,s=AAAA,i=2", b"x", &mut salted).unwrap();
        assert!(salted.is_some());
        let proof = format!("v={}", BASE64.encode(scram.signature));
        assert_eq!(scram.proves(proof.as_bytes()), Ok(()));
        assert_eq!(scram.proves(b"v=AAAA"), Err(Untrusted));
        assert_eq!(scram.proves(b"e=other-error"), Err(Untrusted));
    }
}
