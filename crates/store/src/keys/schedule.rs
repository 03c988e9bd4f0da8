//! When epochs end, and from when on no copy of a destroyed key opens. Pure.
//!
//! By when an epoch's key is destroyed is fixed as the epoch begins, and written beside it: erasures promise that date, so no
//! later setting moves it. Settings that change act on the epochs that begin afterwards.

use std::time::Duration;

use ledger::Timestamp;

use super::rotation::Epoch;

/// What the platform may take to get to something that is due, a restart included.
const GRACE: Duration = Duration::from_secs(3_600);

/// What whoever found a key, just before it moved to another page, may take to open it by the page it was on.
const SETTLED: Duration = Duration::from_secs(60);

/// No span is longer than this (about 146,000 years), so that it can be added to any time that a clock shows.
const LONGEST: i64 = i64::MAX / 2;

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
    /// Whoever has a copy from before, the keyring and the root key can open it. The last such epoch's key is destroyed by this
    /// time, which was fixed when that epoch began.
    OpenUntil(Timestamp),
    /// They were to be gone by this time, and are not: nothing saw to the epochs, or a destroyed key came back into the keyring
    /// with an old copy of it.
    Overdue(Timestamp),
}

impl Schedule {
    /// By when the key of an epoch is destroyed that begins at this time.
    pub fn promised(&self, begun_at: Timestamp) -> Timestamp {
        plus(begun_at, self.after_beginning())
    }

    /// How long after its beginning an epoch's key is destroyed: it may retire late, and be destroyed late.
    pub(super) fn after_beginning(&self) -> i64 {
        micros(self.epoch.saturating_add(GRACE).saturating_add(self.backups).saturating_add(GRACE))
    }

    /// The same, counted from when it retired.
    pub(super) fn after_retiring(&self) -> i64 {
        micros(self.backups.saturating_add(GRACE))
    }

    /// Epochs that began at this time or before are to end now. If the current one, as it began and as was promised of it,
    /// would be destroyed while backups taken now are still kept (they were to be kept for less long when it began), it ends
    /// now, however young. So does one that began under a clock which ran far ahead and was set right since: it would be
    /// current until that time comes.
    pub fn ends_begun_until(&self, current: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Timestamp {
        let of_age = minus(now, micros(self.epoch));
        let needed = plus(now, micros(self.backups.saturating_add(GRACE)));
        match current {
            Some((begun_at, destroy_by)) if destroy_by < needed || self.began_ahead(begun_at, now) => {
                of_age.max(begun_at)
            }
            _ => of_age,
        }
    }

    /// Whether an epoch that began at this time began under a clock which ran ahead. Clocks of processes that share a key store
    /// differ by less than an hour.
    pub(super) fn began_ahead(&self, begun_at: Timestamp, now: Timestamp) -> bool {
        begun_at > plus(now, micros(GRACE))
    }
}

impl Copies {
    /// What copies are worth that these epochs can open, told now.
    pub fn of(epochs: &[Epoch], now: Timestamp) -> Option<Copies> {
        // A destroyed key that lies in the keyring again opens what it opened before.
        let (open, gone): (Vec<&Epoch>, Vec<&Epoch>) =
            epochs.iter().partition(|epoch| epoch.held || epoch.destroyed_at.is_none());
        match open.iter().map(|epoch| epoch.destroy_by).max() {
            Some(by) if by < now => Some(Copies::Overdue(by)),
            Some(by) => Some(Copies::OpenUntil(by)),
            None => gone.iter().filter_map(|epoch| epoch.destroyed_at).max().map(Copies::GoneSince),
        }
    }
}

/// The keys of retired epochs are destroyed now that are promised to be by this time: early enough to keep it, and late
/// enough that backups of the epoch have had their time.
pub(super) fn due_now(now: Timestamp) -> Timestamp {
    plus(now, micros(GRACE))
}

/// Nobody reads by an epoch any more that retired at this time or before, and that nothing hangs on.
pub(super) fn settled_by(now: Timestamp) -> Timestamp {
    minus(now, micros(SETTLED))
}

fn plus(at: Timestamp, by: i64) -> Timestamp {
    Timestamp(at.0.saturating_add(by))
}

fn minus(at: Timestamp, by: i64) -> Timestamp {
    Timestamp(at.0.saturating_sub(by))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use subject_keys::EpochId;

    const HOUR: i64 = 3_600_000_000;
    const DAY: i64 = 24 * HOUR;
    const MONTH: Schedule = Schedule { epoch: Duration::from_secs(86_400), backups: Duration::from_secs(30 * 86_400) };

    fn day(days: i64) -> Timestamp {
        Timestamp(days * DAY)
    }

    fn hours_after(days: i64, hours: i64) -> Timestamp {
        Timestamp(days * DAY + hours * HOUR)
    }

    /// An epoch that began on day 100.
    fn epoch(destroy_by: Timestamp, destroyed: Option<i64>, held: bool) -> Epoch {
        Epoch {
            epoch: EpochId(3),
            begun_at: day(100),
            retired_at: None,
            destroy_by,
            destroyed_at: destroyed.map(day),
            pages: 0,
            lossy: 0,
            tenants: 0,
            held,
        }
    }

    #[test]
    fn copies_open_until_the_date_that_was_fixed_when_the_last_epoch_began() {
        let promised = MONTH.promised(day(100));
        assert_eq!(promised, hours_after(131, 2));
        let (open, earlier) = (epoch(promised, None, true), epoch(hours_after(130, 2), None, true));
        let destroyed = epoch(promised, Some(131), false);
        let returned = epoch(promised, Some(131), true);
        // Its file is not there, and nobody recorded that it was destroyed: a copy of the keyring may have it.
        let lost = epoch(promised, None, false);
        for (epochs, told, expected) in [
            (vec![open], day(100), Copies::OpenUntil(promised)),
            (vec![open, earlier], day(120), Copies::OpenUntil(promised)),
            (vec![open, destroyed], promised, Copies::OpenUntil(promised)),
            (vec![earlier, destroyed], day(140), Copies::Overdue(hours_after(130, 2))),
            (vec![open], hours_after(131, 3), Copies::Overdue(promised)),
            (vec![lost], day(140), Copies::Overdue(promised)),
            (vec![returned], day(131), Copies::OpenUntil(promised)),
            (vec![returned, destroyed], day(140), Copies::Overdue(promised)),
            (vec![destroyed], day(140), Copies::GoneSince(day(131))),
        ] {
            assert_eq!(Copies::of(&epochs, told), Some(expected), "{epochs:?}");
        }
        assert_eq!(Copies::of(&[], day(140)), None);
    }

    #[test]
    fn a_retired_epoch_is_destroyed_when_its_backups_have_had_their_time_and_before_the_date() {
        let (promised, retired) = (MONTH.promised(day(100)), hours_after(101, 1));
        assert!(due_now(hours_after(131, 1)) >= promised, "destroyed an hour before the date");
        assert!(
            due_now(Timestamp(retired.0 + 30 * DAY - 1)) < promised,
            "never before backups of its last hour expire"
        );
    }

    #[test]
    fn an_epoch_ends_at_its_age_or_when_backups_taken_now_would_outlive_its_key() {
        let current = |schedule: Schedule| Some((day(100), schedule.promised(day(100))));
        let months = |backups: u64| Schedule { backups: Duration::from_secs(backups * 30 * 86_400), ..MONTH };
        let two_days = Schedule { epoch: Duration::from_secs(2 * 86_400), ..MONTH };
        for (begun_under, now_in_force, hours, ends, why) in [
            (MONTH, MONTH, 0, false, "it just began"),
            (MONTH, MONTH, 23, false, "it is younger than a day"),
            (MONTH, MONTH, 24, true, "its day is over"),
            (MONTH, MONTH, -1, false, "the clock of the process that began it is ahead of this one"),
            (MONTH, MONTH, -2, true, "the clock was wrong when it began"),
            (MONTH, months(2), 1, true, "backups are kept for longer from now on"),
            (months(2), MONTH, 23, false, "backups are kept for less long"),
            (
                MONTH,
                two_days,
                24,
                false,
                "epochs last longer from now on, and its key outlives the backups of this hour",
            ),
            (MONTH, two_days, 26, true, "its date comes before a backup of this hour expires"),
            (two_days, MONTH, 24, true, "epochs last less long"),
        ] {
            let until = now_in_force.ends_begun_until(current(begun_under), hours_after(100, hours));
            assert_eq!(until >= day(100), ends, "{why}");
        }
        assert_eq!(MONTH.ends_begun_until(None, day(101)), day(100));
    }

    #[test]
    fn no_setting_is_too_long() {
        let forever = Schedule { epoch: Duration::MAX, backups: Duration::MAX };
        assert_eq!((forever.after_beginning(), forever.after_retiring()), (LONGEST, LONGEST));
        assert!(forever.promised(day(20_000)) > day(20_000));
        assert_eq!(forever.ends_begun_until(None, day(1)), Timestamp(DAY - LONGEST));
    }
}
