//! Backups of a running server, and servers that start from one.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use http::Method;
use serde_json::{Value, json};
use teawatch::sandbox::Route;
use teawatch::store::{CACHE_BYTES, Dump, Header, Sled, Store as _, Tree};

use crate::support::{
    CHECK, Deed, Gitea, InTime as _, MASTER, OFTEN, OTHER, READ_TOKEN, REPOSITORY, Report, SALT,
    Teawatch, WRITE_TOKEN, all_is_told, client, eventually, failing, passing, token_settings,
};

/// Runs `teawatch backup`, which must go well.
#[track_caller]
fn back_up(teawatch: &Teawatch, file: &Path) -> String {
    let output = teawatch.cli(&["backup", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn restoring(file: &str, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_teawatch"));
    command.env_clear().args(["restore", file, "--data-dir"]).arg(data);
    command
}

fn restore(file: &Path, data: &Path) -> Output {
    restoring(file.to_str().unwrap(), data).output_in_time()
}

/// Runs `teawatch restore`, which must go well.
#[track_caller]
fn restored(file: &Path, data: &Path) {
    let output = restore(file, data);
    assert!(output.status.success(), "{}", said(&output));
}

/// The header of a backup, and its records as text.
fn read(backup: &[u8]) -> (Header, Vec<(Tree, String)>) {
    let mut from = backup;
    let dump = Dump::open(&mut from).unwrap();
    let (header, mut records) = (dump.header.clone(), Vec::new());
    dump.read(&mut |tree, _, value| {
        records.push((tree, String::from_utf8_lossy(&value[1..]).into_owned()));
        Ok(())
    })
    .unwrap();
    (header, records)
}

/// What a store in a directory is, past any server: it starts nothing and changes nothing.
fn dump(data: &Path) -> Vec<u8> {
    let mut store = Sled::open(data, CACHE_BYTES).unwrap();
    let origin = teawatch::store::Origin { instance: String::new(), generation: 0 };
    let lease = store.begin_dump(origin).unwrap();
    std::iter::from_fn(|| store.next_of_dump(&lease).unwrap()).flatten().collect()
}

/// How many records of a tree there are.
fn count(records: &[(Tree, String)], tree: Tree) -> usize {
    records.iter().filter(|(of, _)| *of == tree).count()
}

/// A report of so many checks with much to say.
fn long(source: &str, checks: usize) -> Report {
    (0..checks).fold(Report::new(source), |report, n| {
        report.observation(json!({
            "name": format!("check-{n}"), "kind": "success", "summary": "well",
            "details": "all of it is well. ".repeat(140),
        }))
    })
}

#[test]
fn a_server_that_starts_from_a_backup_goes_on_with_what_was_open() {
    let (data, other, gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    teawatch.report(&passing(OTHER));
    all_is_told(&teawatch, &gitea);
    let told = back_up(&teawatch, &file);
    assert!(told.contains("generation 0, after its commit "), "{told}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // After the backup one more opens, of which the restored store knows nothing.
    teawatch.report(&failing(OTHER));
    all_is_told(&teawatch, &gitea);
    teawatch.kill();

    restored(&file, &other.path().join("data"));
    let teawatch = Teawatch::start(&other.path().join("data"), &gitea, &[]);
    teawatch.report(&failing(OTHER));
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (2, 2));
    teawatch.report(&passing(CHECK));
    teawatch.report(&passing(OTHER));
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (2, 0));
    let again = other.path().join("again");
    back_up(&teawatch, &again);
    assert_eq!(read(&fs::read(again).unwrap()).0.origin.generation, 1);
}

#[test]
fn what_was_told_after_the_backup_is_not_told_again() {
    let (data, other, mut gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, &gitea);
    gitea.go_away();
    // An opening and the end of another trouble wait when the backup is made.
    teawatch.report(&failing(OTHER));
    teawatch.report(&passing(CHECK));
    back_up(&teawatch, &file);
    assert!(teawatch.outbox().len() >= 2);
    gitea.come_back();
    all_is_told(&teawatch, &gitea);
    teawatch.kill();
    let (comments, writes) = (gitea.comments(1), gitea.world().writes());
    assert_eq!((gitea.issues().len(), gitea.open()), (2, 1));

    restored(&file, &other.path().join("data"));
    let teawatch = Teawatch::start(&other.path().join("data"), &gitea, &[]);
    assert!(!teawatch.outbox().is_empty(), "it does not know what was told");
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (2, 1));
    assert_eq!(gitea.count(&Method::POST, Route::Issues), 2);
    assert_eq!(gitea.comments(1), comments);
    assert_eq!(gitea.world().writes(), writes, "nothing was written twice");
    teawatch.report(&passing(OTHER));
    eventually("its issue is known and closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
}

/// The alert of [`CHECK`].
fn alert(teawatch: &Teawatch) -> Value {
    let alerts = teawatch.get("/api/v1/alerts").1["items"].clone();
    alerts.as_array().unwrap().iter().find(|alert| alert["title"] == CHECK).unwrap().clone()
}

/// Waits until its issue is this one.
#[track_caller]
fn goes_on_in(teawatch: &Teawatch, number: u64) {
    eventually("it goes on in the newer one", || alert(teawatch)["issue"] == number);
}

#[test]
fn an_alert_whose_issue_was_closed_since_the_backup_goes_on_in_the_one_that_followed_it() {
    let (data, other, gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let settings = [("alerts.reopen_window", "0s"), ("storm.max_open_issues", "2")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, &gitea);
    back_up(&teawatch, &file);
    for report in [passing(CHECK), failing(CHECK)] {
        teawatch.report(&report);
        all_is_told(&teawatch, &gitea);
    }
    assert!(!gitea.issue(1).is_open && gitea.issue(2).is_open);
    teawatch.kill();
    restored(&file, &other.path().join("data"));
    let teawatch = Teawatch::start(&other.path().join("data"), &gitea, &settings);
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, &gitea);
    goes_on_in(&teawatch, 2);
    assert_eq!((gitea.issues().len(), gitea.open()), (2, 1));
    // The one that was closed takes no room from another.
    teawatch.report(&failing(OTHER));
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.open(), gitea.issues_about(OTHER).len()), (2, 1));
    for check in [CHECK, OTHER] {
        teawatch.report(&passing(check));
    }
    eventually("both are closed", || gitea.open() == 0);
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues().len(), 3);
}

#[test]
fn an_issue_that_a_person_had_closed_gives_no_room_when_the_one_that_followed_it_is_found() {
    let (data, other, gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let settings = [OFTEN, ("alerts.reopen_window", "0s"), ("storm.max_open_issues", "2")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, &gitea);
    teawatch.report(&failing(OTHER));
    all_is_told(&teawatch, &gitea);
    let now = gitea.now();
    gitea.world().close_as("alice", REPOSITORY, 1, now).unwrap();
    eventually("it is noticed", || !alert(&teawatch)["closed_by_hand_at"].is_null());
    back_up(&teawatch, &file);
    for report in [passing(CHECK), failing(CHECK)] {
        teawatch.report(&report);
        all_is_told(&teawatch, &gitea);
    }
    assert!(!gitea.issue(1).is_open && gitea.issue(3).is_open);
    teawatch.kill();
    restored(&file, &other.path().join("data"));
    let teawatch = Teawatch::start(&other.path().join("data"), &gitea, &settings);
    teawatch.report(&failing(CHECK));
    all_is_told(&teawatch, &gitea);
    goes_on_in(&teawatch, 3);
    assert_eq!(gitea.issues().len(), 3);
    // Two are open, which is all that there is room for.
    teawatch.report(&failing("db1/third"));
    all_is_told(&teawatch, &gitea);
    assert_eq!(gitea.issues_about("db1/third").len(), 0);
}

#[test]
fn what_was_not_told_before_the_store_was_lost_is_told_by_the_restored_one() {
    let (data, other, mut gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    eventually("open issues were read", || gitea.count(&Method::GET, Route::Issues) > 0);
    gitea.go_away();
    teawatch.report(&failing(CHECK));
    back_up(&teawatch, &file);
    teawatch.kill();
    gitea.come_back();
    restored(&file, &other.path().join("data"));
    let teawatch = Teawatch::start(&other.path().join("data"), &gitea, &[]);
    eventually("its issue is open", || gitea.open() == 1);
    all_is_told(&teawatch, &gitea);
    Deed::Close.cause(&teawatch);
    all_is_told(&teawatch, &gitea);
    assert_eq!((gitea.issues().len(), gitea.open()), (1, 0));
}

#[test]
fn a_restored_store_is_the_backup_but_for_its_name() {
    let (data, other, gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    teawatch.report(&long("web1", 100));
    all_is_told(&teawatch, &gitea);
    back_up(&teawatch, &file);
    teawatch.kill();
    let to = other.path().join("data");
    restored(&file, &to);
    let (header, records) = read(&fs::read(&file).unwrap());
    let (restored_header, restored_records) = read(&dump(&to));
    assert_eq!((header.schema, header.commit), (restored_header.schema, restored_header.commit));
    assert_eq!(records.len(), restored_records.len());
    let mut changed = records.iter().zip(&restored_records).filter(|(a, b)| a != b);
    let ((tree, before), (_, after)) = changed.next().unwrap();
    assert!(*tree == Tree::Meta && changed.next().is_none());
    let (before, mut after): (Value, Value) =
        (serde_json::from_str(before).unwrap(), serde_json::from_str(after).unwrap());
    assert_eq!(before["instance"]["id"], header.origin.instance);
    assert_ne!(after["instance"]["id"], before["instance"]["id"]);
    assert_eq!(
        (&before["instance"]["generation"], &after["instance"]["generation"]),
        (&json!(0), &json!(1))
    );
    // Until its first start it says which store it has come from.
    assert_eq!(after["restored"], before["instance"]);
    after.as_object_mut().unwrap().remove("restored");
    after["instance"] = before["instance"].clone();
    assert_eq!(after, before);
}

#[test]
fn a_backup_is_of_one_moment_and_reports_are_answered_meanwhile() {
    let (data, gitea) = (directory(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[("storm.max_new_issues", "100")]);
    // More than the connection holds, so that the backup waits for its reader.
    for n in 0..12 {
        teawatch.report(&long(&format!("host-{n:02}"), 300));
    }
    let mut reading = client().get(format!("{}/api/v1/backup", teawatch.url)).send().unwrap();
    assert_eq!(reading.status(), 200);
    for n in 0..12 {
        // Both what the backup has read by now and what it has not is changed.
        teawatch.report(&failing(&format!("host-{n:02}/check-0")));
        teawatch.report(&failing(&format!("host-{n:02}/later")));
    }
    let another = teawatch.get("/api/v1/backup");
    assert_eq!((another.0, &another.1["error"]["code"]), (409, &json!("under_way")));
    let mut backup = Vec::new();
    reading.copy_to(&mut backup).unwrap();
    assert!(backup.len() > 8 << 20, "{} bytes are no test", backup.len());
    let (_, records) = read(&backup);
    assert_eq!(count(&records, Tree::Checks), 12 * 301);
    assert_eq!((count(&records, Tree::Alerts), count(&records, Tree::Outbox)), (0, 0));
    assert!(!records.iter().any(|(_, text)| text.contains("it is broken")));
    // The next one has it all.
    let file = data.path().join("later.backup");
    back_up(&teawatch, &file);
    let (_, records) = read(&fs::read(file).unwrap());
    assert_eq!((count(&records, Tree::Checks), count(&records, Tree::Alerts)), (12 * 302, 24));
}

#[test]
fn a_backup_replaces_nothing_unless_it_is_told_to_and_goes_to_standard_output_too() {
    let (data, gitea) = (directory(), Gitea::start());
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&passing(CHECK));
    let file = data.path().join("a.backup");
    fs::write(&file, "mine").unwrap();
    let path = file.to_str().unwrap();
    let output = teawatch.cli(&["backup", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("is there already; `--force` replaces it"), "{}", said(&output));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(teawatch.cli(&["backup", "--force", path]).status.success());
    let (header, records) = read(&fs::read(&file).unwrap());
    let printed = teawatch.cli(&["backup", "-"]);
    assert!(printed.status.success() && printed.stderr.is_empty(), "{}", said(&printed));
    assert_eq!(read(&printed.stdout).1.len(), records.len());
    assert_eq!(read(&printed.stdout).0.origin, header.origin);
    // A folder that is not there, and a server that is not.
    let output = teawatch.cli(&["backup", "nowhere/a.backup"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("cannot write nowhere/a.backup.unfinished"),
        "{}",
        said(&output)
    );
    let names = || fs::read_dir(data.path()).unwrap().map(|it| it.unwrap().file_name());
    assert!(!names().any(|name| name.to_string_lossy().contains("unfinished")));
}

#[test]
fn a_backup_needs_the_token_for_reading_and_holds_no_secret() {
    let (data, gitea) = (directory(), Gitea::start());
    let tokens = token_settings(data.path());
    let tokens = tokens.each_ref().map(|(key, value)| (*key, value.as_str()));
    let teawatch = Teawatch::start(data.path(), &gitea, &tokens);
    teawatch.report(&failing(CHECK));
    eventually("its issue is open", || gitea.open() == 1);
    let ask = |token: Option<&str>| {
        let request = client().get(format!("{}/api/v1/backup", teawatch.url));
        token
            .into_iter()
            .fold(request, reqwest::blocking::RequestBuilder::bearer_auth)
            .send()
            .unwrap()
    };
    assert_eq!((ask(None).status().as_u16(), ask(Some("wrong")).status().as_u16()), (401, 401));
    assert!(ask(Some(WRITE_TOKEN)).bytes().unwrap().len() > 100);
    let backup = ask(Some(READ_TOKEN)).bytes().unwrap();
    let text = String::from_utf8_lossy(&backup).into_owned();
    assert!(text.contains("it is broken") && text.contains(REPOSITORY));
    for secret in [SALT, MASTER, gitea.token(), READ_TOKEN, WRITE_TOKEN] {
        assert!(!text.contains(secret), "{secret} is in it");
    }
}

#[test]
fn a_backup_that_is_torn_or_flipped_is_refused_with_the_place_and_nothing_is_made() {
    let (data, other, gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&long("web1", 200));
    back_up(&teawatch, &file);
    let sound = fs::read(&file).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 0x40;
    let to = other.path().join("data");
    for (bad, place) in
        [(&flipped[..], "checksum does not match"), (&sound[..sound.len() / 2], "ends too early")]
    {
        fs::write(&file, bad).unwrap();
        let output = restore(&file, &to);
        assert_eq!(output.status.code(), Some(1));
        let said = said(&output);
        assert!(
            said.contains("this is no sound backup, from byte ") && said.contains(place),
            "{said}"
        );
        assert!(!to.join("store").exists() && !to.join("store.unfinished").exists());
    }
    fs::write(&file, sound).unwrap();
    restored(&file, &to);
    let output = restore(&file, &to);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("is not empty, it has `store"), "{}", said(&output));
}

#[test]
fn a_restore_that_is_killed_leaves_nothing_that_a_server_would_take_for_whole() {
    let (data, other, gitea) = (directory(), directory(), Gitea::start());
    let file = data.path().join("a.backup");
    let teawatch = Teawatch::start(data.path(), &gitea, &[]);
    teawatch.report(&failing(CHECK));
    for n in 0..3 {
        teawatch.report(&long(&format!("host-{n}"), 300));
    }
    back_up(&teawatch, &file);
    teawatch.kill();
    let backup = fs::read(&file).unwrap();
    let to = other.path().join("data");
    for part in [5, 50, 95] {
        let mut child = restoring("-", &to).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&backup[..backup.len() * part / 100]).unwrap();
        eventually("it has begun", || to.join("store.unfinished/db").exists());
        // Another one, and a server, keep out meanwhile.
        let output = restore(&file, &to);
        assert!(said(&output).contains("another teawatch is using"), "{}", said(&output));
        kill(&mut child);
        let output = Teawatch::command(&to, &gitea, &[]).output_in_time();
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("run `teawatch restore`"), "{}", said(&output));
        assert!(!to.join("store").exists());
    }
    restored(&file, &to);
    let teawatch = Teawatch::start(&to, &gitea, &[]);
    assert_eq!(teawatch.get("/readyz").1["engine"]["checks"], 3 * 301 + 2);
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait_in_time();
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
