//! Lines of the list of decisions: what is written is read, and a cut is told from damage. What they do to a database is tested with
//! both databases, in `epochs::decided`.

use proptest::prelude::*;

use super::super::list::Line;
use super::*;

fn decision(matter: &'static Matter, gone: bool, cells: &[&str], at: i64) -> Decision {
    let cells = cells.iter().map(|cell| (*cell).to_owned()).collect();
    Decision { matter, cells, gone, at: Timestamp(at), id: Uuid::from_u128(at.unsigned_abs().into()) }
}

const SUBJECT: &str = "018f0000-0000-7000-8000-000000000001";

/// One of each.
fn all() -> Vec<Decision> {
    let words = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    vec![
        decision(
            &RESTRICTED,
            false,
            &["kohsar", SUBJECT, "accuracy", "1794000000000000", "-", "support-1", "-", "-", "-", "-", "-"],
            1_794_000_000_000_000,
        ),
        decision(&OBJECTED, false, &["kohsar", SUBJECT, "marketing", "17", "support-1", "support-2", "18"], 18),
        decision(
            &CONSENTED,
            false,
            &["kohsar", SUBJECT, "1", "marketing", words, "email", "ticket-812", "support-1", "19"],
            19,
        ),
        decision(&CONSENTED, false, &["kohsar", SUBJECT, "2", "marketing", "-", "page", "#9", "support-1", "20"], 20),
        decision(&PERMITTED, false, &["kohsar", "support-1", "21"], 21),
        decision(&PERMITTED, true, &["kohsar", "support-1"], 22),
        decision(&CLOSED, false, &["kohsar", "23", "operator", "-", "-"], 23),
        decision(&HELD, false, &["kohsar", SUBJECT, "cod", "support-1", "24", "-25"], 24),
        decision(&HELD, true, &["kohsar", SUBJECT, "cod"], 26),
        decision(&BOOKS_HELD, false, &["kohsar", "legal", "--", "27", "90"], 27),
        decision(&BOOKS_HELD, true, &["kohsar"], 28),
    ]
}

/// The format is for good: lists outlive programs.
#[test]
fn the_lines_of_a_list() {
    let lines: Vec<String> =
        all().iter().map(|one| one.line().rsplit_once(' ').unwrap().0.replace(SUBJECT, "WHO")).collect();
    let words = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let id = |number: u128| Uuid::from_u128(number).to_string();
    assert_eq!(
        lines,
        [
            format!(
                "restriction kohsar WHO accuracy 1794000000000000 - support-1 - - - - - 1794000000000000 {}",
                id(1_794_000_000_000_000)
            ),
            format!("objection kohsar WHO marketing 17 support-1 support-2 18 18 {}", id(18)),
            format!("consent kohsar WHO 1 marketing {words} email ticket-812 support-1 19 19 {}", id(19)),
            format!("consent kohsar WHO 2 marketing - page #9 support-1 20 20 {}", id(20)),
            format!("permission kohsar support-1 21 21 {}", id(21)),
            format!("no-permission kohsar support-1 22 {}", id(22)),
            format!("closure kohsar 23 operator - - 23 {}", id(23)),
            format!("hold kohsar WHO cod support-1 24 -25 24 {}", id(24)),
            format!("no-hold kohsar WHO cod 26 {}", id(26)),
            format!("books-hold kohsar legal -- 27 90 27 {}", id(27)),
            format!("no-books-hold kohsar 28 {}", id(28)),
        ]
    );
}

#[test]
fn a_line_that_is_cut_short_at_any_byte_is_told_from_one_that_is_damaged_at_any() {
    for one in all() {
        let whole = one.line();
        assert_eq!(DECIDED.read_line(&whole), Line::Whole(one));
        for cut in 0..whole.len() {
            assert_eq!(DECIDED.read_line(&whole[..cut]), Line::CutShort, "{}", &whole[..cut]);
        }
        for at in 0..whole.len() {
            for wrong in ["~", " ", "0", "-", "a"] {
                let mut damaged = whole.clone();
                damaged.replace_range(at..=at, wrong);
                assert!(damaged == whole || DECIDED.read_line(&damaged) == Line::Damaged, "{damaged}");
            }
        }
    }
}

#[test]
fn nothing_that_is_no_word_of_this_program_gets_into_the_list() {
    for text in ["asked by Ali", "a b", "", "zarmina@example.com", "a\nb", "نام"] {
        let row = Row::new(vec!["kohsar".into(), text.into(), 5.into()]);
        assert!(cells(&PERMITTED, &row).is_err(), "{text:?}");
        assert!(cells_of_key(&PERMITTED, &["kohsar".into(), text.into()]).is_err(), "{text:?}");
    }
    let row = Row::new(vec!["kohsar".into(), "support-1".into(), 5.into()]);
    assert_eq!(cells(&PERMITTED, &row).unwrap(), ["kohsar", "support-1", "5"]);
}

/// Slugs of dashes alone are slugs too.
#[test]
fn no_text_is_taken_for_nothing() {
    for (text, word) in [("-", "--"), ("--", "---"), ("a-", "a-")] {
        let row = Row::new(vec!["kohsar".into(), text.into(), 5.into()]);
        let one = Decision::of_row(&PERMITTED, &row, None).unwrap();
        assert_eq!(one.cells, ["kohsar", word, "5"]);
        assert_eq!(DECIDED.read_line(&one.line()), Line::Whole(one.clone()));
        assert_eq!(one.values(), ["kohsar".into(), text.into(), 5.into()]);
    }
}

#[test]
fn when_a_row_came_to_stand_as_it_does_is_its_latest_time() {
    let expected = [1_794_000_000_000_000, 18, 19, 20, 21, i64::MIN, 23, 24, i64::MIN, 27, i64::MIN];
    for (one, expected) in all().iter().zip(expected) {
        assert_eq!(one.matter.decided_at(&one.cells), Timestamp(expected), "{}", one.line());
    }
}

/// A word that may be in a cell of this kind.
fn cell(kind: Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::Int => prop_oneof![any::<i64>().prop_map(|number| number.to_string()), Just(NOTHING.to_owned())].boxed(),
        Kind::Text | Kind::Blob => "[a-zA-Z0-9#][a-zA-Z0-9_#/.-]{0,39}|-".boxed(),
    }
}

fn any_decision() -> impl Strategy<Value = Decision> {
    let of = |(number, gone): (usize, bool)| {
        let matter = ALL[number];
        let gone = gone && matter.gone.is_some();
        let cells: Vec<_> = matter.columns(gone).map(|column| cell(column.kind)).collect();
        (cells, any::<i64>(), any::<u128>()).prop_map(move |(cells, at, id)| {
            let (at, id) = (Timestamp(at), Uuid::from_u128(id));
            Decision { matter, cells, gone, at, id }
        })
    };
    (0..ALL.len(), any::<bool>()).prop_flat_map(of)
}

proptest! {
    #[test]
    fn what_is_written_is_read(decision in any_decision()) {
        prop_assert_eq!(DECIDED.read_line(&decision.line()), Line::Whole(decision));
    }

    #[test]
    fn what_is_entered_again_is_the_row_that_was_listed(decision in any_decision()) {
        if !decision.gone {
            let row = Row::new(decision.values());
            prop_assert_eq!(cells(decision.matter, &row).unwrap(), decision.cells);
        }
    }
}
