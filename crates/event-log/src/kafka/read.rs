//! The reader's asynchronous side: polls run on a thread that may block, and a cancelled call loses nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::KafkaConfig;
use super::cursor::Cursor;
use crate::Most;
use crate::error::{Closed, ReadError};
use crate::position::{Batch, Item, ReadFrom};

/// Reads some partitions of the topics.
pub(crate) struct KafkaReader {
    turn: Turn,
    /// What was read for a call that then was cancelled, or asked for fewer.
    ready: VecDeque<Item>,
    /// Tells a poll that nobody waits for it any more.
    stop: Arc<AtomicBool>,
}

/// Whose turn it is with the consumer.
enum Turn {
    Idle(Box<Cursor>),
    /// A poll runs. It stays here when its call is cancelled, and the next call takes its outcome.
    Polling(JoinHandle<Polled>),
    Lost,
}

type Polled = (Box<Cursor>, Result<Vec<Item>, ReadError>);

impl KafkaReader {
    pub(super) fn new(config: &KafkaConfig, partitions: u32, from: &[ReadFrom]) -> Result<KafkaReader, ReadError> {
        let cursor = Cursor::new(config, partitions, from)?;
        Ok(KafkaReader { turn: Turn::Idle(Box::new(cursor)), ready: VecDeque::new(), stop: Arc::default() })
    }

    pub(crate) async fn next_batch(&mut self, most: Most, wait: Duration) -> Result<Batch, ReadError> {
        if self.ready.is_empty() {
            let items = self.poll(most, wait).await?;
            self.ready.extend(items);
        }
        let (mut count, mut bytes) = (0, 0_usize);
        while let Some(item) = self.ready.get(count) {
            if most.is_exceeded_by(item.weight(), count, bytes) {
                break;
            }
            count += 1;
            bytes += item.weight();
        }
        Ok(self.ready.drain(..count).collect())
    }

    async fn poll(&mut self, most: Most, wait: Duration) -> Result<Vec<Item>, ReadError> {
        self.turn = match std::mem::replace(&mut self.turn, Turn::Lost) {
            Turn::Idle(mut cursor) => {
                let stop = self.stop.clone();
                Turn::Polling(tokio::task::spawn_blocking(move || {
                    let outcome = cursor.poll(most, wait, &stop);
                    (cursor, outcome)
                }))
            }
            turn => turn,
        };
        let Turn::Polling(poll) = &mut self.turn else { return Err(ReadError::unavailable(Closed)) };
        let (turn, outcome) = match poll.await {
            Ok((cursor, outcome)) => (Turn::Idle(cursor), outcome),
            Err(error) => (Turn::Lost, Err(ReadError::unavailable(error))),
        };
        self.turn = turn;
        outcome
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Turn::Idle(cursor) = std::mem::replace(&mut self.turn, Turn::Lost) {
            // Closing a consumer waits for its threads, which must not hold up an asynchronous task.
            std::thread::spawn(move || drop(cursor));
        }
    }
}
