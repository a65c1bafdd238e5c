//! Everything that people can do, row by row: once told by a webhook alone, and once found
//! by asking alone. Each is done through Gitea's doors, as a person would, and ends in a
//! state that `teawatch alerts show` explains in one sentence.

mod deeds;
mod said;

use http::Method;
use serde_json::{Value, json};
use teawatch::sandbox::{ALICE_TOKEN, Issue};

use crate::support::{
    CHECK, Gitea, LOOKS, OFTEN, REPOSITORY, Report, Scene, Teawatch, add_hook, ask, client,
    eventually, failing, passing, text,
};

const SECRET: &str = "the-secret-of-a-webhook";

/// So many rows are acted at the same time.
const AT_ONCE: usize = 3;

/// How teawatch learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Told,
    Asked,
}

/// A server with an open issue that learns in one way only.
struct Stage {
    scene: Scene,
    way: Way,
}

impl Stage {
    fn new(way: Way, settings: &[(&str, &str)]) -> Self {
        let own = match way {
            // Not again after the start.
            Way::Told => [
                ("reconcile.every", "1h"),
                ("reconcile.look_every", "6h"),
                ("webhooks.look_every", "100ms"),
            ]
            .to_vec(),
            Way::Asked => [OFTEN, LOOKS].to_vec(),
        };
        let settings = [&own, settings].concat();
        let scene = Scene::begin(|data, gitea| {
            let mut command = Teawatch::command(data, gitea, &settings);
            if way == Way::Told {
                command.env("TEAWATCH_WEBHOOK_SECRET", SECRET);
            }
            Teawatch::launch(command)
        });
        if way == Way::Told {
            add_hook(&scene.gitea, &scene.teawatch.url, SECRET, "json");
        }
        Self { scene, way }
    }

    fn gitea(&self) -> &Gitea {
        &self.scene.gitea
    }

    /// A button of the issue's page.
    #[track_caller]
    fn press(&self, button: &str, form: &[(&str, &str)]) {
        let address = format!("{}{REPOSITORY}/issues/1/{button}", self.gitea().url);
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = "application/x-www-form-urlencoded";
        let request = client().post(address).header("content-type", kind).body(form);
        assert!(request.send().unwrap().status().is_success(), "{button}");
    }

    /// Gitea's API, with the token of somebody who may do everything in the repository.
    #[track_caller]
    fn api(&self, method: Method, path: &str, body: &Value) -> Value {
        let address = format!("{}api/v1/repos/{REPOSITORY}/{path}", self.gitea().url);
        let request = client().request(method, address);
        let request = request.header("authorization", format!("token {ALICE_TOKEN}"));
        let answer = ask(request.json(body));
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.body
    }

    /// What has no door of its own in the stand-in.
    #[track_caller]
    fn deed(&self, deed: &Value) -> Value {
        let request = client().post(format!("{}-/admin/deeds", self.gitea().url));
        let answer = ask(request.json(deed));
        assert_eq!(answer.status, 200, "{deed}: {answer:?}");
        answer.body
    }

    fn reports(&self, report: &Report) {
        self.scene.teawatch.report(report);
    }

    fn issue(&self) -> Issue {
        self.gitea().issue(1)
    }

    /// What teawatch has written on the first issue, without the markers.
    fn written(&self) -> Vec<String> {
        let bodies = self.gitea().comments(1).into_iter();
        let ours = bodies.filter_map(|body| {
            let (marker, text) = body.split_once("\n\n")?;
            marker.starts_with("<!-- teawatch:").then(|| text.trim().to_owned())
        });
        ours.collect()
    }

    /// Waits until the alert is explained with all these words.
    #[track_caller]
    fn says(&self, words: &[&str]) {
        let mut said = String::new();
        let began = std::time::Instant::now();
        while !words.iter().all(|words| said.contains(words)) {
            assert!(began.elapsed() < crate::support::PATIENCE, "{words:?} is not in: {said}");
            said = self.scene.explanation();
        }
    }

    /// Waits until it is in trouble like any other, as far as people are concerned.
    #[track_caller]
    fn is_plain(&self) {
        eventually("there is nothing to explain", || {
            let said = self.scene.explanation();
            said.starts_with("In trouble since ") && said.ends_with(" UTC.") && !said.contains(';')
        });
    }

    /// Waits until teawatch has learned of everything that was done so far.
    #[track_caller]
    fn is_noticed(&self) {
        if self.way == Way::Asked {
            return self.scene.is_compared();
        }
        eventually("all was told and looked into", || {
            let taken = self.scene.teawatch.get("/api/v1/deliveries?limit=500").1["items"].clone();
            let taken = taken.as_array().unwrap();
            taken.len() == self.gitea().world().deliveries().len()
                && taken.iter().all(|it| it["outcome"] != "not looked at yet")
        });
    }

    /// The trouble ends, and its issue with it.
    #[track_caller]
    fn ends(&self) {
        self.reports(&passing(CHECK));
        eventually("it is closed", || self.gitea().open() == 0);
        self.settles();
    }

    #[track_caller]
    fn settles(&self) {
        self.scene.teawatch.settles(self.gitea());
    }

    /// Whatever happened: one sentence says how it is, and the command line says the same.
    #[track_caller]
    fn is_explained(&self) {
        let said = self.scene.explanation();
        assert!(said.ends_with('.') && !said.contains(['\n', '<']), "{said}");
        let shown = self.scene.teawatch.cli(&["alerts", "show", CHECK]);
        assert_eq!(text(&shown.stdout).lines().next(), Some(&*said), "{shown:?}");
    }
}

/// Acts every row, a few at a time, each under its own name.
fn act<T: Sync>(rows: &[T], name: impl Fn(&T) -> &str + Sync, play: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) =
                    rows.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let played =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(row)));
                    if let Err(failure) = played {
                        println!("--- it was: {}", name(row));
                        std::panic::resume_unwind(failure);
                    }
                }
            });
        }
    });
}

/// The id of a label.
fn label(gitea: &Gitea, name: &str) -> u64 {
    let world = gitea.world();
    let labels = world.repository(REPOSITORY).unwrap().labels.values();
    labels.clone().find(|label| label.name == name).unwrap().id
}

/// The same trouble, told otherwise.
fn smoke() -> Report {
    Report::new("db1").check("disk", "failure", "it smokes")
}

/// A deed of somebody with all rights.
fn of_repository(deed: &str, rest: &Value) -> Value {
    let mut all = json!({ "deed": deed, "repository": REPOSITORY });
    all.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    all
}

/// Once more in trouble.
fn relapse() -> Report {
    failing(CHECK)
}
