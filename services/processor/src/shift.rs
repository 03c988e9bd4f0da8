//! A worker's shift: the partitions that fall to it of what the group has dealt to this process, folded from their stored
//! checkpoints until the deal is over or the projection is paused.
//!
//! When it is, the worker finishes the batch it is writing, drops the one it has read ahead, and lets go; whoever is dealt
//! the partition next begins where the checkpoint is. That keeps two processes from doing the same work, and nothing more: a
//! process that was asleep finds out late, and its batch fails at the checkpoint.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use event_log::{Deal, Deals};
use store::books::Projection;
use tokio_util::sync::CancellationToken;

use crate::pause::Pause;
use crate::work::{Work, decode};
use crate::worker::{live, topics, write};
use crate::{Context, ProcessError};

/// A worker waits up to this long at first, and up to twice as long each time, until [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a worker folds, and until when.
pub(crate) struct Shift {
    /// Its partitions.
    pub(crate) partitions: BTreeSet<u32>,
    deal: Option<Deal>,
    pause: Pause,
    shutdown: CancellationToken,
}

impl Shift {
    /// One that only a pause ends: that of a command which folds to the end of the log and asks no group.
    pub(crate) fn without_end(partitions: BTreeSet<u32>, pause: Pause) -> Shift {
        Shift { partitions, deal: None, pause, shutdown: CancellationToken::new() }
    }

    /// A worker's share of what was dealt.
    fn of(deal: Deal, index: u32, workers: u32, pause: &Pause, shutdown: &CancellationToken) -> Shift {
        let partitions = share(deal.partitions(), index, workers);
        Shift { partitions, deal: Some(deal), pause: pause.clone(), shutdown: shutdown.clone() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.shutdown.is_cancelled() || self.pause.is_on() || self.deal.as_ref().is_some_and(Deal::is_over)
    }

    /// Waits until the deal is over, the projection is paused, or the process is to end.
    pub(crate) async fn over(&self) {
        let dealt = async {
            match &self.deal {
                Some(deal) => deal.over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! { () = dealt => {}, () = self.pause.begins() => {}, () = self.shutdown.cancelled() => {} }
    }
}

/// Every so many'th of the partitions, whatever their numbers: so no worker of a process is left without while another has two.
pub(crate) fn share(partitions: &BTreeSet<u32>, index: u32, workers: u32) -> BTreeSet<u32> {
    partitions
        .iter()
        .zip((0..workers).cycle())
        .filter(|(_, nth)| *nth == index)
        .map(|(partition, _)| *partition)
        .collect()
}

/// Takes one shift after another until `shutdown`; passing faults are waited out, and so is a pause, with no partition held.
pub(crate) async fn run(
    context: Context,
    projection: Projection,
    index: u32,
    mut deals: Deals,
    pause: Pause,
    shutdown: CancellationToken,
) -> Result<(), ProcessError> {
    let mut pauses = Pauses { most: PAUSE };
    while !shutdown.is_cancelled() {
        tokio::select! { () = pause.ends() => {}, () = shutdown.cancelled() => return Ok(()) }
        let dealt = tokio::select! { dealt = deals.next() => dealt, () = shutdown.cancelled() => return Ok(()) };
        let Some(deal) = dealt else { return Err(ProcessError::Stopped("the group was left".to_owned())) };
        let shift = Shift::of(deal, index, context.workers(projection), &pause, &shutdown);
        let began = Instant::now();
        let outcome = session(&context, projection, index, &shift).await;
        // Nobody waits for a worker that waits.
        drop(shift);
        match outcome {
            Ok(()) => context.behind.note(projection, index, None),
            Err(error) if error.is_passing() => {
                count(projection, &error);
                tracing::warn!(projection = projection.name(), index, %error, "waiting before the next try");
                let pause = pauses.next(began.elapsed());
                tokio::select! { () = tokio::time::sleep(pause) => {}, () = shutdown.cancelled() => {} }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn count(projection: Projection, error: &ProcessError) {
    metrics::counter!("processor_retries_total", "projection" => projection.name()).increment(1);
    if matches!(error, ProcessError::Fenced { .. }) {
        metrics::counter!("processor_fenced_total", "projection" => projection.name()).increment(1);
    }
}

/// Folds from the stored checkpoints until the shift is over.
async fn session(context: &Context, projection: Projection, index: u32, shift: &Shift) -> Result<(), ProcessError> {
    if shift.partitions.is_empty() {
        context.behind.note(projection, index, None);
        shift.over().await;
        return Ok(());
    }
    let Some(mut held) = live(context, projection, shift).await? else { return Ok(()) };
    let mut reader = context.reader(&held, topics(projection))?;
    let mut work = Work::default();
    while !shift.is_over() {
        context.behind.note(projection, index, work.oldest());
        let next = async { reader.next_batch(context.config.batch, context.config.wait).await.map(decode) };
        // The next batch is read while this one is written.
        let (written, next) = tokio::join!(write(context, projection, &mut held, work), async {
            tokio::select! { next = next => next, () = shift.over() => Ok(Work::default()) }
        });
        written?;
        work = next?;
    }
    Ok(())
}

/// How long to wait between tries.
struct Pauses {
    most: Duration,
}

impl Pauses {
    /// Anything up to a bound that doubles with each failure in a row, so that those who met do not meet again.
    fn next(&mut self, worked: Duration) -> Duration {
        self.most = if worked > LONGEST_PAUSE { PAUSE } else { (self.most * 2).min(LONGEST_PAUSE) };
        Duration::from_micros(rand::random_range(0..=u64::try_from(self.most.as_micros()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dealt_is_shared_among_the_workers_of_a_process() {
        for (dealt, workers, expected) in [
            (vec![0, 1, 2, 3], 2, vec![vec![0, 2], vec![1, 3]]),
            (vec![1, 3, 5], 2, vec![vec![1, 5], vec![3]]),
            (vec![4], 2, vec![vec![4], vec![]]),
            (vec![], 1, vec![vec![]]),
        ] {
            let dealt = BTreeSet::from_iter(dealt);
            let shared: Vec<Vec<u32>> = (0..workers).map(|n| share(&dealt, n, workers).into_iter().collect()).collect();
            assert_eq!(shared, expected);
        }
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_anew_after_work() {
        let mut pauses = Pauses { most: PAUSE };
        let bounds: Vec<Duration> = (0..8)
            .map(|_| {
                assert!(pauses.next(Duration::ZERO) <= pauses.most);
                pauses.most
            })
            .collect();
        assert_eq!(bounds[..3], [PAUSE * 2, PAUSE * 4, PAUSE * 8]);
        assert_eq!(bounds[7], LONGEST_PAUSE);
        pauses.next(LONGEST_PAUSE * 2);
        assert_eq!(pauses.most, PAUSE);
    }
}
