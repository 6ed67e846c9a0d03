//! The client crate stays a client: no server, no database, no C library for TLS in its tree.

use std::process::Command;

#[test]
fn the_client_brings_no_server_along() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "lockstep-client",
            "-e",
            "normal",
            "--offline",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(
        tree.lines().any(|line| line.starts_with("reqwest ")),
        "the tree is a tree: {tree}"
    );
    // (openssl-probe only looks for the system's certificates.)
    let barred = |name: &str| {
        matches!(
            name,
            "lockstep" | "dropshot" | "openssl" | "openssl-sys" | "native-tls"
        ) || name.starts_with("diesel")
            || name.contains("sqlite")
    };
    let found: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| barred(name))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
