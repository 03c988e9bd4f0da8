//! How much of the time a rebuild works while others fold: they keep the machine, the log and the database for the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use store::books::{self, Checkpoint, Projection};
use store::db::Db;

use crate::ProcessError;

/// A pause is never longer, however long what was done before it took.
const LONGEST: Duration = Duration::from_secs(2);

/// The share of the time for which a rebuild works while the live projection is being folded, in percent. When nobody folds there is
/// nobody to make room for, and it works all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(u8);

impl Pace {
    /// All the time.
    pub const FULL: Pace = Pace(100);

    /// That many percent, from 1 to 100.
    pub fn percent(percent: u8) -> Option<Pace> {
        (1..=100).contains(&percent).then_some(Pace(percent))
    }

    /// How long to rest after so much work.
    fn rest(self, worked: Duration) -> Duration {
        let rest = worked.saturating_mul(u32::from(100 - self.0.min(100))) / u32::from(self.0.max(1));
        rest.min(LONGEST)
    }
}

/// Half of it.
impl Default for Pace {
    fn default() -> Pace {
        Pace(50)
    }
}

/// Sees whether others fold, and rests if they do.
pub(crate) struct Courtesy {
    pace: Pace,
    live: Db,
    projection: Projection,
    seen: BTreeMap<u32, Checkpoint>,
}

impl Courtesy {
    pub(crate) fn new(pace: Pace, live: Db, projection: Projection) -> Courtesy {
        Courtesy { pace, live, projection, seen: BTreeMap::new() }
    }

    /// Rests after so much work, if the live checkpoints have moved since it was asked last: one small query.
    pub(crate) async fn rest(&mut self, worked: Duration) -> Result<(), ProcessError> {
        if self.pace == Pace::FULL {
            return Ok(());
        }
        let now = books::checkpoints(&self.live, self.projection.name()).await?;
        if now != self.seen {
            self.seen = now;
            tokio::time::sleep(self.pace.rest(worked)).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_as_long_as_the_share_says() {
        let ms = Duration::from_millis;
        for (percent, worked, rest) in [
            (100, ms(80), ms(0)),
            (50, ms(80), ms(80)),
            (20, ms(80), ms(320)),
            (80, ms(80), ms(20)),
            (1, ms(80), LONGEST),
        ] {
            assert_eq!(Pace::percent(percent).unwrap().rest(worked), rest, "{percent} %");
        }
        assert_eq!((Pace::percent(0), Pace::percent(101)), (None, None));
    }
}
