//! Compiles the wire contract under `proto/` into Rust, without a system protoc.

use std::error::Error;
use std::path::Path;

/// The packages `daybook.<area>.v1`, one file each.
const AREAS: [&str; 10] =
    ["alert", "cod", "inventory", "ledger", "money", "order", "privacy", "quarantine", "shipment", "voucher"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.join("daybook").display());
    let files = AREAS.map(|area| format!("daybook/{area}/v1/{area}.proto"));
    let descriptors = protox::compile(files, [root])?;
    prost_build::Config::new().include_file("contract.rs").compile_fds(descriptors)?;
    Ok(())
}
