//! The hash chain over a tenant's journal: each link covers the bytes stored for a transaction and the link before it.

use std::fmt;

use sha2::{Digest, Sha256};

/// A link: SHA-256 of the link before it, the length of the stored bytes (u64, big-endian), and the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash(pub [u8; 32]);

/// What the first transaction's link builds on.
pub const GENESIS: ChainHash = ChainHash([0; 32]);

impl ChainHash {
    /// The link after this one, over the bytes stored for the next transaction.
    pub fn then(self, stored: &[u8]) -> ChainHash {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update((stored.len() as u64).to_be_bytes());
        hash.update(stored);
        ChainHash(hash.finalize().into())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_every_boundary_counts() {
        let link = GENESIS.then(b"abc");
        assert_ne!(link, GENESIS.then(b"abd"));
        assert_ne!(link.then(b"d"), GENESIS.then(b"ab").then(b"cd"));
        assert_eq!(link, GENESIS.then(b"abc"));
    }
}
