//! What a request changes besides an erasure: the one place where a decision of a person takes effect.

use commerce::{Reason, StaffId, SubjectId};
use ledger::Timestamp;
use store::keys::{
    Actor, Channel, ConsentError, KeyStore, KeyStoreError, LegalBasis, Processing, Purpose, Request, RequestChannel,
    RequestKind, RestrictError, RestrictionReason, Said,
};

/// Why what a person decided did not take effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EnforceError {
    /// The key store did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// There is nobody to restrict.
    #[error(transparent)]
    Restrict(#[from] RestrictError),
    /// There is nobody who could consent.
    #[error(transparent)]
    Consent(#[from] ConsentError),
}

/// Makes what a request decides take effect, before it is closed; doing it again changes nothing.
///
/// A restriction is entered for the reason that the outcome names (`accuracy`, `unlawful`, `claims`, `objection`), and for
/// `accuracy` where it names none, until it is lifted. An objection is to every purpose that can be objected to. A withdrawn consent is
/// withdrawn for all that rests on one. All other kinds end with something that is handed to the person, with a fact that the shop
/// sends, or, as an account's closure does, by themselves.
pub async fn enforce(
    keys: &KeyStore,
    request: &Request,
    outcome: &Reason,
    by: &Actor,
    now: Timestamp,
) -> Result<(), EnforceError> {
    let (Some(subject), Some(staff)) = (request.subject, staff_of(by)) else { return Ok(()) };
    match request.terms.kind {
        RequestKind::Restriction => {
            let reason = outcome.as_str().parse().unwrap_or(RestrictionReason::Accuracy);
            keys.restrict(&request.tenant, subject, reason, None, (&staff, now)).await?;
        }
        RequestKind::Objection => {
            for processing in Processing::ALL.into_iter().filter(|one| one.may_be_objected_to()) {
                keys.object(&request.tenant, subject, processing, (&staff, now)).await?;
            }
        }
        RequestKind::ConsentWithdrawal => {
            let said = keys.consents_of(&request.tenant, subject).await?;
            let given = |one: &Processing| said.iter().any(|fact| fact.processing == *one);
            for processing in Processing::ALL.into_iter().filter(|one| one.basis() == LegalBasis::Consent || given(one))
            {
                withdraw(keys, request, subject, processing, (&staff, now)).await?;
            }
        }
        RequestKind::MarketingOptOut => {
            withdraw(keys, request, subject, Processing::Marketing, (&staff, now)).await?;
        }
        RequestKind::Access
        | RequestKind::Portability
        | RequestKind::ActivityHistory
        | RequestKind::Correction
        | RequestKind::Complaint
        | RequestKind::Closure
        | RequestKind::Erasure => {}
    }
    Ok(())
}

/// Under which slug a decision stands on record: that of the member of staff, or the platform's own words for the others.
fn staff_of(by: &Actor) -> Option<StaffId> {
    by.name().parse().ok()
}

/// Records a withdrawal, unless the last that they said about that purpose is one.
async fn withdraw(
    keys: &KeyStore,
    request: &Request,
    subject: SubjectId,
    processing: Processing,
    (staff, at): (&StaffId, Timestamp),
) -> Result<(), EnforceError> {
    let said = keys.consents_of(&request.tenant, subject).await?;
    let last = said.iter().rfind(|fact| fact.processing == processing);
    if last.is_some_and(|fact| fact.wording.is_none()) {
        // It may be one of which only the listing had failed.
        return Ok(keys.list_decided().await?);
    }
    let channel = match request.channel {
        RequestChannel::Page | RequestChannel::Shop => Channel::Page,
        RequestChannel::Operator => Channel::Message,
    };
    let evidence = Purpose::request(request.terms.kind);
    let said = Said { subject, processing, channel, evidence, staff: staff.clone(), at };
    keys.withdraw_consent(&request.tenant, said).await?;
    Ok(())
}
