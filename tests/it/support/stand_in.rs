//! A server in teawatch's place that notes what comes and answers what it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::{PATIENCE, client, tls_config};

/// What it says.
pub enum Say {
    Answer {
        status: u16,
        headers: String,
        body: String,
    },
    /// The connection ends without a word.
    HangUp,
    /// Nothing comes, ever.
    Hang,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    head: String,
    pub body: String,
}

/// The server; it goes with the test.
pub struct StandIn {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    /// Answers as `say` wants it, which gets each request and the number of those before it.
    pub fn start(say: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static) -> Self {
        Self::serve("http://127.0.0.1", say, Some)
    }

    /// The same behind the certificate of the fixtures.
    pub fn with_tls(say: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static) -> Self {
        Self::encrypted("https://127.0.0.1", tls_config(), say)
    }

    /// The same behind another certificate, which is for `localhost`.
    pub fn with_certificate(
        config: Arc<ServerConfig>,
        say: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static,
    ) -> Self {
        Self::encrypted("https://localhost", config, say)
    }

    fn encrypted(
        address: &str,
        config: Arc<ServerConfig>,
        say: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static,
    ) -> Self {
        Self::serve(address, say, move |stream| {
            Some(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).ok()?, stream))
        })
    }

    /// Hands everything on to a server, and its answers back.
    pub fn before(url: &str) -> Self {
        let url = url.to_owned();
        Self::start(move |asked, _| asked.hand_on(&url))
    }

    fn serve<S: Read + Write + 'static>(
        address: &str,
        say: impl Fn(&Asked, usize) -> Say + Send + Sync + 'static,
        wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{address}:{}/", listener.local_addr().unwrap().port());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, shared) = (Arc::clone(&asked), Arc::new((say, wrap)));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (noted, shared) = (Arc::clone(&noted), Arc::clone(&shared));
                thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let Some(mut stream) = shared.1(stream) else { return };
                    let Some(request) = Asked::read(&mut stream) else { return };
                    let before = {
                        let mut noted = noted.lock().unwrap();
                        noted.push(request.clone());
                        noted.len() - 1
                    };
                    match shared.0(&request, before) {
                        Say::Answer { status, headers, body } => {
                            let length = body.len();
                            let head = format!(
                                "HTTP/1.1 {status} x\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n"
                            );
                            drop(stream.write_all((head + &body).as_bytes()));
                            drop(stream.flush());
                        }
                        Say::HangUp => {}
                        Say::Hang => loop {
                            thread::park();
                        },
                    }
                });
            }
        });
        Self { url, asked }
    }

    /// Everything that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The numbers of the reports that came, in the order in which they came.
    pub fn seqs(&self) -> Vec<u64> {
        self.asked().iter().map(|asked| asked.json()["id"]["seq"].as_u64().unwrap()).collect()
    }
}

impl Asked {
    fn read(stream: &mut impl Read) -> Option<Self> {
        let mut bytes = Vec::new();
        loop {
            let mut buffer = [0; 16 * 1024];
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(length) => bytes.extend(&buffer[..length]),
            }
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let asked = Self { head: head.to_owned(), body: body.to_owned() };
            if asked.header("content-length").map_or(0, |it| it.parse().unwrap()) == body.len() {
                return Some(asked);
            }
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    /// What was asked for, with its query.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What the Gitea at `url` says to it.
    pub fn pass_on(&self, url: &str) -> Say {
        let method = self.method().parse::<http::Method>().unwrap();
        let url = format!("{}{}", url.trim_end_matches('/'), self.path());
        let mut request = client().request(method, url).body(self.body.clone());
        for name in ["authorization", "content-type"] {
            request =
                self.header(name).into_iter().fold(request, |it, value| it.header(name, value));
        }
        let answer = request.send().unwrap();
        let headers = answer.headers().iter().filter(|(name, _)| *name != "content-length");
        let headers =
            headers.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
        let headers = headers.collect();
        Say::Answer { status: answer.status().as_u16(), headers, body: answer.text().unwrap() }
    }

    /// What the server at `url` says to it.
    pub fn hand_on(&self, url: &str) -> Say {
        let mut request = client().post(format!("{url}/api/v1/reports")).body(self.body.clone());
        for name in ["teawatch-source", "webhook-id", "webhook-timestamp", "webhook-signature"] {
            request = request.header(name, self.header(name).unwrap());
        }
        match request.send() {
            Ok(answer) => {
                let status = answer.status().as_u16();
                answer_of(status, &answer.text().unwrap_or_default())
            }
            Err(_) => Say::HangUp,
        }
    }
}

/// An answer without headers.
pub fn answer_of(status: u16, body: &str) -> Say {
    Say::Answer { status, headers: String::new(), body: body.to_owned() }
}

/// What teawatch says to a report that it takes.
pub fn taken() -> Say {
    answer_of(200, &json!({ "accepted": 1, "duplicate": false }).to_string())
}

/// How teawatch turns a report down.
pub fn refused(status: u16, code: &str) -> Say {
    let error = json!({ "code": code, "message": format!("it is {code}"), "hint": "do this" });
    answer_of(status, &json!({ "error": error }).to_string())
}
