//! Comparing the list of decisions with the database: what the list tells and the database knows nothing of is forgotten.
//!
//! While nothing was decided, and up to where they agreed before, a look costs one query and a read of the list's end. Everything
//! else is done under the lock of decisions, so that the list has all that the database has; it takes three bulk statements for
//! each [`COMPARED`] lines and table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::epochs::on_disk;
use super::super::keyring::{Keyring, KeyringError};
use super::super::list::{Line, Listed, Mark, NOTHING};
use super::super::restored::count_decisions;
use super::super::tables::SUBJECT;
use super::super::{KeyStore, KeyStoreError, corrupt, lock};
use super::{ALL, DECIDED, Decision, Matter, RESTRICTED, cells};
use crate::db::{Db, DbError, Keys, Row, Tx, Value};

/// Lines of the list that are looked up at once.
const COMPARED: usize = 5_000;

impl KeyStore {
    /// Decisions that the keyring lists and that do not stand here: the key store was restored from before them. At most one of each
    /// row of theirs, in the order of rows.
    pub async fn forgotten_decisions(&self) -> Result<Vec<Decision>, KeyStoreError> {
        let keyring = self.epochs.keyring();
        if agrees(&self.db, keyring).await? {
            return Ok(Vec::new());
        }
        let keyring = keyring.clone();
        self.db
            .run_tx("compare-decisions", move |tx| {
                let keyring = keyring.clone();
                Box::pin(async move { compare_in(tx, &keyring).await })
            })
            .await
    }

    /// How many lines the keyring's list of decisions has, all of which are read.
    pub async fn listed_decisions(&self) -> Result<u64, KeyStoreError> {
        let listed = on_disk(self.epochs.keyring(), |ring| ring.read_list(&DECIDED, None)).await?;
        Ok(listed.entries.len() as u64)
    }
}

/// Whether nothing was decided or listed since they agreed.
async fn agrees(db: &Db, keyring: &Keyring) -> Result<bool, KeyStoreError> {
    let waiting = db.query("SELECT 1 FROM deciding LIMIT 1", vec![]).await?;
    let rows = db.query(MARK, vec![DECIDED.name.into()]).await?;
    let Some(known) = rows.first().map(mark).transpose()? else { return Ok(false) };
    let from = known.clone();
    let listed = on_disk(keyring, move |ring| ring.read_list(&DECIDED, Some(&from))).await?;
    Ok(waiting.is_empty() && listed.mark == known)
}

async fn compare_in(tx: &mut Tx, keyring: &Keyring) -> Result<Vec<Decision>, KeyStoreError> {
    lock::decided(tx).await?;
    let known = known_mark(tx).await?;
    let from = known.clone();
    let Listed { mut entries, mark, anew } =
        on_disk(keyring, move |ring| ring.read_list(&DECIDED, from.as_ref())).await?;
    let waiting = waiting(tx, &entries).await?;
    let mut is_listed = unless_unwritable(list(tx, keyring, &waiting).await)?;
    entries.extend(waiting);
    let listed = last_of_each(entries);
    // A list that is not the one this database remembers was put back, and may be older than the database.
    let other = anew && known.is_some_and(|known| known.position > 0);
    let forgotten = forgotten_in(tx, &listed, other).await?;
    if anew {
        let missing = what_is_not_listed(tx, &listed, &forgotten).await?;
        is_listed &= unless_unwritable(append(keyring, &missing).await)?;
    }
    if forgotten.is_empty() && is_listed {
        move_mark(tx, keyring, mark).await?;
        count_decisions(tx).await?;
    }
    Ok(forgotten)
}

/// Puts what waits for it on the list. Where list and database agreed before, they do so afterwards.
pub(super) async fn list_in(tx: &mut Tx, keyring: &Keyring) -> Result<(), KeyStoreError> {
    lock::decided(tx).await?;
    let known = known_mark(tx).await?;
    let from = known.clone();
    let listed = on_disk(keyring, move |ring| ring.read_list(&DECIDED, from.as_ref())).await?;
    let waiting = waiting(tx, &listed.entries).await?;
    list(tx, keyring, &waiting).await?;
    if known.as_ref() == Some(&listed.mark) {
        move_mark(tx, keyring, listed.mark).await?;
    }
    Ok(())
}

/// A list that cannot be written now is no reason to refuse a key store that has forgotten nothing: the lines wait.
fn unless_unwritable(listed: Result<(), KeyStoreError>) -> Result<bool, KeyStoreError> {
    match listed {
        Ok(()) => Ok(true),
        Err(KeyStoreError::Keyring(error @ KeyringError::Io { .. })) => {
            tracing::warn!(%error, "decisions wait to be listed in the keyring: see that it can be written");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Lines that wait for the list. Not those that are on it already: this state of the database may be from before they were deleted
/// here.
async fn waiting(tx: &mut Tx, listed: &[Decision]) -> Result<Vec<Decision>, KeyStoreError> {
    let rows = tx.query("SELECT line FROM deciding ORDER BY number", vec![]).await?;
    let there: BTreeSet<_> = listed.iter().map(|one| one.id).collect();
    let mut waiting = Vec::new();
    for row in &rows {
        match DECIDED.read_line(row.text(0)?) {
            Line::Whole(one) => waiting.push(one),
            Line::CutShort | Line::Damaged => return Err(corrupt("a decision that is to be listed is damaged").into()),
        }
    }
    waiting.retain(|one| !there.contains(&one.id));
    Ok(waiting)
}

/// Puts what waits on the list, where it waits no more.
async fn list(tx: &mut Tx, keyring: &Keyring, waiting: &[Decision]) -> Result<(), KeyStoreError> {
    append(keyring, waiting).await?;
    tx.execute("DELETE FROM deciding", vec![]).await?;
    Ok(())
}

async fn append(keyring: &Keyring, decisions: &[Decision]) -> Result<(), KeyStoreError> {
    let lines: Vec<String> = decisions.iter().map(Decision::line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    Ok(on_disk(keyring, move |ring| ring.append_to_list(&DECIDED, &lines)).await?)
}

/// How each row stands in the end.
fn last_of_each(listed: Vec<Decision>) -> Vec<Decision> {
    listed.into_iter().map(|one| (one.place(), one)).collect::<BTreeMap<_, _>>().into_values().collect()
}

async fn forgotten_in(tx: &mut Tx, listed: &[Decision], other: bool) -> Result<Vec<Decision>, DbError> {
    let mut forgotten = Vec::new();
    for some in listed.chunks(COMPARED) {
        // In this order: whoever is erased between the two is erased, and not somebody whose holds were forgotten.
        let stored = stored(tx, some).await?;
        let erased = erased_among(tx, some).await?;
        let is_forgotten = |one: &&Decision| {
            let gone =
                one.person().is_some_and(|(tenant, subject)| erased.contains(&(tenant.to_owned(), subject.to_owned())));
            !gone && one.is_forgotten(stored.get(&one.place()).map(Vec::as_slice), other)
        };
        forgotten.extend(some.iter().filter(is_forgotten).cloned());
    }
    Ok(forgotten)
}

impl Decision {
    /// Whether a database in which the row stands like this knows nothing of it. A list that is not the one it remembers may be older:
    /// what was decided later there is not undone; a restriction that stands is not put in the place of another, because a row does not say
    /// when it was last changed; and a permission or a hold that stands on the list alone, and may have been taken back since, is not
    /// given again.
    fn is_forgotten(&self, stored: Option<&[String]>, other: bool) -> bool {
        match stored {
            None if self.gone => false,
            None => !other || self.matter.gone.is_none(),
            Some(row) => {
                let is_unlifted = |cells: &[String]| cells.last().is_some_and(|lifted| lifted == NOTHING);
                let both_stand = *self.matter == RESTRICTED && is_unlifted(row) && is_unlifted(&self.cells);
                let is_later = other && (both_stand || self.matter.decided_at(row) > self.at);
                (self.gone || row != self.cells.as_slice()) && !is_later
            }
        }
    }
}

/// Who of the people of these decisions is erased: of them nothing is decided any more.
async fn erased_among(tx: &mut Tx, some: &[Decision]) -> Result<BTreeSet<(String, String)>, DbError> {
    let people: BTreeSet<(&str, &str)> = some.iter().filter_map(Decision::person).collect();
    let mut keys = Keys::new(&SUBJECT);
    people.into_iter().for_each(|(tenant, subject)| keys.push([tenant.into(), subject.into()]));
    let mut erased = BTreeSet::new();
    for row in &tx.select_by_keys(&keys).await? {
        if row.text(2)? == "erased" {
            erased.insert((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
        }
    }
    Ok(erased)
}

type Stored = HashMap<(&'static str, Vec<String>), Vec<String>>;

/// The rows that these decisions are about, as they stand.
async fn stored(tx: &mut Tx, some: &[Decision]) -> Result<Stored, DbError> {
    let mut stored = Stored::new();
    for matter in ALL {
        let mut keys = Keys::new(matter.table);
        for one in some.iter().filter(|one| one.matter == matter) {
            keys.push(one.values().into_iter().take(matter.columns(true).count()));
        }
        for row in &tx.select_by_keys(&keys).await? {
            let cells = cells(matter, row)?;
            stored.insert((matter.word, matter.key_of(&cells).cloned().collect()), cells);
        }
    }
    Ok(stored)
}

/// What was decided before there was one, before it was lost, or after the copy that lies in its place was made.
async fn what_is_not_listed(
    tx: &mut Tx,
    listed: &[Decision],
    forgotten: &[Decision],
) -> Result<Vec<Decision>, KeyStoreError> {
    let forgotten: BTreeSet<_> = forgotten.iter().map(Decision::place).collect();
    let mut listed: HashMap<_, _> = listed.iter().map(|one| (one.place(), one)).collect();
    let mut missing = Vec::new();
    for matter in ALL {
        for row in &tx.query(&all_rows(matter), vec![]).await? {
            let one = Decision::of_row(matter, row, None)?;
            let is_listed = listed.remove(&one.place()).is_some_and(|there| !there.gone && there.cells == one.cells);
            if !is_listed && !forgotten.contains(&one.place()) {
                missing.push(one);
            }
        }
    }
    // What is left on the list has no row here: permissions and holds of an older list, which were taken back since.
    let taken_back = |one: &&Decision| one.matter.gone.is_some() && !one.gone && !forgotten.contains(&one.place());
    missing.extend(listed.into_values().filter(taken_back).map(Decision::taken_back));
    Ok(missing)
}

/// In SQL: every row of a table, save those about people who are erased.
fn all_rows(matter: &Matter) -> String {
    let table = matter.table.name;
    let columns: Vec<String> = matter.columns(false).map(|column| format!("{table}.{}", column.name)).collect();
    let key: Vec<String> = matter.columns(true).map(|column| format!("{table}.{}", column.name)).collect();
    let living = match matter.is_about_people() {
        true => format!(
            "WHERE NOT EXISTS (SELECT 1 FROM subject s WHERE s.tenant = {table}.tenant AND s.subject = {table}.subject \
             AND s.state = 'erased') "
        ),
        false => String::new(),
    };
    format!("SELECT {} FROM {table} {living}ORDER BY {}", columns.join(", "), key.join(", "))
}

const MARK: &str = "SELECT position, line FROM erased_list WHERE list = $1";

fn mark(row: &Row) -> Result<Mark, DbError> {
    let position = u64::try_from(row.int(0)?).map_err(|_| corrupt("a place in the list of decisions is negative"))?;
    Ok(Mark { position, line: row.text(1)?.to_owned() })
}

async fn known_mark(tx: &mut Tx) -> Result<Option<Mark>, DbError> {
    tx.query(MARK, vec![DECIDED.name.into()]).await?.first().map(mark).transpose()
}

/// Remembers that they agree up to the end of the list, of which what follows a mark was put there just now.
async fn move_mark(tx: &mut Tx, keyring: &Keyring, from: Mark) -> Result<(), KeyStoreError> {
    let mark = on_disk(keyring, move |ring| ring.read_list(&DECIDED, Some(&from))).await?.mark;
    let position = i64::try_from(mark.position).map_err(|_| corrupt("the list of decisions is too long"))?;
    let args: Vec<Value> = vec![DECIDED.name.into(), position.into(), mark.line.into()];
    let sql = "INSERT INTO erased_list (list, position, line) VALUES ($1, $2, $3) \
               ON CONFLICT (list) DO UPDATE SET position = EXCLUDED.position, line = EXCLUDED.line";
    tx.execute(sql, args).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use ledger::Timestamp;
    use uuid::Uuid;

    use super::super::{CLOSED, HELD, PERMITTED};
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn listed(matter: &'static Matter, gone: bool, text: &str, at: i64) -> Decision {
        Decision { matter, cells: cells(text), gone, at: Timestamp(at), id: Uuid::nil() }
    }

    /// What the list says last, what the row says, and whether it was forgotten: by the list that the database knows, and by another.
    #[test]
    fn what_is_forgotten() {
        let closed = || listed(&CLOSED, false, "kohsar 5 operator - -", 5);
        let reopened = || listed(&CLOSED, false, "kohsar 5 operator 8 -", 8);
        let permitted = || listed(&PERMITTED, false, "kohsar support-1 5", 5);
        let forbidden = || listed(&PERMITTED, true, "kohsar support-1", 8);
        let restricted = || listed(&RESTRICTED, false, "kohsar WHO accuracy 1 30 support-1 page support-1 5 - -", 5);
        let lifted =
            || listed(&RESTRICTED, false, "kohsar WHO accuracy 1 30 support-1 page support-1 5 support-1 6", 6);
        let held = || listed(&HELD, false, "kohsar WHO cod support-1 5 90", 5);
        for (listed, row, expected) in [
            (closed(), Some("kohsar 5 operator - -"), [false, false]),
            (closed(), None, [true, true]),
            (closed(), Some("kohsar 1 operator 3 -"), [true, true]),
            // Reopened here at 8, which the list that this database knows would say.
            (closed(), Some("kohsar 5 operator 8 -"), [true, false]),
            (reopened(), Some("kohsar 5 operator - -"), [true, true]),
            (permitted(), None, [true, false]),
            (permitted(), Some("kohsar support-1 5"), [false, false]),
            (forbidden(), None, [false, false]),
            (forbidden(), Some("kohsar support-1 5"), [true, true]),
            (forbidden(), Some("kohsar support-1 9"), [true, false]),
            (restricted(), Some("kohsar WHO accuracy 1 90 support-1 - - - - -"), [true, false]),
            (lifted(), Some("kohsar WHO accuracy 1 30 support-1 - - - - -"), [true, true]),
            (restricted(), Some("kohsar WHO accuracy 1 30 support-1 page support-1 5 support-1 4"), [true, true]),
            (held(), None, [true, false]),
            (held(), Some("kohsar WHO cod support-1 5 40"), [true, true]),
        ] {
            let row = row.map(cells);
            let found = [false, true].map(|other| listed.is_forgotten(row.as_deref(), other));
            assert_eq!(found, expected, "{listed:?} {row:?}");
        }
    }

    #[test]
    fn of_several_lines_about_one_row_the_last_counts() {
        let lines = vec![
            listed(&PERMITTED, false, "kohsar support-1 5", 5),
            listed(&PERMITTED, false, "kohsar support-2 6", 6),
            listed(&PERMITTED, true, "kohsar support-1", 8),
        ];
        assert_eq!(last_of_each(lines.clone()), [lines[2].clone(), lines[1].clone()]);
    }
}
