//! The page of an archive: the same to read, in one file that fetches nothing.

use crate::person::{Asked, Decision, Detail, Held, Kept, Looked, Ordered};

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <title>What is held about you</title>\n<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;\
    vertical-align:top}</style>\n</head>\n<body>\n";

/// The whole page.
pub(super) fn page(held: &Held) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&format!(
        "<h1>What {} holds about you</h1>\n<p>Made {}. You are known here as {}.</p>\n",
        escaped(&held.tenant),
        escaped(&held.made_at),
        escaped(&held.subject)
    ));
    text.push_str(&section("Your details", &["with", "as", "details"], held.details.iter().map(detail)));
    let head = ["order", "placed", "state", "total", "what", "parcels", "your details are kept until"];
    text.push_str(&section("Your orders", &head, held.orders.iter().map(order)));
    text.push_str(&section(
        "Who looked at your details",
        &["when", "who", "why", "what", "how"],
        held.accesses.iter().map(look),
    ));
    text.push_str(&section(
        "What you asked for",
        &["what", "received", "due", "state", "you wrote"],
        held.requests.iter().map(asked),
    ));
    let head = ["since", "what", "about", "until"];
    text.push_str(&section("What you decided", &head, held.decisions.iter().map(decided)));
    text.push_str(&section("What must not be erased yet", &["what", "why", "until"], held.holds.iter().map(kept)));
    text.push_str(&section("What is kept, and why", &["what", "why", "how long"], held.kept.iter().map(kept)));
    text.push_str("</body>\n</html>\n");
    text
}

fn section(title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return format!("<h2>{title}</h2>\n<p>Nothing.</p>\n");
    }
    let line = |cells: Vec<String>, tag: &str| -> String {
        let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head = line(head.iter().map(|&name| name.to_owned()).collect(), "th");
    let rows: String = rows.into_iter().map(|row| line(row, "td")).collect();
    format!("<h2>{title}</h2>\n<table>\n{head}{rows}</table>\n")
}

fn detail(one: &Detail) -> Vec<String> {
    let details = &one.details;
    let typed = details.typed.iter().map(|(label, text)| format!("{label}: {text}"));
    let single = [&details.name, &details.phone, &details.email, &details.postcode, &details.ip, &details.user_agent];
    let known = single.into_iter().flatten().cloned().chain(details.address.iter().cloned()).chain(typed);
    let known: Vec<String> = known.collect();
    let known = if one.readable { known.join("; ") } else { "erased, or it cannot be opened".to_owned() };
    vec![one.about.replace('/', " "), one.role.clone(), known]
}

fn order(one: &Ordered) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let name = one.name.as_ref().map_or_else(|| one.order.clone(), |name| format!("#{name}"));
    let line = |line: &crate::person::Line| {
        format!("{} × {} at {}", line.quantity, line.sku.as_deref().unwrap_or("item"), line.unit_price)
    };
    let lines: Vec<String> = one.lines.iter().map(line).collect();
    let parcels: Vec<String> =
        one.parcels.iter().map(|sent| format!("{} {}: {}", sent.courier, sent.tracking, sent.state)).collect();
    let state = format!("{}, {}", one.status, one.payment);
    let (placed, total, until) = (text(&one.placed_at), text(&one.total), text(&one.details_kept_until));
    vec![name, placed, state, total, lines.join("; "), parcels.join("; "), until]
}

fn look(one: &Looked) -> Vec<String> {
    let what = format!("{}: {}", one.labels.join(", "), one.fields.join(", "));
    vec![one.at.clone(), format!("{} ({})", one.who, one.role), one.purpose.clone(), what, one.shown.clone()]
}

fn asked(one: &Asked) -> Vec<String> {
    let outcome = one.outcome.as_ref().map(|outcome| format!(": {outcome}")).unwrap_or_default();
    let words = one.words.clone().unwrap_or_default();
    vec![one.kind.to_owned(), one.received_at.clone(), one.due_at.clone(), format!("{}{outcome}", one.state), words]
}

fn decided(one: &Decision) -> Vec<String> {
    vec![one.at.clone(), one.what.to_owned(), one.about.clone(), one.ended_at.clone().unwrap_or_default()]
}

fn kept(one: &Kept) -> Vec<String> {
    vec![one.what.clone(), one.why.clone(), one.until.clone()]
}

/// Text that no browser takes for anything else.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_typed_is_text() {
        let rows = std::iter::once(vec!["<script>alert('x')</script>".to_owned()]);
        let text = section("t", &["h"], rows);
        assert!(text.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") && !text.contains("<script"));
    }
}
