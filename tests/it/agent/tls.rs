//! Ports and addresses with TLS: how long their certificates are good for.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Host, text};
use crate::support::{InTime as _, certificate};

/// A server with a [`certificate`] of so many days. Says 200 to everybody. Returns its port
/// and the certificate in PEM.
fn server(days: i32) -> (u16, String) {
    server_of(days, rustls::ALL_VERSIONS, false)
}

/// The same with these versions of TLS, and perhaps for those only who show a certificate.
fn server_of(
    days: i32,
    versions: &[&'static rustls::SupportedProtocolVersion],
    wants_certificate: bool,
) -> (u16, String) {
    let (certificate, key, pem) = certificate(days);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let builder = if wants_certificate { builder } else { builder.allow_unauthenticated() };
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(builder.build().unwrap())
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            // Whoever wanted to see the certificate hangs up here.
            if stream.read(&mut request).is_ok_and(|count| count > 0) {
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                drop(stream.write_all(answer.as_bytes()));
                stream.conn.send_close_notify();
                drop(stream.flush());
            }
        }
    });
    (port, pem)
}

#[test]
fn a_certificate_that_expires_soon_or_has_expired_is_a_failure() {
    let (good, soon, gone) = (server(100).0, server(1).0, server(-1).0);
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = plain.local_addr().unwrap().port();
    let check = |name: &str, port: u16| {
        format!("[[tls]]\nname = \"{name}\"\naddress = \"localhost:{port}\"\n")
    };
    let host = Host::new(
        &[
            check("good", good),
            check("soon", soon),
            check("gone", gone),
            check("hangs", hangs) + "timeout = \"500ms\"\n",
            check("closed", 9),
            check("patient", soon) + "min_days = 0.0\n",
        ]
        .concat(),
    );
    let (_, said) = host.look();
    let failed = serde_json::json!(["soon", "gone", "hangs", "closed"]);
    assert_eq!(said["failed"], failed, "{said:#}");
    let summary = |index: usize| said["checks"][index]["summary"].as_str().unwrap();
    assert!(summary(1).contains("expires in 0."), "{said:#}");
    assert!(summary(2).contains("expired at "), "{said:#}");
    assert!(summary(3).contains("did not answer within"), "{said:#}");
    let days = said["checks"][0]["numbers"]["certificate_days"].as_f64().unwrap();
    assert!((98.0..=100.0).contains(&days), "{said:#}");
}

#[test]
fn an_address_is_judged_by_its_certificate_as_well() {
    let ((good, good_pem), (soon, soon_pem)) = (server(100), server(1));
    let check = |name: &str, port: u16| {
        format!("[[http]]\nname = \"{name}\"\nurl = \"https://localhost:{port}/\"\n")
    };
    let host = Host::new(&[check("good", good), check("soon", soon)].concat());
    let roots = host.write("roots.pem", &(good_pem + &soon_pem));
    let mut command = host.command(&["agent", "--dry-run", "--json"]);
    let trusting = command.env("SSL_CERT_FILE", roots).output_in_time();
    let said: serde_json::Value = serde_json::from_slice(&trusting.stdout).unwrap();
    assert_eq!(said["failed"], serde_json::json!(["soon"]), "{said:#}");
    assert!(said["checks"][1]["summary"].as_str().unwrap().contains("expires in 0."), "{said:#}");
    // Whom nobody has signed is not trusted.
    let (_, said) = host.look();
    assert_eq!(said["failed"], serde_json::json!(["good", "soon"]), "{said:#}");
    assert!(text(said.to_string().as_bytes()).contains("certificate"), "{said:#}");
}

#[test]
fn a_server_that_speaks_the_older_tls_or_wants_to_see_a_certificate_shows_its_own() {
    let older = &[&rustls::version::TLS12];
    let (old, wants) = (server_of(100, older, false).0, server_of(1, older, true).0);
    let check = |name: &str, port: u16| {
        format!("[[tls]]\nname = \"{name}\"\naddress = \"localhost:{port}\"\n")
    };
    let plain = super::probes::web("220 mail ESMTP\r\n");
    let host =
        Host::new(&[check("old", old), check("wants", wants), check("plain", plain)].concat());
    let (_, said) = host.look();
    assert_eq!(said["failed"], serde_json::json!(["wants", "plain"]), "{said:#}");
    let summary = |index: usize| said["checks"][index]["summary"].as_str().unwrap();
    assert!(summary(1).contains("expires in 0."), "{said:#}");
    assert!(summary(2).contains("gives no certificate"), "{said:#}");
}
