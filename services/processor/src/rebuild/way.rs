//! What a rebuild says while it works, how fast it is, and when it rests.

use std::time::{Duration, Instant};

use store::beside::Found;

use super::pace::Courtesy;
use crate::ProcessError;

/// How often the log hears of it.
const EVERY: Duration = Duration::from_secs(10);

/// What a rebuild says while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// What was there of an earlier one.
    Found(Found),
    /// So many records, and cases to be looked over, are to come, as far as is known.
    ToDo(u64),
    /// So many are done.
    Done(u64),
    /// Somebody is in the way of the swap; it is tried again. The most likely one reads the tables for long.
    Waits,
    /// The new rows are in the place of the old ones; for so long nobody else could fold.
    Swapped(Duration),
    /// So many of the cases were settled anew after it.
    Settled(u64),
}

/// How fast it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speed {
    /// In a second.
    pub rate: u64,
    /// Until what is known to come is done; None while nothing was.
    pub left: Option<Duration>,
}

impl Speed {
    /// After so much time, with so many done of so many.
    pub fn of(took: Duration, done: u64, of: u64) -> Speed {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let left = of.saturating_sub(done).saturating_mul(millis).checked_div(done).map(Duration::from_millis);
        Speed { rate: done.saturating_mul(1_000) / millis, left }
    }
}

/// Whom a rebuild tells, and for whom it makes room.
pub(crate) struct Way<'a> {
    told: &'a mut (dyn FnMut(Told) + Send),
    courtesy: Option<Courtesy>,
    began: Instant,
    logged: Instant,
    done: u64,
    to_do: u64,
}

impl<'a> Way<'a> {
    /// Without rest: others wait for the end of it.
    pub(crate) fn at_once(told: &'a mut (dyn FnMut(Told) + Send)) -> Way<'a> {
        let now = Instant::now();
        Way { told, courtesy: None, began: now, logged: now, done: 0, to_do: 0 }
    }

    /// With rests, while others fold.
    pub(crate) fn with(courtesy: Courtesy, told: &'a mut (dyn FnMut(Told) + Send)) -> Way<'a> {
        Way { courtesy: Some(courtesy), ..Way::at_once(told) }
    }

    pub(crate) fn tell(&mut self, told: Told) {
        if let Told::ToDo(more) = told {
            self.to_do = self.to_do.saturating_add(more);
        }
        (self.told)(told);
    }

    /// Something was done since an instant: tells it, and rests.
    pub(crate) async fn done(&mut self, done: u64, since: Instant) -> Result<(), ProcessError> {
        self.done = self.done.saturating_add(done);
        (self.told)(Told::Done(done));
        if self.courtesy.is_some() && self.logged.elapsed() >= EVERY {
            self.logged = Instant::now();
            let Speed { rate, left } = Speed::of(self.began.elapsed(), self.done, self.to_do);
            let left = left.map_or(0, |left| left.as_secs());
            tracing::info!(done = self.done, of = self.to_do, per_second = rate, seconds_left = left, "rebuilding");
        }
        match &mut self.courtesy {
            Some(courtesy) => courtesy.rest(since.elapsed()).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_was_done() {
        let seconds = Duration::from_secs;
        for (took, done, of, rate, left) in [
            (seconds(10), 5_000, 20_000, 500, Some(seconds(30))),
            (seconds(10), 0, 20_000, 0, None),
            (seconds(2), 300, 200, 150, Some(seconds(0))),
            (seconds(0), 1, 2, 1_000, Some(Duration::from_millis(1))),
        ] {
            assert_eq!(Speed::of(took, done, of), Speed { rate, left });
        }
    }
}
