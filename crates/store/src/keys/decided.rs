//! The list of decisions in the keyring: what people decided about their data, which a restored key store must not forget.
//!
//! A key store from before somebody objected, withdrew or was restricted would use their data again; one from before an account was
//! closed would take its input. So whatever is decided is told to a list beside that of erasures, a file named `decided`
//! ([`list`](super::list)): restrictions, objections, consents and withdrawals, permissions to see people in clear, closed accounts and
//! holds. A line says how a row stands after a decision, in the words of its table, or that it is gone; of several about one row the
//! last counts. It names nobody: tenants and staff by slugs, people by random ids, proofs of consents by their tickets. The words
//! that people were asked to consent to are not in it, only their SHA-256.
//!
//! **A line is on the list if and only if its decision was committed.** The transaction that decides writes the line into the table
//! `deciding` ([`note`]); right after it, and before anybody is told that it is decided, all lines of that table go to the list, in
//! their order, and are deleted ([`KeyStore::list_decided`]). Whoever is killed between leaves a line that the next look at the list
//! puts there. Nothing is listed that did not happen, whether it permits or restricts: an erasure is listed before it is committed,
//! because nothing brings keys back that were destroyed; a decision that was not committed was never made. All of it is under one
//! lock, the last that a transaction takes, so that the list has the order of the decisions.
//!
//! The database remembers how far it agrees with the list (`agree`). A line that it knows nothing of is forgotten: the key store is
//! refused until [`KeyStore::reapply_erasures`] has entered it again, as it was.

mod again;
mod agree;

use ledger::Timestamp;
use uuid::Uuid;

use super::list::{List, NOTHING, Word, line};
use super::tables::{
    BOOKS_HELD_ROW, CLOSURE_ROW, CONSENT_ROW, HOLD_ROW, MAY_REVEAL_ROW, OBJECTION_ROW, RESTRICTION_ROW,
};
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{Column, DbError, Keys, Kind, Role, Row, Table, Tx, Value};

/// The list of decisions.
pub(super) static DECIDED: List<Decision> = List { name: "decided", form, parse };

/// A kind of decision: the rows of one table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matter {
    /// How the line of a row begins.
    word: &'static str,
    /// How the line of a row begins that is gone, where rows go.
    gone: Option<&'static str>,
    table: &'static Table,
    /// Columns that say when it was decided as it stands; the latest counts.
    times: &'static [&'static str],
}

pub(super) static RESTRICTED: Matter =
    Matter { word: "restriction", gone: None, table: &RESTRICTION_ROW, times: &["since", "told_at", "lifted_at"] };
pub(super) static OBJECTED: Matter =
    Matter { word: "objection", gone: None, table: &OBJECTION_ROW, times: &["since", "ended_at"] };
pub(super) static CONSENTED: Matter = Matter { word: "consent", gone: None, table: &CONSENT_ROW, times: &["said_at"] };
pub(super) static PERMITTED: Matter =
    Matter { word: "permission", gone: Some("no-permission"), table: &MAY_REVEAL_ROW, times: &["since"] };
pub(super) static CLOSED: Matter =
    Matter { word: "closure", gone: None, table: &CLOSURE_ROW, times: &["closed_at", "reopened_at", "begun_at"] };
pub(super) static HELD: Matter = Matter { word: "hold", gone: Some("no-hold"), table: &HOLD_ROW, times: &["since"] };
pub(super) static BOOKS_HELD: Matter =
    Matter { word: "books-hold", gone: Some("no-books-hold"), table: &BOOKS_HELD_ROW, times: &["since"] };

static ALL: [&Matter; 7] = [&RESTRICTED, &OBJECTED, &CONSENTED, &PERMITTED, &CLOSED, &HELD, &BOOKS_HELD];

/// How a row stands after a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    matter: &'static Matter,
    /// The row's cells, or its key if it is gone, as words.
    cells: Vec<String>,
    gone: bool,
    at: Timestamp,
    /// The line's own id, by which one that is written twice is told from a decision that was made twice.
    id: Uuid,
}

impl Decision {
    /// About what: `restriction`, `objection`, `consent`, `permission`, `closure`, `hold` or `books-hold`.
    pub fn matter(&self) -> &'static str {
        self.matter.word
    }

    /// When it was decided.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    fn of_row(matter: &'static Matter, row: &Row, at: Option<Timestamp>) -> Result<Decision, DbError> {
        let cells = cells(matter, row)?;
        let at = at.unwrap_or_else(|| matter.decided_at(&cells));
        Ok(Decision { matter, cells, gone: false, at, id: Uuid::new_v4() })
    }

    /// That its row is gone.
    fn taken_back(&self) -> Decision {
        let cells = self.matter.key_of(&self.cells).cloned().collect();
        Decision { cells, gone: true, id: Uuid::new_v4(), ..self.clone() }
    }

    /// Which row it is about.
    fn place(&self) -> (&'static str, Vec<String>) {
        (self.matter.word, self.matter.key_of(&self.cells).cloned().collect())
    }

    /// The tenant and the random id of whom it is about, if it is about a person.
    fn person(&self) -> Option<(&str, &str)> {
        match self.cells.as_slice() {
            [tenant, subject, ..] if self.matter.is_about_people() => Some((text_of(tenant), subject)),
            _ => None,
        }
    }

    fn tenant(&self) -> &str {
        self.cells.first().map_or("", |tenant| text_of(tenant))
    }

    fn line(&self) -> String {
        let word = if self.gone { self.matter.gone.unwrap_or(self.matter.word) } else { self.matter.word };
        line(&format!("{word} {} {} {}", self.cells.join(" "), self.at.0, self.id))
    }

    /// The row's cells, or its key, as the database takes them.
    fn values(&self) -> Vec<Value> {
        self.matter.columns(self.gone).zip(&self.cells).map(|(column, cell)| value(column, cell)).collect()
    }
}

impl Matter {
    fn columns(&self, of_key: bool) -> impl Iterator<Item = &'static Column> {
        self.table.columns.iter().filter(move |column| !of_key || column.role == Role::Key)
    }

    /// The words of the key among those of a row. A key comes first in its table.
    fn key_of<'a>(&self, cells: &'a [String]) -> impl Iterator<Item = &'a String> {
        cells.iter().take(self.columns(true).count())
    }

    fn is_about_people(&self) -> bool {
        self.table.columns.iter().any(|column| column.name == "subject")
    }

    /// When a row came to stand as it does.
    fn decided_at(&self, cells: &[String]) -> Timestamp {
        let times = self.columns(false).zip(cells).filter(|(column, _)| self.times.contains(&column.name));
        Timestamp(times.filter_map(|(_, cell)| cell.parse().ok()).max().unwrap_or(i64::MIN))
    }
}

/// A row as words. Refused if a text is none, which what this program writes always is.
fn cells(matter: &Matter, row: &Row) -> Result<Vec<String>, DbError> {
    let word = |(number, column): (usize, &Column)| {
        let text = match column.kind {
            Kind::Int => row.opt_int(number)?.map(|number| number.to_string()),
            Kind::Text | Kind::Blob => row.opt_text(number)?.map(str::to_owned),
        };
        match text {
            None => Ok(NOTHING.to_owned()),
            Some(text) if is_plain(&text) => Ok(word_of(&text)),
            Some(_) => Err(corrupt("what was decided is not in words of this program")),
        }
    };
    matter.table.columns.iter().enumerate().map(word).collect()
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_#/.".contains(&byte))
}

fn is_dashes(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'-')
}

/// A text as a word: one of dashes alone has a dash more, so that none is taken for [`NOTHING`].
fn word_of(text: &str) -> String {
    if is_dashes(text) { format!("{text}-") } else { text.to_owned() }
}

/// The text that a word stands for.
fn text_of(word: &str) -> &str {
    if is_dashes(word) { word.get(1..).unwrap_or_default() } else { word }
}

fn value(column: &Column, cell: &str) -> Value {
    match column.kind {
        _ if cell == NOTHING => Value::Null,
        Kind::Int => cell.parse::<i64>().ok().into(),
        Kind::Text | Kind::Blob => text_of(cell).into(),
    }
}

/// About what a line is that begins so, and whether that is gone.
fn matter(word: &str) -> Option<(&'static Matter, bool)> {
    let gone = ALL.iter().filter_map(|one| one.gone.map(|gone| (gone, (*one, true))));
    ALL.iter().map(|one| (one.word, (*one, false))).chain(gone).find(|(begins, _)| *begins == word).map(|(_, one)| one)
}

/// The id stands last, after a time, so that no line of which two words have run together reads as one cut short.
fn form(word: &str) -> Option<Vec<Word>> {
    let (matter, gone) = matter(word)?;
    let cell = |column: &Column| match (column.name, column.kind) {
        ("subject", _) => Word::Id,
        (_, Kind::Int) => Word::MaybeNumber,
        _ => Word::Any,
    };
    let cells = matter.columns(gone).map(cell);
    Some([Word::Any].into_iter().chain(cells).chain([Word::Number, Word::Id]).collect())
}

fn parse(words: &[&str]) -> Option<Decision> {
    let [word, cells @ .., at, id] = words else { return None };
    let (matter, gone) = matter(word)?;
    let fits = |(column, cell): (&Column, &&str)| match column.kind {
        _ if *cell == NOTHING => true,
        Kind::Int => cell.parse::<i64>().is_ok(),
        Kind::Text | Kind::Blob => is_plain(cell),
    };
    let whole = cells.len() == matter.columns(gone).count() && matter.columns(gone).zip(cells).all(fits);
    let cells = whole.then(|| cells.iter().map(|cell| (*cell).to_owned()).collect())?;
    Some(Decision { matter, cells, gone, at: Timestamp(at.parse().ok()?), id: Uuid::parse_str(id).ok()? })
}

/// Tells the list how these rows stand, by their keys, as soon as this transaction is committed. The last that it does.
pub(super) async fn note(
    tx: &mut Tx,
    matter: &'static Matter,
    keys: &[Vec<Value>],
    at: Timestamp,
) -> Result<(), DbError> {
    // Decisions are numbered one after the other.
    lock::decided(tx).await?;
    let mut wanted = Keys::new(matter.table);
    keys.iter().for_each(|key| wanted.push(key.iter().cloned()));
    let mut decisions = Vec::new();
    for row in &tx.select_by_keys(&wanted).await? {
        decisions.push(Decision::of_row(matter, row, Some(at))?);
    }
    if decisions.is_empty() && matter.gone.is_some() {
        for key in keys {
            let cells = cells_of_key(matter, key)?;
            decisions.push(Decision { matter, cells, gone: true, at, id: Uuid::new_v4() });
        }
    }
    for decision in &decisions {
        let sql = "INSERT INTO deciding (number, line) SELECT COALESCE(MAX(number), 0) + 1, $1 FROM deciding";
        tx.execute(sql, vec![decision.line().into()]).await?;
    }
    Ok(())
}

fn cells_of_key(matter: &Matter, key: &[Value]) -> Result<Vec<String>, DbError> {
    let not_a_word = || corrupt("what was decided is not in words of this program");
    let cell = |value: &Value| match value {
        Value::Int(number) => Ok(number.to_string()),
        Value::Text(text) if is_plain(text) => Ok(word_of(text)),
        _ => Err(not_a_word()),
    };
    if key.len() == matter.columns(true).count() { key.iter().map(cell).collect() } else { Err(not_a_word()) }
}

impl KeyStore {
    /// Puts on the list what is decided and not on it yet. Whoever decides calls it when that is committed, before anybody is told.
    /// So does whoever finds that something was decided already: the one before may have been told that it is not listed.
    pub async fn list_decided(&self) -> Result<(), KeyStoreError> {
        self.list_waiting().await.map_err(|error| KeyStoreError::NotListed(Box::new(error)))
    }

    async fn list_waiting(&self) -> Result<(), KeyStoreError> {
        if self.db.query("SELECT 1 FROM deciding LIMIT 1", vec![]).await?.is_empty() {
            return Ok(());
        }
        let keyring = self.epochs.keyring().clone();
        let unit = self.db.run_tx("list-decided", move |tx| {
            let keyring = keyring.clone();
            Box::pin(async move { agree::list_in(tx, &keyring).await })
        });
        unit.await
    }
}

#[cfg(test)]
mod tests;
