//! What PostEx's codes and status words mean. One table; what is not in it is kept as unknown and never guessed.

use commerce::ParcelState;

/// What a scan means, and the code under which it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Where the parcel stands by it.
    pub(super) state: ParcelState,
    /// PostEx's code, or its word where it has no code for it; `0013/RFD` with the reason of a failed attempt; cleaned
    /// text for a state we do not know.
    pub(super) code: String,
}

/// A step, under the code PostEx gives it (or the word, where it has none), and the words that stand for the same step.
struct Step {
    code: &'static str,
    state: ParcelState,
    /// Normalised as by [`normal`]; a `*` stands for any text, such as a city or a hub.
    words: &'static [&'static str],
}

const fn step(code: &'static str, state: ParcelState, words: &'static [&'static str]) -> Step {
    Step { code, state, words }
}

/// The numbered codes are those of the history; the rest are words of `transactionStatus`. Waiting for delivery is not a
/// delivery. After a cancellation one call says `Un-Assigned By Me` where another says `Cancelled`.
const STEPS: &[Step] = &[
    step("0001", ParcelState::Booked, &["at merchant s warehouse", "at merchants warehouse"]),
    step("0003", ParcelState::InTransit, &["at postex warehouse", "postex warehouse"]),
    step(
        "0004",
        ParcelState::OutForDelivery,
        &["package on route", "enroute for delivery", "en route for delivery", "out for delivery"],
    ),
    step("0005", ParcelState::Delivered, &["delivered", "delivered to customer"]),
    step("0006", ParcelState::Returned, &["returned to merchant"]),
    step("0007", ParcelState::Returned, &[]),
    step("0008", ParcelState::UnderReview, &["delivery under review"]),
    step(ATTEMPTED, ParcelState::Attempted, &["attempted", "attempt made*"]),
    step("0031", ParcelState::InTransit, &["departed to warehouse"]),
    step("0033", ParcelState::InTransit, &["departed to destination"]),
    step("0035", ParcelState::InTransit, &["arrived at transit hub*"]),
    step("0038", ParcelState::InTransit, &["waiting for delivery"]),
    step("0040", ParcelState::ReturnInTransit, &["return in transit", "return initiated"]),
    step("0041", ParcelState::Returned, &["returned to sender"]),
    step("0042", ParcelState::Attempted, &["delivery failed"]),
    step("UnBooked", ParcelState::Booked, &["unbooked", "un booked"]),
    step("Booked", ParcelState::Booked, &["booked"]),
    step("Picked By PostEx", ParcelState::PickedUp, &["picked by postex"]),
    step("En-Route to warehouse", ParcelState::InTransit, &["en route to*warehouse", "enroute to*warehouse"]),
    step("Transferred", ParcelState::InTransit, &["transferred"]),
    step("Under Verification", ParcelState::UnderReview, &["under verification"]),
    step("Out For Return", ParcelState::ReturnInTransit, &["out for return"]),
    step("Returned", ParcelState::Returned, &["return", "returned"]),
    step("Expired", ParcelState::Cancelled, &["expired"]),
    step("Un-Assigned By Me", ParcelState::Cancelled, &["un assigned by me", "unassigned by me"]),
    step("Cancelled", ParcelState::Cancelled, &["cancelled", "canceled"]),
    step("Lost", ParcelState::Lost, &["lost"]),
    step("Stolen", ParcelState::Lost, &["stolen"]),
    step("Damage", ParcelState::Lost, &["damage", "damaged"]),
];

/// An attempt that failed, the reason behind the colon.
const ATTEMPTED: &str = "0013";

/// One merchant sees it on returned parcels, another on those the merchant cancelled: only its message decides.
const RETURNED_OR_CANCELLED: &str = "0002";

/// Longest text kept of an unknown status.
const LONGEST: usize = 60;

/// What a scan means, by its code if it has one, else by its message. `reason` is the reason of a failed attempt where
/// it comes in a field of its own.
pub(super) fn meaning(code: Option<&str>, message: Option<&str>, reason: Option<&str>) -> Meaning {
    let code = code.map(padded);
    let words = normal(message.unwrap_or_default());
    let known = match &code {
        Some(code) => by_code(code, &words),
        None => by_code(&words, "").or_else(|| by_words(&words)),
    };
    let Some((known, state)) = known else {
        return Meaning { state: ParcelState::Unknown, code: cleaned(code.as_deref(), message) };
    };
    let reason = reason.or(message).map(normal).and_then(|words| attempt_reason(&words));
    let code = match reason.filter(|_| known == ATTEMPTED) {
        Some(reason) => format!("{known}/{reason}"),
        None => known.to_owned(),
    };
    Meaning { state, code }
}

fn by_code(code: &str, words: &str) -> Option<(&'static str, ParcelState)> {
    if code == RETURNED_OR_CANCELLED {
        return match words {
            w if w.starts_with("returned") => Some((RETURNED_OR_CANCELLED, ParcelState::Returned)),
            w if w.starts_with("cancel") => Some((RETURNED_OR_CANCELLED, ParcelState::Cancelled)),
            _ => None,
        };
    }
    STEPS.iter().find(|step| step.code == code).map(|step| (step.code, step.state))
}

fn by_words(words: &str) -> Option<(&'static str, ParcelState)> {
    let says = |pattern: &str| match pattern.split_once('*') {
        Some((start, end)) => words.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        None => words == pattern,
    };
    STEPS.iter().find(|step| step.words.iter().any(|word| says(word))).map(|step| (step.code, step.state))
}

/// Customer not available, refused delivery, or incomplete address. Any other reason is a rider's prose and not kept.
fn attempt_reason(words: &str) -> Option<&'static str> {
    let has_word = |word: &str| words.split(' ').any(|w| w == word);
    match () {
        () if has_word("cna") || words.contains("not available") => Some("CNA"),
        () if has_word("rfd") || words.contains("refuse") => Some("RFD"),
        () if has_word("ica") || words.contains("incomplete address") => Some("ICA"),
        () => None,
    }
}

/// Four digits: a code that went through a number has lost its zeros.
fn padded(code: &str) -> String {
    if code.bytes().all(|b| b.is_ascii_digit()) { format!("{code:0>4}") } else { code.to_owned() }
}

/// Lower case, and every stretch of other signs than letters and digits a single space.
fn normal(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The code and text of an unknown status, fit to be kept in clear: the text ends at a colon, for what follows is prose
/// about this one parcel; words with `@` and numbers long enough to call somebody are gone.
fn cleaned(code: Option<&str>, message: Option<&str>) -> String {
    let code: String = code.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let code = if code.bytes().filter(u8::is_ascii_digit).count() < 5 { code } else { String::new() };
    let text = message.unwrap_or_default();
    let text = text.split_once(':').map_or(text, |(status, _)| status);
    let plain: Vec<&str> = text.split_whitespace().filter(|word| !word.contains('@')).collect();
    let kept = plain.join(" ").replace(|c: char| !(c.is_ascii_alphanumeric() || " -.".contains(c)), "");
    let whole = format!("{code} {}", without_long_numbers(&kept));
    let whole = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    let whole: String = whole.chars().take(LONGEST).collect();
    if whole.is_empty() { "unreadable".to_owned() } else { whole.trim_end().to_owned() }
}

/// Drops every number of five digits or more, however it is broken up: `0300 123 45 67` is one.
fn without_long_numbers(text: &str) -> String {
    let long = |run: &[u8]| run.iter().filter(|b| b.is_ascii_digit()).count() >= 5;
    let same_kind = |a: &u8, b: &u8| a.is_ascii_alphabetic() == b.is_ascii_alphabetic();
    let runs = text.as_bytes().chunk_by(same_kind).map(|run| if long(run) { b" " } else { run });
    runs.flatten().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: Option<&str>, message: &str, state: ParcelState, kept: &str) {
        let expected = Meaning { state, code: kept.to_owned() };
        assert_eq!(meaning(code, Some(message), None), expected, "{code:?} {message}");
    }

    #[test]
    fn codes_decide_before_words() {
        check(Some("0005"), "Delivered to Customer", ParcelState::Delivered, "0005");
        check(Some("5"), "", ParcelState::Delivered, "0005");
        check(Some("0035"), "Arrived at Transit Hub KHI", ParcelState::InTransit, "0035");
        check(Some("0038"), "Waiting for Delivery", ParcelState::InTransit, "0038");
        check(Some("0001"), "At MUNNAY Warehouse", ParcelState::Booked, "0001");
        check(Some("0041"), "Returned to Sender", ParcelState::Returned, "0041");
    }

    #[test]
    fn words_are_known_in_any_case() {
        check(None, "waiting FOR delivery", ParcelState::InTransit, "0038");
        check(None, "En-Route to {14} warehouse", ParcelState::InTransit, "En-Route to warehouse");
        check(None, "PostEx WareHouse", ParcelState::InTransit, "0003");
        check(None, "Picked By PostEx", ParcelState::PickedUp, "Picked By PostEx");
        check(None, "Return", ParcelState::Returned, "Returned");
        check(None, "Returned", ParcelState::Returned, "Returned");
        check(None, "Un-Assigned By Me", ParcelState::Cancelled, "Un-Assigned By Me");
        check(None, "Damage", ParcelState::Lost, "Damage");
        check(None, "0004", ParcelState::OutForDelivery, "0004");
    }

    #[test]
    fn code_0002_means_what_its_message_says() {
        check(Some("0002"), "Returned", ParcelState::Returned, "0002");
        check(Some("0002"), "Cancelled by Merchant", ParcelState::Cancelled, "0002");
        check(Some("0002"), "", ParcelState::Unknown, "0002");
    }

    #[test]
    fn an_attempt_keeps_only_a_known_reason() {
        check(Some("0013"), "Attempt Made: RFD", ParcelState::Attempted, "0013/RFD");
        check(Some("0013"), "Attempt Made: Customer not available", ParcelState::Attempted, "0013/CNA");
        check(None, "ATTEMPT MADE: ICA (Incomplete Address)", ParcelState::Attempted, "0013/ICA");
        check(Some("0013"), "Attempt Made: call Zubair on 0301-2223334", ParcelState::Attempted, "0013");
        let pushed = meaning(None, Some("Attempted"), Some("Refused by consignee"));
        assert_eq!(pushed.code, "0013/RFD");
    }

    #[test]
    fn unknown_states_keep_no_prose_and_no_numbers() {
        check(Some("0077"), "Delivered", ParcelState::Unknown, "0077 Delivered");
        check(None, "Held at Customs - Bay 4", ParcelState::Unknown, "Held at Customs - Bay 4");
        check(None, "Call zubair@example.pk or 0301 222 33 34 now", ParcelState::Unknown, "Call or now");
        check(None, "Rescheduled: Zubair is away", ParcelState::Unknown, "Rescheduled");
        check(Some("03012223334"), "لاہور", ParcelState::Unknown, "unreadable");
        check(Some("00\u{1}77"), "Held\0 at \u{7f}gate", ParcelState::Unknown, "0077 Held at gate");
        assert_eq!(meaning(None, Some(&"ab ".repeat(50)), None).code.len(), 59);
    }

    #[test]
    fn every_word_in_the_table_is_normalised_and_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for word in STEPS.iter().flat_map(|step| step.words) {
            assert_eq!(normal(word), word.replace('*', " ").trim(), "{word}");
            assert!(seen.insert(word), "{word}");
        }
    }
}
