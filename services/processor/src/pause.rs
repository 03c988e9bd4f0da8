//! Projections that an operator has paused, as the database says: each process looks once a second, and its workers stop at the
//! end of their batch, let go of what the group dealt them, and go on where the checkpoint is when it is resumed.
//!
//! It is no lock: a batch that is being written when somebody pauses is written.

use std::collections::BTreeSet;
use std::time::Duration;

use store::books::{self, Projection};
use store::db::{Db, DbError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ProcessError;

/// How often the database is asked.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks in the database and tells the workers.
pub(crate) struct Lookout {
    db: Db,
    tell: watch::Sender<BTreeSet<Projection>>,
}

/// Whether one projection is paused, as it was last seen.
#[derive(Clone)]
pub(crate) struct Pause {
    projection: Projection,
    seen: watch::Receiver<BTreeSet<Projection>>,
}

impl Lookout {
    /// Takes everything for paused until the first look: nothing is folded by a process that does not know.
    pub(crate) fn new(db: &Db) -> Lookout {
        Lookout { db: db.clone(), tell: watch::Sender::new(Projection::ALL.into()) }
    }

    /// What tells the workers of a projection.
    pub(crate) fn pause(&self, projection: Projection) -> Pause {
        Pause { projection, seen: self.tell.subscribe() }
    }

    /// Asks the database.
    pub(crate) async fn look(&self) -> Result<(), DbError> {
        let paused: BTreeSet<Projection> = books::paused(&self.db).await?.into_keys().collect();
        self.tell.send_if_modified(|seen| {
            let changed = *seen != paused;
            *seen = paused;
            changed
        });
        Ok(())
    }

    /// Looks until told to stop, and keeps the metric. What was seen last holds while the database is away.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), ProcessError> {
        while !shutdown.is_cancelled() {
            match self.look().await {
                Ok(()) => self.set_gauges(),
                Err(error) => tracing::debug!(%error, "it could not be seen what is paused; looking again"),
            }
            tokio::select! { () = tokio::time::sleep(LOOK_EVERY) => {}, () = shutdown.cancelled() => {} }
        }
        Ok(())
    }

    fn set_gauges(&self) {
        for projection in Projection::ALL {
            let paused = u32::from(self.tell.borrow().contains(&projection));
            metrics::gauge!("processor_paused", "projection" => projection.name()).set(paused);
        }
    }
}

impl Pause {
    /// Whether it is paused.
    pub(crate) fn is_on(&self) -> bool {
        self.seen.borrow().contains(&self.projection)
    }

    /// Waits until it is paused.
    pub(crate) async fn begins(&self) {
        self.becomes(true).await;
    }

    /// Waits until it is not paused.
    pub(crate) async fn ends(&self) {
        self.becomes(false).await;
    }

    async fn becomes(&self, paused: bool) {
        let mut seen = self.seen.clone();
        if seen.wait_for(|seen| seen.contains(&self.projection) == paused).await.is_err() {
            // Nobody looks any more: the process ends, and whoever waits hears of that.
            std::future::pending::<()>().await;
        }
    }
}
