//! Vault's transit engine as its clients meet it: `/v1/MOUNT/encrypt|decrypt/NAME`, a token in a header, errors as a list of texts.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::fake::{Asked, Script};

/// Who is allowed in.
pub(super) const TOKEN: &str = "hvs.invented-token-of-a-test";

pub(super) fn serve(script: &Script, asked: &Asked) -> (u16, String) {
    if asked.headers.get("x-vault-token").is_none_or(|token| token.to_str().unwrap() != TOKEN) {
        return error(403, "permission denied");
    }
    let Some((operation, name)) = asked.path.strip_prefix("/v1/transit/").and_then(|rest| rest.split_once('/')) else {
        return error(404, "no handler for route");
    };
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let decoded = |field: &str| BASE64_STANDARD.decode(body[field].as_str().unwrap()).unwrap();
    let purpose = decoded("associated_data");
    match (operation, name) {
        (_, "missing") => error(400, "encryption key not found"),
        ("encrypt", name) => {
            let sealed = script.seal(name, &purpose, &decoded("plaintext"));
            good(json!({ "ciphertext": format!("vault:v1:{}", BASE64_STANDARD.encode(sealed)), "key_version": 1 }))
        }
        ("decrypt", name) => {
            let ciphertext = body["ciphertext"].as_str().unwrap();
            let Some(sealed) = ciphertext.strip_prefix("vault:v1:") else {
                return error(400, "invalid ciphertext: no prefix");
            };
            let opened = BASE64_STANDARD.decode(sealed).ok().and_then(|sealed| script.open(name, &purpose, &sealed));
            match opened {
                None => error(400, "invalid ciphertext: unable to decrypt"),
                Some(plain) => good(json!({ "plaintext": BASE64_STANDARD.encode(plain) })),
            }
        }
        _ => error(404, "no handler for route"),
    }
}

fn good(data: Value) -> (u16, String) {
    let answer = json!({
        "request_id": "6b2b2a0c-0000-4000-8000-000000000000", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": null, "mount_type": "transit"
    });
    (200, answer.to_string())
}

fn error(status: u16, text: &str) -> (u16, String) {
    (status, json!({ "errors": [text] }).to_string())
}
