//! Ids that people choose when they enter something into the books themselves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::IdError;

text_id!(
    /// A voucher's own id, chosen by whoever enters it: lower-case letters, digits, `.`, `_` and `-`, up to 64. It is
    /// the idempotency key: the same id is the same voucher, however often it is sent.
    VoucherId, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)
);
text_id!(
    /// Who decided, as the merchant's own short id such as `finance-2`: lower-case letters, digits and hyphens, up to
    /// 40. It cannot hold an address, a number with its punctuation, or a name as it is written: use a role or a staff
    /// number.
    StaffId, 40, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
text_id!(
    /// Why, as a slug such as `office-rent-march`: lower-case letters, digits and hyphens, up to 80. What names a
    /// person belongs in the document behind the voucher, never here.
    Reason, 80, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_freely_is_none_of_these() {
        assert!("rent-2026-03".parse::<VoucherId>().is_ok() && "finance-2".parse::<StaffId>().is_ok());
        assert!("Ali Raza".parse::<StaffId>().is_err() && "ali@example.com".parse::<StaffId>().is_err());
        assert!("paid to Ali".parse::<Reason>().is_err() && "+92 300 1234567".parse::<Reason>().is_err());
        assert!("voucher/1".parse::<VoucherId>().is_err() && "".parse::<VoucherId>().is_err());
    }
}
