//! Ed25519 keys (RFC 8032), and signatures over fields.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

/// The private half of an Ed25519 key. It is wiped from memory when dropped, and never printed.
pub struct Signer(SigningKey);

/// The public half of an Ed25519 key: 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The text is no Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key is 64 hexadecimal digits of an Ed25519 key")]
pub struct PublicKeyError;

impl Signer {
    /// From the 32 secret bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Signer {
        Signer(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// An Ed25519 signature over these fields, each led by its length (u64, big-endian); hexadecimal. The first field says
    /// what kind of message it is, so that no signature can stand for another kind.
    pub(crate) fn sign_fields(&self, fields: &[&[u8]]) -> String {
        hex::encode(self.0.sign(&framed(fields)).to_bytes())
    }
}

impl std::str::FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<PublicKey, PublicKeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| PublicKeyError)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| PublicKeyError)?;
        if key.is_weak() { Err(PublicKeyError) } else { Ok(PublicKey(key)) }
    }
}

impl PublicKey {
    /// Whether this key signed exactly these fields; see [`Signer::sign_fields`].
    pub(crate) fn signed_fields(&self, fields: &[&[u8]], signature: &str) -> bool {
        let mut bytes = [0; 64];
        hex::decode_to_slice(signature, &mut bytes).is_ok()
            && self.0.verify_strict(&framed(fields), &Signature::from_bytes(&bytes)).is_ok()
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for field in fields {
        message.extend((field.len() as u64).to_be_bytes());
        message.extend(*field);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_or_short_key_is_refused() {
        for text in ["", "00", &"00".repeat(32), &format!("01{}", "00".repeat(31)), &"zz".repeat(32)] {
            assert_eq!(text.parse::<PublicKey>(), Err(PublicKeyError), "{text}");
        }
    }
}
