//! The page for people, as a browser asks for it.

use reqwest::blocking::Response;
use serde_json::json;
use teawatch::engine::settings::Settings;
use teawatch::store::Memory;

use crate::support::{
    Gitea, Inside, Letter, READ_TOKEN, Report, Teawatch, ask, client, eventually, failing, passing,
    readiness, stopped_clock, token_settings,
};

fn get(address: &str) -> Response {
    client().get(address).send().unwrap()
}

/// The page of a server, which must be there.
#[track_caller]
fn page(url: &str) -> String {
    let answer = get(&format!("{url}/"));
    assert_eq!(answer.status(), 200);
    answer.text().unwrap()
}

/// What follows `before` in a text, up to the next `end`.
#[track_caller]
fn after<'t>(text: &'t str, before: &str, end: char) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before}: {text}"));
    rest.split(end).next().unwrap()
}

/// The number that the page shows for a word.
#[track_caller]
fn number(page: &str, word: &str) -> usize {
    after(page, &format!("<dt>{word}</dt><dd>"), '<').parse().unwrap()
}

#[test]
fn the_page_shows_what_is_in_trouble_with_a_link_to_its_issue_and_counts_the_rest() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("public_url", "https://tea.test/w")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    eventually("it is ready", || page(&teawatch.url).contains("<h2>Ready</h2>"));
    let nothing = page(&teawatch.url);
    assert!(nothing.contains("None is pending, firing or recovering."), "{nothing}");
    for task in ["disk", "engine", "outbox"] {
        let well = format!("{task}: <strong class=\"recovering\">well</strong>");
        assert!(nothing.contains(&well), "{nothing}");
    }

    teawatch.report(&failing("db1/disk"));
    teawatch.report(&passing("db1/cpu"));
    teawatch.report(&Report::new("db1").check("fan", "unknown", "no sensor"));
    eventually("the issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let shown = page(&teawatch.url);
    assert!(shown.contains(&format!(">{}<", env!("CARGO_PKG_VERSION"))), "{shown}");
    for part in ["<bdi class=\"title\">db1/disk</bdi>", ">firing</span>", "<bdi>it is broken</bdi>"]
    {
        assert!(shown.contains(part), "no {part}: {shown}");
    }
    let (_, alerts) = teawatch.get("/api/v1/alerts");
    let since =
        format!("since <time datetime=\"{}\">", alerts["items"][0]["fired_at"].as_str().unwrap());
    assert!(shown.contains(&since), "no {since}: {shown}");
    assert!(!shown.contains("db1/cpu") && !shown.contains(" more."), "{shown}");
    for (word, expected) in [("up", 2), ("late", 0), ("down", 1), ("unknown", 1), ("never seen", 0)]
    {
        assert_eq!(number(&shown, word), expected, "{word}: {shown}");
    }
    for word in ["queued", "waiting", "in doubt", "parked"] {
        assert_eq!(number(&shown, word), 0, "{word}: {shown}");
    }
    // To the issue and back.
    let issue = after(&shown, "<a href=\"", '"');
    assert_eq!(issue, format!("{}ops/alerts/issues/1", gitea.url));
    assert_eq!(get(issue).status(), 200);
    let link = after(&gitea.issue(1).body, "[teawatch](", ')').to_owned();
    let path = link.strip_prefix("https://tea.test/w").unwrap();
    assert_eq!(get(&format!("{}{path}", teawatch.url)).status(), 200, "{link}");

    teawatch.report(&passing("db1/disk"));
    eventually("the page shows nothing any more", || {
        page(&teawatch.url).contains("None is pending, firing or recovering.")
    });
}

#[test]
fn what_fires_comes_first_and_what_is_pending_has_no_issue_yet() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let file = "[[route]]\nmatch.name = \"slow\"\nopen_after = \"1h\"\n";
    let settings = [("alerts.close_after", "1h")];
    let teawatch = Teawatch::start_with_file(data.path(), &gitea, &settings, file);
    for report in [passing("db1/slow"), failing("db1/slow"), failing("db1/fan")] {
        teawatch.report(&report);
    }
    eventually("its issue is open", || gitea.open() == 1);
    teawatch.report(&passing("db1/fan"));
    teawatch.report(&failing("db1/disk"));
    eventually("both issues are open", || gitea.open() == 2 && teawatch.outbox().is_empty());
    let shown = page(&teawatch.url);
    let (alerts, _) = shown.split_once("<h2>Checks</h2>").unwrap();
    let rows: Vec<_> = alerts
        .split("<li>")
        .skip(1)
        .map(|row| {
            let issue = row.contains("<a ").then(|| after(row, "/issues/", '"'));
            (after(row, "<span class=\"tag ", '"'), after(row, "db1/", '<'), issue)
        })
        .collect();
    let expected = [
        ("firing", "disk", Some("2")),
        ("pending", "slow", None),
        ("recovering", "fan", Some("1")),
    ];
    assert_eq!(rows, expected, "{shown}");
}

#[test]
fn what_others_send_stays_text_on_the_page_and_nothing_is_loaded_or_kept() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let name = "<script>alert(1)</script>&\"'";
    let summary = "\"><img src=x onerror=alert(2)> </bdi></style>";
    teawatch.report(&Report::new("db1").check(name, "failure", summary));
    eventually("the issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    let answer = get(&teawatch.url);
    for (header, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.headers()[header], value, "{header}");
    }
    let shown = answer.text().unwrap();
    assert!(shown.contains("db1/&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;'"), "{shown}");
    assert!(shown.contains("&quot;&gt;&lt;img src=x onerror=alert(2)&gt;"), "{shown}");
    for tag in ["<script", "<img", "<link", "@import", "url("] {
        assert!(!shown.contains(tag), "{tag}: {shown}");
    }
    assert_eq!(shown.matches("</style>").count(), 1);
}

#[test]
fn the_page_gives_the_reasons_that_readiness_gives() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    gitea.go_away();
    teawatch.report(&failing("db1/disk"));
    eventually("it is not ready", || !readiness(&teawatch).0);
    eventually("the page says why", || {
        let reasons = readiness(&teawatch).1["reasons"].clone();
        let reason = reasons[0].as_str().unwrap_or("?").replace('&', "&amp;");
        let reason = reason.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
        let shown = page(&teawatch.url);
        shown.contains("<h2>Not ready</h2>") && shown.contains(&format!("<li><bdi>{reason}</bdi>"))
    });
    let shown = page(&teawatch.url);
    assert!(!shown.contains("class=\"good\""), "{shown}");
    let waiting = ["queued", "waiting", "in doubt"].map(|word| number(&shown, word));
    assert_eq!(waiting.iter().sum::<usize>(), 1, "{shown}");
    // Its issue is not there yet, so there is no link.
    assert!(shown.contains("db1/disk") && !shown.contains("<a "), "{shown}");
}

#[test]
fn a_page_holds_five_hundred_alerts_and_counts_the_others() {
    let inside = Inside::start(&Memory::new(), &stopped_clock(), Settings::default());
    for source in ["db1", "db2"] {
        let report = (0..300).fold(Report::new(source), |report, n| {
            report.check(&format!("check {n:03}"), "failure", "")
        });
        assert_eq!(Letter::of(&report).send_to(&inside.url).status, 200);
    }
    let shown = page(&inside.url);
    let (_, alerts) = shown.split_once("<ol>").unwrap();
    let (alerts, rest) = alerts.split_once("</ol>").unwrap();
    assert_eq!(alerts.matches("<li>").count(), 500);
    // With the one whose issue has all that found no room for one of their own.
    assert!(rest.starts_with("<p>… and 101 more.</p>"), "{rest}");
    assert!(shown.contains("in the overflow issue of "));
    assert_eq!((number(&shown, "down"), number(&shown, "up")), (600, 2));
    assert_eq!(number(&shown, "queued"), 21);
}

#[test]
fn a_page_without_an_engine_is_not_green() {
    let mut inside = Inside::start(&Memory::new(), &stopped_clock(), Settings::default());
    inside.engine.stop();
    inside.end();
    let shown = page(&inside.url);
    assert!(shown.contains("<h2>Not ready</h2>"), "{shown}");
    assert!(shown.contains("the engine does not answer"), "{shown}");
    assert!(!shown.contains("None is pending") && !shown.contains("<dt>"), "{shown}");
    assert!(!shown.contains(">well<"), "{shown}");
}

#[test]
fn off_loopback_the_page_is_there_only_where_a_setting_says_so_and_nobody_is_sent_to_it_else() {
    for is_public in [false, true] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let tokens = token_settings(data.path());
        let mut settings = vec![("listen", "0.0.0.0:0"), ("public_url", "https://tea.test/")];
        settings.extend(tokens.iter().map(|(key, value)| (*key, value.as_str())));
        settings.extend(is_public.then_some(("public_page", "true")));
        let mut teawatch = Teawatch::start(data.path(), &gitea, &settings);
        teawatch.url = teawatch.url.replace("0.0.0.0", "127.0.0.1");
        teawatch.report(&failing("db1/disk"));
        eventually("the issue is open", || gitea.open() == 1);
        let has_link = gitea.issue(1).body.contains("[teawatch](https://tea.test/)");
        assert_eq!(has_link, is_public);
        let answer = ask(client().get(&teawatch.url));
        if is_public {
            assert_eq!(answer.status, 200);
            assert!(page(&teawatch.url).contains("db1/disk"));
        } else {
            assert_eq!(answer.error(), (404, "missing"));
            let hint = answer.body["error"]["hint"].as_str().unwrap();
            assert!(hint.contains("`public_page`"), "{hint}");
            // No token opens it: what it shows is for people.
            let with_token = client().get(&teawatch.url).bearer_auth(READ_TOKEN);
            assert_eq!(ask(with_token).error(), (404, "missing"));
        }
        let posted = ask(client().post(&teawatch.url).body("x"));
        assert_eq!(posted.error(), (405, "method"));
        assert_ne!(posted.body, json!(null));
    }
}
