//! Keys at rest: each is stored wrapped by the key above it, and a wrapped key opens only under the id it was made for.
//!
//! Layout v1: `version(1) | nonce(12) | ciphertext | tag(16)`, AES-256-GCM. The associated data is the length-prefixed
//! list *domain label, id, version*, so a row copied over another row, or a page's blob put where an index key belongs,
//! is rejected instead of opening as the wrong thing.

use zeroize::Zeroizing;

use crate::hazmat::{Cipher, NONCE_LEN, TAG_LEN, derive, length_prefixed};
use crate::keys::{EpochId, EpochKey, IndexKey, KEY_LEN, KeyId, PageId, PageKey, RootKey, SubjectKey};
use crate::messages::{Exhausted, Messages};
use crate::plaintext::Plaintext;

const VERSION_1: u8 = 1;
const HEADER_LEN: usize = 1 + NONCE_LEN;

const EPOCH: &str = "daybook wrap: epoch key";
const PAGE: &str = "daybook wrap: page key";
const SUBJECT: &str = "daybook wrap: subject key";
const INDEX: &str = "daybook wrap: index key";
const SECRET: &str = "daybook wrap: secret";

/// Derives the fingerprint by which the messages of a wrapping key are counted. It is stored nowhere.
const COUNTED: &str = "daybook wrap: count of messages";

/// Why a wrapped key or secret did not open. None of these heals by trying again: the stored bytes, the id or the
/// wrapping key are not the ones that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// Fewer bytes than the layout needs: the blob was cut or is something else.
    #[error("the wrapped key is too short to be one")]
    TooShort,
    /// Written by a later version of this software.
    #[error("the wrapped key has format version {0}, which this version does not know")]
    UnknownVersion(u8),
    /// Wrapped by another key, for another id, or changed since.
    #[error("the wrapped key does not belong to this wrapping key and id, or it was changed")]
    Rejected,
}

/// Why a key was not moved from one wrapping key to another. The old blob stands as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewrapError {
    /// The old wrapping did not open.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// The new wrapping key takes no more.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// One kind of wrapped thing under one id.
pub(crate) struct Slot<'a> {
    pub(crate) domain: &'static str,
    pub(crate) id: &'a [u8],
}

impl Slot<'_> {
    fn associated(&self) -> Vec<u8> {
        length_prefixed(&[self.domain.as_bytes(), self.id, &[VERSION_1]])
    }

    pub(crate) fn wrap(
        &self,
        under: &[u8; KEY_LEN],
        secret: &[u8],
        rng: &mut impl FnMut(&mut [u8]),
    ) -> Result<Vec<u8>, Exhausted> {
        let nonce = Messages::of(&derive(under, COUNTED)).nonce(rng)?;
        let mut wrapped = Vec::with_capacity(HEADER_LEN + secret.len() + TAG_LEN);
        wrapped.push(VERSION_1);
        wrapped.extend_from_slice(nonce.bytes());
        wrapped.extend_from_slice(secret);
        Cipher::new(under).encrypt_tail(nonce, &self.associated(), &mut wrapped, HEADER_LEN);
        Ok(wrapped)
    }

    fn unwrap(&self, under: &[u8; KEY_LEN], wrapped: &[u8]) -> Result<Plaintext, UnwrapError> {
        let (version, rest) = wrapped.split_first().ok_or(UnwrapError::TooShort)?;
        if *version != VERSION_1 {
            return Err(UnwrapError::UnknownVersion(*version));
        }
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(UnwrapError::TooShort)?;
        if ciphertext.len() < TAG_LEN {
            return Err(UnwrapError::TooShort);
        }
        Cipher::new(under).decrypt(nonce, &self.associated(), ciphertext).ok_or(UnwrapError::Rejected)
    }

    /// Unwraps something that must be a key, whose bytes then live only in the returned buffer.
    pub(crate) fn unwrap_key(
        &self,
        under: &[u8; KEY_LEN],
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_LEN]>, UnwrapError> {
        let bytes = self.unwrap(under, wrapped)?;
        let key: &[u8; KEY_LEN] = bytes.as_slice().try_into().map_err(|_| UnwrapError::Rejected)?;
        Ok(Zeroizing::new(*key))
    }
}

impl RootKey {
    /// Wraps an epoch key for storage as the epoch `id`.
    pub fn wrap_epoch(
        &self,
        id: EpochId,
        key: &EpochKey,
        rng: &mut impl FnMut(&mut [u8]),
    ) -> Result<Vec<u8>, Exhausted> {
        Slot { domain: EPOCH, id: &id.0.to_be_bytes() }.wrap(self.expose(), key.expose(), rng)
    }

    /// Opens what [`wrap_epoch`](RootKey::wrap_epoch) stored as the epoch `id`.
    pub fn unwrap_epoch(&self, id: EpochId, wrapped: &[u8]) -> Result<EpochKey, UnwrapError> {
        let key = Slot { domain: EPOCH, id: &id.0.to_be_bytes() }.unwrap_key(self.expose(), wrapped)?;
        Ok(EpochKey::from_bytes(*key))
    }

    /// Wraps a secret of any length, such as a tenant's webhook secret. `label` says whose and which, for example
    /// `tenant/8f0c/shopify-webhook`; the secret opens under that label only. Its length shows.
    pub fn wrap_secret(
        &self,
        label: &str,
        secret: &[u8],
        rng: &mut impl FnMut(&mut [u8]),
    ) -> Result<Vec<u8>, Exhausted> {
        Slot { domain: SECRET, id: label.as_bytes() }.wrap(self.expose(), secret, rng)
    }

    /// Opens what [`wrap_secret`](RootKey::wrap_secret) stored under `label`.
    pub fn unwrap_secret(&self, label: &str, wrapped: &[u8]) -> Result<Plaintext, UnwrapError> {
        Slot { domain: SECRET, id: label.as_bytes() }.unwrap(self.expose(), wrapped)
    }
}

impl EpochKey {
    /// Wraps a page key for storage as the page `id`.
    pub fn wrap_page(&self, id: PageId, key: &PageKey, rng: &mut impl FnMut(&mut [u8])) -> Result<Vec<u8>, Exhausted> {
        Slot { domain: PAGE, id: &id.0.to_be_bytes() }.wrap(self.expose(), key.expose(), rng)
    }

    /// Opens what [`wrap_page`](EpochKey::wrap_page) stored as the page `id`.
    pub fn unwrap_page(&self, id: PageId, wrapped: &[u8]) -> Result<PageKey, UnwrapError> {
        let key = Slot { domain: PAGE, id: &id.0.to_be_bytes() }.unwrap_key(self.expose(), wrapped)?;
        Ok(PageKey::from_bytes(*key))
    }

    /// Wraps the index key of a tenant for storage.
    pub fn wrap_index(
        &self,
        tenant: &str,
        key: &IndexKey,
        rng: &mut impl FnMut(&mut [u8]),
    ) -> Result<Vec<u8>, Exhausted> {
        Slot { domain: INDEX, id: tenant.as_bytes() }.wrap(self.expose(), key.expose(), rng)
    }

    /// Opens what [`wrap_index`](EpochKey::wrap_index) stored for `tenant`.
    pub fn unwrap_index(&self, tenant: &str, wrapped: &[u8]) -> Result<IndexKey, UnwrapError> {
        let key = Slot { domain: INDEX, id: tenant.as_bytes() }.unwrap_key(self.expose(), wrapped)?;
        Ok(IndexKey::from_bytes(*key))
    }
}

impl PageKey {
    /// Wraps a subject key for storage as the key `id`.
    pub fn wrap_key(&self, id: KeyId, key: &SubjectKey, rng: &mut impl FnMut(&mut [u8])) -> Result<Vec<u8>, Exhausted> {
        Slot { domain: SUBJECT, id: id.0.as_bytes() }.wrap(self.expose(), key.expose(), rng)
    }

    /// Opens what [`wrap_key`](PageKey::wrap_key) stored as the key `id`.
    pub fn unwrap_key(&self, id: KeyId, wrapped: &[u8]) -> Result<SubjectKey, UnwrapError> {
        let key = Slot { domain: SUBJECT, id: id.0.as_bytes() }.unwrap_key(self.expose(), wrapped)?;
        Ok(SubjectKey::from_bytes(*key))
    }
}

/// Moves a page from one epoch to the next. The page key stays what it was, so its subject keys need no touch.
pub fn rewrap_page(
    old: &EpochKey,
    new: &EpochKey,
    id: PageId,
    wrapped: &[u8],
    rng: &mut impl FnMut(&mut [u8]),
) -> Result<Vec<u8>, RewrapError> {
    Ok(new.wrap_page(id, &old.unwrap_page(id, wrapped)?, rng)?)
}

/// Moves a tenant's index key from one epoch to the next. The key stays what it was, so blinded values stay findable.
pub fn rewrap_index(
    old: &EpochKey,
    new: &EpochKey,
    tenant: &str,
    wrapped: &[u8],
    rng: &mut impl FnMut(&mut [u8]),
) -> Result<Vec<u8>, RewrapError> {
    Ok(new.wrap_index(tenant, &old.unwrap_index(tenant, wrapped)?, rng)?)
}

/// Moves a subject key to a new page key, which is how the survivors leave a page that lost a key. The subject key
/// stays what it was, so its boxes stay readable.
pub fn rewrap_key(
    old: &PageKey,
    new: &PageKey,
    id: KeyId,
    wrapped: &[u8],
    rng: &mut impl FnMut(&mut [u8]),
) -> Result<Vec<u8>, RewrapError> {
    Ok(new.wrap_key(id, &old.unwrap_key(id, wrapped)?, rng)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::MOST_MESSAGES;

    fn random(bytes: &mut [u8]) {
        bytes.fill(1);
    }

    /// Leaves this wrapping key room for one more message.
    fn nearly_full(key: [u8; KEY_LEN]) {
        Messages::of(&derive(&key, COUNTED)).skip_to(MOST_MESSAGES - 1);
    }

    #[test]
    fn a_root_key_that_wrapped_its_fill_wraps_no_more_of_anything() {
        nearly_full([0xD1; 32]);
        let root = || RootKey::from_bytes([0xD1; 32]);
        let epoch = EpochKey::from_bytes([0xD2; 32]);
        let last = root().wrap_epoch(EpochId(1), &epoch, &mut random).unwrap();
        assert_eq!(root().wrap_epoch(EpochId(2), &epoch, &mut random), Err(Exhausted));
        assert_eq!(root().wrap_secret("label", b"secret", &mut random), Err(Exhausted));
        assert!(root().unwrap_epoch(EpochId(1), &last).is_ok(), "what was wrapped still opens");
    }

    #[test]
    fn an_epoch_counts_its_pages_and_index_keys_together() {
        nearly_full([0xD3; 32]);
        let epoch = EpochKey::from_bytes([0xD3; 32]);
        let (page, index) = (PageKey::from_bytes([4; 32]), IndexKey::from_bytes([5; 32]));
        let last = epoch.wrap_page(PageId(1), &page, &mut random).unwrap();
        assert_eq!(epoch.wrap_index("tenant", &index, &mut random), Err(Exhausted));
        assert_eq!(epoch.wrap_page(PageId(1), &page, &mut random), Err(Exhausted));

        let next = EpochKey::from_bytes([0xD4; 32]);
        assert!(rewrap_page(&epoch, &next, PageId(1), &last, &mut random).is_ok(), "out of it, but not into it");
        let there = next.wrap_page(PageId(1), &page, &mut random).unwrap();
        let back = rewrap_page(&next, &epoch, PageId(1), &there, &mut random);
        assert_eq!(back, Err(RewrapError::Exhausted(Exhausted)));
    }

    #[test]
    fn a_page_that_wrapped_its_fill_takes_no_more_keys() {
        nearly_full([0xD5; 32]);
        let (page, key) = (PageKey::from_bytes([0xD5; 32]), SubjectKey::from_bytes([6; 32]));
        let id = KeyId(uuid::Uuid::nil());
        assert!(page.wrap_key(id, &key, &mut random).is_ok());
        assert_eq!(page.wrap_key(id, &key, &mut random), Err(Exhausted));
        assert!(PageKey::from_bytes([0xD6; 32]).wrap_key(id, &key, &mut random).is_ok(), "another page");
    }
}
