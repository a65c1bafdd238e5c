//! Addresses whose answers are not as one would like them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::json;

use super::Host;

/// An HTTP server that answers each request with `answer`. A thread for each.
fn server(answer: fn(&mut TcpStream) -> std::io::Result<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut request = [0; 4096];
                // Whoever hangs up in the middle has heard enough.
                stream.read(&mut request).and_then(|_| answer(&mut stream)).ok();
            });
        }
    });
    port
}

fn check(name: &str, port: u16, more: &str) -> String {
    format!("[[http]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}/\"\n{more}")
}

#[test]
fn a_redirect_is_an_answer_like_others_and_is_not_followed() {
    let port = server(|stream| {
        let head = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(head.as_bytes())
    });
    let host = Host::new(
        &[check("as usual", port, ""), check("expected", port, "status = 302\n")].concat(),
    );
    let (_, said) = host.look();
    assert_eq!(said["failed"], json!(["as usual"]), "{said:#}");
    let summary = said["checks"][0]["summary"].as_str().unwrap();
    assert!(summary.ends_with("answered 302, not 200 to 299"), "{summary}");
}

#[test]
fn words_are_found_across_the_chunks_of_an_answer_and_among_bytes_that_are_no_text() {
    let port = server(|stream| {
        stream.set_nodelay(true)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for part in [&b"\xff\xfeall"[..], b" is", b" we", b"ll\xff"] {
            stream.write_all(format!("{:x}\r\n", part.len()).as_bytes())?;
            stream.write_all(part)?;
            stream.write_all(b"\r\n")?;
            stream.flush()?;
        }
        stream.write_all(b"0\r\n\r\n")
    });
    let host = Host::new(
        &[
            check("there", port, "contains = \"all is well\"\n"),
            check("not there", port, "contains = \"all is lost\"\n"),
            check("no words", port, "contains = \"\"\n"),
        ]
        .concat(),
    );
    let (_, said) = host.look();
    assert_eq!(said["failed"], json!(["not there"]), "{said:#}");
}

#[test]
fn an_answer_without_end_is_read_until_the_words_are_found_or_a_limit_is_reached() {
    // Says its words and then nothing for ever.
    let silent = server(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nready\n")?;
        stream.read(&mut [0]).map(drop)
    });
    let floods = server(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 65_536])?;
        }
    });
    let host = Host::new(
        &[
            check("ready", silent, "contains = \"ready\"\ntimeout = \"60s\"\n"),
            check("not ready", silent, "contains = \"done\"\ntimeout = \"300ms\"\n"),
            check("floods", floods, "contains = \"done\"\ntimeout = \"60s\"\n"),
            check("only asked", floods, "timeout = \"60s\"\n"),
        ]
        .concat(),
    );
    let (_, said) = host.look();
    assert_eq!(said["failed"], json!(["not ready", "floods"]), "{said:#}");
    let summary = |index: usize| said["checks"][index]["summary"].as_str().unwrap();
    assert!(summary(1).ends_with("did not answer within 300ms"), "{said:#}");
    assert!(summary(2).ends_with("answered 200, without `done`"), "{said:#}");
}

#[test]
fn a_head_without_end_and_an_answer_that_is_no_http_are_failures() {
    let head = server(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(&[b"x: ".as_slice(), &[b'y'; 65_536], b"\r\n"].concat())?;
        }
    });
    let other = server(|stream| stream.write_all(b"220 mail ESMTP\r\n"));
    let host = Host::new(
        &[check("head", head, "timeout = \"60s\"\n"), check("other", other, "")].concat(),
    );
    let (_, said) = host.look();
    assert_eq!(said["failed"], json!(["head", "other"]), "{said:#}");
    assert!(!said["checks"][0]["summary"].as_str().unwrap().contains("within"), "{said:#}");
}

#[test]
fn an_address_that_is_none_of_the_web_is_named_with_its_line() {
    let host = Host::new("[[http]]\nname = \"ftp\"\nurl = \"ftp://127.0.0.1/\"\n");
    let output = host.run(&["agent", "--dry-run"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = super::text(&output.stderr);
    assert!(said.contains("must begin with http:// or https://"), "{said}");
}
