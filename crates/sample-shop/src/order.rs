//! One order: who buys what on which terms, and what its parcel's carriage will cost.

use chrono::NaiveDateTime;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::catalogue::{Variant, variants};
use crate::paisa;
use crate::people::Person;

/// General sales tax, percent, contained in the price of taxed orders.
const SALES_TAX: i64 = 18;
/// Tax on the courier's fees, percent.
const FEE_TAX: i64 = 16;

/// An order. Amounts in paisa.
pub(crate) struct Order {
    /// 0 for the first.
    pub(crate) number: u32,
    pub(crate) id: u64,
    pub(crate) buyer: Person,
    /// To whom it is sent, if that is somebody else.
    pub(crate) recipient: Option<Person>,
    /// Pakistan wall clock.
    pub(crate) placed_at: NaiveDateTime,
    /// Cash on delivery; else paid by gateway at once.
    pub(crate) cod: bool,
    pub(crate) taxed: bool,
    pub(crate) discount_percent: i64,
    pub(crate) shipping: i64,
    pub(crate) lines: Vec<Line>,
    pub(crate) note: Option<&'static str>,
    pub(crate) carriage: Carriage,
}

/// One line of an order. Amounts in paisa for the whole line.
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) variant: &'static Variant,
    pub(crate) quantity: i64,
    pub(crate) discount: i64,
    /// Tax contained in the discounted amount.
    pub(crate) tax: i64,
}

/// What the courier charges and what it pays out for the order's parcel. Amounts in paisa.
pub(crate) struct Carriage {
    pub(crate) tracking: String,
    pub(crate) fee: i64,
    pub(crate) return_fee: i64,
    /// Percent of the net amount that is paid in the first part.
    pub(crate) upfront_percent: i64,
    /// What the courier leaves out of the second part, percent of it.
    pub(crate) short_percent: i64,
    /// The courier forgets to pay at all.
    pub(crate) forgotten: bool,
}

const NOTES: [Option<&str>; 10] = [
    Some("Please call before coming."),
    Some("شام پانچ بجے کے بعد بھیجیں"),
    Some("Gift, no invoice in the box"),
    None,
    None,
    None,
    None,
    None,
    None,
    None,
];

impl Order {
    /// The shop's `number`th order, on terms left to chance.
    pub(crate) fn draw(rng: &mut StdRng, seed: u64, number: u32, buyer: Person, placed_at: NaiveDateTime) -> Order {
        let by_form = buyer.customer.is_none();
        let taxed = rng.random_ratio(30, 100);
        let discount_percent = if rng.random_ratio(20, 100) { 5 * rng.random_range(1..=4) } else { 0 };
        let gift = !by_form && rng.random_ratio(4, 100);
        Order {
            number,
            id: order_id(number),
            recipient: gift.then(|| Person::recipient(rng, seed, number)),
            placed_at,
            cod: by_form || rng.random_ratio(60, 100),
            taxed,
            discount_percent,
            shipping: [0, 15_000, 20_000, 25_000, 30_000][rng.random_range(0..5)],
            lines: draw_lines(rng, number, discount_percent, taxed),
            note: NOTES[rng.random_range(0..NOTES.len())],
            carriage: Carriage::draw(rng, number),
            buyer,
        }
    }

    /// The printed name, `#1001` for the first.
    pub(crate) fn name(&self) -> String {
        format!("#{}", self.printed_number())
    }

    /// The printed name without its `#`.
    pub(crate) fn printed_number(&self) -> u32 {
        1_001 + self.number
    }

    /// To whom the parcel goes.
    pub(crate) fn addressee(&self) -> &Person {
        self.recipient.as_ref().unwrap_or(&self.buyer)
    }

    /// Goods before discounts.
    pub(crate) fn goods(&self) -> i64 {
        self.lines.iter().map(Line::gross).sum()
    }

    /// All discounts.
    pub(crate) fn discounts(&self) -> i64 {
        self.lines.iter().map(|line| line.discount).sum()
    }

    /// Goods after discounts, tax included.
    pub(crate) fn subtotal(&self) -> i64 {
        self.goods() - self.discounts()
    }

    /// Tax contained in the total.
    pub(crate) fn tax(&self) -> i64 {
        self.lines.iter().map(|line| line.tax).sum()
    }

    /// What the buyer owes in all.
    pub(crate) fn total(&self) -> i64 {
        self.subtotal() + self.shipping
    }

    /// What the courier is to collect.
    pub(crate) fn cash(&self) -> i64 {
        if self.cod { self.total() } else { 0 }
    }

    /// What the courier owes the seller once it has collected the cash: its fee and the tax on it taken off.
    pub(crate) fn net(&self) -> i64 {
        self.cash() - self.carriage.fee - self.carriage.fee_tax()
    }

    /// The first part of the payout.
    pub(crate) fn upfront(&self) -> i64 {
        self.net() * self.carriage.upfront_percent / 100
    }

    /// The second part, as the courier pays it.
    pub(crate) fn reserve(&self) -> i64 {
        let owed = self.net() - self.upfront();
        owed - owed * self.carriage.short_percent / 100
    }
}

impl Line {
    /// Before discounts.
    pub(crate) fn gross(&self) -> i64 {
        self.variant.price * self.quantity
    }

    /// After discounts, tax included.
    pub(crate) fn net(&self) -> i64 {
        self.gross() - self.discount
    }
}

impl Carriage {
    fn draw(rng: &mut StdRng, number: u32) -> Carriage {
        let fate = rng.random_range(0..1_000);
        Carriage {
            tracking: (26_810_000_000_123 + u64::from(number) * 37).to_string(),
            fee: rng.random_range(180..=320) * 100,
            return_fee: rng.random_range(90..=160) * 100,
            upfront_percent: [50, 60, 70][rng.random_range(0..3)],
            short_percent: if fate < 5 { rng.random_range(10..=40) } else { 0 },
            forgotten: (5..10).contains(&fate),
        }
    }

    /// Tax on the delivery fee.
    pub(crate) fn fee_tax(&self) -> i64 {
        paisa::percent(self.fee, FEE_TAX)
    }

    /// Tax on the return fee.
    pub(crate) fn return_fee_tax(&self) -> i64 {
        paisa::percent(self.return_fee, FEE_TAX)
    }
}

/// Ids beyond 32 bits for all orders, beyond 2^53 and odd, so that no float can hold it, for every fiftieth.
fn order_id(number: u32) -> u64 {
    let number = u64::from(number);
    if number % 50 == 49 { 9_007_199_254_740_993 + 2 * number } else { 5_900_000_000_001 + 1_024 * number }
}

fn draw_lines(rng: &mut StdRng, order: u32, discount_percent: i64, taxed: bool) -> Vec<Line> {
    let count = [1, 1, 1, 1, 1, 2, 2, 2, 3, 4][rng.random_range(0..10)];
    let first: usize = rng.random_range(0..variants().len());
    let mut line = |position: usize| {
        // Seven and the length of the catalogue have no common divisor: the lines differ.
        let variant = &variants()[(first + 7 * position) % variants().len()];
        let quantity = [1, 1, 1, 1, 1, 1, 1, 2, 2, 3][rng.random_range(0..10)];
        let discount = paisa::percent(variant.price * quantity, discount_percent);
        let net = variant.price * quantity - discount;
        let tax = if taxed { paisa::contained_tax(net, SALES_TAX) } else { 0 };
        Line { id: line_id(order, position), variant, quantity, discount, tax }
    };
    (0..count).map(&mut line).collect()
}

fn line_id(order: u32, position: usize) -> u64 {
    14_700_000_000_007 + u64::from(order) * 16 + position as u64
}
