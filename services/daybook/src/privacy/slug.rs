//! Slugs that people type on the command line and that stay on record for good: checked so that none of them is a phone number.

use commerce::{Reason, StaffId};

/// So many digits in a row are a phone number, or may be one.
const PHONE_LIKE: usize = 7;

/// Who: a slug of the merchant's staff.
pub(crate) fn staff(text: &str) -> Result<StaffId, String> {
    refuse_phone(text)?;
    text.parse()
        .map_err(|_| "use a slug such as `support-2`: lower-case letters, digits and hyphens, up to 40".to_owned())
}

/// Why, or what came of it.
pub(crate) fn reason(text: &str) -> Result<Reason, String> {
    refuse_phone(text)?;
    text.parse()
        .map_err(|_| "use a slug such as `not-the-buyer`: lower-case letters, digits and hyphens, up to 80".to_owned())
}

/// Refuses what may hold a phone number.
pub(crate) fn refuse_phone(text: &str) -> Result<(), String> {
    let longest = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
    match longest >= PHONE_LIKE {
        true => {
            Err("seven or more digits in a row may be a phone number, and this stays on record: use a role or a short \
                     staff number"
                .to_owned())
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_slug_is_a_phone_number() {
        for text in ["support-2", "finance-123456", "a1-2-3-4-5-6-7-8"] {
            assert!(staff(text).is_ok(), "{text}");
        }
        for text in ["03001234567", "ali-923001234567", "1234567"] {
            let told = staff(text).unwrap_err();
            assert!(told.contains("phone number") && !told.contains(text), "{told}");
            assert!(reason(text).is_err(), "{text}");
        }
        for text in ["Ali Raza", "ali@example.com", ""] {
            assert!(staff(text).is_err(), "{text}");
        }
    }
}
