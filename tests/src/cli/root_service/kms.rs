//! AWS KMS as its clients meet it: JSON 1.1, the operation in `X-Amz-Target`, errors by `__type`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::fake::{Asked, Script};

/// The key behind `alias/daybook`.
pub(super) const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000001";
/// The key behind `alias/other`.
const OTHER: &str = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000002";

/// Who is allowed in.
pub(super) const ACCESS_KEY: &str = "AKIAINVENTED00000001";

pub(super) fn serve(script: &Script, asked: &Asked) -> (u16, String) {
    let header = |name: &str| asked.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    if header("content-type") != "application/x-amz-json-1.1" {
        return error("SerializationException");
    }
    let scope = format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/");
    let authorization = header("authorization");
    if !authorization.starts_with(&scope) || !authorization.contains("/eu-central-1/kms/aws4_request") {
        return error("UnrecognizedClientException");
    }
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let Some(arn) = named(body["KeyId"].as_str().unwrap()) else { return error("NotFoundException") };
    let purpose = body["EncryptionContext"].to_string();
    let bytes = |field: &str| BASE64_STANDARD.decode(body[field].as_str().unwrap()).unwrap();
    match asked.path.as_str() {
        "TrentService.Encrypt" => {
            let sealed = script.seal(arn, purpose.as_bytes(), &bytes("Plaintext"));
            // Like the real one, a ciphertext says which key it is of.
            let blob = [arn.as_bytes(), &sealed].concat();
            good(json!({ "CiphertextBlob": BASE64_STANDARD.encode(blob), "KeyId": arn }))
        }
        "TrentService.Decrypt" => {
            let blob = bytes("CiphertextBlob");
            let Some(of) = [KEY, OTHER].into_iter().find(|arn| blob.starts_with(arn.as_bytes())) else {
                return error("InvalidCiphertextException");
            };
            if of != arn {
                return error("IncorrectKeyException");
            }
            match script.open(arn, purpose.as_bytes(), &blob[of.len()..]) {
                None => error("InvalidCiphertextException"),
                Some(plain) => good(json!({ "Plaintext": BASE64_STANDARD.encode(plain), "KeyId": arn })),
            }
        }
        _ => error("UnknownOperationException"),
    }
}

fn named(key: &str) -> Option<&'static str> {
    match key {
        "alias/daybook" | KEY => Some(KEY),
        "alias/other" | OTHER => Some(OTHER),
        _ => None,
    }
}

fn good(mut answer: Value) -> (u16, String) {
    answer["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT".into();
    (200, answer.to_string())
}

fn error(kind: &str) -> (u16, String) {
    (400, json!({ "__type": kind, "message": "what it says, which may quote the request" }).to_string())
}
