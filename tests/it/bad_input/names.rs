//! Names of checks that would like to be a path, a page or a command.

use crate::support::{Gitea, REPOSITORY, Report, Teawatch, client, eventually, text};

const NAMES: [&str; 14] = [
    "../../etc/passwd",
    "a/../b",
    "a//b/",
    "%2e%2e/x",
    "a?b=c#d",
    "`x` **b** [l](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<img src=x onerror=alert(1)>",
    "a|b",
    "<!-- teawatch:x -->",
    "/close",
    "@all #1",
    "\\",
    "a\u{202e}txt.exe",
];

#[test]
fn a_name_of_a_check_is_a_name_everywhere() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let all = |kind: &str| {
        NAMES.iter().fold(Report::new("db1"), |report, name| report.check(name, kind, ""))
    };
    teawatch.report(&all("failure"));
    eventually("each has an issue of its own", || gitea.open() == NAMES.len());
    teawatch.settles(&gitea);
    for issue in gitea.issues() {
        let page = format!("{}{REPOSITORY}/issues/{}", gitea.url, issue.number);
        let page = client().get(page).send().unwrap().text().unwrap();
        for active in ["<img", "href=\"javascript:", "evil.example/x.png\"", "<strong>b"] {
            assert!(!page.contains(active), "{active}: {page}");
        }
        assert!(!issue.title.contains('\u{202e}'), "{}", issue.title);
    }
    let page = client().get(&teawatch.url).send().unwrap().text().unwrap();
    assert!(!page.contains("<img") && page.contains("&lt;img"), "{page}");
    let known = || {
        let checks = teawatch.get("/api/v1/checks?limit=500").1["items"].clone();
        let checks = checks.as_array().unwrap().clone();
        checks.iter().map(|check| check["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    teawatch.report(&all("success"));
    eventually("all are closed", || gitea.open() == 0);
    teawatch.settles(&gitea);
    for name in NAMES {
        let check = format!("db1/{name}");
        let shown = teawatch.cli(&["alerts", "show", &check]);
        assert!(shown.status.success(), "{check}: {shown:?}");
        let shown = text(&shown.stdout);
        assert!(shown.starts_with("All is well.\n") && !shown.contains('\u{202e}'), "{shown}");
        // Each leaves a trace, and whoever forgets it forgets nothing else.
        let mut before = known();
        let forgotten = teawatch.cli(&["checks", "forget", &check]);
        assert!(forgotten.status.success(), "{check}: {forgotten:?}");
        before.retain(|known| known != name);
        assert_eq!(known(), before, "{check}");
    }
    assert_eq!(known(), ["agent"]);
    assert_eq!(teawatch.get("/readyz").0, 200);
}
