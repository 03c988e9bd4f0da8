//! Each wrong setting names its key, who set it, and the fix.

use super::ConfigError;
use super::layers::{Flags, gather};
use super::settings::{Backend, Settings, resolve};

fn load(file: &str, flags: Flags, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daybook.toml");
    std::fs::write(&path, file).unwrap();
    let flags = Flags { config: Some(path.display().to_string()), ..flags };
    let find = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    resolve(&gather(&flags, &find)?)
}

fn refusal(file: &str, flags: Flags, environment: &[(&str, &str)]) -> ConfigError {
    load(file, flags, environment).err().unwrap()
}

#[test]
fn the_stronger_layer_wins_and_says_who_it_was() {
    let flags = Flags { listen: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
    let environment = [("DAYBOOK_LISTEN", "127.0.0.1:2"), ("DAYBOOK_BATCH", "7"), ("DAYBOOK_KAFKA", "")];
    let settings = load("listen = \"127.0.0.1:1\"\nbatch = 5\nworkers = 2\n", flags, &environment).unwrap();
    assert_eq!((settings.listen.port(), settings.batch, settings.workers), (3, 7, Some(2)));
    assert!(matches!(settings.backend, Backend::Embedded { partitions: 8 }), "an empty variable is not set");
    let origin = |key: &str| settings.shown.iter().find(|shown| shown.key == key).unwrap().origin.clone();
    assert_eq!(origin("listen"), "flag --listen");
    assert_eq!(origin("batch"), "environment variable DAYBOOK_BATCH");
    assert!(origin("workers").starts_with("file "));
    assert_eq!(origin("max_body"), "default");
}

#[test]
fn a_wrong_value_names_key_origin_and_fix_and_never_itself() {
    let check = |refusal: ConfigError, key: &str, origin: &str| {
        assert_eq!(refusal.key, key);
        assert!(refusal.origin.starts_with(origin), "{refusal}");
        assert!(!refusal.fix.is_empty() && !refusal.to_string().contains("geheim"), "{refusal}");
    };
    let flags = Flags::default;
    check(refusal("bach = 5", flags(), &[]), "bach", "file ");
    check(refusal("batch = \"geheim\"", flags(), &[]), "batch", "file ");
    check(refusal("batch_bytes = 0", flags(), &[]), "batch_bytes", "file ");
    check(refusal("session_seconds = 0", flags(), &[]), "session_seconds", "file ");
    check(refusal("postgres = \"geheim\nbatch = 1", flags(), &[]), "config", "file ");
    check(refusal("", flags(), &[("DAYBOOK_WORKERS", "geheim")]), "workers", "environment variable DAYBOOK_WORKERS");
    check(refusal("", flags(), &[("DAYBOOK_BATCH", "-1")]), "batch", "environment variable DAYBOOK_BATCH");
    let listen = Flags { listen: Some("geheim".to_owned()), ..flags() };
    check(refusal("", listen, &[]), "listen", "flag --listen");
    check(refusal("log_format = \"xml\"", flags(), &[]), "log_format", "file ");
    check(refusal("backup_days = 367", flags(), &[]), "backup_days", "file ");
    assert!(load("backup_days = 366", flags(), &[]).is_ok());
}

#[test]
fn servers_come_in_pairs() {
    let postgres = Flags { postgres: Some("postgres://u:geheim@h/d".to_owned()), ..Flags::default() };
    let refusal = refusal("", postgres.clone(), &[]);
    assert_eq!(refusal.key, "kafka");
    assert!(refusal.problem.contains("flag --postgres") && !refusal.to_string().contains("geheim"), "{refusal}");
    let both = load("", postgres, &[("DAYBOOK_KAFKA", "127.0.0.1:9092")]).unwrap();
    assert!(matches!(both.backend, Backend::Servers { kafka, .. } if kafka.partitions == 8));
    assert!(!format!("{:?}", both.shown).contains("geheim"));
}

#[test]
fn a_named_file_must_be_there() {
    let flags = Flags { config: Some("/nowhere/daybook.toml".to_owned()), ..Flags::default() };
    let refusal = gather(&flags, &|_| None).err().unwrap();
    assert_eq!((refusal.key.as_str(), refusal.origin.as_str()), ("config", "file /nowhere/daybook.toml"));
}
