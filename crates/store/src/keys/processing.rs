//! What people's data is used for: the closed set of purposes, each with the ground on which the law allows it.
//!
//! The free word on the access log ([`Purpose`](super::Purpose)) says why somebody looked just then; which of these it serves
//! follows from its beginning. Restrictions, objections and consents are about these, and the register of processing lists them.

/// A purpose of processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Processing {
    /// Consignments are booked with couriers, and parcels tracked.
    Delivery,
    /// Orders and customers are kept as the shop has them.
    ShopSync,
    /// Cash on delivery is reconciled, the ledger and its reports are kept.
    Finance,
    /// The merchant is told how an order stands.
    Notices,
    /// Somebody asks about an order, and staff look it up.
    Support,
    /// Offers that nobody asked for.
    Marketing,
    /// Claims are made, exercised or defended.
    LegalClaims,
    /// The person asked for it themselves: to see, to correct, to take along, to erase.
    OwnRequest,
    /// The platform is kept running: inputs read again, faults found.
    Operations,
    /// It is kept, moved, copied and sealed anew, and nobody looks.
    Storage,
}

/// The text is no purpose of processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a purpose of processing: use delivery, shop-sync, finance, notices, support, marketing, legal-claims, own-request, \
     operations or storage"
)]
pub struct UnknownProcessing;

/// On what ground the law allows it (GDPR Art. 6(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegalBasis {
    /// A contract with the person is performed.
    Contract,
    /// A law demands it.
    LegalObligation,
    /// An interest of the merchant that the person's does not outweigh.
    LegitimateInterest,
    /// The person has consented.
    Consent,
}

impl LegalBasis {
    /// `contract`, `legal obligation`, `legitimate interest` or `consent`.
    pub fn as_str(self) -> &'static str {
        match self {
            LegalBasis::Contract => "contract",
            LegalBasis::LegalObligation => "legal obligation",
            LegalBasis::LegitimateInterest => "legitimate interest",
            LegalBasis::Consent => "consent",
        }
    }
}

impl Processing {
    /// All, in the order in which they are shown.
    pub const ALL: [Processing; 10] = [
        Processing::Delivery,
        Processing::ShopSync,
        Processing::Finance,
        Processing::Notices,
        Processing::Support,
        Processing::Marketing,
        Processing::LegalClaims,
        Processing::OwnRequest,
        Processing::Operations,
        Processing::Storage,
    ];

    /// The word for it; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Processing::Delivery => "delivery",
            Processing::ShopSync => "shop-sync",
            Processing::Finance => "finance",
            Processing::Notices => "notices",
            Processing::Support => "support",
            Processing::Marketing => "marketing",
            Processing::LegalClaims => "legal-claims",
            Processing::OwnRequest => "own-request",
            Processing::Operations => "operations",
            Processing::Storage => "storage",
        }
    }

    /// The ground on which it rests.
    pub fn basis(self) -> LegalBasis {
        match self {
            Processing::Delivery | Processing::ShopSync => LegalBasis::Contract,
            Processing::Finance | Processing::OwnRequest => LegalBasis::LegalObligation,
            Processing::Notices
            | Processing::Support
            | Processing::LegalClaims
            | Processing::Operations
            | Processing::Storage => LegalBasis::LegitimateInterest,
            Processing::Marketing => LegalBasis::Consent,
        }
    }

    /// Whether somebody can object to it (Art. 21): to what rests on an interest or a consent, save what defends claims, and what
    /// merely keeps the data, against which there is erasure.
    pub fn may_be_objected_to(self) -> bool {
        let spared = matches!(self, Processing::LegalClaims | Processing::Storage);
        !spared && matches!(self.basis(), LegalBasis::LegitimateInterest | LegalBasis::Consent)
    }

    /// Whether it goes on while somebody's data is restricted (Art. 18(2)), without their consent.
    pub(super) fn goes_on_restricted(self) -> bool {
        matches!(self, Processing::Storage | Processing::LegalClaims | Processing::OwnRequest)
    }
}

impl std::str::FromStr for Processing {
    type Err = UnknownProcessing;

    fn from_str(text: &str) -> Result<Self, UnknownProcessing> {
        Processing::ALL.into_iter().find(|one| one.as_str() == text).ok_or(UnknownProcessing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_survives_storage_and_says_what_can_be_objected_to() {
        for one in Processing::ALL {
            assert_eq!(one.as_str().parse(), Ok(one));
        }
        assert_eq!("fun".parse::<Processing>(), Err(UnknownProcessing));
        let objectable = Processing::ALL.into_iter().filter(|one| one.may_be_objected_to()).map(Processing::as_str);
        assert_eq!(objectable.collect::<Vec<_>>(), ["notices", "support", "marketing", "operations"]);
    }
}
