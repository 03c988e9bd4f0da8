//! The root key is with a service: AWS KMS and Vault, played by servers that speak their HTTP, and the operator's commands.

mod fake;
mod kms;
mod vault;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;
use fake::{Fake, Fault};

const AWS: &str = "aws-kms:alias/daybook";
const VAULT: &str = "vault:transit/daybook";

/// A secret that must be seen nowhere.
const SECRET_KEY: &str = "an-invented-secret-access-key-of-a-test";

/// Both services, and a home without anybody's real credentials.
struct Services {
    kms: Fake,
    vault: Fake,
    home: tempfile::TempDir,
}

impl Services {
    async fn start() -> Services {
        let (kms, vault) = (Fake::start(kms::serve).await, Fake::start(vault::serve).await);
        Services { kms, vault, home: scratch() }
    }

    fn of(&self, service: &str) -> &Fake {
        if service.starts_with("aws") { &self.kms } else { &self.vault }
    }

    /// The environment of a process whose root key is with `service`.
    fn environment(&self, service: &str) -> Vec<(&'static str, String)> {
        let home = self.home.path();
        let nowhere = home.join("none").display().to_string();
        vec![
            ("DAYBOOK_ROOT_KEY_SERVICE", service.to_owned()),
            ("HOME", home.display().to_string()),
            ("AWS_ENDPOINT_URL", self.kms.url()),
            ("AWS_ENDPOINT_URL_KMS", String::new()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", kms::ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_SESSION_TOKEN", String::new()),
            ("AWS_PROFILE", "default".to_owned()),
            ("AWS_CONFIG_FILE", nowhere.clone()),
            ("AWS_SHARED_CREDENTIALS_FILE", nowhere),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("VAULT_ADDR", self.vault.url()),
            ("VAULT_TOKEN", vault::TOKEN.to_owned()),
            ("VAULT_NAMESPACE", String::new()),
            ("VAULT_CACERT", String::new()),
        ]
    }

    async fn run(&self, data: &Path, service: &str, args: &[&str]) -> Ran {
        self.run_with(data, service, args, &[]).await
    }

    /// With some variables otherwise. Whatever happens, no secret of ours is printed.
    async fn run_with(&self, data: &Path, service: &str, args: &[&str], other: &[(&str, &str)]) -> Ran {
        let environment = self.environment(service);
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ran = daybook_in(data, args, &[&environment, other].concat()).await;
        self.assert_unseen(&format!("{}{}", ran.out, ran.err), &format!("{args:?}"));
        ran
    }

    /// The root keys that the services were given, in the forms in which one could be seen.
    fn forms(&self) -> Vec<Vec<u8>> {
        let roots = [self.kms.sealed(), self.vault.sealed()].concat();
        let forms = roots.iter().flat_map(|clear| {
            let digits = String::from_utf8(clear.clone()).unwrap().trim().to_owned();
            let raw = hex::decode(&digits).unwrap();
            let in_base64 =
                [BASE64_STANDARD.encode(&raw), BASE64_STANDARD.encode(&digits), BASE64_STANDARD.encode(clear)];
            let texts = [digits.to_uppercase(), digits].into_iter().chain(in_base64);
            texts.map(String::into_bytes).chain([raw]).collect::<Vec<_>>()
        });
        forms.collect()
    }

    fn assert_unseen(&self, text: &str, what: &str) {
        for secret in [SECRET_KEY, vault::TOKEN] {
            assert!(!text.contains(secret), "{what} shows a secret");
        }
        for form in self.forms() {
            assert!(!holds(text.as_bytes(), &form), "{what} shows the root key");
        }
    }
}

fn holds(bytes: &[u8], form: &[u8]) -> bool {
    bytes.windows(form.len()).any(|window| window == form)
}

/// Every file below.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn root_text(data: &Path) -> String {
    fs::read_to_string(data.join("root.key")).unwrap()
}

#[tokio::test]
async fn with_a_service_the_key_is_never_in_clear_on_the_disk_or_in_the_log() {
    for service in [AWS, VAULT] {
        let (services, data) = (Services::start().await, scratch());
        let data = data.path();
        let loud = [("DAYBOOK_LOG", "trace")];
        services.run_with(data, service, &["tenant", "add", "kohsar"], &loud).await.text();
        let after_first = services.of(service).calls();
        assert_eq!(after_first, 3, "seal, open what was sealed, open what was placed");
        let text = root_text(data);
        assert!(text.starts_with(&format!("daybook-root-key v2 service={service} key=")), "{text}");
        assert_eq!(fs::metadata(data.join("root.key")).unwrap().permissions().mode() & 0o777, 0o600);
        let listed = services.run_with(data, service, &["keys", "status", "--json"], &loud).await;
        assert!(listed.err.contains("hyper_util"), "the log is as fine as it gets: {}", listed.err);
        for library in ["orchestrator", "rustify", "vaultrs"] {
            assert!(!listed.err.contains(library), "{library} logs: {}", listed.err);
        }
        assert_eq!(services.of(service).calls(), after_first + 1, "one request a start");
        assert!(!services.forms().is_empty());
        for path in files(data) {
            let bytes = fs::read(&path).unwrap();
            for form in services.forms() {
                assert!(!holds(&bytes, &form), "{} holds the key", path.display());
            }
        }
        let status = services.run(data, service, &["keys", "root", "status", "--json"]).await.json();
        assert_eq!((&status["opens"], &status["service"]), (&true.into(), &service.into()), "{status}");
        let sealed_by = if service == AWS { kms::KEY } else { "transit/daybook" };
        assert_eq!(status["sealed_by"], sealed_by);
        let doctor = services.run(data, service, &["doctor"]).await;
        assert!(doctor.text().contains(&format!("{service} opens the key")), "{}", doctor.out);
    }
}

const DENIED: &str = r#"{"__type":"AccessDeniedException","Message":"User: arn:aws:iam::1:user/x is not authorized"}"#;
const DISABLED: &str = r#"{"__type":"DisabledException","message":"arn:aws:kms:x is disabled."}"#;
const PENDING: &str = r#"{"__type":"KMSInvalidStateException","message":"arn:aws:kms:x is pending deletion."}"#;
const THROTTLED: &str = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
const EXPIRED: &str = r#"{"__type":"ExpiredTokenException","message":"The security token is expired"}"#;
const INTERNAL: &str = r#"{"__type":"KMSInternalException","message":"x"}"#;
const NOT_KMS: &str = "<html>a page of something in front of it</html>";
const NO_KEY: &str = r#"{"Plaintext":"bm8ga2V5","KeyId":"a","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#;
const ALL_SAID: &str = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
const SEALED: &str = r#"{"errors":["Vault is sealed"]}"#;
const TOO_MANY: &str = r#"{"errors":["request path \"transit/decrypt\": rate limit quota exceeded"]}"#;
const TOO_OLD: &str = r#"{"errors":["ciphertext or signature version is disallowed by policy (too old)"]}"#;
const NO_DATA: &str = r#"{"request_id":"a","lease_id":"","renewable":false,"lease_duration":0,"data":null}"#;
const NO_ROOT: &str =
    r#"{"request_id":"a","lease_id":"","renewable":false,"lease_duration":0,"data":{"plaintext":"bm8ga2V5"}}"#;

/// What a service answers, how often it is asked then, and what is told.
type Refusals<'a> = &'a [(Fault, usize, &'a str)];

#[tokio::test]
async fn each_refusal_of_a_service_says_what_to_do_and_nothing_starts() {
    use Fault::{Answer, Silence};
    let (services, data) = (Services::start().await, scratch());
    // What one start asks at most, and what it is told in the end.
    let table: [(&str, Refusals<'_>); 2] = [
        (
            AWS,
            &[
                (Answer(400, DENIED), 1, "denies the use of the key (AccessDeniedException)"),
                (Answer(400, DISABLED), 1, "cannot be used now (DisabledException): enable it"),
                (Answer(400, PENDING), 1, "(KMSInvalidStateException)"),
                (Answer(400, EXPIRED), 1, "no valid credentials (ExpiredTokenException)"),
                (Answer(400, THROTTLED), 4, "asked too often"),
                (Answer(500, INTERNAL), 4, "failed (KMSInternalException)"),
                (Answer(200, NOT_KMS), 1, "answer is not understood"),
                (Answer(403, NOT_KMS), 1, "answer is not understood"),
                (Answer(200, "{}"), 1, "answer is not understood"),
                (Answer(200, NO_KEY), 1, "something that is no root key"),
                (Silence, 4, "did not answer in time"),
            ],
        ),
        (
            VAULT,
            &[
                (Answer(403, ALL_SAID), 1, "denies the use of the key (403)"),
                (Answer(503, SEALED), 1, "vault is sealed or stands by: unseal it"),
                (Answer(400, TOO_OLD), 1, "cannot be used now (disallowed by policy)"),
                (Answer(429, TOO_MANY), 4, "asked too often"),
                (Answer(502, NOT_KMS), 4, "failed (502)"),
                (Answer(307, ""), 1, "answer is not understood"),
                (Answer(200, NOT_KMS), 1, "answer is not understood"),
                (Answer(200, NO_DATA), 1, "answer is not understood"),
                (Answer(200, NO_ROOT), 1, "something that is no root key"),
                (Silence, 1, "did not answer in time"),
            ],
        ),
    ];
    for (service, refusals) in table {
        let data = data.path().join(&service[..3]);
        services.run(&data, service, &["tenant", "add", "kohsar"]).await.text();
        let fake = services.of(service);
        let ending = if service == AWS { "Decrypt" } else { "/decrypt/daybook" };
        for (fault, times, told) in refusals {
            fake.fail(ending, *fault, *times);
            let ran = services.run(&data, service, &["up", "--listen", "127.0.0.1:0"]).await;
            assert!(ran.code == Some(1) && ran.err.contains(told), "{fault:?}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains(service) && !ran.err.contains("arn:aws:iam"), "{fault:?}: {}", ran.err);
            let unasked = fake.recover();
            assert!(unasked == 0 || matches!(fault, Silence), "{fault:?} was not asked for {times} times");
        }
        services.run(&data, service, &["keys", "root", "status"]).await.text();
        fake.fail(ending, refusals[0].0, 3);
        let status = services.run(&data, service, &["keys", "root", "status", "--json"]).await;
        assert!(status.code == Some(1) && status.out.contains("denies the use"), "{}", status.out);
        let doctor = services.run(&data, service, &["doctor"]).await;
        assert!(doctor.code == Some(1) && doctor.out.contains("denies the use"), "{}", doctor.out);
        fake.recover();
    }
}

#[tokio::test]
async fn who_is_throttled_waits_and_is_served() {
    for (service, ending, fault) in [
        (AWS, "Decrypt", Fault::Answer(400, THROTTLED)),
        (AWS, "Encrypt", Fault::Answer(400, THROTTLED)),
        (VAULT, "/decrypt/daybook", Fault::Answer(429, TOO_MANY)),
        (VAULT, "/encrypt/daybook", Fault::Answer(500, r#"{"errors":["internal error"]}"#)),
    ] {
        let (services, data) = (Services::start().await, scratch());
        services.of(service).fail(ending, fault, 2);
        services.run(data.path(), service, &["tenant", "add", "kohsar"]).await.text();
        assert_eq!(services.of(service).recover(), 0, "{ending}");
        services.run(data.path(), service, &["doctor"]).await.text();
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_would_show_the_key_are_named() {
    let (services, data) = (Services::start().await, scratch());
    let calls = || services.kms.calls() + services.vault.calls();
    for (service, variable, told) in [
        (AWS, ("AWS_ACCESS_KEY_ID", ""), "no valid credentials"),
        (AWS, ("AWS_REGION", ""), "set AWS_REGION"),
        (AWS, ("AWS_ENDPOINT_URL", "http://kms.example:80"), "in clear"),
        (AWS, ("AWS_ENDPOINT_URL_KMS", "http://192.0.2.1:80"), "in clear"),
        (AWS, ("AWS_ENDPOINT_URL", "https://127.0.0.1:1"), "cannot be reached"),
        (VAULT, ("VAULT_ADDR", ""), "VAULT_ADDR"),
        (VAULT, ("VAULT_ADDR", "http://vault.example:8200"), "in clear"),
        (VAULT, ("VAULT_ADDR", "http://127.0.0.1:1"), "cannot be reached"),
        (VAULT, ("VAULT_TOKEN", ""), "no Vault token"),
        (VAULT, ("VAULT_TOKEN", "a b"), "no Vault token"),
        (VAULT, ("VAULT_CACERT", "/nowhere.pem"), "VAULT_CACERT"),
    ] {
        let ran = services.run_with(data.path(), service, &["tenant", "add", "kohsar"], &[variable]).await;
        assert!(ran.code == Some(1) && ran.err.contains(told), "{variable:?}: {}{}", ran.out, ran.err);
        assert!(!data.path().join("root.key").exists(), "{variable:?}");
    }
    let no_certificates = [("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")];
    let ran = services.run_with(data.path(), AWS, &["tenant", "add", "kohsar"], &no_certificates).await;
    assert!(ran.code == Some(1) && ran.err.contains("no TLS certificates"), "{}", ran.err);
    assert_eq!(calls(), 0, "nobody was told anything");
    let token = services.home.path().join("token");
    fs::write(&token, format!("{}\n", vault::TOKEN)).unwrap();
    let from_file = [("VAULT_TOKEN", ""), ("VAULT_TOKEN_FILE", token.to_str().unwrap())];
    services.run_with(data.path(), VAULT, &["tenant", "add", "kohsar"], &from_file).await.text();
    let wrong = services.run(data.path(), "vault:kohsar", &["lag"]).await;
    assert!(wrong.err.contains("`root_key_service`") && wrong.err.contains("MOUNT/KEY"), "{}", wrong.err);
}

/// A key that can be sealed and not opened again would be lost at the next start: it is not taken into use.
#[tokio::test]
async fn who_may_seal_and_not_open_makes_no_key() {
    let (services, data) = (Services::start().await, scratch());
    services.kms.fail("Decrypt", Fault::Answer(400, DENIED), 1);
    let ran = services.run(data.path(), AWS, &["tenant", "add", "kohsar"]).await;
    assert!(ran.code == Some(1) && ran.err.contains("denies the use of the key"), "{}", ran.err);
    let left: Vec<_> = files(data.path()).into_iter().filter(|path| path.to_string_lossy().contains("root")).collect();
    assert!(left.is_empty(), "{left:?}");
    services.run(data.path(), AWS, &["tenant", "add", "kohsar"]).await.text();
}

#[tokio::test]
async fn a_file_that_was_changed_or_is_with_somebody_else_opens_nothing() {
    let (services, data) = (Services::start().await, scratch());
    let data = data.path();
    let path = data.join("root.key");
    services.run(data, VAULT, &["tenant", "add", "kohsar"]).await.text();
    let by_vault = root_text(data);
    let moved = services.run(data, VAULT, &["keys", "root", "move", "--to", AWS, "--json"]).await.json();
    assert_eq!((&moved["from"], &moved["to"]), (&VAULT.into(), &AWS.into()), "{moved}");
    let by_kms = root_text(data);
    let last = |text: &str| {
        let at = text.trim_end().len() - 8;
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    let clear = "ab".repeat(32);
    for (text, service, told) in [
        (last(&by_kms), AWS, "does not open the file"),
        (last(&by_vault), VAULT, "does not open the file"),
        (by_kms.replace("000001 ", "000002 "), AWS, "does not open the file"),
        (by_kms.replace("000001 ", "000009 "), AWS, "does not know the key"),
        (by_vault.replace("transit/daybook", "transit/missing"), "vault:transit/missing", "does not know the key"),
        (by_vault.replace("transit/daybook", "transit/another"), "vault:transit/another", "does not open the file"),
        (by_vault.replace("transit/daybook", "nowhere/daybook"), "vault:nowhere/daybook", "does not know the key"),
        (by_kms.replace("v2", "v9"), AWS, "later version"),
        (by_kms[..60].to_owned(), AWS, "cut or changed"),
        (by_kms.clone(), VAULT, "daybook keys root move --to vault:transit/daybook"),
        (by_kms.clone(), "file", "`root_key_service` says `file`"),
        (by_kms.clone(), "aws-kms:alias/other", "move --to aws-kms:alias/other"),
        (clear, AWS, "the root key is with `file`"),
    ] {
        fs::write(&path, &text).unwrap();
        let ran = services.run(data, service, &["keys", "status"]).await;
        assert!(ran.code == Some(1) && ran.err.contains(told), "{told}: {}{}", ran.out, ran.err);
        assert_eq!(root_text(data), text, "nothing is put in its place");
    }
    fs::write(&path, &by_kms).unwrap();
    for service in [AWS.to_owned(), format!("aws-kms:{}", kms::KEY)] {
        services.run(data, &service, &["keys", "status"]).await.text();
    }
    fs::remove_file(&path).unwrap();
    let ran = services.run(data, AWS, &["keys", "status"]).await;
    assert!(ran.code == Some(1) && ran.err.contains("is gone"), "{}", ran.err);
}

#[tokio::test]
async fn a_root_key_that_moves_opens_what_was_sealed_before() {
    let (services, data, files) = (Services::start().await, scratch(), scratch());
    let data = data.path();
    let workload = orders_as_files(files.path(), 3);
    let person = customer(&workload);
    let order = person.order_id.to_string();
    for args in [
        &["tenant", "add", "kohsar"][..],
        &["import", "shopify-orders", files.path().to_str().unwrap()],
        &["privacy", "permit", "support-2"],
    ] {
        services.run(data, "file", args).await.text();
    }
    let clear = root_text(data);
    let reveal = ["show", "order", &order, "--reveal", "--purpose", "support", "--by", "support-2"];
    let mut running = {
        let environment = services.environment("file");
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Daybook::start(data, &["up", "--listen", "127.0.0.1:0"], &[&EMBEDDED[..], &environment].concat()).unwrap()
    };
    running.port(SOON).await.unwrap();
    for (from, to) in [("file", AWS), (AWS, VAULT), (VAULT, "vault:transit/second"), ("vault:transit/second", "file")] {
        let moved = services.run(data, from, &["keys", "root", "move", "--to", to]).await;
        assert!(moved.text().contains(&format!("the root key is with {to} now")), "{}", moved.out);
        assert!(moved.out.contains("to destroy") && moved.out.contains("root.key"), "{}", moved.out);
        assert_eq!(root_text(data) == clear, to == "file", "{to}");
        let refused = services.run(data, from, &["keys", "status"]).await;
        assert!(refused.code == Some(1) && refused.err.contains(to), "{}", refused.err);
        let shown = services.run(data, to, &reveal).await;
        assert!(shown.text().contains(&person.name), "{to}: {}", shown.out);
    }
    assert_eq!(running.terminate(SOON).await.unwrap().code(), Some(0), "what runs needs nobody: {}", running.stderr());
    services.run(data, "file", &["verify"]).await.text();
    assert_eq!(root_text(data), clear, "it is the same key");
    services.kms.fail("Encrypt", Fault::Answer(400, DENIED), 1);
    let refused = services.run(data, "file", &["keys", "root", "move", "--to", AWS]).await;
    assert!(refused.code == Some(1) && refused.err.contains("denies the use of the key"), "{}", refused.err);
    assert_eq!(root_text(data), clear, "nothing was changed");
}

#[tokio::test]
async fn what_a_killed_move_left_is_named() {
    let (services, data) = (Services::start().await, scratch());
    let data = data.path();
    services.run(data, AWS, &["tenant", "add", "kohsar"]).await.text();
    fs::write(data.join(".root-key-0123456789abcdef"), "left").unwrap();
    for args in [&["keys", "root", "status"][..], &["doctor"]] {
        let ran = services.run(data, AWS, args).await;
        assert!(ran.code == Some(1) && ran.out.contains(".root-key-0123456789abcdef"), "{}", ran.out);
    }
}

#[tokio::test]
async fn processes_that_start_at_once_agree_on_one_key() {
    for service in [AWS, VAULT] {
        let (services, data) = (Services::start().await, scratch());
        let names = ["kohsar", "margalla", "ravi", "indus"];
        let starts = names.map(|name| {
            let (services, data) = (&services, data.path());
            async move { services.run(data, service, &["tenant", "add", name]).await }
        });
        for ran in futures::future::join_all(starts).await {
            ran.text();
        }
        let forms = services.of(service).sealed().len();
        assert!(forms >= 1, "{forms} were drawn");
        assert!(files(data.path()).iter().all(|path| !path.to_string_lossy().contains(".root-key-")));
        let doctor = services.run(data.path(), service, &["doctor"]).await;
        assert!(doctor.text().contains("opens the key"), "{}", doctor.out);
        for name in names {
            services.run(data.path(), service, &["tenant", "secret", name, "--sender", "shopify"]).await.text();
        }
    }
}
