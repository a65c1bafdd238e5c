//! Names of checks that would like to be a path, a page or a command.

use crate::support::{Gitea, REPOSITORY, Report, Teawatch, client, eventually, text};

const NAMES: [&str; 16] = [
    ".",
    "..",
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

#[test]
fn a_source_with_the_name_of_a_folder_can_be_forgotten() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    for source in [".", "..", "..."] {
        teawatch.report(&Report::new(source).check("..", "success", ""));
    }
    let known = || teawatch.get("/api/v1/checks").1["items"].as_array().unwrap().len();
    assert_eq!(known(), 6);
    for (left, check) in [(5, "../.."), (4, "./.."), (3, ".../.."), (2, "../agent")] {
        let forgotten = teawatch.cli(&["checks", "forget", check]);
        assert!(forgotten.status.success(), "{check}: {forgotten:?}");
        assert_eq!(text(&forgotten.stdout).split(' ').next(), Some(check));
        assert_eq!(known(), left, "{check}");
    }
    let url = |source: &str| format!("{}/api/v1/checks?source={source}&name=agent", teawatch.url);
    let forget = |source: &str| client().delete(url(source)).send().unwrap().status().as_u16();
    assert_eq!([forget("."), forget("."), forget("%2e%2E%2E")], [200, 404, 200]);
    assert_eq!(known(), 0);
}
