//! The log in one SQLite file, for a single machine.
//!
//! One task owns the only writing connection of this process and commits what waits for it in one transaction, so a
//! cancelled caller can never leave a transaction open. Other processes may write to the same file; `BEGIN IMMEDIATE` lets
//! one of them at a time in, so records become visible in the order of their `position` and a reader that remembers the
//! last one it saw misses none.

mod append;
mod read;
mod row;
mod schema;
mod told;

use std::path::Path;
use std::sync::Arc;

use commerce::TenantId;
use events::{Record, Topic};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{AppendError, Closed, OpenLogError, ReadError};
use crate::position::{Position, ReadFrom};
use crate::{PATIENCE_WHEN_FULL, murmur2};
pub(crate) use read::SqliteReader;

/// Appends that may wait for the writer before further callers are held back.
const QUEUE: usize = 256;

/// Connections for reading. Queries are short and answered from the page cache, so a few serve many readers.
const READ_CONNECTIONS: u32 = 4;

/// A log in an SQLite file. Must be used in the tokio runtime it was opened in.
#[derive(Clone)]
pub struct SqliteLog {
    shared: Arc<Shared>,
}

struct Shared {
    partitions: u32,
    queue: mpsc::Sender<append::Waiting>,
    /// Changes whenever this process committed records.
    committed: watch::Receiver<()>,
    reading: SqlitePool,
}

impl SqliteLog {
    pub(crate) async fn open(path: &Path, partitions: u32) -> Result<SqliteLog, OpenLogError> {
        let (writer, partitions) = schema::create_or_open(path, partitions).await?;
        let reading =
            SqlitePoolOptions::new().max_connections(READ_CONNECTIONS).connect_lazy_with(schema::reading(path));
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (announce, committed) = watch::channel(());
        let writer = append::Writer::new(schema::writing(path), writer, partitions);
        tokio::spawn(append::run(writer, waiting, announce));
        Ok(SqliteLog { shared: Arc::new(Shared { partitions, queue, committed, reading }) })
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    pub(crate) async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let closed = |_| AppendError::Unavailable(Arc::new(Closed));
        let (reply, answer) = oneshot::channel();
        let queued = self.shared.queue.send(append::Waiting { records, reply });
        match tokio::time::timeout(PATIENCE_WHEN_FULL, queued).await {
            Err(_) => Err(AppendError::Full),
            Ok(Err(_)) => Err(AppendError::Unavailable(Arc::new(Closed))),
            Ok(Ok(())) => answer.await.map_err(closed)?,
        }
    }

    pub(crate) async fn end_offsets(&self, topic: Topic) -> Result<Vec<u64>, ReadError> {
        let places: Vec<_> = (0..self.partitions()).map(|partition| (topic, partition)).collect();
        read::end_offsets(&self.shared.reading, &places).await
    }

    pub(crate) async fn start_offsets(&self, _topic: Topic) -> Result<Vec<u64>, ReadError> {
        // Nothing is ever deleted from the file.
        Ok((0..self.partitions()).map(|_| 0).collect())
    }

    pub(crate) async fn ends(&self, next: &[ReadFrom]) -> Result<Vec<u64>, ReadError> {
        let places: Vec<_> = next.iter().map(|from| (from.topic, from.partition)).collect();
        read::end_offsets(&self.shared.reading, &places).await
    }

    pub(crate) fn reader(&self, from: &[ReadFrom]) -> SqliteReader {
        SqliteReader::new(self.shared.reading.clone(), self.shared.committed.clone(), self.partitions(), from)
    }

    pub(crate) async fn check(&self) -> Result<(), ReadError> {
        if self.shared.queue.is_closed() {
            return Err(ReadError::unavailable(Closed));
        }
        read::high_position(&self.shared.reading).await.map(drop).map_err(told::told).map_err(ReadError::unavailable)
    }
}

fn partition_of(tenant: &TenantId, partitions: u32) -> u32 {
    murmur2::partition(tenant.as_str().as_bytes(), partitions)
}
