//! Proofs that a caller holds a secret: signatures of Standard Webhooks and of Gitea, and
//! Bearer tokens.
//!
//! Pure: it computes and compares, and the time is an argument. It knows neither headers'
//! names nor status codes; the doors do. Secrets never show in `Debug`.

mod hook;
mod secret;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

pub use self::hook::{hook_matches, text_matches};
pub use self::secret::{
    Error, Master, Secret, agent_secret, bearer_matches, fire_secret, manage_key, new_master,
    ping_key, ping_uuid,
};

/// How far a signature's timestamp may be from our clock, in either direction, unless
/// configured otherwise. Both edges are inside.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// More signatures than anyone sends at once while rotating secrets. Each one costs a
/// comparison.
const MOST_SIGNATURES: usize = 16;

/// Standard base64. Some senders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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

fn signed(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = secret.mac();
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
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
}
