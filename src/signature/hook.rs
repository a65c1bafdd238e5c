//! Proofs of Gitea's webhooks: a signature over the payload, and a value that comes along.

use hmac::Mac as _;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::secret::keyed;

/// Whether `signature`, in hexadecimal, was made over `payload` with one of `secrets`. Their
/// bytes are the key, as Gitea has it.
pub fn hook_matches(secrets: &[SecretString], signature: &str, payload: &[u8]) -> bool {
    let Ok(signature) = hex::decode(signature) else { return false };
    secrets.iter().fold(false, |matches, secret| {
        let mut mac = keyed(secret.expose_secret().as_bytes());
        mac.update(payload);
        matches | mac.verify_slice(&signature).is_ok()
    })
}

/// Whether `text` is the secret. How long it takes tells nothing but the text's length.
pub fn text_matches(secret: &SecretString, text: &str) -> bool {
    secret.expose_secret().as_bytes().ct_eq(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &[u8] = b"{\n  \"action\": \"opened\",\n  \"number\": 1\n}";
    // Signed with `s3cret`, by a real Gitea.
    const SIGNATURE: &str = "83299753696715cd7065266083fe01b5085ddadf4c6afdec924ac06bd0c25a20";

    fn judged(secrets: &[&str], signature: &str, payload: &[u8]) -> bool {
        let secrets: Vec<_> = secrets.iter().map(|&secret| SecretString::from(secret)).collect();
        hook_matches(&secrets, signature, payload)
    }

    #[test]
    fn what_a_real_gitea_signed_is_believed_with_every_live_secret() {
        assert!(judged(&["s3cret"], SIGNATURE, PAYLOAD));
        assert!(judged(&["another", "s3cret"], SIGNATURE, PAYLOAD));
        assert!(!judged(&["another"], SIGNATURE, PAYLOAD));
        assert!(!judged(&[], SIGNATURE, PAYLOAD));
    }

    #[test]
    fn a_signature_that_is_empty_cut_longer_or_of_something_else_is_none() {
        let longer = format!("{SIGNATURE}00");
        for signature in ["", &SIGNATURE[..62], &SIGNATURE[1..], &longer, "zz"] {
            assert!(!judged(&["s3cret"], signature, PAYLOAD), "{signature}");
        }
        assert!(!judged(&["s3cret"], SIGNATURE, &PAYLOAD[1..]));
    }

    #[test]
    fn a_text_matches_as_a_whole() {
        let secret = SecretString::from("Bearer b");
        assert!(text_matches(&secret, "Bearer b"));
        for text in ["", "Bearer", "bearer b", "Bearer b "] {
            assert!(!text_matches(&secret, text), "{text}");
        }
    }
}
