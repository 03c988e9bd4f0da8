//! How much may be under way at once: requests, and bytes of their bodies. Whoever gets no place is turned away at once, so
//! that memory does not grow with the number of senders.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places there are.
pub(crate) struct Limits {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// A request's place. Given back when dropped.
pub(crate) struct Place {
    _request: OwnedSemaphorePermit,
    room: Arc<Semaphore>,
    bytes: Option<OwnedSemaphorePermit>,
}

impl Limits {
    pub(crate) fn new(requests: usize, bytes: usize) -> Limits {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)));
        Limits { requests: semaphore(requests), bytes: semaphore(bytes) }
    }

    /// A place, if one is free.
    pub(crate) fn enter(&self) -> Option<Place> {
        Arc::clone(&self.requests).try_acquire_owned().ok().map(|permit| self.place(permit))
    }

    /// A place, as soon as one is free.
    #[expect(clippy::expect_used, reason = "the semaphore is never closed")]
    pub(crate) async fn wait(&self) -> Place {
        let permit = Arc::clone(&self.requests).acquire_owned().await;
        self.place(permit.expect("an open semaphore"))
    }

    fn place(&self, request: OwnedSemaphorePermit) -> Place {
        metrics::gauge!("ingest_in_flight").increment(1);
        Place { _request: request, room: Arc::clone(&self.bytes), bytes: None }
    }
}

impl Place {
    /// Room for so many bytes more; false if there is none.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let wanted = u32::try_from(bytes).ok();
        let granted = wanted.and_then(|wanted| Arc::clone(&self.room).try_acquire_many_owned(wanted).ok());
        match (granted, &mut self.bytes) {
            (Some(more), Some(held)) => held.merge(more),
            (Some(more), none) => *none = Some(more),
            (None, _) => return false,
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("ingest_in_flight").decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_bytes_run_out_and_come_back() {
        let limits = Limits::new(2, 100);
        let (mut one, mut two) = (limits.enter().unwrap(), limits.enter().unwrap());
        assert!(limits.enter().is_none());
        assert!(one.grow(40) && one.grow(40) && two.grow(20));
        assert!(!two.grow(1));
        drop(one);
        assert!(two.grow(80));
        assert!(limits.enter().is_some());
    }
}
