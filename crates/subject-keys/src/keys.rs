//! The six kinds of key and the ids that name them. A key shows its bytes to this crate only.

use secrecy::{ExposeSecret, SecretBox};
use uuid::Uuid;
use zeroize::Zeroize;

/// Length of every key in bytes (AES-256, HMAC-SHA256).
pub const KEY_LEN: usize = 32;

/// Names a key-encryption-key epoch. Epochs count up, one a day by default, and never come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochId(pub u32);

/// Names a page of about a thousand subject keys that are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(pub u64);

/// Names a page of about a hundred identities of one tenant: random, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexPageId(pub u64);

/// Names one subject key: random, never reused, and it says nothing about the person. It stands in clear in every box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub Uuid);

/// Declares a kind of key. The kinds are separate types so that one cannot be used where another is meant; none has
/// Debug, Display, Clone or Serialize, and all are wiped from memory when dropped.
macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(SecretBox<[u8; KEY_LEN]>);

        impl $name {
            /// Takes over 32 secret, uniformly random bytes. The copy that was passed in is wiped; the caller wipes its own.
            pub fn from_bytes(mut bytes: [u8; KEY_LEN]) -> Self {
                let key = Self(SecretBox::init_with_mut(|secret: &mut [u8; KEY_LEN]| secret.copy_from_slice(&bytes)));
                bytes.zeroize();
                key
            }

            /// Draws a new key. `rng` must fill the whole slice from a cryptographically secure generator.
            pub fn generate(rng: &mut impl FnMut(&mut [u8])) -> Self {
                Self(SecretBox::init_with_mut(|secret: &mut [u8; KEY_LEN]| rng(secret)))
            }

            /// The key's bytes, for the primitives in `hazmat` only.
            pub(crate) fn expose(&self) -> &[u8; KEY_LEN] {
                self.0.expose_secret()
            }
        }
    };
}

secret_key! {
    /// The root of everything: wraps epoch keys and tenants' webhook secrets. Lives outside the database, in a local
    /// file or a key management service.
    RootKey
}

secret_key! {
    /// Wraps key pages and index keys during one epoch. Destroying it makes every backup of that age unreadable.
    EpochKey
}

secret_key! {
    /// Wraps the subject keys of one page. A page that lost a key gets a new page key; the others are only rewrapped.
    PageKey
}

secret_key! {
    /// Seals one subject's personal data of one retention month. Destroying it erases that data everywhere.
    SubjectKey
}

secret_key! {
    /// Blinds one tenant's identifiers for lookup, so that equal values meet without being stored.
    IndexKey
}

secret_key! {
    /// Hides the blinded identities of one index page. A page that lost one gets a new key, which the others move to.
    IndexPageKey
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generate_takes_every_byte_from_the_generator() {
        let key = SubjectKey::generate(&mut |bytes: &mut [u8]| bytes.fill(7));
        assert_eq!(key.expose(), &[7; KEY_LEN]);
        assert_eq!(key.expose(), SubjectKey::from_bytes([7; KEY_LEN]).expose());
    }

    #[test]
    fn keys_can_be_shared_between_threads() {
        fn shareable<T: Send + Sync>() {}
        shareable::<RootKey>();
        shareable::<EpochKey>();
        shareable::<PageKey>();
        shareable::<SubjectKey>();
        shareable::<IndexKey>();
        shareable::<IndexPageKey>();
        shareable::<crate::PreparedKey>();
    }
}
