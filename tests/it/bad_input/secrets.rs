//! Secrets stay where they belong.

use teawatch::sandbox::{Action, Fault};

use crate::support::{
    Gitea, Letter, MASTER, READ_TOKEN, SALT, Teawatch, WRITE_TOKEN, ask, client, eventually,
    failing, token_settings,
};

#[test]
fn r46_no_secret_is_in_the_log_or_in_an_answer() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let files = token_settings(data.path());
    let mut settings: Vec<_> = files.iter().map(|(key, value)| (*key, value.as_str())).collect();
    settings.push(("log.level", "trace"));
    for status in [401, 403, 500] {
        gitea.order(Fault::new(Action::Refuse { status, retry_after: None, body: <_>::default() }));
    }
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let agent = Teawatch::secret("db1");
    let secrets = [
        ("the token", gitea.token()),
        ("the master", MASTER),
        ("the salt", SALT),
        ("an agent's secret", agent.expose()),
        ("an agent's key", agent.expose().trim_start_matches("whsec_")),
        ("the token for reading", READ_TOKEN),
        ("the token for writing", WRITE_TOKEN),
    ];
    let mut answers = Vec::new();
    let bearer = |token: &str| format!("Bearer {token}");
    for letter in [
        Letter::of(&failing("db1/disk")),
        Letter::bare("db1", failing("db1/disk").body.to_string())
            .with("authorization", &bearer(agent.expose())),
        Letter::bare("db2", "{}").with("authorization", &bearer(agent.expose())),
        Letter::new("db1", "no report"),
        Letter::of(&failing("db1/disk")).with("webhook-id", "another"),
    ] {
        answers.push(letter.send(&teawatch));
    }
    for path in ["alerts", "checks", "outbox", "outbox/1", "nonsense", "checks?limit=0"] {
        for token in [READ_TOKEN, WRITE_TOKEN, agent.expose(), "nonsense"] {
            let url = format!("{}/api/v1/{path}", teawatch.url);
            answers.push(ask(client().get(url).header("authorization", bearer(token))));
        }
    }
    eventually("the issue is open", || gitea.open() == 1);
    for path in ["/readyz", "/healthz"] {
        answers.push(ask(client().get(format!("{}{path}", teawatch.url))));
    }
    let log = teawatch.log();
    assert!(log.contains("TRACE"), "it is not the whole log");
    for (what, secret) in secrets {
        for answer in &answers {
            assert!(!format!("{answer:?}").contains(secret), "{what} is in {answer:?}");
        }
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{what} is in the log");
        let issue = gitea.issue(1);
        assert!(!format!("{issue:?}").contains(secret), "{what} is in the issue");
    }
}
