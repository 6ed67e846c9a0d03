//! What comes out of a small document is what tests/it/golden says. After a meant change of the generator:
//! `LOCKSTEP_BLESS=1 cargo test --test it codegen::golden`, then read the diff.

use std::{env, fs, path::PathBuf};

use quote::{ToTokens as _, quote};
use syn::{File, ImplItem, Item, Visibility};

use super::{SMALL, generator};

fn compare(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/golden")
        .join(format!("{name}.golden"));
    if env::var_os("LOCKSTEP_BLESS").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if let Some((number, (actual, expected))) = actual
        .lines()
        .chain([""])
        .zip(expected.lines().chain([""]))
        .enumerate()
        .find(|(_, (actual, expected))| actual != expected)
    {
        panic!(
            "{name}:{}\n  expected: {expected}\n  actual:   {actual}",
            number + 1
        );
    }
    assert_eq!(actual.lines().count(), expected.lines().count(), "{name}");
}

/// The declarations alone: what a program is written against. The code inside is Progenitor's.
fn declarations(source: &str) -> String {
    let file = syn::parse_file(source).unwrap();
    let items = file.items.into_iter().filter_map(declaration).collect();
    prettyplease::unparse(&File {
        shebang: None,
        attrs: Vec::new(),
        items,
    })
}

fn declaration(item: Item) -> Option<Item> {
    match item {
        Item::Struct(_) | Item::Enum(_) => Some(item),
        Item::Impl(mut block) if block.trait_.is_none() => {
            for item in &mut block.items {
                if let ImplItem::Fn(function) = item {
                    function.block = syn::parse2(quote!({})).unwrap();
                    function.attrs.clear();
                }
            }
            Some(Item::Impl(block))
        }
        Item::Mod(mut module) if module.ident == "builder" => {
            let (brace, items) = module.content?;
            let items = items.into_iter().filter_map(declaration);
            module.content = Some((brace, items.collect()));
            Some(Item::Mod(module))
        }
        Item::Use(reexport) if matches!(reexport.vis, Visibility::Public(_)) => {
            Some(Item::Use(reexport))
        }
        _ => None,
    }
}

#[test]
fn types_and_client() {
    let files = generator::client(&generator::load(SMALL).unwrap()).unwrap();
    // The types' own builders say the same again.
    let mut types = syn::parse_file(&files["types.rs"]).unwrap();
    types
        .items
        .retain(|item| !matches!(item, Item::Mod(module) if module.ident == "builder"));
    compare(
        "small.types.rs",
        &declarations(&types.into_token_stream().to_string()),
    );
    compare("small.client.rs", &declarations(&files["client.rs"]));
}

#[test]
fn job_types_and_document() {
    let files = generator::contract(&generator::load(SMALL).unwrap()).unwrap();
    compare("small.jobs.rs", &files["jobs.rs"]);
    compare("small.document.rs", &files["document.rs"]);
}

#[test]
fn operations_of_the_server() {
    let files = generator::contract(&generator::load(SMALL).unwrap()).unwrap();
    compare("small.operations.rs", &files["operations.rs"]);
}

#[test]
fn the_output_is_the_same_each_time() {
    let spec = generator::load(SMALL).unwrap();
    assert_eq!(
        generator::client(&spec).unwrap(),
        generator::client(&spec).unwrap()
    );
    assert_eq!(
        generator::contract(&spec).unwrap(),
        generator::contract(&spec).unwrap()
    );
}

#[test]
fn unchanged_files_are_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = generator::contract(&generator::load(SMALL).unwrap()).unwrap();
    generator::write(folder.path(), &files).unwrap();
    let written = |name: &str| {
        fs::metadata(folder.path().join(name))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = (written("jobs.rs"), written("document.rs"));
    files.insert("document.rs", "// other".into());
    generator::write(folder.path(), &files).unwrap();
    assert_eq!(written("jobs.rs"), before.0);
    assert_eq!(
        fs::read_to_string(folder.path().join("document.rs")).unwrap(),
        "// other"
    );
}

#[test]
fn the_model_says_what_the_document_says() {
    let spec = generator::load(SMALL).unwrap();
    let ids: Vec<_> = spec
        .operations
        .iter()
        .map(|operation| operation.id.as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "create_thing",
            "delete_thing",
            "enqueue_paint_thing",
            "list_things"
        ]
    );
    let [create, delete, enqueue, list] = spec.operations.as_slice() else {
        panic!()
    };
    assert_eq!(
        (create.method.as_str(), create.path.as_str()),
        ("POST", "/things")
    );
    assert_eq!(create.description, "Two lines,\n- and a list.");
    assert_eq!(create.body.as_ref().unwrap().schema, "Thing");
    assert_eq!(create.success[0].status, 201);
    assert!(create.success[0].headers["Location"].2);
    assert_eq!(delete.success[0].schema, None);
    assert!(create.secured && !list.secured);
    assert!(list.paginated && !create.paginated);
    assert_eq!(enqueue.job_type(), Some("paint_thing"));
    assert_eq!(
        list.parameters_type(generator::Place::Query).as_deref(),
        Some("ListThingsQuery")
    );
    assert_eq!(list.parameters_type(generator::Place::Path), None);
    assert!(spec.all_schemas().contains_key("CreateThingHeader"));
}
