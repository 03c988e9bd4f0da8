//! Which cases on a desk are over, so that totals may take the place of their detail.

use std::collections::{BTreeMap, BTreeSet};

use commerce::totals::{self, Kept};
use commerce::{PartKey, Policy, Voucher};
use ledger::{Day, Live};

use super::Desk;

/// A case that is over, or why it is not.
pub(crate) struct Looked<'a> {
    /// Its parts.
    pub(crate) parts: BTreeSet<PartKey>,
    /// What stands in the books for each.
    pub(crate) posted: Vec<(&'a PartKey, &'a Live)>,
    /// Why it keeps its detail, if it does.
    pub(crate) kept: Option<Kept>,
}

impl Desk {
    /// The cases on the desk whose detail was not replaced yet, each with whether everything of it counted before a day and nothing
    /// is open. `kept` says which parts keep theirs for another reason.
    pub(crate) fn look(
        &self,
        policy: &Policy,
        before: Day,
        kept: impl Fn(&PartKey) -> Option<Kept>,
    ) -> Vec<Looked<'_>> {
        let look = |parts: BTreeSet<PartKey>| {
            let held = || parts.iter().filter_map(|key| self.parts.get_key_value(key));
            let posted: Vec<_> =
                held().flat_map(|(key, held)| held.posted.values().map(move |live| (key, live))).collect();
            let parked = held().any(|(_, held)| held.parked.is_some()).then_some(Kept::Parked);
            let standing: Vec<&Live> = posted.iter().map(|(_, live)| *live).collect();
            let kept = parked.or_else(|| parts.iter().find_map(&kept));
            let kept = kept.or_else(|| totals::is_over(&self.case(&parts), &standing, policy, before).err());
            Looked { parts, posted, kept }
        };
        self.whole_cases().into_iter().filter(|parts| self.has_detail(parts)).map(look).collect()
    }

    /// The affected cases, a voucher together with what takes it back.
    fn whole_cases(&self) -> Vec<BTreeSet<PartKey>> {
        let mut whole: BTreeMap<PartKey, BTreeSet<PartKey>> = BTreeMap::new();
        for case in self.cases() {
            let Some(first) = case.first() else { continue };
            let reversed = self.parts.get(first).and_then(|held| held.part.voucher()).and_then(Voucher::reverses);
            let name = reversed.map_or_else(|| first.clone(), |id| PartKey::Voucher(id.clone()));
            whole.entry(name).or_default().extend(case);
        }
        whole.into_values().collect()
    }

    fn has_detail(&self, parts: &BTreeSet<PartKey>) -> bool {
        let is_left = |key: &PartKey| match key {
            PartKey::Calendar | PartKey::Accounts | PartKey::Totals(..) => false,
            _ => self.parts.get(key).is_some_and(|held| held.part.replaced().is_none()),
        };
        parts.iter().any(is_left)
    }
}
