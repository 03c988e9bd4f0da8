//! Signed checkpoints: who holds the key says that a tenant's journal ended with this link when they signed. Whoever kept a
//! checkpoint notices any later change to what came before it, even by somebody who can recompute the whole chain.

use ledger::{ChainHash, Timestamp};
use serde::{Deserialize, Serialize};

use crate::record::link;
use crate::signing::{PublicKey, Signer};

/// What a checkpoint calls its format.
const FORMAT: &str = "daybook-checkpoint/1";

/// What every signed message begins with, so that no other signature by the same key can stand for a checkpoint.
const DOMAIN: &[u8] = b"daybook.journal-checkpoint.v1";

/// A signature over a tenant's journal up to one number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// `daybook-checkpoint/1`.
    pub format: String,
    /// Whose journal.
    pub tenant: String,
    /// The last number that the signature covers.
    pub number: u64,
    /// The link over it, hexadecimal.
    pub link: String,
    /// When it was signed, microseconds since 1970-01-01T00:00:00Z.
    pub signed_at: i64,
    /// Who signed it: an Ed25519 key, hexadecimal.
    pub public_key: String,
    /// Ed25519 over the domain, tenant, number, link, time and public key, each led by its length (u64, big-endian);
    /// hexadecimal.
    pub signature: String,
}

/// Why a checkpoint proves nothing. Checked in this order; the first that applies is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is of a format that this program does not know.
    #[error("the checkpoint is not of the format {FORMAT}")]
    Format,
    /// Another key signed it than the one that is trusted.
    #[error("the checkpoint was signed by another key than the one given")]
    AnotherKey,
    /// The signature is not one of that key over what the checkpoint says.
    #[error("the checkpoint's signature does not match what it says")]
    Signature,
    /// It is about another tenant's journal.
    #[error("the checkpoint is of another tenant's journal")]
    AnotherTenant,
    /// The journal ends before it.
    #[error("the journal ends before the checkpoint's number {0}: transactions are missing")]
    Missing(u64),
    /// The journal has another link at that number.
    #[error("the journal differs from what was signed, at or before number {0}")]
    Differs(u64),
}

impl Signer {
    /// Signs that `tenant`'s journal has `link` at `number`.
    pub fn sign(&self, tenant: &str, number: u64, link: ChainHash, signed_at: Timestamp) -> Checkpoint {
        let mut checkpoint = Checkpoint {
            format: FORMAT.to_owned(),
            tenant: tenant.to_owned(),
            number,
            link: link.to_string(),
            signed_at: signed_at.0,
            public_key: self.public_key().to_string(),
            signature: String::new(),
        };
        checkpoint.signature = checkpoint.with_fields(link, |fields| self.sign_fields(fields));
        checkpoint
    }
}

impl Checkpoint {
    /// Checks the signature against a key that came from elsewhere than the checkpoint.
    pub fn verify(&self, trusted: &PublicKey) -> Result<(), CheckpointError> {
        if self.format != FORMAT {
            return Err(CheckpointError::Format);
        }
        if self.public_key != trusted.to_string() {
            return Err(CheckpointError::AnotherKey);
        }
        let link = link(&self.link).ok_or(CheckpointError::Signature)?;
        match self.with_fields(link, |fields| trusted.signed_fields(fields, &self.signature)) {
            true => Ok(()),
            false => Err(CheckpointError::Signature),
        }
    }

    /// Compares it with a journal that was checked: `found` is that journal's link at the checkpoint's number, if it has it.
    pub fn agrees(&self, tenant: &str, found: Option<ChainHash>) -> Result<(), CheckpointError> {
        match found {
            _ if self.tenant != tenant => Err(CheckpointError::AnotherTenant),
            None => Err(CheckpointError::Missing(self.number)),
            Some(found) if found.to_string() != self.link => Err(CheckpointError::Differs(self.number)),
            Some(_) => Ok(()),
        }
    }

    /// What a signature is over.
    fn with_fields<T>(&self, link: ChainHash, then: impl FnOnce(&[&[u8]]) -> T) -> T {
        let (number, signed_at) = (self.number.to_be_bytes(), self.signed_at.to_be_bytes());
        let key = hex::decode(&self.public_key).unwrap_or_default();
        then(&[DOMAIN, self.tenant.as_bytes(), &number, &link.0, &signed_at, &key])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_and_the_very_words_verify() {
        let (signer, other) = (Signer::from_seed(&[7; 32]), Signer::from_seed(&[8; 32]));
        let link = ChainHash([3; 32]);
        let signed = signer.sign("kohsar", 12, link, Timestamp(5));
        let key: PublicKey = signer.public_key().to_string().parse().unwrap();
        assert_eq!(signed.verify(&key), Ok(()));
        assert_eq!(signed.verify(&other.public_key()), Err(CheckpointError::AnotherKey));
        for wrong in [
            Checkpoint { tenant: "kohsa".to_owned(), ..signed.clone() },
            Checkpoint { number: 13, ..signed.clone() },
            Checkpoint { link: ChainHash([4; 32]).to_string(), ..signed.clone() },
            Checkpoint { signed_at: 6, ..signed.clone() },
            Checkpoint { signature: "00".repeat(64), ..signed.clone() },
            Checkpoint { signature: String::new(), ..signed.clone() },
        ] {
            assert_eq!(wrong.verify(&key), Err(CheckpointError::Signature), "{wrong:?}");
        }
        let newer = Checkpoint { format: "daybook-checkpoint/2".to_owned(), ..signed.clone() };
        assert_eq!(newer.verify(&key), Err(CheckpointError::Format));
    }

    #[test]
    fn a_checkpoint_is_of_one_journal_at_one_number() {
        let link = ChainHash([3; 32]);
        let signed = Signer::from_seed(&[7; 32]).sign("kohsar", 12, link, Timestamp(5));
        assert_eq!(signed.agrees("kohsar", Some(link)), Ok(()));
        assert_eq!(signed.agrees("margalla", Some(link)), Err(CheckpointError::AnotherTenant));
        assert_eq!(signed.agrees("kohsar", None), Err(CheckpointError::Missing(12)));
        assert_eq!(signed.agrees("kohsar", Some(ChainHash([4; 32]))), Err(CheckpointError::Differs(12)));
    }
}
