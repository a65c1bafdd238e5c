//! Who may read the report and make it an issue, and what is asked for wrongly.

use http::Method;

use super::report;
use crate::support::{
    CHECK, Gitea, READ_TOKEN, Teawatch, WRITE_TOKEN, ask, client, passing, token_settings,
};

#[test]
fn reading_it_takes_one_token_and_making_it_an_issue_the_other() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = token_settings(data.path());
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let door = format!("{}/api/v1/report", teawatch.url);
    let status = |method: Method, token: &str| {
        ask(client().request(method, &door).bearer_auth(token)).status
    };
    assert_eq!(status(Method::GET, READ_TOKEN), 200);
    assert_eq!(status(Method::GET, "something-else"), 401);
    assert_eq!(status(Method::POST, READ_TOKEN), 401);
    assert_eq!(status(Method::POST, "something-else"), 401);
    assert_eq!(gitea.issues().len(), 0);
    assert_eq!(status(Method::POST, WRITE_TOKEN), 200);
}

#[test]
fn what_is_looked_back_at_is_at_most_30_days() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let door = |query: &str| ask(client().get(format!("{}/api/v1/report?{query}", teawatch.url)));
    for query in ["", "last_seconds=0.5", "last_seconds=2592000"] {
        assert_eq!(door(query).status, 200, "{query}");
    }
    for query in ["last_seconds=0", "last_seconds=-1", "last_seconds=2592001", "last_seconds=x"] {
        assert_eq!(door(query).error(), (400, "bad_query"), "{query}");
    }
    assert_eq!(door("since=1h").error(), (400, "bad_query"));
    assert_eq!(report(&teawatch, &[]).lines().next(), Some("Nothing is watched yet."));
    teawatch.report(&passing(CHECK));
    assert!(report(&teawatch, &["--since", "30d"]).contains("none was down in the last 30 d.\n"));
    let output = teawatch.cli(&["report", "--since", "31d"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("must be more than 0, and at most 2592000"), "{errors}");
    for wrong in [&["--since", "0s"][..], &["--issue", "--since", "1h"], &["--json", "--panel"]] {
        let call: Vec<_> = ["report"].iter().chain(wrong).copied().collect();
        assert_eq!(teawatch.cli(&call).status.code(), Some(2), "{wrong:?}");
    }
}
