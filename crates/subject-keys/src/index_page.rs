//! Index pages: what was blinded does not lie in the index as it is, but hidden by a key that can be destroyed.
//!
//! A blinded value, or *tag*, can be tried against all phone numbers by whoever has the tenant's index key, and that key
//! lives as long as the tenant. So a tag is stored only under the key of a page: as an HMAC, the *mark*, which finds it, and encrypted, so that it can move to another page. Without the page's key both are noise.

use crate::hazmat::{derive, mac};
use crate::keys::{EpochKey, IndexPageId, IndexPageKey};
use crate::messages::Exhausted;
use crate::wrap::{Slot, UnwrapError};

const PAGE: &str = "daybook wrap: index page key";
const TAG: &str = "daybook wrap: tag on an index page";

/// Derives the key of the marks, so that one key is not used for two algorithms.
const MARK: &str = "daybook index page: mark of a tag";

impl EpochKey {
    /// Wraps the key of an index page for storage as the page `id`.
    pub fn wrap_index_page(
        &self,
        id: IndexPageId,
        key: &IndexPageKey,
        rng: &mut impl FnMut(&mut [u8]),
    ) -> Result<Vec<u8>, Exhausted> {
        Slot { domain: PAGE, id: &id.0.to_be_bytes() }.wrap(self.expose(), key.expose(), rng)
    }

    /// Opens what [`wrap_index_page`](EpochKey::wrap_index_page) stored as the page `id`.
    pub fn unwrap_index_page(&self, id: IndexPageId, wrapped: &[u8]) -> Result<IndexPageKey, UnwrapError> {
        let key = Slot { domain: PAGE, id: &id.0.to_be_bytes() }.unwrap_key(self.expose(), wrapped)?;
        Ok(IndexPageKey::from_bytes(*key))
    }
}

impl IndexPageKey {
    /// What finds this tag on the page: HMAC-SHA256, so equal tags have one mark, and nothing else shows.
    pub fn mark(&self, tag: &[u8; 32]) -> [u8; 32] {
        mac(&derive(self.expose(), MARK), &[tag])
    }

    /// Encrypts the tag for storage beside its mark.
    pub fn seal_tag(
        &self,
        mark: &[u8; 32],
        tag: &[u8; 32],
        rng: &mut impl FnMut(&mut [u8]),
    ) -> Result<Vec<u8>, Exhausted> {
        Slot { domain: TAG, id: mark }.wrap(self.expose(), tag, rng)
    }

    /// Opens what [`seal_tag`](IndexPageKey::seal_tag) stored beside this mark.
    pub fn open_tag(&self, mark: &[u8; 32], sealed: &[u8]) -> Result<[u8; 32], UnwrapError> {
        Ok(*Slot { domain: TAG, id: mark }.unwrap_key(self.expose(), sealed)?)
    }
}
