//! What callers share with us: secrets, and what is made of them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::BASE64;

/// The shortest master secret, in characters.
const MASTER_CHARS: usize = 32;

/// The shortest key of a secret, in bytes, as Standard Webhooks has it.
const KEY_BYTES: usize = 24;

/// Of the keys by which a source pings and its checks are managed, in bytes.
const SHORT_KEY_BYTES: usize = 16;

/// What tells a secret whose key is in base64 from one that is its own key.
const PREFIX: &str = "whsec_";

/// Why a text cannot be a secret, or no secret could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("a master secret needs at least {MASTER_CHARS} characters")]
    ShortMaster,
    #[error("a secret needs a key of at least {KEY_BYTES} bytes")]
    ShortKey,
    #[error("what follows `{PREFIX}` is not base64")]
    NotBase64,
    #[error("the system has no randomness to give")]
    NoRandomness(#[source] getrandom::Error),
}

/// The secret from which every agent's secret follows.
#[derive(Debug, Clone)]
pub struct Master(SecretString);

impl Master {
    /// Takes a secret of at least 32 characters; its bytes as they are become the key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.chars().count() < MASTER_CHARS {
            return Err(Error::ShortMaster);
        }
        Ok(Self(text.into()))
    }
}

/// Makes a new master secret: 32 random bytes, as 64 hexadecimal digits.
pub fn new_master() -> Result<String, Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(Error::NoRandomness)?;
    Ok(hex::encode(bytes))
}

/// A secret that a caller shares with us.
///
/// It has two faces. What is printed is what people copy, and what a Bearer header
/// carries. The key is what signs: where the printed text is `whsec_` and base64, the
/// bytes that the base64 stands for, else the bytes of the text itself.
#[derive(Clone)]
pub struct Secret {
    printed: SecretString,
    key: SecretSlice<u8>,
}

impl Secret {
    /// Takes a secret as it is printed. Its key must have at least 24 bytes.
    pub fn parse(printed: &str) -> Result<Self, Error> {
        let key = match printed.strip_prefix(PREFIX) {
            Some(encoded) => BASE64.decode(encoded).map_err(|_| Error::NotBase64)?,
            None => printed.as_bytes().to_vec(),
        };
        if key.len() < KEY_BYTES {
            return Err(Error::ShortKey);
        }
        Ok(Self { printed: printed.into(), key: key.into() })
    }

    /// The secret in clear, for the person or program that it is meant for.
    pub fn expose(&self) -> &str {
        self.printed.expose_secret()
    }

    pub(super) fn mac(&self) -> Hmac<Sha256> {
        keyed(self.key.expose_secret())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

/// The secret of one agent, so that no list of agents' secrets is needed. Another
/// generation gives another secret, which retires the one before.
pub fn agent_secret(master: &Master, source: &str, generation: u64) -> Secret {
    derived(master, "agent", source, generation)
}

/// The secret of who may say that a job is due. It is another than that of an agent of the
/// same name.
pub fn fire_secret(master: &Master, caller: &str, generation: u64) -> Secret {
    derived(master, "fire", caller, generation)
}

fn derived(master: &Master, purpose: &str, name: &str, generation: u64) -> Secret {
    let mut mac = keyed(master.0.expose_secret().as_bytes());
    mac.update(format!("{purpose}/{name}/{generation}").as_bytes());
    let key = mac.finalize().into_bytes().to_vec();
    let printed = format!("{PREFIX}{}", BASE64.encode(&key));
    Secret { printed: printed.into(), key: key.into() }
}

/// The key by which a source pings, `SOURCE.` and 22 characters that may stand in an address.
/// It is another than the agent's secret: addresses stand in logs, and this one can do no more
/// than ping.
pub fn ping_key(master: &Master, source: &str, generation: u64) -> Secret {
    short_key(master, "ping", source, generation)
}

/// The key by which the checks of a source are managed, in the same form. It is another again:
/// who pings must not say what is expected.
pub fn manage_key(master: &Master, source: &str, generation: u64) -> Secret {
    short_key(master, "manage", source, generation)
}

/// A key for one purpose, with its source in front.
fn short_key(master: &Master, purpose: &str, source: &str, generation: u64) -> Secret {
    let mut mac = keyed(master.0.expose_secret().as_bytes());
    mac.update(format!("{purpose}/{source}/{generation}").as_bytes());
    let key = mac.finalize().into_bytes()[..SHORT_KEY_BYTES].to_vec();
    let printed = format!("{source}.{}", URL_SAFE_NO_PAD.encode(&key));
    Secret { printed: printed.into(), key: key.into() }
}

/// The bytes of the UUID by which a check is pinged: sixteen, that follow from the source, its
/// generation, the name of the check and the generation of its address. So no list of them is
/// kept anywhere, no backup holds one, and either generation retires it.
pub fn ping_uuid(
    master: &Master,
    (source, generation): (&str, u64),
    (name, address): (&str, u32),
) -> [u8; 16] {
    let mut mac = keyed(master.0.expose_secret().as_bytes());
    // No source has a slash in its name, and the name of the check comes last.
    mac.update(format!("ping-uuid/{source}/{generation}/{address}/{name}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    bytes
}

/// Whether `token`, what follows `Bearer ` in a header, is one of `secrets` as printed.
/// How long it takes tells nothing but the token's length.
pub fn bearer_matches(secrets: &[Secret], token: &str) -> bool {
    secrets.iter().fold(false, |matches, secret| {
        matches | bool::from(secret.expose().as_bytes().ct_eq(token.as_bytes()))
    })
}

pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC refuses a key for its length")
}

#[cfg(test)]
mod tests {
    use super::super::sign;
    use super::*;

    fn secret() -> Secret {
        Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
    }

    fn other() -> Secret {
        Secret::parse("a caller's secret of its own").unwrap()
    }

    #[test]
    fn an_agents_secret_follows_from_master_source_and_generation() {
        let master = Master::parse("0123456789abcdef0123456789abcdef").unwrap();
        let agent = agent_secret(&master, "web1.example", 3);
        // base64(hmac.digest(b"0123456789abcdef0123456789abcdef", b"agent/web1.example/3",
        // "sha256")), computed in Python.
        assert_eq!(agent.expose(), "whsec_6PSZW/B5UI+MmRexlbDRSSrMXO3uket6lyOja3TnRRs=");
        let other = |source, generation| agent_secret(&master, source, generation);
        assert_ne!(agent.expose(), other("web1.example", 4).expose());
        assert_ne!(agent.expose(), other("web2.example", 3).expose());

        // The agent, which has only the printed text, signs with the same key.
        let theirs = Secret::parse(agent.expose()).unwrap();
        let signed = |secret| sign(secret, "id", 5, b"body");
        assert_eq!(signed(&theirs), signed(&agent));
    }

    #[test]
    fn a_bearer_is_a_live_secret_as_printed() {
        let secrets = [other(), secret()];
        assert!(bearer_matches(&secrets, secret().expose()));
        assert!(bearer_matches(&secrets, other().expose()));
        for token in ["", "whsec_", &secret().expose()[1..], &format!("{} ", other().expose())] {
            assert!(!bearer_matches(&secrets, token), "{token}");
        }
        assert!(!bearer_matches(&[], ""));
    }

    #[test]
    fn weak_and_unreadable_secrets_are_refused() {
        let secret = |text: &str| Secret::parse(text).map(drop).unwrap_err().to_string();
        insta::assert_snapshot!(secret(""), @"a secret needs a key of at least 24 bytes");
        insta::assert_snapshot!(secret("whsec_c2hvcnQ="), @"a secret needs a key of at least 24 bytes");
        insta::assert_snapshot!(secret("whsec_?"), @"what follows `whsec_` is not base64");
        let master = Master::parse(&"a".repeat(31)).unwrap_err().to_string();
        insta::assert_snapshot!(master, @"a master secret needs at least 32 characters");
    }

    #[test]
    fn new_masters_are_good_and_differ() {
        let (one, two) = (new_master().unwrap(), new_master().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
        assert!(Master::parse(&one).is_ok());
    }

    #[test]
    fn debug_shows_no_secret() {
        let master = Master::parse("0123456789abcdef0123456789abcdef").unwrap();
        let text = format!("{master:?} {:?} {:?}", secret(), agent_secret(&master, "web1", 1));
        assert!(!text.contains("0123") && !text.contains("MfKQ") && !text.contains("whsec"));
    }
}
