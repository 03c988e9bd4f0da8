//! Numbers for people: `1,234,567.89`.

use ledger::Currency;

/// An amount in minor units with the decimals of its currency; the code is not part of it. A text that is no currency reads
/// as one with two decimals.
pub(crate) fn amount(minor: i64, currency: &str) -> String {
    let decimals = currency.parse::<Currency>().map_or(2, |known| known.decimals());
    let scale = 10_u64.pow(decimals);
    let (magnitude, sign) = (minor.unsigned_abs(), if minor < 0 { "-" } else { "" });
    match usize::try_from(decimals) {
        Ok(width @ 1..) => format!("{sign}{}.{:0width$}", count(magnitude / scale), magnitude % scale),
        _ => format!("{sign}{}", count(magnitude)),
    }
}

/// A number with separators between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_separators_and_their_currencys_decimals() {
        for (minor, currency, expected) in [
            (0, "PKR", "0.00"),
            (-5, "PKR", "-0.05"),
            (123_456_789, "PKR", "1,234,567.89"),
            (100_000, "JPY", "100,000"),
            (1_500, "KWD", "1.500"),
            (i64::MIN, "PKR", "-92,233,720,368,547,758.08"),
        ] {
            assert_eq!(amount(minor, currency), expected);
        }
    }
}
