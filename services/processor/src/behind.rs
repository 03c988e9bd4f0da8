//! How far behind the workers are, in time: since when the oldest record waits that was read and is not folded yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ledger::Timestamp;
use store::books::Projection;

/// For each worker that has records at hand, when the oldest of them was recorded.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    oldest: Mutex<BTreeMap<(&'static str, u32), Timestamp>>,
}

impl Behind {
    /// What a worker has at hand; None when it has read to the end of the log or holds no partition. A batch that cannot be
    /// written stays at hand while it is tried again.
    pub(crate) fn note(&self, projection: Projection, index: u32, oldest: Option<Timestamp>) {
        let mut all = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        match oldest {
            Some(oldest) => all.insert((projection.name(), index), oldest),
            None => all.remove(&(projection.name(), index)),
        };
    }

    /// Whole seconds since the oldest record of a projection was recorded that its workers have at hand; 0 without any.
    pub(crate) fn seconds(&self, projection: Projection, now: Timestamp) -> u32 {
        let all = self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        let of = all.iter().filter(|((name, _), _)| *name == projection.name()).map(|(_, oldest)| *oldest);
        let micros = of.min().map_or(0, |oldest| now.0.saturating_sub(oldest.0));
        u32::try_from(micros.max(0) / 1_000_000).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_record_at_hand_counts() {
        let (behind, at) = (Behind::default(), |seconds: i64| Timestamp(seconds * 1_000_000));
        let seconds = |now| behind.seconds(Projection::Books, at(now));
        assert_eq!(seconds(100), 0, "nothing waits");
        behind.note(Projection::Books, 0, Some(at(90)));
        behind.note(Projection::Books, 1, Some(at(70)));
        behind.note(Projection::Stock, 0, Some(at(1)));
        assert_eq!(seconds(100), 30);
        behind.note(Projection::Books, 1, None);
        assert_eq!((seconds(100), seconds(80)), (10, 0), "a clock that runs behind makes no age");
    }
}
