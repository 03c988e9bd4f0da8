//! Amounts as accountants write them: thousands apart, negative in parentheses, a dash for nothing.

use ledger::Currency;

/// Stands where there is no amount.
pub(super) const NOTHING: &str = "–";

/// `1,234,567.89` or `(12.00)`; minor units in, no currency out: that stands once above the column.
pub(super) fn text(minor: impl Into<i128>, currency: Currency) -> String {
    let minor: i128 = minor.into();
    let scale = u128::from(currency.minor_per_major().unsigned_abs());
    let (whole, fraction) = (minor.unsigned_abs() / scale, minor.unsigned_abs() % scale);
    let decimals = currency.decimals() as usize;
    let digits = match decimals {
        0 => thousands(whole),
        _ => format!("{}.{fraction:0decimals$}", thousands(whole)),
    };
    if minor < 0 { format!("({digits})") } else { digits }
}

/// As [`text`], with a dash for zero.
pub(super) fn or_dash(minor: impl Into<i128>, currency: Currency) -> String {
    match minor.into() {
        0 => NOTHING.to_owned(),
        minor => text(minor, currency),
    }
}

/// As [`text`], with nothing for zero: the other side of an account has the amount.
pub(super) fn or_blank(minor: i64, currency: Currency) -> String {
    if minor == 0 { String::new() } else { text(minor, currency) }
}

/// `1234567` as `1,234,567`.
pub(super) fn thousands(number: u128) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_and_negatives_stand_in_parentheses() {
        let cases: &[(i128, Currency, &str)] = &[
            (0, Currency::PKR, "0.00"),
            (5, Currency::PKR, "0.05"),
            (-5, Currency::PKR, "(0.05)"),
            (99_999, Currency::PKR, "999.99"),
            (100_000, Currency::PKR, "1,000.00"),
            (123_456_789, Currency::PKR, "1,234,567.89"),
            (-123_456_789, Currency::PKR, "(1,234,567.89)"),
            (1_234_567, Currency::JPY, "1,234,567"),
            (1_234_567, Currency::KWD, "1,234.567"),
            (i64::MIN as i128, Currency::PKR, "(92,233,720,368,547,758.08)"),
            (i64::MAX as i128 * 2, Currency::JPY, "18,446,744,073,709,551,614"),
        ];
        for (minor, currency, expected) in cases {
            assert_eq!(text(*minor, *currency), *expected, "{minor} {currency}");
        }
    }

    #[test]
    fn nothing_is_a_dash_or_blank() {
        assert_eq!(or_dash(0, Currency::PKR), "–");
        assert_eq!(or_dash(1, Currency::PKR), "0.01");
        assert_eq!(or_blank(0, Currency::PKR), "");
    }
}
