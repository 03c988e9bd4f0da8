//! Whether a request comes from whom it says: compared in constant time, with every live secret of the sender.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::{Uuid, uuid};

/// The UUID namespace of bodies.
const BODIES: Uuid = uuid!("0d7c3b5e-9a42-4f0f-8a53-6c3f6f7b1f52");

/// The secret under which `given` is the base64 of the body's HMAC-SHA256, as Shopify signs; `None` if there is none.
pub(crate) fn signer<'s>(secrets: &'s [SecretString], given: &[u8], body: &[u8]) -> Option<&'s SecretString> {
    // What is no base64 is compared all the same, and equals no signature.
    let given = STANDARD.decode(given).unwrap_or_default();
    the_one(secrets, |secret| mac(secret, body).ct_eq(&given[..]).into())
}

/// The secret that was sent, as couriers do; `None` if it is none of them.
pub(crate) fn holder<'s>(secrets: &'s [SecretString], given: &[u8]) -> Option<&'s SecretString> {
    // Hashes are compared, because texts of different length would be told apart by time.
    let given = Sha256::digest(given);
    the_one(secrets, |secret| Sha256::digest(secret.expose_secret().as_bytes()).ct_eq(&given).into())
}

/// Tells one body from another, the same each time it arrives. Made with the sender's secret, because a plain hash of a
/// short body could be guessed back into the body.
pub(crate) fn digest(secret: &SecretString, body: &[u8]) -> Uuid {
    Uuid::new_v5(&BODIES, &mac(secret, body))
}

/// Looks at every secret, so that time does not tell which one matched. An empty one protects nothing and never does.
fn the_one(secrets: &[SecretString], matches: impl Fn(&SecretString) -> bool) -> Option<&SecretString> {
    let set = secrets.iter().filter(|secret| !secret.expose_secret().is_empty());
    set.fold(None, |found, secret| if matches(secret) { Some(secret) } else { found })
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(secret: &SecretString, body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("any key length");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4231, test case 2.
    const BODY: &[u8] = b"what do ya want for nothing?";
    const SIGNATURE: &[u8] = b"W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";

    fn secrets(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| SecretString::from(*text)).collect()
    }

    #[test]
    fn either_live_secret_signs() {
        for (live, authentic) in [
            (&["Jefe"][..], true),
            (&["another", "Jefe"], true),
            (&["Jefe", "another"], true),
            (&["another"], false),
            (&[], false),
        ] {
            assert_eq!(signer(&secrets(live), SIGNATURE, BODY).is_some(), authentic, "{live:?}");
        }
    }

    #[test]
    fn what_is_no_signature_matches_nothing() {
        let live = secrets(&["Jefe"]);
        for given in [&b""[..], b"?", b"W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOE", &SIGNATURE[..40]] {
            assert!(signer(&live, given, BODY).is_none());
        }
        assert!(signer(&live, SIGNATURE, b"what do ya want for nothing!").is_none());
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        let (empty, body) = (secrets(&[""]), b"{}");
        let signature = STANDARD.encode(mac(&empty[0], body));
        assert!(signer(&empty, signature.as_bytes(), body).is_none());
        assert!(holder(&empty, b"").is_none());
    }

    #[test]
    fn a_courier_sends_the_secret_itself() {
        let live = secrets(&["new-secret", "old-secret"]);
        assert!(holder(&live, b"new-secret").is_some() && holder(&live, b"old-secret").is_some());
        assert!(holder(&live, b"old").is_none());
    }

    #[test]
    fn a_body_is_told_by_its_content_and_the_secret() {
        let live = secrets(&["one", "other"]);
        assert_eq!(digest(&live[0], BODY), digest(&live[0], BODY));
        assert_ne!(digest(&live[0], BODY), digest(&live[0], b"else"));
        assert_ne!(digest(&live[0], BODY), digest(&live[1], BODY));
    }
}
