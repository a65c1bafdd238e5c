//! What is said elsewhere when nothing gets through to Gitea.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{
    Gitea, InTime as _, Say, StandIn, Teawatch, answer_of, eventually, failing, passing, readiness,
};

/// A receiver that takes everything.
fn receiver() -> StandIn {
    StandIn::start(|_, _| answer_of(200, ""))
}

/// A server whose fallback channel is `receiver`.
fn command(data: &Path, gitea: &Gitea, receiver: &StandIn, settings: &[(&str, &str)]) -> Command {
    let mut all = vec![("fallback.after", "100ms")];
    all.extend(settings);
    let mut command = Teawatch::command(data, gitea, &all);
    command.env("TEAWATCH_FALLBACK_URL", format!("{}s3cret", receiver.url));
    command
}

/// What a generic receiver was told, message by message.
fn events(receiver: &StandIn) -> Vec<String> {
    let asked = receiver.asked();
    asked.iter().map(|asked| asked.json()["event"].as_str().unwrap().to_owned()).collect()
}

/// Waits until nothing waits any more, and people were told that it is over.
#[track_caller]
fn ends(teawatch: &Teawatch, gitea: &mut Gitea, receiver: &StandIn) {
    gitea.come_back();
    eventually("nothing waits", || teawatch.outbox().is_empty());
    eventually("its end is told", || events(receiver).last().is_some_and(|last| last == "over"));
}

#[test]
fn while_gitea_is_away_one_message_says_so_and_one_says_that_it_is_over() {
    let (data, mut gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &[]));
    teawatch.report(&failing("db1/disk"));
    eventually("its issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    gitea.go_away();
    teawatch.report(&failing("web1/http"));
    eventually("it is told", || !receiver.asked().is_empty());
    let begun = receiver.asked()[0].json();
    assert_eq!(begun["event"], "begun");
    assert_eq!(begun["effects_waiting"], 1);
    assert_eq!(begun["repositories"][0]["repository"], "ops/alerts");
    let open: Vec<&Value> = begun["alerts"].as_array().unwrap().iter().collect();
    assert_eq!(open.len(), 2, "{begun:#}");
    assert_eq!(open[0]["title"], "db1/disk");
    assert_eq!(open[0]["summary"], "it is broken");
    let text = begun["text"].as_str().unwrap();
    assert!(text.contains("1 effect waits") && text.contains("- web1/http: it is broken"));
    // More trouble is no other trouble.
    teawatch.report(&failing("web2/http"));
    ends(&teawatch, &mut gitea, &receiver);
    assert_eq!(events(&receiver), ["begun", "over"]);
    assert!(!teawatch.log().contains("s3cret"), "{}", teawatch.log());
}

#[test]
fn a_gitea_that_refuses_or_fails_is_a_trouble_as_well_and_is_brought_to_mind() {
    use teawatch::sandbox::{Action, Fault};
    for status in [401, 500] {
        let (data, gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
        let settings = [("fallback.every", "100ms")];
        let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &settings));
        eventually("it is ready", || readiness(&teawatch).0);
        let action = Action::Refuse { status, retry_after: None, body: <_>::default() };
        gitea.order(Fault::new(action).until_cleared());
        teawatch.report(&failing("db1/disk"));
        eventually("it is brought to mind", || receiver.asked().len() >= 3);
        gitea.world().clear_faults();
        eventually("its end is told", || events(&receiver).last().unwrap() == "over");
        assert_eq!(gitea.open(), 1);
        let events = events(&receiver);
        let (first, rest) = events.split_first().unwrap();
        let (_, between) = rest.split_last().unwrap();
        assert!(first == "begun" && between.iter().all(|it| it == "still"), "{events:?}");
    }
}

#[test]
fn a_long_pause_that_gitea_asks_for_while_something_waits_is_told_and_is_a_reason() {
    use teawatch::sandbox::{Action, Fault};
    let (data, gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &[]));
    eventually("it is ready", || readiness(&teawatch).0);
    let retry_after = Some(3_600);
    let action = Action::Refuse { status: 429, retry_after, body: <_>::default() };
    gitea.order(Fault::new(action));
    teawatch.report(&failing("db1/disk"));
    eventually("it is paused", || {
        readiness(&teawatch).1["notes"].to_string().contains("Gitea asked for a pause")
            || !readiness(&teawatch).0
    });
    // None of these was tried: nothing has failed for them.
    for check in ["db1/disk", "web1/http"] {
        teawatch.report(&failing(check));
    }
    eventually("it is a reason", || {
        let (is_ready, body) = readiness(&teawatch);
        !is_ready && body["reasons"].to_string().contains("Gitea asked for a pause: nothing")
    });
    eventually("it is told", || !receiver.asked().is_empty());
    let begun = receiver.asked()[0].json();
    assert_eq!(
        (&begun["event"], &begun["repositories"][0]["repository"]),
        (&"begun".into(), &"ops/alerts".into())
    );
    let why = begun["repositories"][0].to_string();
    assert!(why.contains("Gitea asked for a pause until"), "{begun:#}");
}

#[test]
fn a_pause_while_nothing_waits_or_that_is_short_is_no_reason() {
    use teawatch::sandbox::{Action, Fault};
    let refuse = |retry_after| {
        let retry_after = Some(retry_after);
        Fault::new(Action::Refuse { status: 429, retry_after, body: <_>::default() })
    };
    // Who has nothing to send reads what is open, and is told to wait.
    for (after, seconds, waits) in [("100ms", 3_600, false), ("1h", 600, true)] {
        let (data, gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
        gitea.order(refuse(seconds));
        let settings = [("fallback.after", after)];
        let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &settings));
        eventually("it is paused", || {
            readiness(&teawatch).1["notes"].to_string().contains("Gitea asked for a pause")
        });
        if waits {
            teawatch.report(&failing("db1/disk"));
            eventually("it waits", || !teawatch.outbox().is_empty());
        }
        let (_, body) = readiness(&teawatch);
        assert!(!body["reasons"].to_string().contains("asked for a pause"), "{body:#}");
        assert!(receiver.asked().is_empty());
    }
}

#[test]
fn a_short_trouble_is_not_told() {
    let (data, mut gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
    let settings = [("fallback.after", "1h")];
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &settings));
    gitea.go_away();
    teawatch.report(&failing("db1/disk"));
    eventually("it refuses", || !readiness(&teawatch).0);
    gitea.come_back();
    eventually("its issue is open", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert!(teawatch.stop().success());
    assert!(receiver.asked().is_empty());
}

#[test]
fn while_nothing_waits_a_gitea_that_is_away_is_nobodys_trouble() {
    let (data, mut gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &[]));
    teawatch.report(&passing("db1/disk"));
    gitea.go_away();
    teawatch.report(&passing("db1/disk"));
    assert!(teawatch.stop().success());
    assert!(receiver.asked().is_empty());
}

#[test]
fn a_restart_says_nothing_twice() {
    let (data, mut gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
    let start = |gitea: &Gitea| Teawatch::launch(command(data.path(), gitea, &receiver, &[]));
    let teawatch = start(&gitea);
    teawatch.report(&passing("db1/disk"));
    eventually("it is ready", || readiness(&teawatch).0);
    gitea.go_away();
    teawatch.report(&failing("db1/disk"));
    eventually("it is told", || receiver.asked().len() == 1);
    teawatch.kill();
    for kill in [true, false] {
        let teawatch = start(&gitea);
        eventually("Gitea is found away", || !readiness(&teawatch).0);
        if kill {
            teawatch.kill();
        } else {
            assert!(teawatch.stop().success());
        }
    }
    let teawatch = start(&gitea);
    ends(&teawatch, &mut gitea, &receiver);
    assert_eq!(events(&receiver), ["begun", "over"]);
}

#[test]
fn a_message_that_was_under_way_when_the_process_was_killed_is_not_sent_again() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let receiver = StandIn::start(|_, before| match before {
        0 => Say::Hang,
        _ => answer_of(200, ""),
    });
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &[]));
    eventually("it is ready", || readiness(&teawatch).0);
    gitea.go_away();
    teawatch.report(&failing("db1/disk"));
    eventually("it is being told", || receiver.asked().len() == 1);
    teawatch.kill();
    let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &[]));
    eventually("Gitea is found away", || !readiness(&teawatch).0);
    ends(&teawatch, &mut gitea, &receiver);
    assert_eq!(events(&receiver), ["begun", "over"]);
}

#[test]
fn a_message_that_was_refused_is_tried_again_and_one_that_may_have_arrived_is_not() {
    for (status, expected) in [
        (500, &["begun", "begun", "over"][..]),
        (404, &["begun", "begun", "over"]),
        (302, &["begun", "begun", "over"]),
        (504, &["begun", "over"]),
    ] {
        let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let receiver = StandIn::start(move |_, before| match before {
            0 => Say::Answer {
                status,
                headers: "location: /elsewhere\r\n".to_owned(),
                body: String::new(),
            },
            _ => answer_of(200, ""),
        });
        let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &[]));
        eventually("it is ready", || readiness(&teawatch).0);
        gitea.go_away();
        teawatch.report(&failing("db1/disk"));
        let told = expected.len() - 1;
        eventually("it is told", || receiver.asked().len() == told);
        eventually("it is in the log", || teawatch.log().contains("did not take a message"));
        ends(&teawatch, &mut gitea, &receiver);
        assert_eq!(events(&receiver), expected, "{status}");
        assert!(!teawatch.log().contains("s3cret"), "{}", teawatch.log());
    }
}

#[test]
fn ntfy_gets_a_text_and_slack_one_in_which_nobody_is_called() {
    for kind in ["ntfy", "slack"] {
        let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let receiver = receiver();
        let settings = [("fallback.kind", kind)];
        let teawatch = Teawatch::launch(command(data.path(), &gitea, &receiver, &settings));
        eventually("it is ready", || readiness(&teawatch).0);
        gitea.go_away();
        teawatch.report(&crate::support::Report::new("db1").check(
            "disk",
            "failure",
            "<!channel>\r\nfull",
        ));
        eventually("it is told", || receiver.asked().len() == 1);
        let asked = receiver.asked().remove(0);
        if kind == "ntfy" {
            assert_eq!(asked.header("title"), Some("teawatch: nothing gets through to Gitea"));
            assert_eq!(asked.header("priority"), Some("high"));
            assert!(asked.body.contains("\n- db1/disk: <!channel>"), "{}", asked.body);
        } else {
            let text = asked.json()["text"].as_str().unwrap().to_owned();
            assert!(text.contains("- db1/disk: &lt;!channel&gt;"), "{text}");
        }
    }
}

#[test]
fn the_address_is_shown_by_no_command_and_a_wrong_one_is_an_error_that_does_not_repeat_it() {
    let (data, gitea, receiver) = (tempfile::tempdir().unwrap(), Gitea::start(), receiver());
    for url in ["s3cret", "ftp://s3cret/"] {
        let mut command = command(data.path(), &gitea, &receiver, &[]);
        let output = command.env("TEAWATCH_FALLBACK_URL", url).output_in_time();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("`fallback.url_file`") && !said.contains("s3cret"), "{said}");
    }
    let serve = command(data.path(), &gitea, &receiver, &[]);
    let mut show = Command::new(serve.get_program());
    show.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = show.args(["config", "show"]).current_dir(data.path()).output_in_time();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("# url: set from TEAWATCH_FALLBACK_URL"), "{output:?}");
    assert!(!said.contains("s3cret"), "{said}");
}
