//! What is no ping, or one of nobody: it is answered as clients expect, and leaves nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use http::Method;
use serde_json::Value;
use teawatch::check::Definition;

use super::{Turned, key, said};
use crate::support::{PATIENCE, client};

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
    crate::support::eventually("it is heard", || turned.check("job")["results"] == 2);
}
