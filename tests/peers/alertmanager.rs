//! Prometheus's own Alertmanager, alone and in a pair, killed and started again.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::coming_from::after;
use super::support::{Gitea, InTime as _, Teawatch, ask, client, eventually};

const PROGRAM: &str = "prometheus-alertmanager";

/// A port that was free a moment ago.
fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Alertmanager {
    directory: PathBuf,
    web: u16,
    cluster: u16,
    /// The address of its peer.
    peer: Option<u16>,
    child: Option<Child>,
}

impl Alertmanager {
    fn new(directory: &Path, teawatch: &Teawatch) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        let password = directory.join("teawatch-secret");
        std::fs::write(&password, Teawatch::secret("prom1").expose()).unwrap();
        // As the README tells whoever has another receiver.
        let receiver = &after("Alertmanager-to-GitHub")[0];
        let receiver = receiver
            .replace("https://teawatch.example.org", &teawatch.url)
            .replace("/etc/alertmanager/teawatch-secret", password.to_str().unwrap());
        let file = format!(
            "route: {{ receiver: tea.watch-1, group_by: [alertname], group_wait: 100ms, \
             group_interval: 500ms, repeat_interval: 2s }}\n\
             receivers:\n  - name: tea.watch-1\n    webhook_configs:\n{receiver}"
        );
        std::fs::write(directory.join("alertmanager.yml"), file).unwrap();
        let (web, cluster) = (port(), port());
        Self { directory: directory.to_owned(), web, cluster, peer: None, child: None }
    }

    fn start(&mut self) {
        let log = std::fs::File::create(self.directory.join("log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(&self.directory)
            .args(["--config.file=alertmanager.yml", "--storage.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.web))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        match self.peer {
            Some(peer) => command
                .arg(format!("--cluster.listen-address=127.0.0.1:{}", self.cluster))
                .arg(format!("--cluster.peer=127.0.0.1:{peer}"))
                .args(["--cluster.settle-timeout=1s", "--cluster.peer-timeout=500ms"]),
            None => command.arg("--cluster.listen-address="),
        };
        self.child = Some(command.spawn().expect("prometheus-alertmanager is missing"));
        let ready = format!("http://127.0.0.1:{}/-/ready", self.web);
        eventually("Alertmanager is ready", || {
            client().get(&ready).send().is_ok_and(|answer| answer.status().is_success())
        });
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait_in_time();
        }
    }

    /// Says what Prometheus would say of an alert.
    fn hear(&self, name: &str, is_firing: bool) {
        let alert = alert(name, is_firing);
        let url = format!("http://127.0.0.1:{}/api/v2/alerts", self.web);
        let request = client().post(url).header("content-type", "application/json");
        let answer = ask(request.body(json!([alert]).to_string()));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.kill();
    }
}

fn alert(name: &str, is_firing: bool) -> Value {
    let now = Timestamp::now();
    let ends = if is_firing { now + SignedDuration::from_hours(1) } else { now };
    json!({
        "labels": { "alertname": name, "instance": "db1:9100" },
        "annotations": { "summary": "The disk is nearly full" },
        "startsAt": now - SignedDuration::from_mins(1),
        "endsAt": ends,
    })
}

#[test]
fn an_alertmanager_fires_repeats_is_killed_and_resolves_and_there_is_one_issue() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut alertmanager = Alertmanager::new(&data.path().join("am"), &teawatch);
    alertmanager.start();
    alertmanager.hear("DiskFull", true);
    eventually("an issue is open", || gitea.open() == 1);
    let title = gitea.issue(1).title;
    assert_eq!(title, "[watchdog] prom1/tea.watch-1/DiskFull: The disk is nearly full");
    let results = || teawatch.get("/api/v1/checks").1["items"][0]["results"].as_u64().unwrap();
    let before = results();
    eventually("it is repeated", || results() >= before + 2);

    alertmanager.kill();
    alertmanager.start();
    alertmanager.hear("DiskFull", true);
    let before = results();
    eventually("it fires once more", || results() > before);
    alertmanager.hear("DiskFull", false);
    eventually("it is closed", || gitea.open() == 0);
    teawatch.settles(&gitea);
    assert_eq!(gitea.issues().len(), 1);
}

#[test]
fn an_end_that_a_killed_alertmanager_never_tells_comes_all_the_same() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let settings = [("alertmanager.repeat_interval", "2s")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    let mut alertmanager = Alertmanager::new(&data.path().join("am"), &teawatch);
    alertmanager.start();
    alertmanager.hear("DiskFull", true);
    eventually("an issue is open", || gitea.open() == 1);
    alertmanager.kill();
    alertmanager.start();
    // It never heard of that alert, so it has nothing to tell.
    alertmanager.hear("DiskFull", false);
    eventually("it is closed", || gitea.open() == 0);
    teawatch.settles(&gitea);
    let comments = gitea.comments(1).concat();
    assert!(comments.contains("nobody has said it again"), "{comments}");
}

#[test]
fn a_pair_of_which_one_is_killed_opens_one_issue_and_closes_it() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    let mut pair = ["one", "two"].map(|name| Alertmanager::new(&data.path().join(name), &teawatch));
    pair[0].peer = Some(pair[1].cluster);
    pair[1].peer = Some(pair[0].cluster);
    pair.iter_mut().for_each(Alertmanager::start);
    let tell = |pair: &[Alertmanager], is_firing| {
        for alertmanager in pair.iter().filter(|it| it.child.is_some()) {
            alertmanager.hear("DiskFull", is_firing);
        }
    };
    let results = || {
        let checks = teawatch.get("/api/v1/checks").1;
        checks["items"][0]["results"].as_u64().unwrap_or(0)
    };
    for at in [0, 1] {
        tell(&pair, true);
        eventually("an issue is open", || gitea.open() == 1);
        pair[at].kill();
        tell(&pair, true);
        let before = results();
        eventually("the other one repeats it", || results() > before);
        pair[at].start();
        tell(&pair, true);
        let before = results();
        eventually("they repeat it", || results() > before + 1);
    }
    tell(&pair, false);
    eventually("it is closed", || gitea.open() == 0);
    teawatch.settles(&gitea);
    assert_eq!(gitea.issues().len(), 1);
}
