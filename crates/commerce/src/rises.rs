//! An amount that only rises: what of it was known first, and when. Versions come in any order and more than once, so
//! what is kept is the least that says it: each version at which more was told than at any before it.

use std::collections::BTreeMap;

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// By version, each amount that is more than every earlier version's. Of all that was ever told it keeps these alone,
/// so merging is a union from which the same ones are left, whatever came first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rises(BTreeMap<Timestamp, i64>);

impl Rises {
    /// At this version the amount was this. True when that is news.
    pub fn tell(&mut self, version: Timestamp, amount: i64) -> bool {
        let known = self.0.range(..=version).next_back().map_or(0, |(_, known)| *known);
        if amount <= known {
            return false;
        }
        self.0.retain(|at, later| *at < version || *later > amount);
        self.0.insert(version, amount);
        true
    }

    /// Versions and amounts; both rise.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, i64)> {
        self.0.iter().map(|(version, amount)| (*version, *amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(facts: &[(i64, i64)]) -> Rises {
        let mut rises = Rises::default();
        for &(version, amount) in facts {
            rises.tell(Timestamp(version), amount);
        }
        rises
    }

    #[test]
    fn what_adds_nothing_is_not_kept() {
        let rises = told(&[(3, 50), (5, 80), (4, 50), (6, 70), (5, 80), (1, 0), (7, -5)]);
        assert_eq!(rises.iter().collect::<Vec<_>>(), [(Timestamp(3), 50), (Timestamp(5), 80)]);
    }

    #[test]
    fn an_earlier_version_unsays_later_ones_that_told_no_more() {
        assert_eq!(told(&[(5, 80), (6, 90), (7, 99), (2, 90)]), told(&[(2, 90), (7, 99)]));
    }

    proptest::proptest! {
        #[test]
        fn any_order_any_number_of_times(facts in proptest::collection::vec((0..9_i64, -1..9_i64), 0..9)) {
            let (mut reversed, mut sorted) = (facts.clone(), [facts.clone(), facts.clone()].concat());
            reversed.reverse();
            sorted.sort_unstable_by_key(|(version, amount)| (*amount, *version));
            proptest::prop_assert_eq!(told(&facts), told(&reversed));
            proptest::prop_assert_eq!(told(&facts), told(&sorted));
        }
    }
}
