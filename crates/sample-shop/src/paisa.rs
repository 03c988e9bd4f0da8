//! Amounts: whole paisa, and how others write them.

/// `1234.50`, as the shop's platform writes amounts.
pub(crate) fn text(paisa: i64) -> String {
    format!("{}.{:02}", paisa / 100, paisa % 100)
}

/// `1234.0` or `1234.55`: the JSON number the courier writes, which drops a trailing zero.
pub(crate) fn number(paisa: i64) -> String {
    match (paisa / 100, paisa % 100) {
        (rupees, part) if part % 10 == 0 => format!("{rupees}.{}", part / 10),
        (rupees, part) => format!("{rupees}.{part:02}"),
    }
}

/// `percent` of `paisa`, half a paisa rounded up.
pub(crate) fn percent(paisa: i64, percent: i64) -> i64 {
    (paisa * percent + 50) / 100
}

/// The tax that a price already contains, at `percent` of the price without it, half a paisa rounded up.
pub(crate) fn contained_tax(paisa: i64, percent: i64) -> i64 {
    (2 * paisa * percent + 100 + percent) / (2 * (100 + percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_the_two_write_them() {
        assert_eq!((text(123_450), number(123_450)), ("1234.50".to_owned(), "1234.5".to_owned()));
        assert_eq!((text(100), number(100)), ("1.00".to_owned(), "1.0".to_owned()));
        assert_eq!((text(1_205), number(1_205)), ("12.05".to_owned(), "12.05".to_owned()));
    }

    #[test]
    fn tax_is_exact() {
        assert_eq!(percent(25_000, 16), 4_000);
        assert_eq!(contained_tax(11_800, 18), 1_800);
    }
}
