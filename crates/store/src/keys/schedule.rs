//! When epochs end, and from when on no copy of a destroyed key opens. Pure.

use std::time::Duration;

use ledger::Timestamp;

use super::rotation::Epoch;

/// What the platform may take to get to something that is due, a restart included.
const GRACE: Duration = Duration::from_secs(3_600);

/// How long an epoch lasts, and how long backups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How long an epoch is current. Usually a day.
    pub epoch: Duration,
    /// How long the key of an epoch outlives it: as long as a backup of the key store may have to be restored.
    pub backups: Duration,
}

/// What copies of a destroyed key are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// The keys of all epochs that could open one were destroyed; the last at this time.
    GoneSince(Timestamp),
    /// Whoever has a copy from before, the keyring and the root key can open it; by this time the last such epoch's key is
    /// destroyed, if the platform runs from now on.
    OpenUntil(Timestamp),
}

impl Schedule {
    /// By when the epoch's key should be destroyed, if the platform has run all the time.
    pub fn destroyed_by(&self, epoch: &Epoch) -> Timestamp {
        let retires = epoch.retired_at.unwrap_or_else(|| later(epoch.begun_at, self.epoch + GRACE));
        later(retires, self.backups + GRACE)
    }

    /// What copies are worth that these epochs can open, told now: a date is never one that has passed.
    pub fn copies(&self, epochs: &[Epoch], now: Timestamp) -> Option<Copies> {
        let open: Vec<&Epoch> = epochs.iter().filter(|epoch| epoch.destroyed_at.is_none()).collect();
        match open.iter().map(|epoch| self.expected(epoch, now)).max() {
            Some(until) => Some(Copies::OpenUntil(until)),
            None => epochs.iter().filter_map(|epoch| epoch.destroyed_at).max().map(Copies::GoneSince),
        }
    }

    /// By when the epoch's key is destroyed, if the platform runs from now on.
    fn expected(&self, epoch: &Epoch, now: Timestamp) -> Timestamp {
        let soon = later(now, GRACE);
        match epoch.retired_at {
            Some(_) => self.destroyed_by(epoch).max(soon),
            None => self.destroyed_by(epoch).max(later(soon, self.backups + GRACE)),
        }
    }

    /// Epochs that began at this time or before are to end now.
    pub fn ends_begun_until(&self, now: Timestamp) -> Timestamp {
        earlier(now, self.epoch)
    }

    /// Epochs that retired at this time or before are to be destroyed now.
    pub fn expires_until(&self, now: Timestamp) -> Timestamp {
        earlier(now, self.backups)
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(micros(by)))
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(micros(by)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use subject_keys::EpochId;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn copies_open_until_the_last_epoch_that_wraps_them_is_destroyed() {
        let schedule = Schedule { epoch: Duration::from_secs(86_400), backups: Duration::from_secs(30 * 86_400) };
        let day = |days: i64| Timestamp(days * DAY);
        let hours_after = |days: i64, hours: i64| Timestamp(days * DAY + hours * DAY / 24);
        let epoch = |retired: Option<i64>, destroyed: Option<i64>| Epoch {
            epoch: EpochId(3),
            begun_at: day(100),
            retired_at: retired.map(day),
            destroyed_at: destroyed.map(day),
            pages: 0,
            lossy: 0,
            tenants: 0,
            held: destroyed.is_none(),
        };
        for (told, retired, destroyed, expected) in [
            (100, None, None, Copies::OpenUntil(hours_after(131, 2))),
            (103, Some(103), None, Copies::OpenUntil(hours_after(133, 1))),
            (200, Some(103), Some(134), Copies::GoneSince(day(134))),
            // Nothing ran for a while.
            (140, None, None, Copies::OpenUntil(hours_after(170, 2))),
            (140, Some(103), None, Copies::OpenUntil(hours_after(140, 1))),
        ] {
            assert_eq!(schedule.copies(&[epoch(retired, destroyed)], day(told)), Some(expected), "told on day {told}");
        }
        let both = [epoch(Some(101), None), epoch(Some(103), Some(134))];
        assert_eq!(
            schedule.copies(&both, day(135)),
            Some(Copies::OpenUntil(hours_after(135, 1))),
            "an earlier one is left"
        );
        assert_eq!(schedule.copies(&[], day(135)), None);
        assert_eq!((schedule.ends_begun_until(day(101)), schedule.expires_until(day(131))), (day(100), day(101)));
    }
}
