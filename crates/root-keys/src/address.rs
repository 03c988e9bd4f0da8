//! Whether an address may be told the root key.

use std::net::IpAddr;

use reqwest::Url;

use crate::refusal::Refusal;

/// Takes an address with TLS, or one on this machine, where a proxy that adds TLS may listen.
pub(crate) fn trusted(text: &str, otherwise: &'static str) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(|_| Refusal::Setting(otherwise))?;
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_here(host) => Ok(url),
        ("http", Some(_)) => Err(Refusal::InClear),
        _ => Err(Refusal::Setting(otherwise)),
    }
}

fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_nowhere_in_clear() {
        let told = |text| trusted(text, "no address").err();
        for text in [
            "https://vault.example:8200",
            "http://127.0.0.1:8200",
            "http://localhost:1",
            "http://[::1]:1/",
            "https://[::2]",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        for text in ["http://vault.example:8200", "http://10.0.0.1", "http://localhost.example", "http://[::2]"] {
            assert_eq!(told(text), Some(Refusal::InClear), "{text}");
        }
        for text in ["", "vault.example:8200", "ftp://127.0.0.1", "unix:/run/vault"] {
            assert_eq!(told(text), Some(Refusal::Setting("no address")), "{text}");
        }
    }
}
