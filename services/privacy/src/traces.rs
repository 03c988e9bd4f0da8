//! By what a text names somebody for sure: phone numbers, e-mail addresses, the shop's long numbers and the names of orders. Pure.
//!
//! [`traces`] reads a body as it came, however it is cut, escaped or encoded, and gives everything in it that could be somebody's.
//! What is known of a person is read the same way, so that both have one form, and the body names them if they share a trace.
//! Names of people are no traces: too many share them. Neither are short numbers, which are prices and postcodes as well.

use std::collections::HashSet;

/// One thing in a text by which somebody is known. It has no Debug form, because it is personal data in clear.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Trace {
    /// The last ten digits of a number; all of one that has six to nine.
    Phone(String),
    /// In lower case.
    Email(String),
    /// A number of the shop's: of an order, a customer, a refund.
    Number(String),
    /// The name of an order, without its `#`, in lower case.
    Order(String),
}

/// Traces of one text, or of one person.
pub(crate) type Traces = HashSet<Trace>;

/// How often a text is unescaped: escapes within escapes within escapes.
const ROUNDS: usize = 4;

/// The digits by which a phone number is told from others, whatever stands for its country.
const PHONE: usize = 10;

/// Digits of a country's code, with what is dialled before it, that may stand directly before these.
const CODE: usize = 5;

/// The fewest digits that are no coincidence: of a number on its own, and of an order's name.
const NUMBER: usize = 6;
const NAME: usize = 4;

/// The longest part of an address before its `@`, and the longest name of an order that is looked for.
const LOCAL: usize = 64;

/// Everything in a body that may be somebody's: in the text as it came, and in what it says once it is unescaped.
pub(crate) fn traces(body: &[u8]) -> Traces {
    let mut found = Traces::new();
    let mut text = String::from_utf8_lossy(body).into_owned();
    for _ in 0..ROUNDS {
        add_phones(&text, &mut found);
        add_emails(&text, &mut found);
        add_numbers(&text, &mut found);
        add_order_names(&text, &mut found);
        let plainer = percent_decoded(&json_unescaped(&text));
        if plainer == text {
            break;
        }
        text = plainer;
    }
    found
}

/// The traces of a phone number as somebody wrote it: none if it is too short to be one, or stands for no number.
pub(crate) fn of_phone(written: &str) -> Traces {
    let mut found = Traces::new();
    add_phones(written, &mut found);
    found.retain(|trace| !matches!(trace, Trace::Phone(digits) if is_nobodys(digits)));
    found
}

/// The traces of an e-mail address.
pub(crate) fn of_email(written: &str) -> Traces {
    let mut found = Traces::new();
    add_emails(written, &mut found);
    found
}

/// The trace of one of the shop's numbers, if it is long enough.
pub(crate) fn of_number(number: &str) -> Option<Trace> {
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    (digits && number.len() >= NUMBER).then(|| Trace::Number(number.to_owned()))
}

/// The trace of an order's name, with or without its `#`, if it has digits enough.
pub(crate) fn of_order_name(name: &str) -> Option<Trace> {
    let name = name.trim().trim_start_matches('#');
    let digits = name.chars().filter(char::is_ascii_digit).count();
    (digits >= NAME && name.chars().count() <= LOCAL).then(|| Trace::Order(name.to_lowercase()))
}

/// `0000000`: what a shop's form is given by who has no phone, or by who tests it. Many people share it.
fn is_nobodys(digits: &str) -> bool {
    let last: Vec<char> = digits.chars().rev().take(7).collect();
    last.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

/// A digit, in Latin, Arabic, Urdu or full width.
fn digit(c: char) -> Option<char> {
    let begins = match c {
        '0'..='9' => '0',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        _ => return None,
    };
    char::from_digit(u32::from(c).wrapping_sub(u32::from(begins)), 10)
}

/// What may stand between the digits of one phone number: blanks, also invisible ones, and what people write there.
fn separates(c: char) -> bool {
    let invisible =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let dash = matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{b7}');
    c.is_whitespace() || invisible || dash || "+-.()[]/_*~".contains(c)
}

/// Digits with separators between them are one run. A number may end wherever a group of digits does, because another one, or
/// the number of a house, may follow.
fn add_phones(text: &str, found: &mut Traces) {
    let (mut run, mut groups, mut in_group) = (String::new(), Vec::new(), false);
    for c in text.chars().chain(['\0']) {
        if let Some(digit) = digit(c) {
            if !in_group {
                groups.push(run.len());
            }
            run.push(digit);
            in_group = true;
            continue;
        }
        if in_group {
            found.extend(phone_ending(&run, &groups));
        }
        in_group = false;
        if !separates(c) {
            if (NUMBER..PHONE).contains(&run.len()) {
                found.insert(Trace::Phone(run.clone()));
            }
            run.clear();
            groups.clear();
        }
    }
}

/// The number that ends where the run does, unless its digits are the end of a longer one.
fn phone_ending(run: &str, groups: &[usize]) -> Option<Trace> {
    let begins = run.len().checked_sub(PHONE)?;
    let group = groups.iter().rev().find(|group| **group <= begins)?;
    let code = begins.saturating_sub(*group);
    (code <= CODE).then(|| Trace::Phone(run.get(begins..).unwrap_or_default().to_owned()))
}

fn add_emails(text: &str, found: &mut Traces) {
    for (at, _) in text.match_indices('@') {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        let local: Vec<char> = before.chars().rev().take(LOCAL).take_while(|c| is_local(*c)).collect();
        let locals = locals(&local.into_iter().rev().collect::<Vec<_>>());
        for domain in domains(after) {
            found.extend(locals.iter().map(|local| Trace::Email(format!("{local}@{domain}").to_lowercase())));
        }
    }
}

/// What an address may have before its `@`, by the standard.
fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "._+-!#$%&'*/=?^`{|}~".contains(c)
}

/// The texts that may be meant: all of it, and what follows each character that an address hardly ever has, such as the `=` of
/// a form.
fn locals(text: &[char]) -> Vec<String> {
    let usual = |c: &char| c.is_ascii_alphanumeric() || "._+-".contains(*c);
    let cuts = text.iter().enumerate().filter(|(_, c)| !usual(c)).map(|(place, _)| place + 1);
    let text_from = |place: usize| text.iter().skip(place).collect::<String>();
    let all = [0].into_iter().chain(cuts).map(text_from);
    all.map(|local| local.trim_start_matches(['.', '-']).to_owned()).filter(|local| !local.is_empty()).collect()
}

/// The domain that follows, as far as it is Latin, and as far as letters go.
fn domains(text: &str) -> HashSet<String> {
    let up_to = |is_part: fn(char) -> bool| {
        let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
        text.get(..end).unwrap_or_default().trim_matches(['.', '-']).to_owned()
    };
    let latin = up_to(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    let all = up_to(|c| c.is_alphanumeric() || ".-".contains(c));
    [latin, all].into_iter().filter(|domain| !domain.is_empty()).collect()
}

/// Numbers as a whole: what is part of a longer number is none.
fn add_numbers(text: &str, found: &mut Traces) {
    found.extend(text.split(|c: char| !c.is_ascii_digit()).filter_map(of_number));
}

/// Names of orders behind a `#`, and texts of their own: one that is only digits where it is said to be an order's, because
/// else it is a postcode or a price as well.
fn add_order_names(text: &str, found: &mut Traces) {
    let part = |c: char| c.is_alphanumeric() || "-_".contains(c);
    for (hash, _) in text.match_indices('#') {
        let after = text.get(hash + 1..).unwrap_or_default();
        let end = after.find(|c| !part(c)).unwrap_or(after.len());
        found.extend(of_order_name(after.get(..end).unwrap_or_default().trim_end_matches(['-', '_'])));
    }
    for (quote, _) in text.match_indices('"') {
        let after = text.get(quote + 1..).unwrap_or_default();
        let end = after.find(|c| !part(c) && !"#./ ".contains(c)).unwrap_or(after.len());
        let (own, rest) = (after.get(..end).unwrap_or_default(), after.get(end..).unwrap_or_default());
        let lettered = own.contains('#') || own.chars().any(char::is_alphabetic);
        if rest.starts_with('"') && (lettered || is_of_an_order(text.get(..quote).unwrap_or_default())) {
            found.extend(of_order_name(own));
        }
    }
}

/// Whether what follows in JSON is said to be an order's name or number.
fn is_of_an_order(before: &str) -> bool {
    let key = before.trim_end().strip_suffix(':').map(str::trim_end).and_then(|key| key.strip_suffix('"'));
    let key = key.and_then(|key| key.rsplit('"').next()).unwrap_or_default().to_ascii_lowercase();
    key == "name" || ["order", "ref", "invoice"].iter().any(|word| key.contains(word))
}

/// Escapes as JSON has them, wherever they stand.
fn json_unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        plain.push_str(rest.get(..at).unwrap_or_default());
        let escape = rest.get(at..).unwrap_or_default();
        let (c, length) = unescaped(escape).unwrap_or(('\\', 1));
        plain.push(c);
        rest = escape.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The character of the escape that a text begins with, and how many bytes the escape has.
fn unescaped(text: &str) -> Option<(char, usize)> {
    let c = match text.as_bytes().get(1)? {
        b'u' => return utf16(text),
        c @ (b'"' | b'\\' | b'/') => char::from(*c),
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        _ => return None,
    };
    Some((c, 2))
}

fn utf16(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = text.get(from..)?.strip_prefix("\\u")?.get(..4)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((c, 6));
    }
    let pair = char::decode_utf16([first, unit(6)?]).next()?.ok()?;
    Some((pair, 12))
}

/// Bytes as links and forms have them. In a form, which has no blanks of its own, `+` is one.
fn percent_decoded(text: &str) -> String {
    let form = text.contains('=') && !text.contains(|c: char| c.is_whitespace() || c == '"');
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = (*first == b'%').then(|| hex_byte(after)).flatten();
        plain.push(hex.unwrap_or(if form && *first == b'+' { b' ' } else { *first }));
        rest = if hex.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else { return None };
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}

#[cfg(test)]
mod tests;
