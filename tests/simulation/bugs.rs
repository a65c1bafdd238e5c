//! The planted bugs of `tests/bugs`: each still fits the sources, and is listed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Name and text of each patch.
fn patches() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join("tests/bugs")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let is_patch = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "patch");
    let patch = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.filter(is_patch).map(patch).collect()
}

/// For each change of a patch its file, and the lines that must stand there.
fn expected(patch: &str) -> Vec<(&str, String)> {
    let mut expected: Vec<(&str, String)> = Vec::new();
    let mut file = "";
    for line in patch.lines() {
        if let Some(path) = line.strip_prefix("+++ b/") {
            file = path;
        } else if line.starts_with("@@ ") {
            expected.push((file, String::new()));
        } else if let (Some((_, lines)), Some(stays)) =
            (expected.last_mut(), line.strip_prefix(' ').or_else(|| line.strip_prefix('-')))
            && !line.starts_with("--- ")
        {
            lines.push_str(stays);
            lines.push('\n');
        }
    }
    expected
}

#[test]
fn every_planted_bug_still_applies() {
    let patches = patches();
    assert!(patches.len() >= 9, "the patches were not found");
    for (name, patch) in patches {
        assert!(patch.contains("\nTest: "), "{name} does not say what must catch it");
        let expected = expected(&patch);
        assert!(!expected.is_empty(), "{name} changes nothing");
        for (file, lines) in expected {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            let places = text.matches(&lines).count();
            assert_eq!(places, 1, "{name} no longer fits {file}, where it expects:\n{lines}");
        }
    }
}

#[test]
fn the_table_of_the_planted_bugs_is_complete() {
    let readme = fs::read_to_string(root().join("tests/bugs/README.md")).unwrap();
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let listed: BTreeSet<_> = readme.lines().filter_map(row).collect();
    let planted: BTreeSet<_> = patches().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, planted);
}
