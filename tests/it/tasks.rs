//! Tasks that end, panic and hang, and the marks that are left of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use teawatch::clock::Clock;
use teawatch::engine::Feed;
use teawatch::engine::settings::Settings;
use teawatch::store::Memory;
use teawatch::tasks::{BEAT, Folder, Left, Mark, Marks, Pace, Patience, State, Supervisor};

use crate::support::{Inside, eventually, failing, status, status_json, task_state};

/// A runtime, and a supervisor in it whose pauses are short.
fn supervised() -> (tokio::runtime::Runtime, Marks, Supervisor) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let marks = Marks::new(Clock::system());
    let patience = Patience { first: Duration::from_millis(1), ..Patience::default() };
    let supervisor = Supervisor::new(marks.clone(), patience);
    (runtime, marks, supervisor)
}

fn state(marks: &Marks, name: &str) -> State {
    marks.report().into_iter().find(|task| task.name == name).unwrap().state
}

fn error(marks: &Marks, name: &str) -> String {
    let task = marks.report().into_iter().find(|task| task.name == name).unwrap();
    task.error.map(|error| error.text).unwrap_or_default()
}

/// Says that all is well, and then for ever that it is alive.
async fn works(mark: Mark) {
    mark.succeeded();
    mark.rest(Duration::MAX).await;
}

#[test]
fn u25_a_task_that_panics_or_ends_is_started_again_and_fails_until_it_succeeds() {
    let (runtime, marks, mut supervisor) = supervised();
    let (runs, may_succeed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (run, gate) = (Arc::clone(&runs), Arc::clone(&may_succeed));
    let _inside = runtime.enter();
    supervisor.start("task", Pace::of_turns(BEAT), move |mark, _| {
        let (number, gate) = (run.fetch_add(1, Ordering::Relaxed), Arc::clone(&gate));
        async move {
            match number {
                0 => panic!("on purpose, {number}"),
                1 => return,
                _ => {}
            }
            while gate.load(Ordering::Relaxed) == 0 {
                mark.rest(Duration::from_millis(5)).await;
            }
            works(mark).await;
        }
    });
    eventually("it is started for the third time", || runs.load(Ordering::Relaxed) == 3);
    assert_eq!(state(&marks, "task"), State::Failing);
    assert_eq!(error(&marks, "task"), "it has ended; it is started again");
    may_succeed.store(1, Ordering::Relaxed);
    eventually("it is well", || state(&marks, "task") == State::Well);
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}

#[test]
fn a_task_that_ends_five_times_within_ten_minutes_is_given_up_and_others_are_not() {
    let (runtime, marks, mut supervisor) = supervised();
    let runs = Arc::new(AtomicUsize::new(0));
    let run = Arc::clone(&runs);
    let inside = runtime.enter();
    supervisor.start("well", Pace::of_turns(BEAT), |mark, _| works(mark));
    supervisor.start("broken", Pace::of_turns(BEAT), move |_, _| {
        let number = run.fetch_add(1, Ordering::Relaxed);
        async move { panic!("number {number}") }
    });
    drop(inside);
    let given_up = runtime.block_on(supervisor.given_up());
    assert_eq!((&*given_up.task, &*given_up.why), ("broken", "it panicked: number 4"));
    assert_eq!(runs.load(Ordering::Relaxed), 5);
    assert_eq!(error(&marks, "broken"), "it panicked: number 4, 5 times within 10 min");
    assert_eq!(state(&marks, "well"), State::Well);
}

#[test]
fn a_task_that_is_asked_to_end_may_finish_and_is_not_started_again() {
    let (runtime, _, mut supervisor) = supervised();
    let ends = Arc::new(AtomicUsize::new(0));
    let end = Arc::clone(&ends);
    let inside = runtime.enter();
    supervisor.start("task", Pace::of_turns(BEAT), move |_, stop| {
        let end = Arc::clone(&end);
        async move {
            stop.cancelled().await;
            end.fetch_add(1, Ordering::Relaxed);
        }
    });
    drop(inside);
    runtime.block_on(supervisor.stop("task"));
    assert_eq!(ends.load(Ordering::Relaxed), 1);
}

#[test]
fn an_outbox_that_takes_the_place_of_another_hears_all_that_waits() {
    let inside = Inside::start(&Memory::new(), &Clock::system(), Settings::default());
    inside.report(&failing("db1/disk"));
    let mut feed = inside.feed();
    let mut waits = 0;
    eventually("it hears of the opening and of the repository", || {
        while let Ok(news) = feed.try_recv() {
            waits += match news {
                Feed::Entry(_) => 1,
                Feed::Repository(..) => 10,
                Feed::Gone(_) => 100,
            };
        }
        waits >= 11
    });
    assert_eq!(waits, 11);
    // The one before hears nothing more.
    inside.report(&failing("db2/disk"));
    eventually("news come to the new one", || feed.try_recv().is_ok());
}

/// What a process, this one, leaves behind that began long ago. Its task was last alive and
/// last succeeded so many seconds ago.
fn left_behind(data: &Path, alive: i64, success: Option<i64>, error: Option<&str>) {
    let age = Arc::new(AtomicI64::new(100_000));
    let clock = {
        let age = Arc::clone(&age);
        Clock::from_fn(move || {
            Timestamp::now() - SignedDuration::from_secs(age.load(Ordering::Relaxed))
        })
    };
    let marks = Marks::new(clock);
    let task = marks.task("ticker", Pace::of_turns(SignedDuration::from_mins(1)));
    if let Some(success) = success {
        age.store(success, Ordering::Relaxed);
        task.succeeded();
    }
    age.store(alive, Ordering::Relaxed);
    task.alive();
    if let Some(error) = error {
        task.failed(error);
    }
    drop(Folder::start(&marks, data).unwrap());
}

#[test]
fn r119_to_r123_status_tells_the_ages_of_marks_apart() {
    let data = tempfile::tempdir().unwrap();
    let told = |alive, success, error| {
        left_behind(data.path(), alive, success, error);
        status(data.path())
    };
    let (code, said) = told(5, Some(5), None);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");

    let (code, said) = told(9_999, Some(9_999), None);
    assert_eq!(code, 1);
    assert!(said.contains("the task `ticker` has STALLED"), "{said}");
    assert!(said.contains("Restart teawatch"), "{said}");
    assert!(said.contains("2h 46m 39s ago"), "{said}");

    let (code, said) = told(5, Some(9_999), None);
    assert_eq!(code, 1);
    assert!(said.contains("the task `ticker` has not succeeded since"), "{said}");
    assert!(!said.contains("Restart"), "{said}");

    let (code, said) = told(5, Some(5), Some("no such host"));
    assert_eq!(code, 1);
    assert!(said.contains("the task `ticker` is failing, last at 20"), "{said}");
    assert!(said.contains("no such host"), "{said}");

    let (code, said) = told(-9_999, Some(5), None);
    assert_eq!(code, 2);
    assert!(said.contains("dated in the future"), "{said}");

    // Its mark of life is gone, or says nothing that can be understood.
    left_behind(data.path(), 5, Some(5), None);
    let alive = data.path().join("marks/ticker.alive");
    for (text, state) in [(None, "never_ran"), (Some("{"), "unknown"), (Some(""), "unknown")] {
        match text {
            None => fs::remove_file(&alive).unwrap(),
            Some(text) => fs::write(&alive, text).unwrap(),
        }
        let (code, answer) = status_json(data.path());
        assert_eq!((code, answer["verdict"].as_str()), (2, Some("unknown")), "{answer:#}");
        assert_eq!(task_state(&answer, "ticker"), state);
    }
    fs::write(data.path().join("marks/process"), "{}").unwrap();
    let (code, said) = status(data.path());
    assert_eq!(code, 2);
    assert!(said.contains("marks/process: missing field"), "{said}");
}

/// How long ago a mark was left.
fn age(at: Option<Timestamp>) -> Option<i64> {
    at.map(|at| Timestamp::now().duration_since(at).as_secs())
}

#[test]
fn d4_what_was_never_written_has_no_age_and_what_was_has_its_own() {
    let data = tempfile::tempdir().unwrap();
    // R117: without a file nothing is known.
    let left = Left::read(data.path(), Timestamp::now()).unwrap();
    assert!(left.owner.is_none() && left.tasks.is_empty());
    let ages = |alive, success| {
        left_behind(data.path(), alive, success, None);
        let left = Left::read(data.path(), Timestamp::now()).unwrap();
        assert_eq!(left.tasks.len(), 1);
        (age(left.tasks[0].alive_at), age(left.tasks[0].success_at))
    };
    // A sign of life is no success, and a success is both.
    let fresh = |age: Option<i64>| age.is_some_and(|age| (0..=5).contains(&age));
    let (alive, success) = ages(0, None);
    assert!(fresh(alive) && success.is_none(), "{alive:?} {success:?}");
    let (alive, success) = ages(0, Some(0));
    assert!(fresh(alive) && fresh(success), "{alive:?} {success:?}");
    let (alive, success) = ages(10_000, Some(10_000));
    assert!(alive > Some(9_000) && success > Some(9_000), "{alive:?} {success:?}");
}

#[test]
fn d5_a_mark_that_cannot_take_its_place_leaves_no_half_of_it() {
    let data = tempfile::tempdir().unwrap();
    let place = data.path().join("marks/task.alive");
    // It can be written, but not put where it belongs.
    fs::create_dir_all(place.join("in the way")).unwrap();
    let marks = Marks::new(Clock::system());
    let task = marks.task("task", Pace::of_turns(BEAT));
    let copies = Folder::start(&marks, data.path()).unwrap();
    eventually("it is told", || marks.trouble().is_some());
    task.succeeded();
    assert_eq!(state(&marks, "task"), State::Well);
    drop(copies);
    let names = fs::read_dir(data.path().join("marks")).unwrap();
    let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["process", "task.alive", "task.success"]);
    assert!(place.is_dir());
}

#[test]
fn u27_a_disk_that_hangs_holds_up_nobody_who_asks() {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("marks")).unwrap();
    // Whoever opens it waits for somebody who writes, for ever.
    let pipe = data.path().join("marks/process");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let (code, said) = status(data.path());
    assert_eq!(code, 2);
    assert!(said.contains("could not be read for 10 s: does its disk hang?"), "{said}");
}

#[test]
fn r116_marks_that_cannot_be_written_are_told_and_leave_nothing_over() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("marks");
    fs::write(&folder, "a plain file").unwrap();
    let marks = Marks::new(Clock::system());
    let task = marks.task("task", Pace::of_turns(BEAT));
    // It says nothing any more once the trouble is known.
    marks.task("early", Pace::of_turns(BEAT)).succeeded();
    let copies = Folder::start(&marks, data.path()).unwrap();
    eventually("it is told", || marks.trouble().is_some_and(|why| why.contains("marks cannot")));
    // The task goes on, and is seen to.
    task.succeeded();
    assert_eq!(state(&marks, "task"), State::Well);
    let files: Vec<_> = fs::read_dir(data.path()).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(files, std::slice::from_ref(&folder));
    // Once there is room for them, all of them are written, the old ones as well.
    fs::remove_file(&folder).unwrap();
    eventually("they are written", || marks.trouble().is_none());
    let left = Left::read(data.path(), Timestamp::now()).unwrap();
    assert!(left.tasks.iter().all(|task| task.state == State::Well), "{:?}", left.tasks);
    drop(copies);
    let names = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    let expected = ["early.alive", "early.success", "process", "task.alive", "task.success"];
    assert_eq!(names, expected);
}

#[test]
fn marks_of_an_earlier_process_say_nothing_about_this_one() {
    let data = tempfile::tempdir().unwrap();
    for kind in ["alive", "success", "error"] {
        left_behind(data.path(), 5, Some(5), Some("no such host"));
        let mark = data.path().join("marks/ticker").with_extension(kind);
        let mut content: serde_json::Value =
            serde_json::from_slice(&fs::read(&mark).unwrap()).unwrap();
        content["process"]["start_ticks"] = 7.into();
        fs::write(&mark, content.to_string()).unwrap();
        let task = Left::read(data.path(), Timestamp::now()).unwrap().tasks.remove(0);
        let said = [task.alive_at.is_some(), task.success_at.is_some(), task.error.is_some()];
        assert_eq!(said, ["alive", "success", "error"].map(|it| it != kind), "{task:?}");
    }
}

#[test]
fn r118_whoever_reads_sees_a_whole_mark_at_any_time() {
    let data = tempfile::tempdir().unwrap();
    let marks = Marks::new(Clock::system());
    let task = marks.task("task", Pace::of_turns(BEAT));
    task.succeeded();
    drop(Folder::start(&marks, data.path()).unwrap());
    let is_over = Arc::new(AtomicUsize::new(0));
    let over = Arc::clone(&is_over);
    let path = data.path().to_owned();
    let writer = std::thread::spawn(move || {
        for number in 0..300 {
            // Texts of very different lengths.
            task.failed("x".repeat(number * 3));
            drop(Folder::start(&marks, &path).unwrap());
        }
        over.store(1, Ordering::Relaxed);
    });
    let mut states = [0; 2];
    while is_over.load(Ordering::Relaxed) == 0 {
        match Left::read(data.path(), Timestamp::now()).unwrap().tasks[0].state {
            State::Well => states[0] += 1,
            State::Failing => states[1] += 1,
            state => panic!("{state}"),
        }
    }
    writer.join().unwrap();
    assert!(states[1] > 0, "{states:?}");
}
