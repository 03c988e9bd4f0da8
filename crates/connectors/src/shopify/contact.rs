//! Contact data as people type it, brought to the one form by which a person is recognised.

use std::borrow::Cow;

/// A phone number in E.164, such as `+923001234567`. Numbers of another country must say so by `+` or `00`; Pakistani
/// mobile numbers are known in every form they are written in when `country_code` is `92`. None for anything else: a
/// wrong guess would join two people.
pub(super) fn e164(written: &str, country_code: &str) -> Option<String> {
    let (international, digits) = digits(written)?;
    let pakistani =
        |mobile: &str| Some(format!("+92{mobile}")).filter(|_| mobile.len() == 10 && mobile.starts_with('3'));
    if let Some(national) = digits.strip_prefix("92").filter(|_| international || country_code == "92") {
        // `+92 0300 …` is a frequent slip.
        if let Some(number) = pakistani(national.strip_prefix('0').unwrap_or(national)) {
            return Some(number);
        }
    }
    if international {
        return Some(format!("+{digits}")).filter(|_| (8..=15).contains(&digits.len()) && !digits.starts_with('0'));
    }
    if country_code != "92" {
        return None;
    }
    pakistani(digits.strip_prefix('0').unwrap_or(&digits))
}

/// Whether it starts with `+` or `00`, and the digits after that, from any script; None when there is anything else
/// than digits and what people put between them.
fn digits(written: &str) -> Option<(bool, String)> {
    let mut digits = String::with_capacity(16);
    let mut plus = false;
    for c in written.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '۰'..='۹' => digits.push(shifted(c, '۰')?),
            '٠'..='٩' => digits.push(shifted(c, '٠')?),
            '+' if digits.is_empty() && !plus => plus = true,
            '-' | '(' | ')' | '.' | '/' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => {}
            c if c.is_whitespace() => {}
            _ => return None,
        }
    }
    match digits.strip_prefix("00") {
        Some(rest) => Some((true, rest.to_owned())),
        None => Some((plus, digits)),
    }
}

/// The ASCII digit that stands as far from `0` as `c` does from `zero`.
fn shifted(c: char, zero: char) -> Option<char> {
    char::from_digit(u32::from(c).checked_sub(u32::from(zero))?, 10)
}

/// An e-mail address, trimmed and in lower case; None when it cannot be one.
pub(super) fn email(written: &str) -> Option<String> {
    let address = written.trim().to_lowercase();
    let (local, domain) = address.split_once('@')?;
    let plain = !local.is_empty() && !domain.is_empty() && !address.contains(char::is_whitespace);
    plain.then_some(address)
}

/// A city as it may stand in clear: white space collapsed. None when it is longer than 60 characters or looks like
/// contact data, because then a person was typed into the field, and none with control characters, which no city has.
pub(super) fn city(written: &str) -> Option<String> {
    let city = written.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = !city.is_empty() && city.chars().count() <= 60 && !city.contains(char::is_control);
    (plain && !looks_like_contact(&city)).then_some(city)
}

/// True for a text with an `@` or with as many digits as a phone number, a postcode or a house number would bring.
fn looks_like_contact(text: &str) -> bool {
    text.contains('@') || text.chars().filter(|c| c.is_numeric()).count() >= 5
}

/// An ISO 3166 alpha-2 code in upper case; None for anything else.
pub(super) fn country(code: Cow<'_, str>) -> Option<String> {
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic())).then(|| code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_become_e164_or_nothing() {
        for (written, expected) in [
            ("0300 1234567", Some("+923001234567")),
            ("0300-1234567", Some("+923001234567")),
            ("3001234567", Some("+923001234567")),
            ("923001234567", Some("+923001234567")),
            ("+92 300 1234567", Some("+923001234567")),
            ("+92 (0) 300 1234567", Some("+923001234567")),
            ("0092 300 1234567", Some("+923001234567")),
            ("۰۳۰۰۱۲۳۴۵۶۷", Some("+923001234567")),
            ("\u{202a}+923001234567\u{202c}", Some("+923001234567")),
            ("+44 20 7946 0958", Some("+442079460958")),
            ("00442079460958", Some("+442079460958")),
            ("+92 42 35761234", Some("+924235761234")),
            ("042 35761234", None),
            ("555-555-BILL", None),
            ("0300 1234567 / 0321 7654321", None),
            ("+123", None),
            ("", None),
        ] {
            assert_eq!(e164(written, "92").as_deref(), expected, "{written}");
        }
        assert_eq!(e164("0300 1234567", "44"), None);
        assert_eq!(e164("+44 20 7946 0958", "44").as_deref(), Some("+442079460958"));
    }

    #[test]
    fn a_city_is_kept_unless_somebody_typed_a_person_into_it() {
        for (written, expected) in [
            ("  Dera \n Ghazi  Khan ", Some("Dera Ghazi Khan")),
            ("لاہور", Some("لاہور")),
            ("Lahore 54000", None),
            ("La\0hore", None),
            ("\u{1b}[2JLahore", None),
            ("Lahore\u{9b}", None),
            ("call 03001234567", None),
            ("a@example.com", None),
            ("House next to the old mosque behind the petrol pump on the main road", None),
            (" ", None),
        ] {
            assert_eq!(city(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn addresses_are_compared_in_lower_case() {
        assert_eq!(email(" Noor@Example.COM ").as_deref(), Some("noor@example.com"));
        assert_eq!(email("none"), None);
        assert_eq!(email("@example.com"), None);
    }
}
