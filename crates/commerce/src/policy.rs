//! How a tenant keeps its books: which zone's midnight ends a day, which gateways mean cash on delivery, which account
//! each posting goes to, when something counts as sold, which rates apply. Data, not code: a tenant may change all of
//! it.

mod chart;
mod rates;

use ledger::BusinessZone;
use serde::{Deserialize, Serialize};

pub use chart::Chart;
pub use rates::{Rate, Rates};

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

/// When goods count as sold: their price is revenue, and what they cost is an expense, at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recognition {
    /// When the buyer has them.
    #[default]
    Delivery,
    /// When they leave the merchant; what comes back is a return.
    Fulfilment,
}

/// How what goods cost when they came in becomes what they cost when they are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Costing {
    /// Every piece costs the average of what is in stock.
    #[default]
    MovingAverage,
    /// First in, first out: the oldest pieces in stock are sold first.
    Fifo,
}

/// Tax that couriers keep back from what they collected, as parts of the cash of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Withholding {
    /// Of the merchant's income tax.
    pub income_tax: Rates,
    /// Of the merchant's sales tax.
    pub sales_tax: Rates,
}

/// A tenant's policy. Zone and gateways are the tenant's own columns; the rest is read from what the tenant wrote,
/// where everything that is not said is as [`Policy::default`] has it and a key that nobody knows is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Whose midnight ends a business day.
    #[serde(skip)]
    pub zone: BusinessZone,
    /// What counts as cash on delivery.
    #[serde(skip)]
    pub cod_gateways: CodGateways,
    /// When goods count as sold.
    pub recognition: Recognition,
    /// How sold goods are valued.
    pub costing: Costing,
    /// Whether prices contain the tax of `output_tax`.
    pub prices_include_tax: bool,
    /// Tax in what buyers pay, for orders on which the shop itself says none. Used when `prices_include_tax`.
    pub output_tax: Rates,
    /// What couriers keep back for the tax office.
    pub withholding: Withholding,
    /// Where postings go.
    pub chart: Chart,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            zone: BusinessZone::KARACHI,
            cod_gateways: CodGateways::default(),
            recognition: Recognition::default(),
            costing: Costing::default(),
            prices_include_tax: false,
            output_tax: Rates::default(),
            withholding: Withholding::default(),
            chart: Chart::default(),
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
}
