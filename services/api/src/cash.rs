//! Couriers' cash by currency, summed. The page and the JSON show the same sums.

use std::collections::BTreeMap;

use ledger::Currency;
use serde::Serialize;
use store::books::CodSummary;

/// Cash on delivery in minor units. Wide enough that no sum of 64-bit amounts overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Cash {
    pub(crate) expected: i128,
    pub(crate) remitted: i128,
    pub(crate) fees: i128,
    pub(crate) written_off: i128,
    pub(crate) outstanding: i128,
    pub(crate) on_the_way: i128,
    pub(crate) days_0_7: i128,
    pub(crate) days_8_14: i128,
    pub(crate) days_15_30: i128,
    pub(crate) days_31_up: i128,
}

/// One currency's couriers and their sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CurrencyCash {
    pub(crate) couriers: Vec<(String, Cash)>,
    pub(crate) totals: Cash,
}

impl Cash {
    fn of(summary: &CodSummary) -> Cash {
        Cash {
            expected: summary.expected.into(),
            remitted: summary.remitted.into(),
            fees: summary.fees.into(),
            written_off: summary.written_off.into(),
            outstanding: summary.outstanding.into(),
            on_the_way: summary.on_the_way.into(),
            days_0_7: summary.ageing.days_0_7.into(),
            days_8_14: summary.ageing.days_8_14.into(),
            days_15_30: summary.ageing.days_15_30.into(),
            days_31_up: summary.ageing.days_31_up.into(),
        }
    }

    fn add(&mut self, more: Cash) {
        self.expected += more.expected;
        self.remitted += more.remitted;
        self.fees += more.fees;
        self.written_off += more.written_off;
        self.outstanding += more.outstanding;
        self.on_the_way += more.on_the_way;
        self.days_0_7 += more.days_0_7;
        self.days_8_14 += more.days_8_14;
        self.days_15_30 += more.days_15_30;
        self.days_31_up += more.days_31_up;
    }
}

/// Groups couriers by currency. Stored codes come from `Currency`, so none is skipped.
pub(crate) fn by_currency(summaries: &[CodSummary]) -> BTreeMap<Currency, CurrencyCash> {
    let mut grouped: BTreeMap<Currency, CurrencyCash> = BTreeMap::new();
    for summary in summaries {
        let Ok(currency) = summary.currency.parse::<Currency>() else { continue };
        let (group, cash) = (grouped.entry(currency).or_default(), Cash::of(summary));
        group.totals.add(cash);
        group.couriers.push((summary.courier.clone(), cash));
    }
    grouped
}

#[cfg(test)]
mod tests {
    use store::books::Ageing;

    use super::*;

    fn summary(courier: &str, currency: &str, expected: i64, days_31_up: i64) -> CodSummary {
        CodSummary {
            courier: courier.to_owned(),
            currency: currency.to_owned(),
            expected,
            remitted: 0,
            fees: 0,
            written_off: 0,
            outstanding: expected,
            on_the_way: 0,
            ageing: Ageing { days_31_up, ..Ageing::default() },
        }
    }

    #[test]
    fn couriers_are_summed_within_their_currency() {
        let most = i64::MAX;
        let grouped = by_currency(&[
            summary("leopards", "PKR", most, 5),
            summary("postex", "AED", 70, 0),
            summary("postex", "PKR", most, 6),
        ]);
        let pkr = &grouped[&Currency::PKR];
        assert_eq!(pkr.couriers.len(), 2);
        assert_eq!((pkr.totals.expected, pkr.totals.days_31_up), (i128::from(most) * 2, 11));
        assert_eq!(grouped[&"AED".parse().unwrap()].totals.outstanding, 70);
    }
}
