//! Owns the house rules that a machine can check: who may name what, how files begin, how long they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One source file, by its path from the package's root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The lines that are neither comments nor documentation, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
    }
}

/// Every Rust file that we write: sources, build scripts, tests, the client.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for start in ["src", "tests", "client", "benches", "build.rs"] {
        collect(&root.join(start), &mut found);
    }
    let source = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned(),
    };
    let sources: Vec<_> = found.into_iter().map(source).collect();
    assert!(sources.len() > 40, "the search has gone wrong");
    sources
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        // Build output.
        if path.file_name().is_some_and(|name| name == "target") {
            return;
        }
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether `word` stands in the line, and not within a longer word.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Fails with every place where `breaks` finds something.
#[track_caller]
fn assert_nowhere(rule: &str, applies: impl Fn(&str) -> bool, breaks: impl Fn(&str) -> bool) {
    let mut places = Vec::new();
    for source in sources().iter().filter(|source| applies(&source.path)) {
        let found = source.code().filter(|(_, line)| breaks(line));
        places.extend(
            found.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())),
        );
    }
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

/// In `src`, and in none of these places.
fn in_src_outside(allowed: &'static [&'static str]) -> impl Fn(&str) -> bool {
    move |path| path.starts_with("src/") && !allowed.iter().any(|allowed| path.starts_with(allowed))
}

#[test]
fn only_the_api_names_dropshot() {
    assert_nowhere(
        "dropshot is named in src/api and, as text, in src/codegen only",
        in_src_outside(&["src/api/", "src/codegen/"]),
        |line| line.contains("dropshot::"),
    );
}

#[test]
fn only_the_store_names_diesel() {
    assert_nowhere(
        "diesel is named in src/store only",
        in_src_outside(&["src/store/"]),
        |line| {
            ["diesel", "diesel_migrations", "libsqlite3_sys", "rusqlite"]
                .iter()
                .any(|word| names(line, word))
        },
    );
}

#[test]
fn only_the_configuration_reads_the_environment() {
    assert_nowhere(
        "the environment is read in src/config only",
        // Which server a test of the engine itself may use is told by tests/run.
        in_src_outside(&["src/config/", "src/store/postgres/scratch.rs"]),
        |line| {
            ["env::var", "env::vars", "env::var_os", "env::vars_os"]
                .iter()
                .any(|call| names(line, call))
        },
    );
}

#[test]
fn the_model_depends_on_nothing() {
    assert_nowhere(
        "src/model uses nothing of this crate but itself",
        |path| path.starts_with("src/model/"),
        |line| names(line, "crate"),
    );
}

#[test]
fn the_queue_knows_no_job_and_no_http() {
    assert_nowhere(
        "src/queue names neither processors nor HTTP",
        |path| path.starts_with("src/queue/"),
        |line| {
            ["crate::processors", "crate::api", "crate::contract"]
                .iter()
                .any(|word| line.contains(word))
        },
    );
}

#[test]
fn processors_know_neither_http_nor_the_command_line() {
    assert_nowhere(
        "src/processors names neither the API nor the command line",
        |path| path.starts_with("src/processors/"),
        |line| {
            ["crate::api", "crate::cli", "crate::config"]
                .iter()
                .any(|word| line.contains(word))
        },
    );
}

#[test]
fn nothing_is_left_for_later() {
    assert_nowhere(
        "no todo!, no unimplemented!, no ignored test",
        |path| path != "tests/it/architecture.rs",
        |line| {
            ["todo!", "unimplemented!"]
                .iter()
                .any(|call| line.contains(call))
                || line.trim_start().starts_with("#[ignore")
        },
    );
}

#[test]
fn tests_wait_on_events() {
    // `support` owns the one bounded wait-until-condition, which has to pause between two looks.
    assert_nowhere(
        "no sleep in tests",
        |path| {
            path.starts_with("tests/")
                && !path.starts_with("tests/it/support/")
                && path != "tests/it/architecture.rs"
        },
        |line| {
            // A statement that takes long is what some tests are about: nobody waits for its end.
            let line = line.replace("pg_sleep(", "");
            ["sleep(", "sleep_until("]
                .iter()
                .any(|call| line.contains(call))
        },
    );
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "these do not open with //!: {silent:#?}");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "split these by what they own: {long:#?}");
}

#[test]
fn nothing_is_called_utils() {
    let vague: Vec<_> = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| {
            let mut parts = path.split(['/', '.']);
            parts.any(|part| {
                matches!(
                    part,
                    "util" | "utils" | "common" | "helper" | "helpers" | "misc"
                )
            })
        })
        .collect();
    assert!(
        vague.is_empty(),
        "name these after what they own: {vague:#?}"
    );
}

#[test]
fn a_module_is_a_file_or_a_folder() {
    let paths: Vec<_> = sources().into_iter().map(|source| source.path).collect();
    let doubled: Vec<_> = paths
        .iter()
        .filter(|path| {
            let folder = format!("{}/", path.trim_end_matches(".rs"));
            paths.iter().any(|other| other.starts_with(&folder))
        })
        .collect();
    assert!(doubled.is_empty(), "foo.rs beside foo/: {doubled:#?}");
}

#[test]
fn a_mod_rs_only_says_what_is_inside() {
    let busy: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.path.ends_with("/mod.rs") && source.path.starts_with("src/"))
        .map(|source| {
            (
                source
                    .code()
                    .filter(|(_, line)| !line.trim().is_empty())
                    .count(),
                source.path,
            )
        })
        .filter(|(lines, _)| *lines > 200)
        .collect();
    assert!(
        busy.is_empty(),
        "mod.rs is for docs, mod and pub use: {busy:#?}"
    );
}
