//! Whatever is written on our issues is counted once, by what came of it: also where nothing
//! comes of it, and whether teawatch asks for it or waits for a webhook to tell.

use std::collections::BTreeMap;

use crate::support::{
    CHECK, Gitea, OFTEN, REPOSITORY, Scene, Teawatch, add_hook, eventually, failing, figures,
};

const SECRET: &str = "the-secret-of-a-webhook";

/// How teawatch learns of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Told,
    Asked,
}

impl Way {
    fn start(self, data: &std::path::Path, gitea: &Gitea) -> Teawatch {
        let every = match self {
            // Not again after the start.
            Self::Told => ("reconcile.every", "1h"),
            Self::Asked => OFTEN,
        };
        let mut command = Teawatch::command(data, gitea, &[every, ("webhooks.look_every", "50ms")]);
        if self == Self::Told {
            command.env("TEAWATCH_WEBHOOK_SECRET", SECRET);
        }
        let teawatch = Teawatch::launch(command);
        if self == Self::Told {
            add_hook(gitea, &teawatch.url, SECRET, "json");
        }
        teawatch
    }

    fn scene(self) -> Scene {
        Scene::begin(|data, gitea| self.start(data, gitea))
    }
}

/// How many comments were read, by what came of them.
fn counted(scene: &Scene) -> BTreeMap<String, u64> {
    let figures = figures(&scene.teawatch.url);
    let counts = figures.lines().filter_map(|line| {
        let (class, count) =
            line.strip_prefix("teawatch_comments_total{outcome=\"")?.split_once("\"} ")?;
        Some((class.to_owned(), count.parse().unwrap()))
    });
    counts.collect()
}

/// Waits until so many are counted.
#[track_caller]
fn are_counted(scene: &Scene, expected: &BTreeMap<String, u64>) {
    let all: u64 = expected.values().sum();
    eventually("all are read", || counted(scene).values().sum::<u64>() >= all);
    assert_eq!(counted(scene), *expected);
    scene.teawatch.settles_but_for_markers();
}

/// Nothing was obeyed.
#[track_caller]
fn is_as_ever(scene: &Scene) {
    assert_eq!(scene.alert()["wishes"], serde_json::json!({}), "{}", scene.explanation());
    assert!(scene.gitea.issue(1).is_open);
    assert_eq!(scene.teawatch.get("/readyz").0, 200);
}

#[test]
fn each_comment_leaves_a_trace_whoever_writes_whatever() {
    for way in [Way::Asked, Way::Told] {
        let scene = way.scene();
        // Every class is there from the start.
        let classes = ["not_done", "nothing", "obeyed", "own", "refused"];
        assert_eq!(counted(&scene), classes.map(|class| (class.to_owned(), 0)).into());
        let body = scene.gitea.issue(1).body;
        let marker = body.lines().find(|line| line.starts_with("<!-- teawatch:")).unwrap();
        scene.gitea.world().add_user("mallory");
        let mut expected = counted(&scene);
        for (who, text, class) in [
            ("alice", "/help".to_owned(), "obeyed"),
            ("teawatch", "/close\n/hold".to_owned(), "own"),
            ("teawatch", "/frobnicate".to_owned(), "own"),
            ("alice", marker.to_owned(), "nothing"),
            ("alice", format!("{body}\n\n<!--\n/close\n-->\n> /close\n\n`/hold`"), "nothing"),
            ("bob", "/close".to_owned(), "refused"),
            ("bob", "/close".to_owned(), "refused"),
            ("mallory", format!("{marker}\n\n/close"), "refused"),
            ("alice", "x".repeat(1 << 20), "nothing"),
            ("alice", format!("/close\n{}", "> [`x\n".repeat(1 << 17)), "not_done"),
            ("alice", "/close\n".repeat(1_000), "not_done"),
        ] {
            *expected.get_mut(class).unwrap() += 1;
            scene.writes(who, &text);
            // A webhook that tells of our own user makes nobody read: that comes with the next.
            if way == Way::Asked || class != "own" {
                are_counted(&scene, &expected);
            }
        }
        {
            let (now, mut world) = (scene.gitea.now(), scene.gitea.world());
            world.add_user("gone");
            world.comment_as("gone", REPOSITORY, 1, "/close", now).unwrap();
            world.delete_user("gone").unwrap();
        }
        *expected.get_mut("refused").unwrap() += 1;
        are_counted(&scene, &expected);
        is_as_ever(&scene);
        // What is read once more is not counted once more, and what teawatch writes never is.
        let before = expected;
        scene.writes("alice", "/status");
        eventually("it is obeyed", || counted(&scene)["obeyed"] == before["obeyed"] + 1);
        scene.teawatch.settles_but_for_markers();
        scene.writes("alice", "thanks");
        eventually("both are read", || counted(&scene)["nothing"] == before["nothing"] + 1);
        let of = |class: &str| counted(&scene)[class] - before[class];
        let more = ["obeyed", "nothing", "own", "not_done", "refused"].map(of);
        assert_eq!(more, [1, 1, 0, 0, 0]);
        assert!(scene.answers().len() >= 4, "{:#?}", scene.answers());
        let log = scene.teawatch.log();
        assert!(log.contains("as teawatch's own user: they are not obeyed"), "{log}");
    }
}

#[test]
fn a_command_that_has_expired_leaves_a_trace() {
    for way in [Way::Asked, Way::Told] {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        // All of it began long ago.
        gitea.world().set_clock_offset(jiff::SignedDuration::from_hours(-24 * 7));
        let teawatch = Teawatch::start(data.path(), &gitea, &[("reconcile.every", "6h")]);
        teawatch.report(&failing(CHECK));
        eventually("an issue is open", || gitea.open() == 1);
        teawatch.settles(&gitea);
        let now = gitea.now();
        gitea.world().comment_as("alice", REPOSITORY, 1, "/close", now).unwrap();
        assert!(teawatch.stop().success());
        gitea.world().set_clock_offset(jiff::SignedDuration::ZERO);
        let teawatch = way.start(data.path(), &gitea);
        let scene = Scene { data, gitea, teawatch };
        eventually("it is read", || counted(&scene)["not_done"] == 1);
        assert_eq!(counted(&scene).values().sum::<u64>(), 1);
        is_as_ever(&scene);
    }
}
