//! How a tenant keeps its books: which zone's midnight ends a day, which gateways mean cash on delivery, which account
//! each posting goes to.

use ledger::{Account, AccountError, BusinessZone};

use crate::Courier;

/// The payment gateway names that mean cash on delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodGateways(Vec<String>);

impl CodGateways {
    /// Names are compared without regard to case and surrounding space.
    pub fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> CodGateways {
        CodGateways(names.into_iter().map(|name| fold(name.as_ref())).filter(|name| !name.is_empty()).collect())
    }

    /// True when the gateway is one of them.
    pub fn contains(&self, gateway: &str) -> bool {
        self.0.contains(&fold(gateway))
    }

    /// The names, folded.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl Default for CodGateways {
    fn default() -> CodGateways {
        CodGateways::new(["Cash on Delivery (COD)", "Cash on Delivery", "COD", "cash_on_delivery"])
    }
}

fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A tenant's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whose midnight ends a business day.
    pub zone: BusinessZone,
    /// What counts as cash on delivery.
    pub cod_gateways: CodGateways,
    /// Where postings go.
    pub chart: Chart,
    /// What goods cost when they are sold. After a change the books are rebuilt.
    pub costing: Costing,
}

/// How what goods cost when they came in becomes what they cost when they are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Costing {
    /// Every piece costs the average of what is in stock.
    #[default]
    MovingAverage,
    /// First in, first out: the oldest pieces in stock are sold first.
    Fifo,
}

/// The accounts postings go to. Accounts that are kept per courier have the courier's slug appended.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Paid before delivery.
    pub customer_deposits: Account,
    /// Refunds issued, not yet paid.
    pub refunds_payable: Account,
    /// Tax charged to buyers.
    pub output_tax: Account,
    /// Goods sold.
    pub sales: Account,
    /// Goods sold and taken back.
    pub sales_returns: Account,
    /// Shipping charged to buyers.
    pub shipping_income: Account,
    /// Tips.
    pub tips: Account,
    /// Couriers' delivery fees.
    pub courier_fees: Account,
    /// Couriers' fees for bringing parcels back.
    pub return_fees: Account,
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
    /// Cash a courier has collected or will have to hand over: `assets:cod-receivable:postex`.
    pub fn cod_receivable(courier: &Courier) -> Result<Account, AccountError> {
        format!("assets:cod-receivable:{courier}").parse()
    }

    /// Fees owed to a courier that no parcel's cash covers: `liabilities:courier-payable:postex`.
    pub fn courier_payable(courier: &Courier) -> Result<Account, AccountError> {
        format!("liabilities:courier-payable:{courier}").parse()
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
            customer_deposits: account("liabilities:customer-deposits"),
            refunds_payable: account("liabilities:refunds-payable"),
            output_tax: account("liabilities:output-tax"),
            sales: account("income:sales"),
            sales_returns: account("income:sales-returns"),
            shipping_income: account("income:shipping"),
            tips: account("income:tips"),
            courier_fees: account("expenses:courier-fees"),
            return_fees: account("expenses:courier-return-fees"),
            inventory: account("assets:inventory"),
            cost_of_goods: account("expenses:cost-of-goods-sold"),
            lost_goods: account("expenses:lost-goods"),
            goods_received: account("liabilities:goods-received"),
        }
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            zone: BusinessZone::KARACHI,
            cod_gateways: CodGateways::default(),
            chart: Chart::default(),
            costing: Costing::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_match_without_regard_to_case() {
        let gateways = CodGateways::default();
        assert!(gateways.contains(" cash on delivery (cod) "));
        assert!(!gateways.contains("visa"));
    }

    #[test]
    fn the_default_chart_is_made_of_accounts() {
        assert_eq!(Chart::default().sales.as_str(), "income:sales");
    }
}
