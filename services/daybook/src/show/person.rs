//! Who is behind an order: masked by default, in clear for a purpose and on record, *erased* for good.

use anyhow::Result;
use connectors::Details;
use serde::Serialize;
use store::books::PersonRow;
use store::keys::{AccessBy, BoxRef, KeyStore, OpenBoxError, Shown};
use subject_keys::Opened;

use crate::output::{Align, Table, plural};

/// A person as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Who {
    /// What the details are about: `order/123`, `order/123/refund/4`.
    pub(crate) about: String,
    /// `buyer`, `recipient` or `customer`.
    pub(crate) role: String,
    /// The random id of the data subject.
    pub(crate) subject: String,
    /// `masked`, `clear`, `erased`, `restricted`, `no-key` or `unreadable`.
    pub(crate) state: &'static str,
    /// Name.
    pub(crate) name: Option<String>,
    /// Phone number as written.
    pub(crate) phone: Option<String>,
    /// E-mail address as written.
    pub(crate) email: Option<String>,
    /// Address lines.
    pub(crate) address: Vec<String>,
    /// How many notes and other typed texts there are.
    pub(crate) typed: usize,
}

/// Opens what is sealed about people, in one question to the key store, which puts it on record.
pub(crate) async fn open(keys: &KeyStore, rows: &[PersonRow], by: &AccessBy) -> Result<Vec<Who>> {
    let sealed = |row: &'_ PersonRow| row.sealed.clone().unwrap_or_default();
    let held: Vec<Vec<u8>> = rows.iter().map(sealed).collect();
    let boxes: Vec<BoxRef<'_>> = rows.iter().zip(&held).map(|(row, bytes)| box_of(row, bytes)).collect();
    let mut opened = keys.open_many(&boxes, by).await?.into_iter();
    let mut people = Vec::with_capacity(rows.len());
    for row in rows {
        let answer = opened.next();
        people.push(match (&row.sealed, answer) {
            (None, _) => nobody(row, "erased"),
            (Some(_), Some(Ok(opened))) => seen(row, opened, by.shown),
            (Some(_), Some(Err(OpenBoxError::NoSuchKey))) => nobody(row, "no-key"),
            (Some(_), Some(Err(_)) | None) => nobody(row, "unreadable"),
        });
    }
    Ok(people)
}

/// The phone number of the first of these that has one, masked unless it is asked for in clear.
pub(crate) async fn masked_phone(keys: &KeyStore, rows: &[PersonRow], by: &AccessBy) -> Result<Option<String>> {
    Ok(open(keys, rows, by).await?.into_iter().find_map(|who| who.phone))
}

/// A person as their opened box has them.
fn seen(row: &PersonRow, opened: Opened, how: Shown) -> Who {
    match opened {
        Opened::Erased => nobody(row, "erased"),
        Opened::Restricted => nobody(row, "restricted"),
        Opened::Clear(content) => match serde_json::from_slice::<Details>(&content) {
            Ok(details) => somebody(row, &details, how),
            Err(_) => nobody(row, "unreadable"),
        },
    }
}

fn box_of<'a>(row: &'a PersonRow, sealed: &'a [u8]) -> BoxRef<'a> {
    BoxRef { tenant: &row.key.tenant, subject: row.subject, event: row.event, label: &row.key.role, sealed }
}

fn nobody(row: &PersonRow, state: &'static str) -> Who {
    Who {
        about: row.key.about.clone(),
        role: row.key.role.clone(),
        subject: row.subject.to_string(),
        state,
        name: None,
        phone: None,
        email: None,
        address: Vec::new(),
        typed: 0,
    }
}

fn somebody(row: &PersonRow, details: &Details, how: Shown) -> Who {
    let clear = how == Shown::Clear;
    let shown = |text: &Option<String>, mask: fn(&str) -> String| {
        text.as_deref().map(|text| if clear { text.to_owned() } else { mask(text) })
    };
    Who {
        state: if clear { "clear" } else { "masked" },
        name: shown(&details.name, mask_words),
        phone: shown(&details.phone, mask_phone),
        email: shown(&details.email, mask_email),
        address: details.address.iter().map(|line| if clear { line.clone() } else { mask_words(line) }).collect(),
        typed: details.typed.len(),
        ..nobody(row, "")
    }
}

/// What stands for what is not shown; as long for every text, so that it tells no length.
const HIDDEN: &str = "•••";

/// `A••• K•••`: the first letter of each of the first four words.
fn mask_words(text: &str) -> String {
    let initials = text.split_whitespace().take(4).filter_map(|word| word.chars().next());
    initials.map(|letter| format!("{letter}{HIDDEN}")).collect::<Vec<_>>().join(" ")
}

/// `+92•••1234`: the calling code, and the last four digits of numbers that are long enough to keep the rest a secret.
fn mask_phone(text: &str) -> String {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    let last: String = digits.iter().skip(digits.len().saturating_sub(4)).collect();
    match digits.len() {
        0..9 => HIDDEN.to_owned(),
        _ if text.trim_start().starts_with("+92") => format!("+92{HIDDEN}••{last}"),
        _ => format!("{HIDDEN}••{last}"),
    }
}

/// `a•••@d•••`.
fn mask_email(text: &str) -> String {
    match text.split_once('@') {
        Some((local, domain)) => format!("{}@{}", mask_words(local), mask_words(domain)),
        None => HIDDEN.to_owned(),
    }
}

/// What is said of somebody who came after the state that the key store was restored from.
const NO_KEY: &str = "(their key is not in this key store, which is from before them: restore a newer backup of it; if there is \
                      none, these details are lost, and no amount is)";

/// People for people.
pub(crate) fn who_text(people: &[Who]) -> Table {
    let mut table = Table::plain([Align::Left, Align::Left, Align::Left, Align::Left]).indented(2);
    for who in people {
        let line = match who.state {
            "erased" => ["*erased*".to_owned(), String::new(), String::new()],
            "restricted" => ["*restricted*".to_owned(), String::new(), String::new()],
            "no-key" => [NO_KEY.to_owned(), String::new(), String::new()],
            "unreadable" => ["(cannot be opened: run `daybook verify`)".to_owned(), String::new(), String::new()],
            _ => {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let rest = [text(&who.email), who.address.join(", "), typed(who.typed)];
                let rest: Vec<String> = rest.into_iter().filter(|text| !text.is_empty()).collect();
                [text(&who.name), text(&who.phone), rest.join("; ")]
            }
        };
        let [name, phone, rest] = line;
        table.row([who.place(), name, phone, rest]);
    }
    table
}

impl Who {
    /// The role, and of what if it is not the order itself: `buyer`, `buyer, refund 890000000042`.
    fn place(&self) -> String {
        let mut pieces = self.about.splitn(3, '/').skip(2);
        match pieces.next() {
            Some(part) => format!("{}, {}", self.role, part.replace('/', " ")),
            None => self.role.clone(),
        }
    }
}

fn typed(texts: usize) -> String {
    if texts == 0 { String::new() } else { plural(texts as u64, "typed text", "typed texts") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_what_recognises_and_hide_what_identifies() {
        for (text, expected) in [("Bilqis Anwar", "B••• A•••"), ("نادیہ", "ن•••"), ("", "")] {
            assert_eq!(mask_words(text), expected);
        }
        for (text, expected) in
            [("+923001234567", "+92•••••4567"), ("0300 1234567", "•••••4567"), ("12345", "•••"), ("none", "•••")]
        {
            assert_eq!(mask_phone(text), expected);
        }
        assert_eq!(mask_email("bilqis@example.com"), "b•••@e•••");
        assert_eq!(mask_email("bilqis"), "•••");
    }
}
