//! Owns the copy of this workspace in which mutants are compiled.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What the library needs to compile.
const SOURCES: [&str; 11] = [
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "openapi.yaml",
    "README.md",
    "src",
    "client",
    "benches",
    "docs",
    "migrations",
    "tests",
];

pub(super) struct MutantWorkspace {
    root: tempfile::TempDir,
}

pub(super) struct Check {
    pub(super) passed: bool,
    pub(super) output: String,
}

impl MutantWorkspace {
    /// Beside this test's own build: its compiled dependencies are linked in, so that a mutant compiles Lockstep's two
    /// crates only. Not the same folder: cargo takes packages of one name in two places for the same.
    pub(super) fn create() -> Self {
        let built = target_folder();
        let root = tempfile::tempdir_in(&built).unwrap();
        for folder in ["deps", "build", ".fingerprint"] {
            let to = root.path().join("target/debug").join(folder);
            link(&built.join("debug").join(folder), &to);
        }
        for source in SOURCES {
            copy(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join(source),
                &root.path().join(source),
            );
        }
        Self { root }
    }

    /// Makes `document` the contract of the copy. JSON is YAML.
    pub(super) fn write(&self, document: &Value) {
        fs::write(
            self.root.path().join("openapi.yaml"),
            serde_json::to_string_pretty(document).unwrap(),
        )
        .unwrap();
    }

    pub(super) fn check(&self) -> Check {
        let output = Command::new(env!("CARGO"))
            .args([
                "check",
                "--package",
                "lockstep",
                "--lib",
                "--offline",
                "--locked",
                "--color",
                "never",
            ])
            .current_dir(self.root.path())
            .env("CARGO_TARGET_DIR", self.root.path().join("target"))
            .output()
            .unwrap();
        Check {
            passed: output.status.success(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The target folder that this very test was built into: `<target>/debug/deps/it-…`.
fn target_folder() -> PathBuf {
    std::env::current_exe()
        .unwrap()
        .ancestors()
        .nth(3)
        .unwrap()
        .to_owned()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "target" {
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// Links every file, but for those of this workspace's own packages.
fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let own = ["lockstep", "liblockstep", "it-", "libit-"]
            .iter()
            .any(|own| name.starts_with(own));
        match entry.file_type().unwrap() {
            _ if own => {}
            kind if kind.is_dir() => link(&entry.path(), &to.join(name)),
            _ => fs::hard_link(entry.path(), to.join(name)).unwrap(),
        }
    }
}
