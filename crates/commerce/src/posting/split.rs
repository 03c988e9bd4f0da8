//! What an order's money is made of: goods, shipping, tips, tax, duties, gift cards. A part of the money has the same
//! parts.

use ledger::{Account, Day, Side};

use super::writer::Amounts;
use crate::{Chart, OrderRevised, Policy};

/// The parts of an order's total, minor units. Goods are what is left.
pub(super) struct Split {
    total: i128,
    tax: i128,
    shipping: i128,
    tip: i128,
    duties: i128,
    gift_cards: i128,
    /// The day whose rates apply, if the shop says no tax and the tenant's prices contain it.
    taxed_on: Option<Day>,
}

impl Split {
    /// The parts of an order that is sold on `day`.
    pub(super) fn of(terms: &OrderRevised, day: Day, policy: &Policy) -> Split {
        let taxed_on = Some(day).filter(|_| terms.tax == 0 && policy.prices_include_tax);
        let mut split = Split {
            total: terms.total.into(),
            tax: terms.tax.into(),
            shipping: terms.shipping.into(),
            tip: terms.tip.into(),
            duties: terms.duties.into(),
            gift_cards: terms.gift_cards_sold.into(),
            taxed_on,
        };
        let taxable = split.total - split.tip - split.duties - split.gift_cards;
        split.tax += split.tax_in(taxable, policy);
        split.shipping -= split.tax_in(split.shipping, policy);
        split
    }

    /// The tax in an amount on which the shop says none.
    pub(super) fn tax_in(&self, amount: i128, policy: &Policy) -> i128 {
        self.taxed_on.map_or(0, |day| policy.output_tax.within(amount, day))
    }

    /// Splits `amount` as the whole order is split; goods take the rounding.
    pub(super) fn entries(&self, side: Side, amount: i128, goods: &Account, chart: &Chart) -> Amounts<'static> {
        let share = |component: i128| if self.total == 0 { 0 } else { component * amount / self.total };
        let (tax, shipping, tip) = (share(self.tax), share(self.shipping), share(self.tip));
        let (duties, gift_cards) = (share(self.duties), share(self.gift_cards));
        vec![
            (side, goods.clone(), amount - tax - shipping - tip - duties - gift_cards),
            (side, chart.shipping_income.clone(), shipping),
            (side, chart.tips.clone(), tip),
            (side, chart.output_tax.clone(), tax),
            (side, chart.duties_payable.clone(), duties),
            (side, chart.gift_cards.clone(), gift_cards),
        ]
    }
}
