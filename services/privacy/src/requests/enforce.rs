//! What a request changes besides an erasure: the one place where a decision of a person takes effect.

use ledger::Timestamp;
use store::keys::{Actor, KeyStore, KeyStoreError, Request, RequestKind};

/// Why what a person decided did not take effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EnforceError {
    /// The key store did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
}

/// Makes what a request decides take effect, before it is closed; doing it again changes nothing.
///
/// For restriction, objection, withdrawn consent, advertising and a shop's closure nothing in this program acts on the decision by
/// itself: the record says that it was made and carried out by whoever closed it. All other kinds end with something that is handed to
/// the person, or with a fact that the shop sends.
pub async fn enforce(_keys: &KeyStore, request: &Request, _by: &Actor, _now: Timestamp) -> Result<(), EnforceError> {
    match request.terms.kind {
        RequestKind::Restriction
        | RequestKind::Objection
        | RequestKind::ConsentWithdrawal
        | RequestKind::MarketingOptOut
        | RequestKind::Closure => Ok(()),
        RequestKind::Access
        | RequestKind::Portability
        | RequestKind::ActivityHistory
        | RequestKind::Correction
        | RequestKind::Complaint
        | RequestKind::Erasure => Ok(()),
    }
}
