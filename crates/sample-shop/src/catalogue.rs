//! What the shop sells: twenty products in two variants each.

use std::sync::LazyLock;

/// One thing to sell. Amounts in paisa.
pub(crate) struct Variant {
    pub(crate) id: u64,
    pub(crate) product: u64,
    pub(crate) inventory_item: u64,
    pub(crate) title: &'static str,
    pub(crate) option: &'static str,
    pub(crate) sku: String,
    pub(crate) price: i64,
    pub(crate) cost: i64,
    pub(crate) grams: u32,
}

/// Where the shop keeps its stock.
pub(crate) const LOCATION: u64 = 61_200_000_017;

/// Title, SKU, two options, price and cost in rupees, weight in grams.
type Row = (&'static str, &'static str, [&'static str; 2], i64, i64, u32);

const PRODUCTS: [Row; 20] = [
    ("Lawn kurta, block print", "KUR-LAWN", ["M", "L"], 2_450, 1_180, 320),
    ("Cotton kurta, plain", "KUR-COTN", ["M", "L"], 1_950, 900, 310),
    ("Khaddar suit, three pieces", "SUIT-KHD", ["Maroon", "Teal"], 5_490, 2_900, 980),
    ("Unstitched lawn, two pieces", "SUIT-LWN", ["Coral", "Mint"], 3_290, 1_640, 610),
    ("Chiffon dupatta", "DUP-CHIF", ["Ivory", "Rose"], 1_295, 560, 140),
    ("Pashmina-style shawl", "SHWL-PSH", ["Grey", "Camel"], 3_850, 1_900, 420),
    ("Leather khussa", "KHUS-LTH", ["38", "40"], 2_750, 1_350, 540),
    ("Peshawari chappal", "CHAP-PSW", ["42", "44"], 3_450, 1_820, 760),
    ("Glass bangles, set of 12", "BANG-GLS", ["2.4", "2.6"], 650, 220, 180),
    ("Silver-tone jhumka", "JHUM-SLV", ["Small", "Large"], 895, 310, 60),
    ("Brass tea tray", "TRAY-BRS", ["Round", "Oval"], 2_990, 1_500, 1_250),
    ("Blue pottery vase", "VASE-BLU", ["20 cm", "30 cm"], 2_190, 980, 1_400),
    ("Ajrak bed sheet, double", "BED-AJRK", ["Indigo", "Madder"], 4_250, 2_300, 1_600),
    ("Cushion covers, set of 4", "CUSH-4", ["Mirror work", "Plain"], 1_890, 820, 480),
    ("Sindhi topi", "TOPI-SND", ["Red", "Black"], 750, 260, 90),
    ("Attar roll-on, 10 ml", "ATTR-10", ["Oudh", "Rose"], 990, 380, 70),
    ("Himalayan salt lamp", "LAMP-SLT", ["2 kg", "4 kg"], 1_690, 700, 3_100),
    ("Steel lunch box", "LUNC-STL", ["Two tier", "Three tier"], 1_450, 690, 720),
    ("Kids' kurta pyjama", "KUR-KIDS", ["4 years", "6 years"], 1_590, 740, 260),
    ("Printed tote bag", "TOTE-PRT", ["Truck art", "Tiles"], 550, 190, 150),
];

/// Every variant, in the catalogue's order.
pub(crate) fn variants() -> &'static [Variant] {
    static VARIANTS: LazyLock<Vec<Variant>> = LazyLock::new(|| (0..40).zip(sides()).map(variant).collect());
    &VARIANTS
}

fn sides() -> impl Iterator<Item = (&'static Row, usize)> {
    PRODUCTS.iter().flat_map(|row| [(row, 0), (row, 1)])
}

fn variant((number, (row, side)): (u64, (&'static Row, usize))) -> Variant {
    let (title, stem, options, price, cost, grams) = row;
    Variant {
        id: 43_100_000_000_101 + number,
        product: 7_900_000_000_011 + number / 2,
        inventory_item: 45_300_000_000_201 + number,
        title,
        option: options[side],
        sku: format!("{stem}-{}", side + 1),
        price: price * 100,
        cost: cost * 100,
        grams: *grams,
    }
}
