//! What real servers answered: `fixtures/gitea/<version>/`, one exchange a file, and
//! `fixtures/gitea/conversations/`, a whole tour a file. The README there says more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One recorded exchange.
pub struct Exchange {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: http::HeaderMap,
    /// The body of the request as it was sent.
    pub sent: String,
    /// The same, read; null if it is not JSON.
    pub body: Value,
    pub answer: http::Response<Vec<u8>>,
}

impl Exchange {
    pub fn read(path: &Path) -> Self {
        Self::of(&std::fs::read_to_string(path).unwrap())
    }

    /// Request and answer as they came over the wire.
    pub fn of(text: &str) -> Self {
        let (request, answer) = text.split_once("=== RESPONSE ===\n").unwrap();
        let (head, body) = request.split_once("\n\n").unwrap();
        let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
        let mut line = line.split_whitespace();
        let method = line.next().unwrap().to_owned();
        let target = line.next().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.lines().filter_map(header).collect(),
            sent: body.trim_end().to_owned(),
            body: serde_json::from_str(body.trim()).unwrap_or_default(),
            answer: Self::answer(answer),
        }
    }

    pub fn answer(text: &str) -> http::Response<Vec<u8>> {
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let mut answer = http::Response::builder().status(status.parse::<u16>().unwrap());
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            answer = answer.header(name, value);
        }
        answer.body(body.trim_end().as_bytes().to_vec()).unwrap()
    }
}

fn header(line: &str) -> Option<(http::HeaderName, http::HeaderValue)> {
    let (name, value) = line.split_once(": ")?;
    Some((name.parse().unwrap(), value.trim_end().parse().unwrap()))
}

/// Where the recordings of a version are.
pub fn fixtures(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/gitea").join(folder)
}

/// The exchanges of a folder, each with its name, in order.
pub fn recorded(folder: &str) -> Vec<(String, Exchange)> {
    let mut files: Vec<_> =
        fixtures(folder).read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap() != "EXPECTED.txt");
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
    files.into_iter().map(|file| (name(&file), Exchange::read(&file))).collect()
}

/// A recorded message of a webhook.
pub struct Sent {
    pub path: String,
    /// Names are in lower case.
    pub headers: BTreeMap<String, String>,
    pub payload: Value,
}

/// A whole tour, in order: each exchange with its name.
pub fn conversation(version: &str) -> Vec<(String, Exchange)> {
    let parts = parts(&format!("conversations/{version}.txt"));
    parts.into_iter().map(|(name, text)| (name, Exchange::of(&text))).collect()
}

/// The messages of webhooks that a tour caused.
pub fn deliveries(version: &str) -> Vec<(String, Sent)> {
    let parts = parts(&format!("deliveries/{version}.txt")).into_iter();
    let sent = |text: &str| {
        let (head, payload) = text.split_once("\n\n").unwrap();
        let (line, headers) = head.split_once('\n').unwrap();
        let headers = headers.lines().filter_map(|line| line.split_once(": "));
        Sent {
            path: line.split(' ').nth(1).unwrap().to_owned(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            payload: serde_json::from_str(payload.trim()).unwrap(),
        }
    };
    parts.map(|(name, text)| (name, sent(&text))).collect()
}

/// A message of a webhook as it came over the wire.
pub struct Signed {
    pub name: String,
    /// Names are in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Signed {
    pub fn header(&self, wanted: &str) -> &str {
        let found = self.headers.iter().find(|(name, _)| name == wanted);
        found.map_or("", |(_, value)| value)
    }
}

/// The same messages with their ids and signatures, byte by byte.
pub fn signed(version: &str) -> Vec<Signed> {
    let mut payloads = BTreeMap::new();
    let mut signed = Vec::new();
    for (name, text) in parts(&format!("deliveries/signed-{version}.txt")) {
        let (head, payload) = text.split_once("\n\n").unwrap();
        let head = head.split_once('\n').unwrap().1;
        let head: BTreeMap<_, _> =
            head.lines().map(|line| line.split_once(": ").unwrap()).collect();
        let payload = match payload.trim().strip_prefix("same as ") {
            Some(other) => String::clone(&payloads[other]),
            None => {
                indented(payload.trim(), if head["X-Gitea-Event"] == "repository" { 1 } else { 2 })
            }
        };
        payloads.insert(name.clone(), payload.clone());
        let mut headers = Vec::new();
        for (name, value) in &head {
            headers.push((name.to_lowercase(), (*value).to_owned()));
            // Gitea has these under three names.
            if let Some(what) = name.strip_prefix("X-Gitea-") {
                let others = if what == "Signature" { &["gogs"][..] } else { &["gogs", "github"] };
                let others =
                    others.iter().map(|vendor| format!("x-{vendor}-{}", what.to_lowercase()));
                headers.extend(others.map(|name| (name, (*value).to_owned())));
            }
        }
        headers.push((
            "x-hub-signature-256".to_owned(),
            format!("sha256={}", head["X-Gitea-Signature"]),
        ));
        let is_form = head["Content-Type"] != "application/json";
        let body = if is_form { format!("payload={}", escaped(&payload)) } else { payload };
        signed.push(Signed { name, headers, body });
    }
    signed
}

/// JSON on one line, as Gitea writes it on many.
fn indented(json: &str, width: usize) -> String {
    let (mut text, mut depth, mut in_text, mut is_escaped) = (String::new(), 0, false, false);
    let mut before = ' ';
    let line = |depth: usize| format!("\n{}", " ".repeat(depth * width));
    for c in json.chars() {
        let is_empty = matches!((before, c), ('{', '}') | ('[', ']'));
        if !in_text && matches!(before, '{' | '[' | ',') && !is_empty {
            text += &line(depth);
        }
        if !in_text && matches!(c, '}' | ']') {
            depth -= 1;
            if !is_empty {
                text += &line(depth);
            }
        }
        text.push(c);
        if in_text {
            in_text = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            before = ' ';
            continue;
        }
        match c {
            '"' => in_text = true,
            '{' | '[' => depth += 1,
            ':' => text.push(' '),
            _ => {}
        }
        before = c;
    }
    text
}

/// A value of a form, as Go writes it.
fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The parts of a file below `fixtures/gitea` that holds many, each with its name.
fn parts(file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(fixtures(file)).unwrap();
    let (words, parts) = text.split_once("\n\n### ").unwrap();
    let words: BTreeMap<&str, &str> = words
        .lines()
        .map(|line| line.strip_prefix('⟪').unwrap().split_once("⟫ = ").unwrap())
        .collect();
    let parts = parts.split("\n### ").map(|part| {
        let (name, part) = part.split_once('\n').unwrap();
        (name.to_owned(), whole(part, &words))
    });
    parts.collect()
}

/// The text with `⟪word⟫` replaced by what it stands for, and `⟪3×a⟫` by `aaa`.
fn whole(text: &str, words: &BTreeMap<&str, &str>) -> String {
    let mut parts = text.split('⟪');
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        let (word, rest) = part.split_once('⟫').unwrap();
        match word.split_once('×') {
            Some((times, text)) => whole += &text.repeat(times.parse().unwrap()),
            None => whole += words[word],
        }
        whole += rest;
    }
    whole
}
