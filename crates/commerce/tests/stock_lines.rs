//! One line of a card: when it is the same as another, and what its origin is called.

use commerce::stock::{CardLine, Movement, Origin, Stock, Value};
use commerce::{OrderId, PartKey};
use ledger::{Currency, Timestamp};

fn sold(pieces: i64) -> CardLine {
    let (origin, part) = (Origin::stored("out/order/1/11/1/issued".to_owned()), Some(PartKey::Order(OrderId(1))));
    CardLine::new(Timestamp(5), origin, part, Movement::Issued { quantity: pieces })
}

#[test]
fn a_line_is_the_same_movement_whatever_it_costs() {
    let line = sold(2);
    let value = Some(Value { cost: 200, correction: 0, currency: Currency::PKR });
    let valued = CardLine { value, after: Some(Stock::default()), ..line.clone() };
    assert!(line.is_same_movement(&valued));
    let others = [
        ("another time", CardLine { at: Timestamp(6), ..line.clone() }),
        ("another origin", CardLine { origin: Origin::stored("out/order/1/12/1/issued".to_owned()), ..line.clone() }),
        ("another order", CardLine { part: Some(PartKey::Order(OrderId(2))), ..line.clone() }),
        ("more pieces", sold(3)),
    ];
    for (what, other) in others {
        assert!(!line.is_same_movement(&other), "{what}");
    }
}

#[test]
fn an_origin_is_read_as_it_was_stored() {
    let text = "out/order/1/11/1/issued";
    let origin = Origin::stored(text.to_owned());
    assert_eq!((origin.as_str(), origin.to_string().as_str()), (text, text));
}
