//! An exported journal: one JSON object a line. The first is `{"journal": …}`, then `{"transaction": …}` in the order of
//! their numbers, or `{"removed": …}` where totals stand for one; the last is `{"end": …}`.

use ledger::{ChainHash, Entry, Layer, Posted, Side};
use serde::{Deserialize, Serialize};

/// What the first line calls the format. Another number means that an older program cannot read it.
pub const FORMAT: &str = "daybook-journal/1";

/// What it is called when totals stand for some of its transactions.
pub const FORMAT_WITH_REMOVED: &str = "daybook-journal/2";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Record {
    /// The first line.
    Journal(Header),
    /// One for each transaction.
    Transaction(Line),
    /// One for each that was taken out after the time for which financial records are kept.
    Removed(Removed),
    /// The last line.
    End(End),
}

/// Whose journal this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`] or [`FORMAT_WITH_REMOVED`].
    pub format: String,
    /// The tenant.
    pub tenant: String,
    /// When it was written, RFC 3339.
    pub exported_at: String,
    /// The first effective day, if the export is an extract.
    pub from: Option<String>,
    /// The last effective day, if the export is an extract.
    pub to: Option<String>,
}

/// A transaction, told twice: in words, and as the stored bytes that the chain covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its gapless number, from 1.
    pub number: u64,
    /// Which posting it is.
    pub key: String,
    /// The part of a case it belongs to.
    pub part: String,
    /// What it is about.
    pub about: String,
    /// The business day of its cause, `YYYY-MM-DD`.
    pub occurred: String,
    /// The business day on which it counts, `YYYY-MM-DD`.
    pub effective: String,
    /// When its cause was recorded, microseconds since 1970-01-01T00:00:00Z.
    pub recorded: i64,
    /// The number it undoes, if it is a reversal.
    pub reverses: Option<u64>,
    /// Its entries, in the stored order.
    pub entries: Vec<LineEntry>,
    /// The chain's link before it, hexadecimal.
    pub previous: String,
    /// The stored bytes, a `daybook.ledger.v1.TransactionPosted`, hexadecimal.
    pub body: String,
    /// The chain's link over them: SHA-256 of `previous`, the length of the bytes (u64, big-endian), and the bytes; hexadecimal.
    pub link: String,
}

/// One entry in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineEntry {
    /// Where.
    pub account: String,
    /// `debit` or `credit`.
    pub side: String,
    /// `posted` or `pending`.
    pub layer: String,
    /// How much, in minor units; more than zero.
    pub minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// What is left of a transaction that was taken out of the journal together with what undid it, because totals stand for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Its gapless number.
    pub number: u64,
    /// The chain's link over what its bytes were; hexadecimal.
    pub link: String,
}

/// How the journal ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many transactions came before this line, removed ones too.
    pub transactions: u64,
    /// The last one's number; 0 if there is none.
    pub number: u64,
    /// The link over the last one; zeros if there is none. Hexadecimal.
    pub link: String,
}

impl Line {
    /// A stored transaction as a line. `body` are its stored bytes, `link` the link over them.
    pub fn of(posted: &Posted, body: &[u8], link: ChainHash) -> Line {
        let transaction = &posted.transaction;
        Line {
            number: posted.number,
            key: transaction.key().to_string(),
            part: posted.part.to_string(),
            about: transaction.about().to_string(),
            occurred: transaction.occurred().to_string(),
            effective: transaction.effective().to_string(),
            recorded: posted.recorded.0,
            reverses: posted.reverses,
            entries: transaction.entries().iter().map(LineEntry::of).collect(),
            previous: posted.previous.to_string(),
            body: hex::encode(body),
            link: link.to_string(),
        }
    }
}

impl LineEntry {
    fn of(entry: &Entry) -> LineEntry {
        LineEntry {
            account: entry.account.to_string(),
            side: if entry.side == Side::Debit { "debit" } else { "credit" }.to_owned(),
            layer: if entry.layer == Layer::Posted { "posted" } else { "pending" }.to_owned(),
            minor: entry.amount.minor,
            currency: entry.amount.currency.to_string(),
        }
    }
}

/// A link from its 64 hexadecimal digits.
pub(crate) fn link(text: &str) -> Option<ChainHash> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(ChainHash(bytes))
}
