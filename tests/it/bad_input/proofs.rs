//! Who is not who it says it is, or may not speak.

use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use teawatch::signature::{Master, Secret, agent_secret};

use super::{known, refused, settled};
use crate::support::{Gitea, Letter, MASTER, PATIENCE, Report, Teawatch, failing};

fn secret(source: &str, generation: u64) -> Secret {
    agent_secret(&Master::parse(MASTER).unwrap(), source, generation)
}

fn body(source: &str) -> String {
    failing(&format!("{source}/disk")).body.to_string()
}

#[test]
fn nobody_is_believed_without_the_sources_own_proof() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = settled(&teawatch);
    let good = Letter::of(&failing("db1/disk"));
    let other = agent_secret(&Master::parse(&"another master ".repeat(4)).unwrap(), "db1", 1);
    let cases = [
        ("no source", good.clone().without("teawatch-source")),
        ("an empty source", good.clone().with("teawatch-source", "")),
        ("a path as source", good.clone().with("teawatch-source", "../db1")),
        ("a source with a tab", good.clone().with("teawatch-source", "db1\tx")),
        ("a source that is no text", good.clone().with_bytes("teawatch-source", b"db\xff1")),
        ("a source of 101 bytes", good.clone().with("teawatch-source", &"s".repeat(101))),
        ("no id", good.clone().without("webhook-id")),
        ("no time", good.clone().without("webhook-timestamp")),
        ("no signature", good.clone().without("webhook-signature")),
        ("no proof at all", Letter::bare("db1", body("db1"))),
        ("an empty signature", good.clone().with("webhook-signature", "")),
        ("a signature that is none", good.clone().with("webhook-signature", "v1,%%%")),
        (
            "a signature of zeros",
            good.clone().with("webhook-signature", &format!("v1,{}=", "A".repeat(43))),
        ),
        ("another scheme", good.clone().with("webhook-signature", "v2,AAAA")),
        ("another id", good.clone().with("webhook-id", "another")),
        ("another time", good.clone().with("webhook-timestamp", "1700000000")),
        ("a time that is none", good.clone().with("webhook-timestamp", "now")),
        ("another body", good.clone().about(body("db1"))),
        ("the secret of another master", Letter::signed(&other, "db1", 0, body("db1"))),
        ("the secret of another source", Letter::signed(&secret("db2", 1), "db1", 0, body("db1"))),
        ("a secret of the future", Letter::signed(&secret("db1", 2), "db1", 0, body("db1"))),
        ("another's time and secret", Letter::signed(&other, "db1", -600, body("db1"))),
        (
            "a wrong token",
            Letter::bare("db1", body("db1")).with("authorization", "Bearer nonsense"),
        ),
        ("an empty token", Letter::bare("db1", body("db1")).with("authorization", "Bearer ")),
        (
            "a password",
            Letter::bare("db1", body("db1")).with("authorization", "Basic ZGIxOnNlY3JldA=="),
        ),
        (
            "a wrong token beside a good signature",
            good.clone().with("authorization", "Bearer nonsense"),
        ),
        (
            "the master itself",
            Letter::bare("db1", body("db1")).with("authorization", &format!("Bearer {MASTER}")),
        ),
    ];
    for (what, letter) in cases {
        let answer = letter.send(&teawatch);
        refused(what, &answer, 401, "unproven");
        assert!(!answer.body.to_string().contains(MASTER));
    }
    assert_eq!(known(&teawatch), before, "something was taken");
    assert_eq!(good.send(&teawatch).body, json!({ "accepted": 1, "duplicate": false }));
}

#[test]
fn a_clock_that_is_off_is_told_the_right_time() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = settled(&teawatch);
    let letter = |off| Letter::signed(&secret("db1", 1), "db1", off, body("db1"));
    for off in [-303, 303, -86_400, 1_000_000_000] {
        let answer = letter(off).send(&teawatch);
        refused(&format!("{off} s"), &answer, 401, "clock");
        let theirs = answer.body["error"]["server_time"].as_i64().unwrap();
        assert!((theirs - jiff::Timestamp::now().as_second()).abs() <= 20, "{answer:?}");
    }
    assert_eq!(known(&teawatch), before, "something was taken");
    // As near to the edge as a busy machine allows; to the nanosecond in unit tests.
    assert_eq!(letter(-270).send(&teawatch).status, 200);
    assert_eq!(letter(299).send(&teawatch).status, 200);
}

#[test]
fn a_replayed_report_is_a_duplicate_and_does_nothing() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before_it = Letter::of(&Report::new("db1").check("disk", "success", "fine"));
    assert_eq!(before_it.send(&teawatch).status, 200);
    let letter = Letter::of(&failing("db1/disk"));
    assert_eq!(letter.send(&teawatch).body, json!({ "accepted": 1, "duplicate": false }));
    let known_before = settled(&teawatch);
    for letter in [&letter, &letter, &before_it] {
        assert_eq!(letter.send(&teawatch).body, json!({ "accepted": 1, "duplicate": true }));
    }
    assert_eq!(known(&teawatch), known_before, "a replay did something");
    assert_eq!(gitea.issues().len(), 1);
    assert_eq!(gitea.comments(1), Vec::<String>::new());
}

#[test]
fn who_may_not_report_is_told_so_however_well_it_proves_itself() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings =
        [("agents.auto", "false"), ("agents.allow", "db1,old"), ("agents.generation", "old=3")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let before = settled(&teawatch);
    refused("not allowed", &Letter::new("new", body("new")).send(&teawatch), 403, "denied");
    let letter = |generation| Letter::signed(&secret("old", generation), "old", 0, body("old"));
    let answer = letter(2).send(&teawatch);
    refused("retired", &answer, 401, "generation");
    assert!(answer.message().contains("generation 3"), "{}", answer.message());
    refused("retired long ago", &letter(1).send(&teawatch), 401, "unproven");
    let token = secret("old", 2);
    let bearer = Letter::bare("old", body("old"))
        .with("authorization", &format!("Bearer {}", token.expose()));
    refused("a retired token", &bearer.send(&teawatch), 401, "generation");
    let answer = Letter::new("db1", body("db2")).send(&teawatch);
    refused("speaks for another", &answer, 403, "other_source");
    for source in ["db1\r\nset-cookie: a=b", "db1/../db2", "DB1"] {
        let mut report = failing("db1/disk");
        report.body["source"] = json!(source);
        let answer = Letter::of(&Report { source: "db1".to_owned(), ..report }).send(&teawatch);
        assert!([403, 422].contains(&answer.error().0), "{answer:?}");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    assert_eq!(known(&teawatch), before, "something was taken");
    assert_eq!(letter(3).send(&teawatch).status, 200);
}

#[test]
fn two_masters_may_live_at_once_a_bearer_will_do_and_who_is_denied_is_denied() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let previous = "the-master-before-the-one-of-today-0123456789";
    let file = data.path().join("previous");
    std::fs::write(&file, format!("{previous}\n")).unwrap();
    let settings =
        [("agents.previous_master_secret_file", file.to_str().unwrap()), ("agents.deny", "evil")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let former = agent_secret(&Master::parse(previous).unwrap(), "db1", 1);
    for secret in [former, secret("db1", 1)] {
        let signed = Letter::signed(&secret, "db1", 0, body("db1"));
        assert_eq!(signed.send(&teawatch).status, 200);
        for scheme in ["Bearer", "bearer"] {
            let token = format!("{scheme} {}", secret.expose());
            let bearer = Letter::bare("db1", body("db1")).with("authorization", &token);
            assert_eq!(bearer.send(&teawatch).body, json!({ "accepted": 1, "duplicate": false }));
        }
    }
    let former = agent_secret(&Master::parse(previous).unwrap(), "evil", 1);
    for secret in [former, secret("evil", 1)] {
        let answer = Letter::signed(&secret, "evil", 0, body("evil")).send(&teawatch);
        refused("denied", &answer, 403, "denied");
    }
    assert_eq!(known(&teawatch)[0]["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_request_that_is_no_http_harms_nobody() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let before = settled(&teawatch);
    let address = teawatch.url.trim_start_matches("http://");
    let post = "POST /api/v1/reports HTTP/1.1\r\nhost: a\r\n";
    for (request, status) in [
        ("\0\0\0\0\r\n\r\n".to_owned(), "400"),
        (format!("GET /healthz?{} HTTP/1.1\r\nhost: a\r\n\r\n", "q".repeat(100_000)), "414"),
        ("GET /healthz HTTP/9.9\r\n\r\n".to_owned(), "400"),
        (format!("{post}teawatch-source: db1\n evil: x\r\n\r\n"), "400"),
        (format!("{post}teawatch-source: db\01\r\n\r\n"), "400"),
        (format!("{post}content-length: -1\r\n\r\n"), "400"),
        (format!("{post}content-length: 99999999999999999999\r\n\r\n"), "400"),
        (format!("{post}content-length: 9999999999\r\n\r\n"), "413"),
        (format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef"), "400"),
        (format!("{post}transfer-encoding: chunked\r\n\r\nzz\r\n"), "400"),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        let said = stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.shutdown(std::net::Shutdown::Write))
            .and_then(|()| stream.read_to_end(&mut answer));
        // Whoever sends more than is read may be cut off.
        let is_cut_off = |error: &Error| {
            use ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
            matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
        };
        assert!(said.as_ref().err().is_none_or(is_cut_off), "{request:?}: {said:?}");
        let answer = String::from_utf8_lossy(&answer);
        let is_told = answer.starts_with(&format!("HTTP/1.1 {status} "));
        assert!(is_told || answer.is_empty(), "{request:?}: {answer}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    // Half a report, and gone.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{post}content-length: 100\r\n\r\n{{\"sou").as_bytes()).unwrap();
    drop(stream);
    assert_eq!(known(&teawatch), before, "something was taken");
    teawatch.report(&failing("db1/disk"));
}
