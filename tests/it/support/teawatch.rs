//! The real binary, serving.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use teawatch::signature::{Master, Secret, agent_secret, sign};

use super::{Gitea, PATIENCE, REPOSITORY, Report};

pub const MASTER: &str = "the-master-secret-of-all-the-tests-0123456789";
pub const SALT: &str = "the-salt-of-all-the-tests";

/// Settings under which a test takes milliseconds where a night takes minutes.
const FAST: &[(&str, &str)] = &[
    ("listen", "127.0.0.1:0"),
    ("gitea.timeout", "1s"),
    ("gitea.connect_timeout", "500ms"),
    ("gitea.settle_wait", "2s"),
    ("gitea.rate", "500"),
    ("gitea.burst", "500"),
    ("gitea.retry_first", "50ms"),
    ("gitea.retry_max", "400ms"),
    ("gitea.probe_first", "100ms"),
    ("gitea.probe_max", "400ms"),
    ("alerts.comment_interval", "0s"),
    // Tests count requests; those about the probe order it.
    ("token_probe.every", "0s"),
];

/// A running `teawatch serve`; killed when dropped.
pub struct Teawatch {
    child: Child,
    pub url: String,
    /// The lines of its log so far.
    log: Arc<Mutex<Vec<String>>>,
    client: reqwest::blocking::Client,
}

impl Teawatch {
    /// Starts it with its state in `data`, and waits until it is ready. `settings` win
    /// over those that make tests fast.
    pub fn start(data: &Path, gitea: &Gitea, settings: &[(&str, &str)]) -> Self {
        Self::launch(Self::command(data, gitea, settings))
    }

    /// The same with a configuration file, which holds what flags cannot say: routes and
    /// expected checks.
    pub fn start_with_file(
        data: &Path,
        gitea: &Gitea,
        settings: &[(&str, &str)],
        file: &str,
    ) -> Self {
        let path = data.join("the-test.toml");
        std::fs::write(&path, file).unwrap();
        let mut command = Self::command(data, gitea, settings);
        command.arg("--config").arg(path);
        Self::launch(command)
    }

    /// Runs a command that serves, and waits until it is ready.
    pub fn launch(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = read_log(&mut child, Arc::clone(&log));
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            panic!("teawatch did not start:\n{}", log.lock().unwrap().join("\n"));
        };
        teawatch::gitea::install_crypto();
        let client = reqwest::blocking::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        Self { child, url: format!("http://{address}"), log, client }
    }

    /// The command that [`Self::start`] runs, for tests of a start that fails.
    pub fn command(data: &Path, gitea: &Gitea, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
        command
            .env_clear()
            .env("TEAWATCH_GITEA_TOKEN", gitea.token())
            .env("TEAWATCH_SALT", SALT)
            .env("TEAWATCH_MASTER_SECRET", MASTER)
            .current_dir(data)
            .args(["serve", "--data-dir"])
            .arg(data)
            .args(["--gitea-url", &gitea.url, "--repository", REPOSITORY])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for (key, value) in FAST.iter().chain(settings) {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command
    }

    /// The secret of a source.
    pub fn secret(source: &str) -> Secret {
        agent_secret(&Master::parse(MASTER).unwrap(), source, 1)
    }

    /// Sends a report as an agent does. Returns the status and the answer.
    pub fn send(&self, report: &Report) -> (u16, Value) {
        let body = report.body.to_string();
        let now = jiff::Timestamp::now().as_second();
        // In such an id a point has a meaning of its own.
        let source = report.source.replace('.', "_");
        let id = format!("{source}-{}", report.body["id"]["seq"]);
        let signature = sign(&Self::secret(&report.source), &id, now, body.as_bytes());
        let answer = self
            .client
            .post(format!("{}/api/v1/reports", self.url))
            .header("teawatch-source", &report.source)
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .unwrap();
        (answer.status().as_u16(), answer.json().unwrap())
    }

    /// Sends a report that must be taken.
    #[track_caller]
    pub fn report(&self, report: &Report) {
        let (status, answer) = self.send(report);
        assert_eq!(status, 200, "{answer}");
    }

    /// Reads a path, such as `/readyz`.
    pub fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.url)).send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap_or(Value::Null))
    }

    /// What Gitea has not confirmed.
    pub fn outbox(&self) -> Vec<Value> {
        self.get("/api/v1/outbox?limit=500").1["items"].as_array().unwrap().clone()
    }

    /// Runs another command of the binary against this server.
    pub fn cli(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_teawatch"))
            .env_clear()
            .args(arguments)
            .args(["--listen", self.url.trim_start_matches("http://")])
            .output()
            .unwrap()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// `kill -9`: nothing is finished, nothing is written.
    pub fn kill(mut self) {
        kill_process(self.pid(), Signal::KILL).unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what became of it.
    pub fn stop(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let began = std::time::Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "teawatch does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}

impl Drop for Teawatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- the log of teawatch:\n{}\n---", self.log());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Collects the log, and hands over the address once it is named.
fn read_log(child: &mut Child, log: Arc<Mutex<Vec<String>>>) -> Receiver<String> {
    let (found, address) = channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if let Some(address) = address_in(&line) {
                drop(found.send(address));
            }
            log.lock().unwrap().push(line);
        }
    });
    address
}

/// The address that a line of the log, of either format, says to be ready.
fn address_in(line: &str) -> Option<String> {
    if let Ok(line) = serde_json::from_str::<Value>(line) {
        let fields = &line["fields"];
        let is_it = fields["message"].as_str()?.ends_with("is ready");
        return is_it.then(|| fields["address"].as_str().unwrap().to_owned());
    }
    let (_, rest) = line.split_once("is ready address=")?;
    Some(rest.split_whitespace().next().unwrap().to_owned())
}
