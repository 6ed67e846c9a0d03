//! Generates wire types and client from ../openapi.yaml. The work is done in ../src/codegen.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

#[path = "../src/codegen/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "shared with the server's build script and the tests, each of which uses a part"
)]
mod codegen;

fn generate() -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string("../openapi.yaml")?;
    let spec = codegen::load(&text)?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo gives OUT_DIR")?;
    codegen::write(Path::new(&folder), &codegen::client(&spec)?)?;
    Ok(())
}

fn main() -> ExitCode {
    for path in ["build.rs", "../openapi.yaml", "../src/codegen"] {
        println!("cargo::rerun-if-changed={path}");
    }
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                println!("cargo::error=openapi.yaml: {line}");
            }
            ExitCode::FAILURE
        }
    }
}
