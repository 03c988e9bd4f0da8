//! A range of days, and of days known, cut into whole months and what is left at its edges.
//!
//! ```text
//!        known ->            | month of the first day
//!                            | that does not count
//!   head   . . . . . . . . . . . . . .     days before the first whole month, whenever known
//!          #################|. . . . .
//!   months #################|. fresh .     whole months of whole months known, then days known since
//!          #################|. . . . .
//!   tail   . . . . . . . . . . . . . .     days after the last whole month, whenever known
//! ```

use ledger::Day;

/// First and last, both included; empty when the last is before the first.
pub(super) type Range = (i32, i32);

const EVER: Range = (i32::MIN, i32::MAX);
const NEVER: Range = (0, -1);

/// What is to be added up. No balance is in two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pieces {
    /// Whole months.
    pub(super) months: Range,
    /// The last month known that counts of the whole months.
    pub(super) known_months_through: i32,
    /// Days known after the months known, of the days of the whole months.
    pub(super) fresh: Range,
    /// The days of the whole months.
    pub(super) whole: Range,
    /// Days before the whole months.
    pub(super) head: Range,
    /// Days after the whole months.
    pub(super) tail: Range,
    /// The last day known that counts of the days before and after the whole months.
    pub(super) known_through: i32,
}

/// Cuts the days `from` to `through`, either without end, as they were known on the days before `unknown`, or on any day.
pub(super) fn pieces(from: Option<Day>, through: Option<Day>, unknown: Option<Day>) -> Pieces {
    let first = from.map(|day| Day(day.0.saturating_sub(1)).month().next());
    let last = through.map(|day| Day(day.0.saturating_add(1)).month().previous());
    let (known_months_through, fresh, known_through) = unknown.map_or((EVER.1, NEVER, EVER.1), |day| {
        let (month, before) = (day.month(), day.0.saturating_sub(1));
        (month.previous().0, (month.first().0, before), before)
    });
    let days = (from.map_or(EVER.0, |day| day.0), through.map_or(EVER.1, |day| day.0));
    let whole = (
        first.map_or(EVER.0, |month| month.first().0),
        last.map_or(EVER.1, |month| month.next().first().0.saturating_sub(1)),
    );
    let months = (first.map_or(EVER.0, |month| month.0), last.map_or(EVER.1, |month| month.0));
    let (head, tail) = if months.0 > months.1 {
        (days, NEVER)
    } else {
        let head = from.map_or(NEVER, |_| (days.0, whole.0.saturating_sub(1)));
        let tail = through.map_or(NEVER, |_| (whole.1.saturating_add(1), days.1));
        (head, tail)
    };
    Pieces { months, known_months_through, fresh, whole, head, tail, known_through }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(range: Range, number: i32) -> bool {
        range.0 <= number && number <= range.1
    }

    /// How many pieces a balance is in.
    fn found(pieces: &Pieces, day: Day, known: Day) -> usize {
        let whole = within(pieces.whole, day.0);
        [
            within(pieces.months, day.month().0) && known.month().0 <= pieces.known_months_through,
            whole && within(pieces.fresh, known.0),
            within(pieces.head, day.0) && known.0 <= pieces.known_through,
            within(pieces.tail, day.0) && known.0 <= pieces.known_through,
        ]
        .into_iter()
        .filter(|is_in| *is_in)
        .count()
    }

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    #[test]
    fn every_balance_that_counts_is_in_one_piece_and_no_other_in_any() {
        let edges = ["2023-12-31", "2024-01-01", "2024-01-17", "2024-01-31", "2024-02-29", "2024-03-01", "2024-03-09"];
        let edges: Vec<Option<Day>> = std::iter::once(None).chain(edges.map(|edge| Some(day(edge)))).collect();
        let (begin, end) = (day("2023-11-20").0, day("2024-04-10").0);
        for (from, through) in edges.iter().flat_map(|from| edges.iter().map(move |through| (*from, *through))) {
            for unknown in &edges {
                let pieces = pieces(from, through, *unknown);
                for (of, at) in (begin..end).flat_map(|of| (begin..end).step_by(3).map(move |at| (Day(of), Day(at)))) {
                    let counts = from.is_none_or(|from| of >= from)
                        && through.is_none_or(|through| of <= through)
                        && unknown.is_none_or(|unknown| at < unknown);
                    let place = format!("{of} known {at}, from {from:?} through {through:?} before {unknown:?}");
                    assert_eq!(found(&pieces, of, at), usize::from(counts), "{place}: {pieces:?}");
                }
            }
        }
    }

    #[test]
    fn whole_months_leave_no_days() {
        let pieces = pieces(Some(day("2024-02-01")), Some(day("2024-02-29")), Some(day("2024-04-01")));
        let (month, days) = (day("2024-02-01").month().0, [pieces.head, pieces.tail, pieces.fresh]);
        assert_eq!(pieces.months, (month, month));
        assert!(days.iter().all(|range| range.0 > range.1), "{pieces:?}");
    }
}
