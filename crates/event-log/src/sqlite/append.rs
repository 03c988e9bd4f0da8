//! The writer: one task, one connection, one transaction for all appends that wait.
//!
//! Per transaction: begin, read the next offset of each partition touched, one insert per 150 records, commit. The file is
//! synced once, however many callers wait for it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use events::{Record, Topic};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr, SqlStr};
use tokio::sync::{mpsc, oneshot, watch};

use super::row::{encode_headers, topic_number};
use super::told::told;
use super::{partition_of, read};
use crate::error::{AppendError, Cause};
use crate::position::Position;

/// A transaction takes further appends until it has this many records, so that none waits long for a commit.
const GROUP_RECORDS: usize = 4_000;

/// And until it has this many bytes.
const GROUP_BYTES: usize = 32 * 1024 * 1024;

/// Rows of one insert statement.
const ROWS: usize = 150;

type Answer = Result<Vec<Position>, AppendError>;

/// An append that waits for the writer.
pub(super) struct Waiting {
    pub(super) records: Vec<Record>,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// Commits what waits until nobody can append any more.
pub(super) async fn run(mut writer: Writer, mut queue: mpsc::Receiver<Waiting>, committed: watch::Sender<()>) {
    while let Some(first) = queue.recv().await {
        let group = gather(first, &mut queue);
        let sizes: Vec<usize> = group.iter().map(|waiting| waiting.records.len()).collect();
        let (records, replies): (Vec<_>, Vec<_>) = group.into_iter().map(|w| (w.records, w.reply)).unzip();
        let outcome = writer.commit(records.into_iter().flatten().collect()).await;
        committed.send_replace(());
        answer(outcome, &sizes, replies);
    }
}

/// The first append and those that arrived behind it, up to the size of a group.
fn gather(first: Waiting, queue: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let bytes = |waiting: &Waiting| waiting.records.iter().map(crate::weight).sum::<usize>();
    let (mut count, mut weight) = (first.records.len(), bytes(&first));
    let mut group = vec![first];
    while count < GROUP_RECORDS && weight < GROUP_BYTES {
        let Ok(next) = queue.try_recv() else { break };
        count += next.records.len();
        weight += bytes(&next);
        group.push(next);
    }
    group
}

/// Gives each caller its own positions, or all of them the one error. A caller that has gone does not matter.
fn answer(outcome: Result<Vec<Position>, sqlx::Error>, sizes: &[usize], replies: Vec<oneshot::Sender<Answer>>) {
    let outcome = outcome.map(Vec::into_iter).map_err(|error| Arc::new(told(error)) as Cause);
    match outcome {
        Ok(mut positions) => {
            for (reply, &size) in replies.into_iter().zip(sizes) {
                let _ = reply.send(Ok(positions.by_ref().take(size).collect()));
            }
        }
        Err(cause) => {
            tracing::warn!(error = %cause, "the event log's file did not take a commit");
            for reply in replies {
                let _ = reply.send(Err(AppendError::Unavailable(cause.clone())));
            }
        }
    }
}

/// The only connection of this process that writes.
pub(super) struct Writer {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    partitions: u32,
}

impl Writer {
    pub(super) fn new(options: SqliteConnectOptions, connection: SqliteConnection, partitions: u32) -> Writer {
        Writer { options, connection: Some(connection), partitions }
    }

    /// All records in one transaction, or none. A connection whose transaction failed is closed, and the next commit
    /// makes a new one.
    async fn commit(&mut self, records: Vec<Record>) -> Result<Vec<Position>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let positions = commit(&mut connection, records, self.partitions).await?;
        self.connection = Some(connection);
        Ok(positions)
    }
}

async fn commit(
    connection: &mut SqliteConnection,
    records: Vec<Record>,
    partitions: u32,
) -> Result<Vec<Position>, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let places: Vec<_> =
        records.iter().map(|record| (record.topic, partition_of(&record.tenant, partitions))).collect();
    let mut ends: BTreeMap<_, u64> = places.iter().map(|&place| (place, 0)).collect();
    let touched: Vec<_> = ends.keys().copied().collect();
    for (end, stored) in ends.values_mut().zip(read::ends(&mut transaction, &touched).await?) {
        *end = stored;
    }
    let positions: Vec<Position> = places.into_iter().map(|place| next_position(&mut ends, place)).collect();
    let mut rows = positions.iter().copied().zip(records);
    loop {
        let chunk: Vec<_> = rows.by_ref().take(ROWS).collect();
        if chunk.is_empty() {
            break;
        }
        insert(&mut transaction, chunk).await?;
    }
    transaction.commit().await?;
    Ok(positions)
}

fn next_position(ends: &mut BTreeMap<(Topic, u32), u64>, (topic, partition): (Topic, u32)) -> Position {
    let end = ends.entry((topic, partition)).or_default();
    let offset = *end;
    *end += 1;
    Position { topic, partition, offset }
}

async fn insert(connection: &mut SqliteConnection, rows: Vec<(Position, Record)>) -> Result<(), sqlx::Error> {
    let mut query = sqlx::query::<Sqlite>(insert_statement(rows.len()));
    for (Position { partition, offset, .. }, record) in rows {
        query = query
            .bind(topic_number(record.topic))
            .bind(partition)
            .bind(i64::try_from(offset).unwrap_or(i64::MAX))
            .bind(record.tenant.as_str().to_owned())
            .bind(encode_headers(&record.headers))
            .bind(record.body);
    }
    query.execute(connection).await.map(drop)
}

/// The statement for that many rows; the text for a full one is made once.
fn insert_statement(rows: usize) -> SqlStr {
    static FULL: LazyLock<String> = LazyLock::new(|| insert_text(ROWS));
    match rows {
        ROWS => FULL.as_str().into_sql_str(),
        _ => AssertSqlSafe(insert_text(rows)).into_sql_str(),
    }
}

fn insert_text(rows: usize) -> String {
    let values = vec!["(?, ?, ?, ?, ?, ?)"; rows].join(", ");
    format!(r#"INSERT INTO record (topic, "partition", "offset", tenant, headers, body) VALUES {values}"#)
}
