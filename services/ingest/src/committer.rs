//! Group commit: requests that wait together are sealed and appended together, so a batch costs one transaction of the key
//! store and one append, whatever its size.
//!
//! Two batches may be on their way, one at the key store while another is at the log. More do not start: what arrives
//! meanwhile waits and makes the next batch larger. The order in which batches reach the log does not matter, since facts
//! merge.

use std::collections::HashSet;
use std::time::Instant;

use event_log::{AppendError, EventLog};
use events::{Event, Payload};
use moka::sync::Cache;
use store::keys::{KeyStore, KeyStoreError};
use subject_keys::Exhausted;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::AcceptError;
use crate::limits::Place;
use crate::seal::Unsealed;

/// Batches on their way at once.
const BATCHES: usize = 2;

/// Events remembered as being on the log. A shop sends an order again at each change, with most of its facts unchanged.
const REMEMBERED: u64 = 200_000;

/// A request that waits for the log.
pub(crate) struct Job {
    pub(crate) events: Vec<Unsealed>,
    pub(crate) reply: oneshot::Sender<Result<(), AcceptError>>,
    /// Held until it is answered.
    pub(crate) place: Place,
}

impl Job {
    fn answer(self, answer: Result<(), AcceptError>) {
        drop(self.place);
        // Nobody waits any more: the sender was answered 503 and comes back.
        let _ = self.reply.send(answer);
    }
}

/// Commits what waits, until `shutdown`; then what is left. Drops `ended` when all of it is answered.
pub(crate) async fn run(
    committer: Committer,
    mut waiting: mpsc::Receiver<Job>,
    batch: usize,
    shutdown: CancellationToken,
    ended: DropGuard,
) {
    let mut under_way = JoinSet::new();
    loop {
        if under_way.len() >= BATCHES {
            under_way.join_next().await;
        }
        let mut jobs = Vec::new();
        tokio::select! {
            _ = waiting.recv_many(&mut jobs, batch) => {}
            () = shutdown.cancelled(), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
        }
        if jobs.is_empty() {
            break;
        }
        let committer = committer.clone();
        under_way.spawn(async move { committer.commit(jobs).await });
    }
    while under_way.join_next().await.is_some() {}
    drop(ended);
}

/// What a batch is committed with.
#[derive(Clone)]
pub(crate) struct Committer {
    keys: KeyStore,
    log: EventLog,
    on_log: Cache<Uuid, ()>,
}

/// Why a batch did not reach the log.
enum Failed {
    /// These jobs, in ascending order, have an event that never will; the others may go on without them.
    Some {
        jobs: Vec<usize>,
        error: AcceptError,
    },
    All(AcceptError),
}

impl Committer {
    pub(crate) fn new(keys: KeyStore, log: EventLog) -> Committer {
        Committer { keys, log, on_log: Cache::new(REMEMBERED) }
    }

    /// Answers every job. One that can never reach the log does not keep the others from it.
    async fn commit(&self, mut jobs: Vec<Job>) {
        let started = Instant::now();
        // Who was told to come back will; their work would only delay the others.
        jobs.retain(|job| !job.reply.is_closed());
        metrics::histogram!("ingest_batch_size").record(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
        let answer = loop {
            match self.append(&jobs).await {
                Ok(()) => break Ok(()),
                Err(Failed::Some { jobs: refused, error }) => {
                    tracing::warn!(%error, requests = refused.len(), "requests of a batch were refused");
                    refused.into_iter().rev().for_each(|job| jobs.remove(job).answer(Err(error.clone())));
                }
                Err(Failed::All(error)) => {
                    tracing::warn!(%error, requests = jobs.len(), "a batch did not reach the log");
                    break Err(error);
                }
            }
        };
        metrics::histogram!("ingest_commit_seconds").record(started.elapsed());
        jobs.into_iter().for_each(|job| job.answer(answer.clone()));
    }

    async fn append(&self, jobs: &[Job]) -> Result<(), Failed> {
        let fresh = self.fresh(jobs);
        if fresh.is_empty() {
            return Ok(());
        }
        let people = fresh.iter().flat_map(|(_, event)| event.people()).collect();
        let sealings = self.keys.resolve(people).await.map_err(|error| Failed::All(error.into()))?;
        let mut sealings = sealings.into_iter();
        let events = unless_refused(fresh.iter().map(|(job, event)| (*job, event.seal(&mut sealings))))?;
        let records = events.iter().map(Event::encode).collect();
        fail::fail_point!("ingest::sealed");
        self.log.append(records).await.map_err(|error| match error {
            AppendError::TooLarge { index } => {
                let job = fresh.get(index).map_or(0, |(job, _)| *job);
                Failed::Some { jobs: vec![job], error: AcceptError::TooLarge }
            }
            error => Failed::All(AcceptError::Log(error)),
        })?;
        fail::fail_point!("ingest::appended");
        for event in &events {
            self.on_log.insert(event.id, ());
            count(event);
        }
        Ok(())
    }

    /// The events that are not known to be on the log, each once, with the index of their job.
    fn fresh<'j>(&self, jobs: &'j [Job]) -> Vec<(usize, &'j Unsealed)> {
        let all = jobs.iter().enumerate().flat_map(|(index, job)| job.events.iter().map(move |event| (index, event)));
        let mut seen = HashSet::new();
        let fresh: Vec<_> =
            all.clone().filter(|(_, event)| !self.on_log.contains_key(&event.id) && seen.insert(event.id)).collect();
        let known = all.count().saturating_sub(fresh.len());
        metrics::counter!("ingest_duplicates_total").increment(u64::try_from(known).unwrap_or(u64::MAX));
        fresh
    }
}

/// What was sealed, unless a key refused some of it: then all jobs that it refused.
fn unless_refused<T>(sealed: impl Iterator<Item = (usize, Result<T, Exhausted>)>) -> Result<Vec<T>, Failed> {
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    for (job, event) in sealed {
        match event {
            Ok(event) => events.push(event),
            Err(Exhausted) => refused.push(job),
        }
    }
    refused.dedup();
    if refused.is_empty() {
        return Ok(events);
    }
    Err(Failed::Some { jobs: refused, error: AcceptError::Keys(KeyStoreError::Exhausted(Exhausted)) })
}

fn count(event: &Event) {
    match &event.payload {
        Payload::Quarantined(input) => {
            metrics::counter!("ingest_quarantined_total", "reason" => input.reason.name()).increment(1);
        }
        Payload::Redriven { .. } => metrics::counter!("ingest_redriven_total").increment(1),
        Payload::Fact { .. } | Payload::Posted(_) | Payload::StockAlerted(_) => {
            metrics::counter!("ingest_facts_total", "type" => event.event_type()).increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_refuses_costs_the_jobs_that_need_it_and_no_others() {
        let refused = unless_refused::<()>(
            [(0, Ok(())), (1, Err(Exhausted)), (1, Err(Exhausted)), (2, Ok(())), (3, Err(Exhausted))].into_iter(),
        );
        assert!(matches!(refused, Err(Failed::Some { jobs, .. }) if jobs == [1, 3]));
        assert!(matches!(unless_refused([(0, Ok('a')), (0, Ok('b'))].into_iter()), Ok(all) if all == ['a', 'b']));
    }
}
