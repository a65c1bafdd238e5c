//! `teawatch alerts show`: how one alert is, in a sentence, and its facts.

use std::process::Output;

use serde_json::Value;

use crate::support::{
    CHECK, Gitea, OTHER, REPOSITORY, Report, Teawatch, eventually, failing, text,
};

/// What it says to people; a failure must be one of exit code 1.
#[track_caller]
fn says(output: &Output) -> Result<String, String> {
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        Some(1) => Err(text(&output.stderr)),
        code => panic!("{code:?}: {output:?}"),
    }
}

#[test]
fn one_alert_is_explained_and_what_is_not_known_leads_to_what_is() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let routes = "[[route]]\nmatch.source = \"web1\"\ngroup_by = \"source\"\n\
                  [[route]]\nmatch.source = \"web2\"\ngroup_by = { named = \"web1\" }\n";
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &[], routes);
    let show = |named: &str| says(&teawatch.cli(&["alerts", "show", named]));
    assert_eq!(
        show(CHECK).unwrap_err(),
        "teawatch: no alert is called `db1/disk`: `teawatch alerts` lists those that have fired\n"
    );
    teawatch.report(&failing(CHECK));
    for source in ["web1", "web2"] {
        teawatch.report(&Report::new(source).check("http", "failure", "502"));
    }
    eventually("all are open", || gitea.open() == 3);
    teawatch.settles(&gitea);
    let listed = teawatch.get("/api/v1/alerts").1["items"].clone();
    let of = |title: &str| {
        let alerts = listed.as_array().unwrap().iter();
        alerts.filter(|alert| alert["title"] == title).cloned().collect::<Vec<_>>()
    };
    let field = |alert: &Value, key: &str| alert[key].as_str().unwrap().to_owned();
    let alert = &of(CHECK)[0];
    let fingerprint = field(alert, "fingerprint");
    let said = show(CHECK).unwrap();
    let facts: Vec<_> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let issue = format!("{REPOSITORY}#{}", alert["issue"]);
    assert_eq!(said.lines().next(), Some(&*field(alert, "explanation")));
    for fact in [
        ["ALERT", CHECK],
        ["FINGERPRINT", &fingerprint],
        ["PHASE", "firing"],
        ["ISSUE", &issue],
        ["EPISODE", &alert["episode"].to_string()],
        ["REOPENED", "0"],
    ] {
        assert!(facts.iter().any(|line| line == &fact), "{fact:?}\n{said}");
    }
    assert!(said.contains(&format!("IN TROUBLE   {CHECK}\n")), "{said}");
    assert!(!said.contains("CLOSED AT") && !said.contains("NOT TOLD YET"), "{said}");
    // The fingerprint names it too.
    assert_eq!(show(&fingerprint).unwrap(), said);
    let json = says(&teawatch.cli(&["alerts", "show", CHECK, "--json"])).unwrap();
    assert_eq!(&serde_json::from_str::<Value>(&json).unwrap(), alert);

    let told = show("db1/dsk").unwrap_err();
    assert!(told.contains("no alert is called `db1/dsk`: did you mean `db1/disk`? "), "{told}");
    let told = show("something/else").unwrap_err();
    assert!(!told.contains("did you mean") && told.contains("`teawatch alerts` lists"), "{told}");
    // A source and a group may share a title.
    let told = show("web1").unwrap_err();
    let [one, other] = of("web1").try_into().unwrap();
    for alert in [one, other] {
        let fingerprint = field(&alert, "fingerprint");
        assert!(told.contains(&fingerprint), "{told}");
        assert!(show(&fingerprint).unwrap().starts_with(&field(&alert, "explanation")));
    }
}

#[test]
fn what_keeps_an_alert_from_being_told_is_in_its_sentence() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let says = |named: &str, words: &str| {
        let said = says(&teawatch.cli(&["alerts", "show", named]));
        said.is_ok_and(|said| said.lines().next().unwrap().contains(words))
    };
    gitea.world().archive(REPOSITORY, true).unwrap();
    teawatch.report(&failing(CHECK));
    let why = "what there is to tell waits: the repository is archived.";
    eventually("the first meets the refusal", || says(CHECK, why));
    // Another one has asked for nothing itself.
    teawatch.report(&failing(OTHER));
    eventually("and the second waits for the same", || says(OTHER, why));
    gitea.world().archive(REPOSITORY, false).unwrap();
    eventually("both are open", || gitea.open() == 2);
    teawatch.settles(&gitea);
    for check in [CHECK, OTHER] {
        assert!(!says(check, "waits"));
    }
}
