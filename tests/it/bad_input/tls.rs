//! A Gitea behind TLS, whose certificate nobody knows.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::{ServerConnection, StreamOwned};

use crate::support::{
    Gitea, PATIENCE, Teawatch, all_is_told, eventually, failing, passing, tls_config, tls_fixture,
};

/// Stands in front of a Gitea, with the certificate in the fixtures. Returns its address.
fn tls_in_front_of(gitea: &Gitea) -> SocketAddr {
    let inside = gitea.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let config = tls_config();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for outside in listener.incoming() {
            let (outside, config, inside) = (outside.unwrap(), Arc::clone(&config), inside.clone());
            std::thread::spawn(move || {
                outside.set_read_timeout(Some(PATIENCE)).unwrap();
                let connection = ServerConnection::new(config).unwrap();
                let mut outside = StreamOwned::new(connection, outside);
                // Whoever does not trust us hangs up in the middle, which is his right.
                let Some(request) = request(&mut outside) else { return };
                let mut inside = TcpStream::connect(inside).unwrap();
                inside.write_all(&request).unwrap();
                let mut answer = Vec::new();
                inside.read_to_end(&mut answer).unwrap();
                outside.write_all(&answer).unwrap();
                outside.conn.send_close_notify();
                outside.flush().unwrap();
            });
        }
    });
    address
}

/// Reads one request, and makes it the last of its connection.
fn request(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 16 * 1024];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend(&buffer[..length]),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        let body = &bytes[head.len() + 4..];
        if body.len() == length.unwrap_or(0) {
            let last = format!("{head}\r\nconnection: close\r\n\r\n");
            return Some([last.as_bytes(), body].concat());
        }
    }
}

#[test]
fn a_certificate_that_nobody_knows_is_told_and_with_its_root_the_issue_opens() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.url = format!("https://{}/", tls_in_front_of(&gitea));
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing("db1/disk"));
    eventually("it says that the certificate is not trusted", || {
        let (status, ready) = teawatch.get("/readyz");
        status == 503 && ready["reasons"].to_string().contains("certificate")
    });
    assert_eq!(teawatch.outbox().len(), 1);
    assert_eq!(teawatch.get("/readyz").1["engine"]["parked"], 0);
    // Not even a request without a token has come through.
    assert_eq!(gitea.world().log().len(), 0);
    assert_eq!(teawatch.stop().code(), Some(0));

    let ca = tls_fixture("ca.pem");
    let settings = [("gitea.ca_file", ca.to_str().unwrap())];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    eventually("the issue is open", || gitea.open() == 1);
    teawatch.report(&passing("db1/disk"));
    eventually("the issue is closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 1);
}
