//! Reading the file by `position`, which orders all topics and partitions as they were committed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use events::Topic;
use futures::TryStreamExt;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, QueryBuilder};
use tokio::sync::watch;
use tokio::time::Instant;

use super::row::{self, natural, topic_number};
use super::told::told;
use crate::Most;
use crate::error::ReadError;
use crate::position::{Batch, Item, Position, ReadFrom};

/// How often the file is looked at for records of other processes. Those of this process are announced.
const POLL: Duration = Duration::from_millis(100);

/// Positions one query looks through. Bounds the query of a reader whose topics are rare.
const WINDOW: i64 = 50_000;

/// Reads some partitions of the file.
pub(crate) struct SqliteReader {
    pool: SqlitePool,
    committed: watch::Receiver<()>,
    partitions: u32,
    /// The offset wanted next, of each partition asked for.
    next: BTreeMap<(Topic, u32), u64>,
    /// The last position that was looked at; found at the first read.
    seen: Option<i64>,
    query: String,
}

impl SqliteReader {
    pub(super) fn new(
        pool: SqlitePool,
        committed: watch::Receiver<()>,
        partitions: u32,
        from: &[ReadFrom],
    ) -> SqliteReader {
        let next = from.iter().map(|from| ((from.topic, from.partition), from.offset)).collect();
        let query = window_query(&next);
        SqliteReader { pool, committed, partitions, next, seen: None, query }
    }

    pub(crate) async fn next_batch(&mut self, most: Most, wait: Duration) -> Result<Batch, ReadError> {
        let deadline = Instant::now() + wait;
        loop {
            // What is announced from here on wakes the wait below, so nothing committed after the look is missed.
            self.committed.mark_unchanged();
            let (items, at_end) = self.look(most).await.map_err(told).map_err(ReadError::unavailable)?;
            let now = Instant::now();
            if !items.is_empty() || now >= deadline {
                return Ok(items.into_iter().collect());
            }
            if at_end {
                self.wait_for_more(deadline.min(now + POLL)).await;
            }
        }
    }

    /// Wakes early when this process committed something. With the writer gone, only other processes can.
    async fn wait_for_more(&mut self, until: Instant) {
        if let Ok(Err(_)) = tokio::time::timeout_at(until, self.committed.changed()).await {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Records of the next window, and whether it reached the end of the file. Keeps its place only once all is read, so
    /// that a cancelled call loses nothing.
    async fn look(&mut self, most: Most) -> Result<(Vec<Item>, bool), sqlx::Error> {
        let seen = match self.seen {
            Some(seen) => seen,
            None => before_first_wanted(&self.pool, &self.next).await?,
        };
        // Positions become visible in order, so all up to the highest one seen here are there for the next query.
        let high = high_position(&self.pool).await?;
        let upto = high.min(seen.saturating_add(WINDOW));
        let (rows, complete) = if upto > seen { self.rows(seen, upto, most).await? } else { (Vec::new(), true) };
        let last = rows.last().map_or(seen, |(place, _)| *place);
        self.seen = Some(if complete { upto.max(seen) } else { last });
        let items: Vec<Item> = rows.into_iter().map(|(_, item)| item).collect();
        for item in &items {
            let position = position_of(item);
            self.next.insert((position.topic, position.partition), position.offset + 1);
        }
        Ok((items, complete && upto == high))
    }

    /// Wanted records after `seen` up to `upto`, and whether there are no more of them.
    async fn rows(&self, seen: i64, upto: i64, most: Most) -> Result<(Vec<(i64, Item)>, bool), sqlx::Error> {
        let query = sqlx::query::<Sqlite>(AssertSqlSafe(self.query.as_str())).bind(seen).bind(upto);
        let mut found = query.fetch(&self.pool);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = found.try_next().await? {
            let (place, Some(position), record) = row::read(&row)? else { continue };
            if !self.wants(position) {
                continue;
            }
            let item = Item::new(position, record, self.partitions);
            if most.is_exceeded_by(item.weight(), rows.len(), bytes) {
                return Ok((rows, false));
            }
            bytes += item.weight();
            rows.push((place, item));
        }
        Ok((rows, true))
    }

    fn wants(&self, position: Position) -> bool {
        self.next.get(&(position.topic, position.partition)).is_some_and(|&next| position.offset >= next)
    }
}

fn position_of(item: &Item) -> Position {
    match item {
        Item::Stored(stored) => stored.position,
        Item::Damaged(damaged) => damaged.position,
    }
}

/// The query for a window of positions. `NOT INDEXED`, because the index on offsets would make it sort all that was
/// ever written; the primary key may still be used. Topics and partitions are numbers, safe to stand in the text.
fn window_query(next: &BTreeMap<(Topic, u32), u64>) -> String {
    let list = |numbers: BTreeSet<i64>| numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let topics = list(next.keys().map(|(topic, _)| topic_number(*topic)).collect());
    let partitions = list(next.keys().map(|(_, partition)| i64::from(*partition)).collect());
    format!(
        r#"SELECT position, topic, "partition", "offset", tenant, headers, body FROM record NOT INDEXED
           WHERE position > ? AND position <= ? AND topic IN ({topics}) AND "partition" IN ({partitions})
           ORDER BY position"#
    )
}

/// The highest position there is; 0 in an empty file.
pub(super) async fn high_position(pool: &SqlitePool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COALESCE(MAX(position), 0) FROM record").fetch_one(pool).await
}

/// The position just before the first record that is wanted, or the end when none of them is there yet.
async fn before_first_wanted(pool: &SqlitePool, next: &BTreeMap<(Topic, u32), u64>) -> Result<i64, sqlx::Error> {
    if next.is_empty() {
        return high_position(pool).await;
    }
    let mut query = QueryBuilder::<Sqlite>::new("WITH wanted (topic, part, start) AS (");
    query.push_values(next, |mut row, (&(topic, partition), &offset)| {
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        row.push_bind(topic_number(topic)).push_bind(partition).push_bind(offset);
    });
    query.push(
        r#") SELECT MIN(COALESCE(
            (SELECT position - 1 FROM record WHERE topic = wanted.topic AND "partition" = wanted.part
             AND "offset" >= wanted.start ORDER BY "offset" LIMIT 1),
            (SELECT MAX(position) FROM record), 0)) FROM wanted"#,
    );
    query.build_query_scalar().fetch_one(pool).await
}

pub(super) async fn end_offsets(pool: &SqlitePool, places: &[(Topic, u32)]) -> Result<Vec<u64>, ReadError> {
    let mut connection = pool.acquire().await.map_err(told).map_err(ReadError::unavailable)?;
    ends(&mut connection, places).await.map_err(told).map_err(ReadError::unavailable)
}

/// The next offset of each of those partitions, in the order asked: one statement, one look into the index for each.
pub(super) async fn ends(connection: &mut SqliteConnection, places: &[(Topic, u32)]) -> Result<Vec<u64>, sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("WITH wanted (nth, topic, part) AS (");
    query.push_values(places.iter().zip(0_i64..), |mut row, (&(topic, partition), nth)| {
        row.push_bind(nth).push_bind(topic_number(topic)).push_bind(partition);
    });
    query.push(
        r#") SELECT COALESCE((SELECT "offset" + 1 FROM record WHERE topic = wanted.topic AND "partition" = wanted.part
             ORDER BY "offset" DESC LIMIT 1), 0) FROM wanted ORDER BY nth"#,
    );
    let ends: Vec<i64> = query.build_query_scalar().fetch_all(connection).await?;
    Ok(ends.into_iter().map(natural).collect())
}
