//! What may happen to a request, and in which order. Pure.
//!
//! ```text
//! received ─▶ verified ─▶ approved-once ─▶ approved ─▶ under-way ─▶ carried-out
//!    │            └───────────(where two people are not needed)───────▲──▲
//!    └─▶ merged, and until it is under way: refused, withdrawn
//! ```
//!
//! - Nothing is carried out for somebody who has not shown who they are. What a shop's signature asks for was verified by it, and needs
//!   no approval: the shop is who decides about its customers' data.
//! - An erasure that needs two people has two different ones who approve it, however often one of them tries.
//! - What is under way is carried out: keys that may be destroyed already are not asked back.
//! - Whoever is erased otherwise has nothing left that could be given, corrected or restricted: their open requests end with that.

use commerce::{Reason, StaffId};
use uuid::Uuid;

use super::super::access::Actor;

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// A copy of what is held about them (GDPR Art. 15).
    Access,
    /// The same in a form for machines (Art. 20).
    Portability,
    /// That something be put right (Art. 16).
    Correction,
    /// That they be erased (Art. 17).
    Erasure,
    /// That their data be kept and not used (Art. 18).
    Restriction,
    /// That it not be used for a purpose (Art. 21).
    Objection,
    /// That a consent no longer count (Art. 7(3)).
    ConsentWithdrawal,
    /// No advertising.
    MarketingOptOut,
    /// That something be looked into; its outcome is stated.
    Complaint,
    /// What was done with their data, and by whom.
    ActivityHistory,
    /// A shop's own: it has left, and everybody's data goes.
    Closure,
}

/// The text is no kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a kind of request: use access, portability, correction, erasure, restriction, objection, consent-withdrawal, \
     marketing-opt-out, complaint or activity-history"
)]
pub struct UnknownRequestKind;

/// How it was shown that it is the person who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// They know an order and its phone number, and the code that was sent there.
    Code,
    /// A member of staff made sure.
    Staff,
    /// Their shop asks for them, in a message with its signature.
    Shop,
}

/// How a request is to be treated, fixed when it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What it asks for.
    pub kind: RequestKind,
    /// Whether two people have to approve it.
    pub two_people: bool,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// On record; who asks has yet to be made sure of.
    Received,
    /// It is the person who asks.
    Verified,
    /// The first of two people has approved it: this one.
    ApprovedOnce(StaffId),
    /// It is to be carried out.
    Approved,
    /// It is on record as being carried out, and cannot be called back. An erasure may have to wait for a hold.
    UnderWay,
    /// Done, and what came of it.
    CarriedOut(Reason),
    /// Not done, and why.
    Refused(Reason),
    /// The person took it back.
    Withdrawn,
    /// The same was asked before; that request goes on for both.
    Merged(Uuid),
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is the person who asks.
    Verify(Verification),
    /// Somebody approves it.
    Approve,
    /// It begins to be carried out.
    Begin,
    /// It is done, and this came of it.
    CarryOut(Reason),
    /// The person was erased by other means.
    Overtake,
    /// It is not done, for this reason.
    Refuse(Reason),
    /// The person takes it back.
    Withdraw,
    /// Another request for the same joins it.
    Join(Uuid),
}

/// Why a step is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// Nothing happens to it any more.
    #[error("the request is closed")]
    Closed,
    /// Nobody has made sure who asks.
    #[error("nobody has made sure yet who asks: verify it first")]
    NotVerified,
    /// That was made sure of before.
    #[error("who asks was verified before")]
    AlreadyVerified,
    /// Two different people have to approve it, and have not.
    #[error("two different people have to approve it first")]
    NotApproved,
    /// Both have to be different people.
    #[error("the same person has approved it before: it takes somebody else")]
    SamePerson,
    /// Nobody has to approve it, or all have.
    #[error("it needs no approval, or no other one")]
    NoApprovalNeeded,
    /// Only a member of staff may do that, by their slug.
    #[error("a member of staff has to do that, by their slug")]
    NotStaff,
    /// It is being carried out and cannot be called back.
    #[error("it is being carried out, and cannot be called back")]
    UnderWay,
}

impl RequestKind {
    /// All, in the order in which they are listed.
    pub const ALL: [RequestKind; 11] = [
        RequestKind::Access,
        RequestKind::Portability,
        RequestKind::Correction,
        RequestKind::Erasure,
        RequestKind::Restriction,
        RequestKind::Objection,
        RequestKind::ConsentWithdrawal,
        RequestKind::MarketingOptOut,
        RequestKind::Complaint,
        RequestKind::ActivityHistory,
        RequestKind::Closure,
    ];

    /// `access`, `consent-withdrawal`, …; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestKind::Access => "access",
            RequestKind::Portability => "portability",
            RequestKind::Correction => "correction",
            RequestKind::Erasure => "erasure",
            RequestKind::Restriction => "restriction",
            RequestKind::Objection => "objection",
            RequestKind::ConsentWithdrawal => "consent-withdrawal",
            RequestKind::MarketingOptOut => "marketing-opt-out",
            RequestKind::Complaint => "complaint",
            RequestKind::ActivityHistory => "activity-history",
            RequestKind::Closure => "closure",
        }
    }

    /// Whether a person can ask for it, rather than a shop for itself.
    pub fn is_of_person(self) -> bool {
        self != RequestKind::Closure
    }

    /// Whether it has an answer of its own even when the person is erased meanwhile.
    pub fn outlives_erasure(self) -> bool {
        matches!(self, RequestKind::Complaint | RequestKind::Closure)
    }
}

impl std::str::FromStr for RequestKind {
    type Err = UnknownRequestKind;

    fn from_str(text: &str) -> Result<Self, UnknownRequestKind> {
        RequestKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownRequestKind)
    }
}

impl Verification {
    /// `code`, `staff` or `shop`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Verification::Code => "code",
            Verification::Staff => "staff",
            Verification::Shop => "shop",
        }
    }
}

impl RequestState {
    /// `received`, `approved-once`, `carried-out`, …; also the stored form.
    pub fn as_str(&self) -> &'static str {
        match self {
            RequestState::Received => "received",
            RequestState::Verified => "verified",
            RequestState::ApprovedOnce(_) => "approved-once",
            RequestState::Approved => "approved",
            RequestState::UnderWay => "under-way",
            RequestState::CarriedOut(_) => "carried-out",
            RequestState::Refused(_) => "refused",
            RequestState::Withdrawn => "withdrawn",
            RequestState::Merged(_) => "merged",
        }
    }

    /// Whether something is left to do.
    pub fn is_open(&self) -> bool {
        use RequestState::{Approved, ApprovedOnce, Received, UnderWay, Verified};
        matches!(self, Received | Verified | ApprovedOnce(_) | Approved | UnderWay)
    }
}

impl Step {
    /// `verified`, `approved`, …: what has happened once it was taken; also the stored form.
    pub fn as_str(&self) -> &'static str {
        match self {
            Step::Verify(_) => "verified",
            Step::Approve => "approved",
            Step::Begin => "begun",
            Step::CarryOut(_) => "carried-out",
            Step::Overtake => "overtaken",
            Step::Refuse(_) => "refused",
            Step::Withdraw => "withdrawn",
            Step::Join(_) => "joined",
        }
    }
}

/// What a request becomes by a step that this actor takes.
pub(super) fn next(terms: Terms, state: &RequestState, step: &Step, by: &Actor) -> Result<RequestState, NotAllowed> {
    if !state.is_open() {
        return Err(NotAllowed::Closed);
    }
    match step {
        Step::Verify(how) => verified(terms, state, *how, by),
        Step::Approve => approved(terms, state, by),
        Step::Begin => ready(terms, state).map(|()| RequestState::UnderWay),
        Step::CarryOut(outcome) => ready(terms, state).map(|()| RequestState::CarriedOut(outcome.clone())),
        Step::Overtake => Ok(RequestState::CarriedOut(slug("erased-otherwise"))),
        Step::Refuse(_) | Step::Withdraw if *state == RequestState::UnderWay => Err(NotAllowed::UnderWay),
        Step::Refuse(reason) => Ok(RequestState::Refused(reason.clone())),
        Step::Withdraw => Ok(RequestState::Withdrawn),
        Step::Join(_) => Ok(state.clone()),
    }
}

fn verified(terms: Terms, state: &RequestState, how: Verification, by: &Actor) -> Result<RequestState, NotAllowed> {
    use RequestState::{Approved, ApprovedOnce, Received, Verified};
    match (how, state) {
        (Verification::Staff, _) if !matches!(by, Actor::Staff(_)) => Err(NotAllowed::NotStaff),
        // Its signature stands for the approvals too.
        (Verification::Shop, Received | Verified | ApprovedOnce(_)) if terms.kind == RequestKind::Erasure => {
            Ok(Approved)
        }
        (_, Received) => Ok(Verified),
        _ => Err(NotAllowed::AlreadyVerified),
    }
}

fn approved(terms: Terms, state: &RequestState, by: &Actor) -> Result<RequestState, NotAllowed> {
    let Actor::Staff(staff) = by else { return Err(NotAllowed::NotStaff) };
    match state {
        RequestState::Received => Err(NotAllowed::NotVerified),
        _ if !terms.two_people => Err(NotAllowed::NoApprovalNeeded),
        RequestState::Verified => Ok(RequestState::ApprovedOnce(staff.clone())),
        RequestState::ApprovedOnce(first) if first == staff => Err(NotAllowed::SamePerson),
        RequestState::ApprovedOnce(_) => Ok(RequestState::Approved),
        _ => Err(NotAllowed::NoApprovalNeeded),
    }
}

/// Whether it may be carried out.
fn ready(terms: Terms, state: &RequestState) -> Result<(), NotAllowed> {
    match state {
        RequestState::Received => Err(NotAllowed::NotVerified),
        RequestState::Verified | RequestState::ApprovedOnce(_) if terms.two_people => Err(NotAllowed::NotApproved),
        _ => Ok(()),
    }
}

/// A slug that stands in this program.
#[expect(clippy::expect_used, reason = "the few slugs of this program are lower-case letters and hyphens")]
pub(super) fn slug(text: &'static str) -> Reason {
    text.parse().expect("a slug")
}

#[cfg(test)]
mod tests;
