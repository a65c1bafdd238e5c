//! What is no ping, or one of nobody: it is answered as clients expect, and leaves nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use http::Method;
use serde_json::Value;
use teawatch::check::Definition;
use teawatch::engine::settings::Settings;
use teawatch::store::{Fault, Memory};

use super::{Turned, key, said};
use crate::support::{PATIENCE, client, eventually};

fn checks(turned: &Turned) -> Value {
    let url = format!("{}/api/v1/checks", turned.inside.url);
    client().get(url).send().unwrap().json().unwrap()
}

#[test]
fn what_nobody_may_say_leaves_nothing_behind() {
    let turned = Turned::start("2026-01-01T00:00:00Z");
    turned.define("job", Definition::default());
    let before = checks(&turned);
    let (key, uuid) = (key("web1"), turned.uuid("job"));
    let huge = "0123456789".repeat(1 << 20);
    let wrong = format!("web1.{}", "A".repeat(22));
    for (path, status) in [
        (String::new(), 404),
        ("x".to_owned(), 404),
        ("%ff%fe".to_owned(), 404),
        (format!("{key}/"), 404),
        (format!("{key}/%ff?create=1"), 404),
        (format!("{key}/a%20b?create=1"), 400),
        (format!("{key}/a/b/c/d?create=1"), 404),
        (format!("{key}/.?create=1"), 404),
        (format!("{wrong}/job?create=1"), 404),
        (format!("{wrong}/new?create=1"), 404),
        (format!("{key}/new/what?create=1"), 404),
        (format!("{key}/new/300?create=1"), 400),
        (format!("{key}/new?create=1&rid=nothing"), 400),
        (format!("{key}/new?create=1&create=0"), 404),
        (format!("{uuid}f/new?create=1"), 404),
        (format!("{uuid}/{uuid}"), 404),
    ] {
        for body in ["", "caf\u{0}", &huge] {
            let (answered, _) = turned.send(Method::POST, &path, body);
            assert_eq!(answered, status, "{path} with {} bytes", body.len());
        }
    }
    assert_eq!(checks(&turned), before);
}

#[test]
fn a_body_of_any_size_and_kind_is_heard_by_both_its_ends() {
    let turned = Turned::start("2026-01-01T00:00:00Z");
    turned.define("job", Definition::default());
    let url = format!("{}/ping/{}/fail", turned.inside.url, turned.uuid("job"));
    let mut huge = b"it began\n".to_vec();
    huge.extend(std::iter::repeat_n(b"\xff\xfe\x00\x01 0123456789\n", 1 << 20).flatten());
    huge.extend(b"it ended\xc3");
    assert!(huge.len() > 10 << 20);
    let answer = said(client().post(&url).body(huge).send().unwrap());
    assert_eq!(answer, (200, "OK".to_owned()));
    let latest = turned.check("job")["latest"].to_string();
    for words in ["it began", "it ended", "bytes left out"] {
        assert!(latest.contains(words), "{words}: {latest}");
    }
    // What is declared and does not come.
    let mut stream = TcpStream::connect(turned.inside.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let path = url.split_once("/ping").unwrap().1;
    write!(stream, "POST /ping{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    eventually("it is heard", || turned.check("job")["results"] == 2);
}

#[test]
fn what_is_too_much_at_once_is_told_to_come_again() {
    let memory = Memory::new();
    let settings = Settings { queue_commands: 2, ..Settings::default() };
    let turned = Turned::over(&memory, "2026-01-01T00:00:00Z", settings);
    turned.define("job", Definition::default());
    let url = format!("{}/ping/{}", turned.inside.url, turned.uuid("job"));
    memory.order(memory.commits() + 1, Fault::Hang);
    let before = memory.commits();
    let send = || client().post(&url).send().unwrap();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let first = scope.spawn(send);
        eventually("the disk stalls", || memory.commits() > before);
        let others: Vec<_> = (0..7).map(|_| scope.spawn(send)).collect();
        eventually("five are turned away", || {
            others.iter().filter(|other| other.is_finished()).count() == 5
        });
        assert!(!first.is_finished(), "it was answered before the disk had it");
        memory.release();
        std::iter::once(first).chain(others).map(|sending| sending.join().unwrap()).collect()
    });
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status() == 200);
    assert_eq!((taken.len(), refused.len()), (3, 5));
    for answer in refused {
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(said(answer), (503, "try again".to_owned()));
    }
    assert_eq!(turned.check("job")["results"], 3);
}

#[test]
fn a_source_that_has_gone_wild_is_told_to_come_again() {
    // Time stands still, so that nothing is allowed again.
    let turned = Turned::start("2026-01-01T00:00:00Z");
    turned.define("job", Definition::default());
    let url = format!("{}/ping/{}", turned.inside.url, turned.uuid("job"));
    let by_slug = format!("{}/job", key("web1"));
    let mut taken = 0;
    let refused = loop {
        let answer = client().head(&url).send().unwrap();
        if answer.status() != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken <= 2_000, "nobody stops it");
    };
    assert_eq!((taken, refused.status().as_u16()), (2_000, 503));
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(turned.send(Method::POST, &by_slug, "").0, 503);
    let other = format!("{}/job?create=1", key("web2"));
    assert_eq!(turned.send(Method::POST, &other, "").0, 201);
}
