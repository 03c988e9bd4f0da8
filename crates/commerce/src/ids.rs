//! One type per id. Texts are checked once, here, so that no id can carry a name, an address or a line of prose.

mod couriers;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text cannot be this kind of id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct IdError(pub &'static str);

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.trim().parse().map($name).map_err(|_| IdError(stringify!($name)))
            }
        }
    };
}

numeric_id!(
    /// Shopify's numeric order id. Exceeds 2^53, so never a float.
    OrderId
);
numeric_id!(
    /// Shopify's numeric line item id.
    LineId
);
numeric_id!(
    /// Shopify's numeric refund id.
    RefundId
);
numeric_id!(
    /// Shopify's numeric fulfilment id.
    FulfilmentId
);
numeric_id!(
    /// Shopify's numeric customer id: a pseudonym, not a name.
    CustomerId
);
numeric_id!(
    /// Shopify's numeric variant id.
    VariantId
);
numeric_id!(
    /// Shopify's numeric inventory item id.
    InventoryItemId
);
numeric_id!(
    /// Shopify's numeric location id.
    LocationId
);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let allowed: fn(u8) -> bool = $allowed;
                if text.is_empty() || text.len() > $max || !text.bytes().all(allowed) {
                    return Err(IdError(stringify!($name)));
                }
                Ok($name(text))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                $name::try_from(text.trim().to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

// Below the macro, which is in scope only from here on.
mod staff;

pub use staff::{Reason, StaffId, VoucherId};

text_id!(
    /// A merchant on the platform: lower-case letters, digits and hyphens, up to 63.
    TenantId, 63, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
text_id!(
    /// A courier, as a slug: `postex`, `leopards`, `mnp`, or `other`. What a shop typed never is one.
    Courier, 40, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
text_id!(
    /// A courier's consignment number: letters, digits, hyphens. Free text typed into the field is not one.
    TrackingNumber, 40, |b| b.is_ascii_alphanumeric() || b == b'-'
);
text_id!(
    /// The order's printed name without the leading `#`, such as `9271`; what couriers quote back.
    OrderName, 40, |b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)
);
text_id!(
    /// A courier's settlement document: PostEx's CPR number, Leopards' cheque number.
    ReceiptNumber, 60, |b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)
);
text_id!(
    /// A stock-keeping unit, as the merchant wrote it; anything else than these characters is replaced by `-` at the
    /// edge.
    Sku, 80, |b| b.is_ascii_alphanumeric() || b"-_./:+#".contains(&b)
);

text_id!(
    /// What makes a person's entry the same entry when it is sent again: a slug.
    ClaimKey, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
text_id!(
    /// The document that goods came in with, as the merchant names it: lower-case letters, digits, hyphens and dots.
    GoodsReceipt, 60, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)
);

text_id!(
    /// Totals that stand for replaced detail, such as `2021-03-01.9f86d081884c7d65`: the day before which all of it
    /// counted, and what names its parts.
    TotalsId, 40, |b| b.is_ascii_hexdigit() || b"-.".contains(&b)
);

impl TotalsId {
    /// Totals of what counted before a day, for parts with this digest.
    pub(crate) fn of(before: ledger::Day, digest: &[u8; 32]) -> TotalsId {
        let [a, b, c, d, e, f, g, h, ..] = digest;
        TotalsId(format!("{before}.{}", hex::encode([a, b, c, d, e, f, g, h].map(|byte| *byte))))
    }
}

impl Courier {
    /// The courier a shop names in free text: `PostEx`, `Leopards Courier`, `M&P`. None for whatever is not a known
    /// courier's name: people write there to whom they gave the parcel, and a courier's slug stands in clear, in
    /// account names too.
    pub fn from_name(name: &str) -> Option<Courier> {
        couriers::slug(name).map(|slug| Courier(slug.to_owned()))
    }

    /// Whoever carries a parcel when no known courier is named.
    pub fn other() -> Courier {
        Courier(couriers::OTHER.to_owned())
    }
}

impl TrackingNumber {
    /// The number a shop or courier wrote, without surrounding space and in upper case; None for anything else.
    pub fn from_text(text: &str) -> Option<TrackingNumber> {
        TrackingNumber::try_from(text.trim().to_ascii_uppercase()).ok()
    }
}

impl OrderName {
    /// The name a shop or courier wrote, without `#` and surrounding space; None when it has other characters.
    pub fn from_text(text: &str) -> Option<OrderName> {
        OrderName::try_from(text.trim().trim_start_matches('#').to_owned()).ok()
    }
}

impl Sku {
    /// The merchant's text with every other character replaced by `-` and cut to length; None when it is blank.
    pub fn from_text(text: &str) -> Option<Sku> {
        let keep = |c: char| if c.is_ascii_alphanumeric() || "-_./:+#".contains(c) { c } else { '-' };
        let sku: String = text.trim().chars().take(80).map(keep).collect();
        Sku::try_from(sku).ok()
    }
}

/// A data subject of one tenant: a random id that says nothing about the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubjectId(pub Uuid);

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_not_an_id() {
        assert_eq!(TrackingNumber::from_text("given to Ahmed"), None);
        assert_eq!(TrackingNumber::from_text(" cx-123 ").map(|t| t.to_string()).as_deref(), Some("CX-123"));
        assert_eq!(OrderName::from_text("#9271").map(|n| n.to_string()).as_deref(), Some("9271"));
        assert_eq!(Sku::from_text("Kurta / لال").map(|s| s.to_string()).as_deref(), Some("Kurta-/----"));
        assert!("Acme".parse::<TenantId>().is_err());
    }
}
