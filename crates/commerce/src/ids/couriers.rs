//! The couriers that are known by name. A shop types the name as it likes, so what it typed is only ever looked up
//! here: a slug is one of this table, and nobody's name can become one.

/// The slug of whoever carries a parcel when no known courier is named.
pub(super) const OTHER: &str = "other";

/// Slugs and their spellings, in lower case and without anything but letters and digits. A `*` at the end stands for
/// whatever follows, as in `TCS Express (Lahore)`; a spelling that is also a word or a short one stands alone.
const KNOWN: &[(&str, &[&str])] = &[
    ("postex", &["postex*"]),
    ("leopards", &["leopard*", "lcs"]),
    ("mnp", &["mnp", "mnpcourier*", "mnpexpress*", "mnplogistics*", "mp", "mpcourier*", "mpexpress*", "mplogistics*"]),
    ("mnp", &["mandp", "mandpcourier*", "mandpexpress*", "mandplogistics*", "mulphilog*", "mullerphipps*"]),
    ("mnp", &["mullerandphipps*", "mullernphipps*"]),
    ("tcs", &["tcs", "tcscourier*", "tcsexpress*", "tcslogistics*", "tcspakistan*"]),
    (
        "trax",
        &["trax", "traxcourier*", "traxexpress*", "traxlogistics*", "traxpakistan*", "sonicbytrax*", "traxsonic*"],
    ),
    ("rider", &["rider", "ridercourier*", "riderlogistics*", "riderdelivery*", "riderexpress*"]),
    ("call-courier", &["callcourier*"]),
    ("blueex", &["blueex*", "bluex"]),
    ("swyft", &["swyft", "swyftlogistics*", "swyftcourier*", "swyftexpress*"]),
    ("daewoo", &["daewoo", "daewooexpress*", "daewoocargo*", "daewoocourier*", "daewoofastex*", "fastex"]),
    ("pakistan-post", &["pakistanpost*", "pakpost*"]),
    ("stallion", &["stalliondeliveries*", "stallioncourier*"]),
    ("speedaf", &["speedaf*"]),
    ("barqraftar", &["barqraftar*"]),
    ("dex", &["darazexpress*"]),
    ("dhl", &["dhl", "dhlexpress*", "dhlecommerce*", "dhlparcel*", "dhlpaket*", "dhlglobal*", "dhlpakistan*"]),
    ("fedex", &["fedex*"]),
    ("ups", &["ups", "upsground*", "upsexpress*", "upsmail*", "upsworldwide*", "unitedparcelservice*"]),
    ("usps", &["usps*", "unitedstatespostalservice*", "uspostalservice*"]),
    ("aramex", &["aramex*"]),
    ("dpd", &["dpd", "dpduk", "dpdlocal*", "dpdgermany*", "dpdgroup*", "dpdparcel*"]),
    ("tnt", &["tnt", "tntexpress*", "tntpost*"]),
    ("gls", &["gls", "glsparcel*", "generallogisticssystems*"]),
    ("evri", &["evri*", "hermesuk*"]),
    ("yodel", &["yodel"]),
    ("royal-mail", &["royalmail*"]),
    ("parcelforce", &["parcelforce*"]),
    ("australia-post", &["australiapost*", "auspost*"]),
    ("startrack", &["startrack*"]),
    ("sendle", &["sendle"]),
    ("canada-post", &["canadapost*", "postescanada*"]),
    ("purolator", &["purolator*"]),
    ("new-zealand-post", &["newzealandpost*", "nzpost*"]),
    ("deutsche-post", &["deutschepost*"]),
    ("la-poste", &["laposte", "colissimo*"]),
    ("chronopost", &["chronopost*"]),
    ("postnl", &["postnl*"]),
    ("postnord", &["postnord*"]),
    ("india-post", &["indiapost*"]),
    ("bluedart", &["bluedart*"]),
    ("delhivery", &["delhivery*"]),
    ("emirates-post", &["emiratespost*"]),
    ("naqel", &["naqel*"]),
    ("smsa", &["smsa*"]),
    ("china-post", &["chinapost*"]),
    ("yunexpress", &["yunexpress*"]),
    ("sf-express", &["sfexpress*"]),
    (OTHER, &[OTHER]),
];

/// The slug of the known courier that a text names.
pub(super) fn slug(name: &str) -> Option<&'static str> {
    let typed: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let spells = |spelling: &&'static str| match spelling.strip_suffix('*') {
        Some(start) => typed.starts_with(start),
        None => typed == **spelling,
    };
    KNOWN.iter().find(|(_, spellings)| spellings.iter().any(spells)).map(|(slug, _)| *slug)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Courier;

    #[test]
    fn couriers_are_known_by_any_of_their_spellings() {
        for (text, slug) in [
            ("PostEx", "postex"),
            ("Post-Ex Pakistan", "postex"),
            ("Leopards Courier", "leopards"),
            ("LCS", "leopards"),
            ("M&P", "mnp"),
            ("M & P", "mnp"),
            ("m and p express logistics", "mnp"),
            ("Muller & Phipps", "mnp"),
            ("TCS Express", "tcs"),
            ("Call Courier", "call-courier"),
            ("Blue EX", "blueex"),
            ("Pakistan Post", "pakistan-post"),
            ("USPS", "usps"),
            ("DHL eCommerce", "dhl"),
            ("Royal Mail Tracked 48", "royal-mail"),
            ("Other", "other"),
        ] {
            assert_eq!(Courier::from_name(text).map(|c| c.to_string()).as_deref(), Some(slug), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_courier() {
        for text in ["", "  ", "Given to Ahmed", "Rider Ahmed", "Ahmed", "Mp Ali 0300", "Müller", "Upson Khan", "احمد"]
        {
            assert_eq!(Courier::from_name(text), None, "{text}");
        }
    }

    #[test]
    fn every_slug_is_one_and_every_spelling_is_found_by_its_own() {
        for (slug, spellings) in KNOWN {
            assert!(slug.parse::<Courier>().is_ok(), "{slug}");
            for spelling in *spellings {
                assert_eq!(super::slug(spelling.trim_end_matches('*')), Some(*slug), "{spelling}");
            }
        }
        assert_eq!(Courier::other().as_str(), OTHER);
    }
}
