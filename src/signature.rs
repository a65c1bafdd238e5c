//! Proofs that a caller holds a secret: Standard Webhooks signatures and Bearer tokens.
//!
//! Pure: it computes and compares, and the time is an argument. It knows neither headers'
//! names nor status codes; the doors do. Secrets never show in `Debug`.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// How far a signature's timestamp may be from our clock, in either direction, unless
/// configured otherwise. Both edges are inside.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// The shortest master secret, in characters.
const MASTER_CHARS: usize = 32;

/// The shortest key of a secret, in bytes, as Standard Webhooks has it.
const KEY_BYTES: usize = 24;

/// What tells a secret whose key is in base64 from one that is its own key.
const PREFIX: &str = "whsec_";

/// More signatures than anyone sends at once while rotating secrets. Each one costs a
/// comparison.
const MOST_SIGNATURES: usize = 16;

/// Standard base64. Some senders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
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

    fn mac(&self) -> Hmac<Sha256> {
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
    let mut mac = keyed(master.0.expose_secret().as_bytes());
    mac.update(format!("agent/{source}/{generation}").as_bytes());
    let key = mac.finalize().into_bytes().to_vec();
    let printed = format!("{PREFIX}{}", BASE64.encode(&key));
    Secret { printed: printed.into(), key: key.into() }
}

/// Signs a message: the value of its `webhook-signature` header.
///
/// `timestamp` is the time of sending in seconds since 1970. `id` must not be empty nor
/// hold a full stop, which would be taken for a boundary; [`verify`] refuses it.
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mac = signed(secret, id, &timestamp.to_string(), body);
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// The three headers that a signed message carries, as they came, if they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `webhook-id`: names the message, also when it is sent again.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`: when it was sent, in seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`: a list, separated by spaces, of `version,signature`.
    pub signature: Option<&'a str>,
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the header `{0}` is missing")]
    MissingHeader(&'static str),
    #[error("the header `{0}` does not have the expected form")]
    Malformed(&'static str),
    #[error("no signature matches")]
    Mismatch,
    /// The sender holds the secret, and its clock or ours is wrong.
    #[error("the message was signed at {theirs}, and it is {server} here")]
    Clock { server: Timestamp, theirs: Timestamp },
}

/// Judges a signed message. It is believed if one of its signatures was made with one of
/// `secrets`, not more than `window` from `now`.
///
/// Signatures of other versions than `v1` are passed over, as the standard asks. The
/// clock is judged last, so that only a holder of a secret learns what time it is here.
pub fn verify(
    secrets: &[Secret],
    headers: Headers<'_>,
    body: &[u8],
    now: Timestamp,
    window: SignedDuration,
) -> Result<(), Refusal> {
    const ID: &str = "webhook-id";
    const TIMESTAMP: &str = "webhook-timestamp";
    const SIGNATURE: &str = "webhook-signature";

    let id = headers.id.ok_or(Refusal::MissingHeader(ID))?;
    let timestamp = headers.timestamp.ok_or(Refusal::MissingHeader(TIMESTAMP))?;
    let signature = headers.signature.ok_or(Refusal::MissingHeader(SIGNATURE))?;

    // With a full stop in the id, one signature would fit several messages.
    if id.is_empty() || id.contains('.') {
        return Err(Refusal::Malformed(ID));
    }
    let theirs = timestamp
        .parse()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or(Refusal::Malformed(TIMESTAMP))?;
    let entries: Vec<_> = signature.split_ascii_whitespace().collect();
    if entries.is_empty() || entries.len() > MOST_SIGNATURES {
        return Err(Refusal::Malformed(SIGNATURE));
    }
    let mut signatures = Vec::new();
    for entry in entries {
        let (version, signature) = entry.split_once(',').ok_or(Refusal::Malformed(SIGNATURE))?;
        if version == "v1" {
            let signature = BASE64.decode(signature).map_err(|_| Refusal::Malformed(SIGNATURE))?;
            signatures.push(signature);
        }
    }

    let matches = secrets.iter().any(|secret| {
        let mac = signed(secret, id, timestamp, body);
        signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    });
    if !matches {
        return Err(Refusal::Mismatch);
    }
    if now.duration_since(theirs).abs() > window {
        return Err(Refusal::Clock { server: now, theirs });
    }
    Ok(())
}

/// Whether `token`, what follows `Bearer ` in a header, is one of `secrets` as printed.
/// How long it takes tells nothing but the token's length.
pub fn bearer_matches(secrets: &[Secret], token: &str) -> bool {
    secrets.iter().fold(false, |matches, secret| {
        matches | bool::from(secret.expose().as_bytes().ct_eq(token.as_bytes()))
    })
}

fn signed(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = secret.mac();
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC refuses a key for its length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    // The worked example of Standard Webhooks; Python's hmac computes the same.
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret() -> Secret {
        Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
    }

    fn other() -> Secret {
        Secret::parse("a caller's secret of its own").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn headers(signature: &str) -> Headers<'_> {
        Headers { id: Some(ID), timestamp: Some("1614265330"), signature: Some(signature) }
    }

    fn judged(headers: Headers<'_>) -> Result<(), Refusal> {
        verify(&[secret()], headers, BODY, at(SENT), WINDOW)
    }

    #[test]
    fn the_standards_example_is_signed_and_believed() {
        assert_eq!(sign(&secret(), ID, SENT, BODY), SIGNATURE);
        assert_eq!(judged(headers(SIGNATURE)), Ok(()));
        assert_eq!(judged(headers(SIGNATURE.trim_end_matches('='))), Ok(()));
    }

    #[test]
    fn one_good_signature_in_a_list_is_enough() {
        let list = format!("v1a,bm9uZQ== {} v2,! {SIGNATURE}", sign(&other(), ID, SENT, BODY));
        assert_eq!(judged(headers(&list)), Ok(()));
    }

    #[test]
    fn every_live_secret_counts_and_no_other() {
        let verify =
            |secrets: &[Secret]| verify(secrets, headers(SIGNATURE), BODY, at(SENT), WINDOW);
        assert_eq!(verify(&[other(), secret()]), Ok(()));
        assert_eq!(verify(&[other()]), Err(Refusal::Mismatch));
        assert_eq!(verify(&[]), Err(Refusal::Mismatch));
    }

    #[test]
    fn what_was_signed_cannot_be_changed() {
        let body = |body| verify(&[secret()], headers(SIGNATURE), body, at(SENT), WINDOW);
        assert_eq!(body(br#"{"test": 2432232315}"#), Err(Refusal::Mismatch));
        let id = Headers { id: Some("another"), ..headers(SIGNATURE) };
        assert_eq!(judged(id), Err(Refusal::Mismatch));
        let timestamp = Headers { timestamp: Some("1614265331"), ..headers(SIGNATURE) };
        assert_eq!(judged(timestamp), Err(Refusal::Mismatch));
        // The same number, written otherwise, is not what was signed.
        let timestamp = Headers { timestamp: Some("+1614265330"), ..headers(SIGNATURE) };
        assert_eq!(judged(timestamp), Err(Refusal::Mismatch));
        assert_eq!(judged(headers("v1,")), Err(Refusal::Mismatch));
        assert_eq!(judged(headers(&SIGNATURE.replace("v1", "v2"))), Err(Refusal::Mismatch));
    }

    #[test]
    fn the_boundaries_of_a_message_cannot_be_moved() {
        // `a.5` sent at 7 with `b`, and `a` sent at 5 with `7.b`, are the same bytes.
        let signature = sign(&secret(), "a", 5, b"7.b");
        let headers =
            Headers { id: Some("a.5"), timestamp: Some("7"), signature: Some(&signature) };
        let verdict = verify(&[secret()], headers, b"b", at(7), WINDOW);
        assert_eq!(verdict, Err(Refusal::Malformed("webhook-id")));
    }

    #[test]
    fn missing_and_misshapen_headers_are_named() {
        let good = headers(SIGNATURE);
        let missing = |headers| match judged(headers) {
            Err(Refusal::MissingHeader(name)) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(Headers { id: None, ..good }), "webhook-id");
        assert_eq!(missing(Headers { timestamp: None, ..good }), "webhook-timestamp");
        assert_eq!(missing(Headers { signature: None, ..good }), "webhook-signature");

        let malformed = |headers| match judged(headers) {
            Err(Refusal::Malformed(name)) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(malformed(Headers { id: Some(""), ..good }), "webhook-id");
        for timestamp in ["", "now", "1614265330.5", "9223372036854775807"] {
            let headers = Headers { timestamp: Some(timestamp), ..good };
            assert_eq!(malformed(headers), "webhook-timestamp", "{timestamp}");
        }
        let many = "v1,AA== ".repeat(17);
        for signature in ["", " ", "v1", "v1,%%%", &many] {
            assert_eq!(malformed(headers(signature)), "webhook-signature", "{signature}");
        }
    }

    #[test]
    fn the_window_is_open_at_both_edges_and_shut_beyond() {
        let now = |now: Timestamp| verify(&[secret()], headers(SIGNATURE), BODY, now, WINDOW);
        let beyond = SignedDuration::from_nanos(1);
        let (first, last) = (at(SENT - 300), at(SENT + 300));
        assert_eq!(now(first), Ok(()));
        assert_eq!(now(last), Ok(()));
        for server in [first - beyond, last + beyond, Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(now(server), Err(Refusal::Clock { server, theirs: at(SENT) }));
        }
    }

    #[test]
    fn without_the_secret_nothing_is_learned_about_the_clock() {
        let now = at(SENT + 10_000);
        let stranger = sign(&other(), ID, SENT, BODY);
        let verdict = verify(&[secret()], headers(&stranger), BODY, now, WINDOW);
        assert_eq!(verdict, Err(Refusal::Mismatch));
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
        assert_eq!(sign(&theirs, ID, SENT, BODY), sign(&agent, ID, SENT, BODY));
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
