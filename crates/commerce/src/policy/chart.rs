//! The chart: which account each role of a posting has.

use ledger::{Account, AccountError};
use serde::{Deserialize, Serialize};

use crate::Courier;

/// The accounts postings go to, by role; a role that a tenant does not name has the usual account. What couriers hold
/// and owe stands on accounts of its own for each courier, and the sub-ledgers know them by name: they are not for a
/// tenant to move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chart {
    /// Money in the bank.
    pub bank: Account,
    /// Cash taken over the counter.
    pub cash: Account,
    /// Captured by a payment gateway, not yet in the bank.
    pub gateway_receivable: Account,
    /// Delivered without a courier's cash, not yet paid.
    pub trade_receivable: Account,
    /// Paid out by couriers, not yet in the bank.
    pub remittance_clearing: Account,
    /// Tax on couriers' fees that can be set off.
    pub input_tax: Account,
    /// Income tax that couriers kept back and paid for the merchant.
    pub income_tax_withheld: Account,
    /// Sales tax that couriers kept back and paid for the merchant.
    pub sales_tax_withheld: Account,
    /// Paid before delivery.
    pub customer_deposits: Account,
    /// Refunds issued, not yet paid.
    pub refunds_payable: Account,
    /// Tax charged to buyers.
    pub output_tax: Account,
    /// Import duties charged to buyers, owed to customs.
    pub duties_payable: Account,
    /// Gift cards sold and not yet used.
    pub gift_cards: Account,
    /// Goods sold.
    pub sales: Account,
    /// Goods sold and taken back.
    pub sales_returns: Account,
    /// Shipping charged to buyers.
    pub shipping_income: Account,
    /// Tips.
    pub tips: Account,
    /// What the till rounded up, less what it rounded down.
    pub rounding: Account,
    /// Damages that couriers owe for parcels they lost before anything was collected.
    pub claims_income: Account,
    /// Couriers' delivery fees.
    pub courier_fees: Account,
    /// Couriers' fees for bringing parcels back.
    pub return_fees: Account,
    /// Cash that couriers paid short and that was let go.
    pub cod_shortfall: Account,
    /// Collected cash that is gone.
    pub lost_cash: Account,
    /// Card payments that buyers took back.
    pub chargebacks: Account,
    /// What gateways charge for disputes.
    pub chargeback_fees: Account,
    /// Goods in stock, at cost.
    pub inventory: Account,
    /// What goods that were sold have cost.
    pub cost_of_goods: Account,
    /// What goods that were lost on the way have cost.
    pub lost_goods: Account,
    /// Goods that came in and whose bill has not been entered.
    pub goods_received: Account,
}

impl Chart {
    /// Every account of the chart that is not kept by courier.
    pub fn accounts(&self) -> [&Account; 29] {
        [
            &self.bank,
            &self.cash,
            &self.gateway_receivable,
            &self.trade_receivable,
            &self.remittance_clearing,
            &self.input_tax,
            &self.income_tax_withheld,
            &self.sales_tax_withheld,
            &self.customer_deposits,
            &self.refunds_payable,
            &self.output_tax,
            &self.duties_payable,
            &self.gift_cards,
            &self.sales,
            &self.sales_returns,
            &self.shipping_income,
            &self.tips,
            &self.rounding,
            &self.claims_income,
            &self.courier_fees,
            &self.return_fees,
            &self.cod_shortfall,
            &self.lost_cash,
            &self.chargebacks,
            &self.chargeback_fees,
            &self.inventory,
            &self.cost_of_goods,
            &self.lost_goods,
            &self.goods_received,
        ]
    }

    /// Cash a courier has collected or will have to hand over: `assets:cod-receivable:postex`.
    pub fn cod_receivable(courier: &Courier) -> Result<Account, AccountError> {
        format!("assets:cod-receivable:{courier}").parse()
    }

    /// Fees owed to a courier that no parcel's cash covers: `liabilities:courier-payable:postex`.
    pub fn courier_payable(courier: &Courier) -> Result<Account, AccountError> {
        format!("liabilities:courier-payable:{courier}").parse()
    }

    /// Damages that a courier owes: `assets:courier-claims:postex`.
    pub fn courier_claims(courier: &Courier) -> Result<Account, AccountError> {
        format!("assets:courier-claims:{courier}").parse()
    }
}

impl Default for Chart {
    fn default() -> Chart {
        #[expect(
            clippy::expect_used,
            reason = "every path below is a literal that `Account` accepts; a test builds the chart"
        )]
        let account = |path: &str| path.parse::<Account>().expect("a literal account path");
        Chart {
            bank: account("assets:bank"),
            cash: account("assets:cash"),
            gateway_receivable: account("assets:gateway-receivable"),
            trade_receivable: account("assets:trade-receivable"),
            remittance_clearing: account("assets:remittance-clearing"),
            input_tax: account("assets:input-tax"),
            income_tax_withheld: account("assets:income-tax-withheld"),
            sales_tax_withheld: account("assets:sales-tax-withheld"),
            customer_deposits: account("liabilities:customer-deposits"),
            refunds_payable: account("liabilities:refunds-payable"),
            output_tax: account("liabilities:output-tax"),
            duties_payable: account("liabilities:duties-payable"),
            gift_cards: account("liabilities:gift-cards"),
            sales: account("income:sales"),
            sales_returns: account("income:sales-returns"),
            shipping_income: account("income:shipping"),
            tips: account("income:tips"),
            rounding: account("income:rounding"),
            claims_income: account("income:claims"),
            courier_fees: account("expenses:courier-fees"),
            return_fees: account("expenses:courier-return-fees"),
            cod_shortfall: account("expenses:cod-shortfall"),
            lost_cash: account("expenses:lost-cash"),
            chargebacks: account("expenses:chargebacks"),
            chargeback_fees: account("expenses:chargeback-fees"),
            inventory: account("assets:inventory"),
            cost_of_goods: account("expenses:cost-of-goods-sold"),
            lost_goods: account("expenses:lost-goods"),
            goods_received: account("liabilities:goods-received"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_chart_is_made_of_accounts() {
        assert_eq!(Chart::default().sales.as_str(), "income:sales");
    }
}
