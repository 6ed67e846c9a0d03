//! Lockstep proof (e): changes a copy of the contract in many ways and shows that each is caught, by the generator, by the
//! compiler, or by the comparison with the last blessed contract. Must not know how the generator works inside.
//!
//! A mutation caught by the compiler is really compiled: `cargo check` of the library in a copy of this workspace. The
//! copy shares this build's target folder, so that only Lockstep's own two crates are compiled again.

mod cases;
mod edit;
mod workspace;

use cases::{Caught, cases};
use lockstep::spec;
use serde_json::Value;
use workspace::MutantWorkspace;

#[test]
fn every_mutation_of_the_contract_is_caught() {
    let contract = spec::read("openapi.yaml").unwrap();
    let cases = cases();
    assert!(cases.len() >= 25, "{} mutations", cases.len());
    let workspace = MutantWorkspace::create();
    workspace.write(&contract);
    let unchanged = workspace.check();
    assert!(
        unchanged.passed,
        "the unchanged copy must compile:\n{}",
        unchanged.output
    );

    let mut missed = Vec::new();
    for case in cases {
        let mut mutant = contract.clone();
        (case.mutate)(&mut mutant);
        assert_ne!(
            mutant, contract,
            "{}: the mutation changes nothing",
            case.name
        );
        if let Err(how) = caught(&workspace, &contract, &mutant, case.by) {
            missed.push(format!("{}: {how}", case.name));
        }
    }
    assert!(missed.is_empty(), "not caught:\n{}", missed.join("\n"));
}

fn caught(
    workspace: &MutantWorkspace,
    contract: &Value,
    mutant: &Value,
    by: Caught,
) -> Result<(), String> {
    match by {
        Caught::Release => {
            let verdict = spec::verdict(contract, mutant);
            if verdict.passed {
                Err(format!(
                    "the release check lets it pass: {}",
                    verdict.reason
                ))
            } else {
                Ok(())
            }
        }
        Caught::Generator(reason) => {
            workspace.write(mutant);
            expect_failure(
                &workspace.check(),
                &["failed to run custom build command", reason],
            )
        }
        Caught::Compiler(reason) => {
            workspace.write(mutant);
            expect_failure(
                &workspace.check(),
                &["could not compile `lockstep`", reason],
            )
        }
    }
}

fn expect_failure(check: &workspace::Check, marks: &[&str]) -> Result<(), String> {
    if check.passed {
        return Err("it compiles".to_owned());
    }
    match marks.iter().find(|mark| !check.output.contains(**mark)) {
        Some(mark) => Err(format!(
            "it fails, but without `{mark}`:\n{}",
            first_lines(&check.output)
        )),
        None => Ok(()),
    }
}

/// The lines that say what is wrong.
fn first_lines(output: &str) -> String {
    let errors = output
        .lines()
        .filter(|line| line.starts_with("error") || line.starts_with("warning: unused"));
    errors.take(8).collect::<Vec<_>>().join("\n")
}
