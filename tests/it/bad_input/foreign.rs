//! A Gitea that is not there, or is something else.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::net::TcpSocket;

use crate::support::{Gitea, MASTER, SALT, Teawatch, bound, eventually, failing, passing};

/// A server that answers everything alike.
struct Impostor {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Impostor {
    fn start(address: &str, answer: &str) -> Self {
        let listener = bound(|| TcpListener::bind(address));
        let address = listener.local_addr().unwrap();
        let (answer, is_over) = (answer.to_owned(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(mut stream) = stream else { continue };
                // All of these requests fit into one packet.
                drop(stream.read(&mut [0; 16 * 1024]));
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { address, is_over, thread: Some(thread) }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Keeps the port from being given to anybody's outgoing connection while nobody listens
/// there. Whoever listens may still have it.
fn hold(address: &str) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    socket
}

fn ok(kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

#[test]
fn a_gitea_that_is_none_is_told_in_plain_words_and_nothing_is_lost() {
    let (data, mut gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.go_away();
    let address = gitea.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let _held = hold(&address);
    assert!(gitea.is_away());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("log.level", "debug")]);
    teawatch.report(&failing("db1/disk"));
    let says = |words: &str| {
        eventually(words, || {
            let (status, ready) = teawatch.get("/readyz");
            let reasons = ready["reasons"].to_string();
            assert!(!reasons.contains(gitea.token()), "{reasons}");
            status == 503 && reasons.contains(words) && reasons.contains("ops/alerts")
        });
        assert_eq!(teawatch.outbox().len(), 1);
    };
    says("refused");
    for (answer, words) in [
        (ok("text/plain", "hello"), "is this address a Gitea?"),
        (ok("text/html", "<html><title>Welcome to nginx!</title></html>"), "HTML"),
        (ok("application/json", "{}"), "makes no sense"),
        (ok("application/json", "[]"), "makes no sense"),
        (ok("application/json", "null"), "makes no sense"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into(), "404"),
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 36\r\nconnection: close\r\n\r\n\
             <html><title>502 from proxy</title>\n"
                .into(),
            "502 from proxy",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/login\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n"
                .into(),
            "302",
        ),
        ("SSH-2.0-OpenSSH_9.6\r\n".into(), "request"),
    ] {
        let impostor = Impostor::start(&address, &answer);
        says(words);
        drop(impostor);
    }
    assert_eq!(teawatch.get("/healthz").0, 200);
    teawatch.report(&failing("db1/memory"));

    gitea.come_back();
    eventually("both issues are open", || gitea.open() == 2);
    eventually("it is ready", || teawatch.get("/readyz").0 == 200);
    teawatch.report(&passing("db1/disk"));
    eventually("one is closed", || gitea.open() == 1 && teawatch.outbox().is_empty());
    assert_eq!(gitea.issues().len(), 2);
    let log = teawatch.log();
    for secret in [gitea.token(), MASTER, SALT] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(log.contains("is this address a Gitea?"));
}
