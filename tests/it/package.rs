//! What the package promises: its manifest, and the files that whoever takes it looks for.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use toml::Table;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> Table {
    std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap()
}

/// The table at a place such as `profile.test`.
fn table(place: &str) -> Table {
    place.split('.').fold(manifest(), |table, step| match &table[step] {
        toml::Value::Table(table) => table.clone(),
        other => panic!("{place}: {other}"),
    })
}

#[test]
fn the_manifest_names_edition_licence_and_how_tests_are_built() {
    let package = table("package");
    let text = |key: &str| package[key].as_str().unwrap().to_owned();
    assert_eq!(text("edition"), "2024");
    assert_eq!(text("license"), "MIT OR Apache-2.0");
    assert_eq!(text("readme"), "README.md");
    assert_eq!(table("profile.test")["opt-level"].as_integer(), Some(1));
    assert_eq!(table("profile.test.package.*")["opt-level"].as_integer(), Some(2));
}

/// The lints that hold everywhere, as groups of names: all of them warn unless said
/// otherwise, and the check before a change is taken makes warnings errors.
const LINTS: &[(&str, &str)] = &[
    (
        "lints.rust",
        "missing_debug_implementations unreachable_pub unused_lifetimes unused_qualifications",
    ),
    ("lints.rustdoc", "bare_urls broken_intra_doc_links"),
    (
        "lints.clippy",
        "exit panic todo unimplemented unwrap_used \
         dbg_macro print_stderr print_stdout \
         await_holding_lock large_futures let_underscore_future unused_async \
         cast_possible_truncation cast_possible_wrap cast_sign_loss let_underscore_must_use \
         mem_forget \
         allow_attributes_without_reason clone_on_ref_ptr cloned_instead_of_copied doc_markdown \
         enum_glob_use explicit_iter_loop implicit_clone inefficient_to_string manual_let_else \
         match_same_arms needless_pass_by_value redundant_closure_for_method_calls \
         return_self_not_must_use self_named_module_files semicolon_if_nothing_returned \
         single_match_else str_to_string uninlined_format_args unnested_or_patterns use_self",
    ),
];

#[test]
fn the_manifest_has_every_lint_that_was_agreed_on() {
    for (place, names) in LINTS {
        let lints = table(place);
        for name in names.split_whitespace() {
            let level = lints.get(name).and_then(toml::Value::as_str);
            assert_eq!(level, Some("warn"), "{place}: {name}");
        }
    }
    let rust = table("lints.rust");
    assert_eq!(rust["unsafe_code"].as_str(), Some("forbid"));
    assert_eq!(rust["rust_2018_idioms"]["level"].as_str(), Some("warn"));
}

#[test]
fn whatever_a_person_looks_for_is_there() {
    for file in ["Cargo.lock", "LICENSE-MIT", "LICENSE-APACHE", "README.md"] {
        let length = std::fs::metadata(root().join(file)).unwrap().len();
        assert!(length > 500, "{file} has {length} bytes");
    }
    let is_executable =
        |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o111 == 0o111;
    assert!(is_executable(&root().join(".ci/run")));
}

#[test]
fn the_agent_alone_stands_on_neither_store_nor_server() {
    let server = table("features")["server"].as_array().unwrap().clone();
    assert_eq!(table("features")["default"].as_array().unwrap()[0].as_str(), Some("server"));
    for library in ["axum", "maud", "pulldown-cmark", "sled", "tracing-subscriber"] {
        let dependency = &table("dependencies")[library];
        assert_eq!(dependency["optional"].as_bool(), Some(true), "{library}");
        let feature = format!("dep:{library}");
        assert!(server.iter().any(|named| named.as_str() == Some(&feature)), "{library}");
    }
}
