//! An effect in doubt is found among hundreds of issues, on small pages that move while
//! they are read.
//!
//! What counts is every request for a page of the issue list after the kill; each test
//! prints the number, and says why there can be no more.

use std::thread;

use http::Method;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use teawatch::sandbox::{Action, Fault, Route, World};

use crate::support::{
    CHECK, Deed, Gitea, OTHER, REPOSITORY, Teawatch, eventually, failing, passing,
};

const BOT: &str = "teawatch";
const PAGE: u64 = 5;
/// The bot's other issues: there before ours, or after it.
const OLDER: u64 = 300;
const NEWER: u64 = 40;
/// Nobody else reads lists.
const ALONE: (&str, &str) = ("reconcile.every", "0s");

/// A Gitea with an issue of ours that teawatch was killed over, and the crowd around it.
struct Scene {
    data: tempfile::TempDir,
    gitea: Gitea,
    /// The number of our issue.
    ours: u64,
    /// List requests before the kill.
    before: u64,
}

impl Scene {
    /// The crowd of the bot's issues is `older` than ours, which is touched afterwards, and
    /// `newer`. `clock` is how far Gitea's clock is off; it jumps by `jump` in the moment
    /// before our issue is made.
    fn new(older: u64, newer: u64, clock: SignedDuration, jump: SignedDuration) -> Self {
        let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
        let long_ago = gitea.now() - 3.hours();
        {
            let mut world = gitea.world();
            world.set_page_size(5, 5);
            world.set_clock_offset(clock);
            for number in crowd(&mut world, older, long_ago) {
                world.close_as(BOT, REPOSITORY, number, long_ago).unwrap();
            }
        }
        let settings = [("gitea.timeout", "20s"), ("gitea.settle_wait", "40s")];
        let teawatch = Teawatch::start(data.path(), &gitea, &settings);
        teawatch.report(&failing(OTHER));
        teawatch.settles(&gitea);
        gitea.order(Deed::Open.fault(Action::DoAndStall));
        gitea.world().set_clock_offset(clock + jump);
        teawatch.report(&failing(CHECK));
        eventually("Gitea has made the issue", || Deed::Open.is_done(&gitea));
        teawatch.kill();

        let ours = gitea.issues_about(CHECK)[0].number;
        assert_eq!(ours, older + 2);
        let now = gitea.now();
        {
            let mut world = gitea.world();
            crowd(&mut world, newer, now);
            for number in 1..=older {
                world.touch(REPOSITORY, number, now).unwrap();
            }
        }
        let before = gitea.count(&Method::GET, Route::Issues);
        Self { data, gitea, ours, before }
    }

    /// List requests since the kill.
    fn requests(&self) -> u64 {
        self.gitea.count(&Method::GET, Route::Issues) - self.before
    }

    /// Holds up the list request after `passed` more, so that something can happen between
    /// two pages.
    fn hold_after(&self, passed: u64) {
        let fault = Fault::new(Action::StallAndDo { after_ms: None });
        let passed = u32::try_from(passed).unwrap();
        self.gitea.order(fault.on(&Method::GET, Route::Issues).after(passed));
    }

    /// Does `what` while the list request that was ordered to be held is, for the
    /// `count`th time.
    fn between_pages(&self, count: usize, what: impl FnOnce(&mut World)) {
        eventually("the reading is between two pages", || {
            self.gitea.held(&Method::GET, Route::Issues) == count
        });
        what(&mut self.gitea.world());
        self.gitea.release();
    }

    fn restart(&self) -> Teawatch {
        let settings = [("gitea.timeout", "4s"), ("gitea.settle_wait", "8s"), ALONE];
        Teawatch::start(self.data.path(), &self.gitea, &settings)
    }

    /// Our issue was found and goes on, nothing was sent twice, and it took at most `most`
    /// requests. Far fewer would mean that another reading than the one in question has
    /// found it.
    #[track_caller]
    fn ends_well(&self, teawatch: &Teawatch, what: &str, most: u64) {
        teawatch.settles(&self.gitea);
        let requests = self.requests();
        println!("{what}: {requests} list requests, at most {most}");
        assert!((most - 2..=most).contains(&requests), "{what}: {requests}, at most {most}");
        assert_eq!(self.gitea.issues_about(CHECK)[0].number, self.ours);
        assert_eq!(self.gitea.count(&Method::POST, Route::Issues), 2);
        Deed::Open.happened_once(&self.gitea);
        Deed::Open.goes_on(teawatch, &self.gitea);
        assert_eq!(self.requests(), requests, "nothing is looked for any more");
    }
}

/// Opens issues of the bot that teawatch knows nothing of. Returns their numbers.
fn crowd(world: &mut World, count: u64, now: Timestamp) -> Vec<u64> {
    let open = |_| world.open_as(BOT, REPOSITORY, "one of many", "", now).unwrap();
    (0..count).map(open).collect()
}

/// Requests for a whole reading of so many issues: full pages, a broken one, and the empty
/// one that ends the list.
fn pages(issues: u64) -> u64 {
    issues.div_ceil(PAGE) + 1
}

/// Runs a test with several clocks of Gitea at once.
fn with_clocks(test: impl Fn(SignedDuration) + Sync) {
    let clocks = [0, 10, 60].map(|minutes| SignedDuration::from_mins(-minutes));
    thread::scope(|scope| {
        for clock in clocks {
            let test = &test;
            scope.spawn(move || test(clock));
        }
    });
}

/// One reading: ours, the other one, those that were touched, the new ones, and those that
/// appeared meanwhile.
#[test]
fn one_reading_finds_it_among_hundreds_that_come_and_go_between_pages() {
    with_clocks(|clock| {
        let scene = Scene::new(OLDER, NEWER, clock, SignedDuration::ZERO);
        // On page 3 and page 8 of the first reading; ours is on page 9.
        scene.hold_after(2);
        scene.hold_after(7);
        let now = scene.gitea.now();
        let teawatch = scene.restart();
        for count in [1, 2] {
            scene.between_pages(count, |world| {
                crowd(world, 4, now);
                // One that was read, and two that are yet to be read.
                let newest = world.issues(REPOSITORY).map(|issue| issue.number).max().unwrap();
                for number in [newest - 6, scene.ours + 1, 17 + count as u64] {
                    world.delete_issue(REPOSITORY, number).unwrap_or_default();
                }
            });
        }
        let what = format!("a clock off by {clock:#}");
        scene.ends_well(&teawatch, &what, pages(2 + OLDER + NEWER + 8));
    });
}

#[test]
fn one_reading_finds_it_on_the_last_page() {
    with_clocks(|clock| {
        let scene = Scene::new(0, OLDER + NEWER, clock, SignedDuration::ZERO);
        let last = pages(2 + OLDER + NEWER) - 1;
        scene.hold_after(last - 1);
        let teawatch = scene.restart();
        scene.between_pages(1, |world| {
            crowd(world, 1, scene.gitea.now());
        });
        let what = format!("on the last page, a clock off by {clock:#}");
        scene.ends_well(&teawatch, &what, pages(2 + OLDER + NEWER + 1));
    });
}

/// Two readings by time miss it, each because an issue before it vanished while they read
/// on from a page that ended right before it. The third goes by numbers, and ends with the
/// page after the highest number that was known.
#[test]
fn a_reading_that_it_slipped_through_is_followed_by_another() {
    let scene = Scene::new(OLDER, NEWER, SignedDuration::ZERO, SignedDuration::ZERO);
    // 40 are before it, so it is the first on page 9.
    scene.hold_after(8);
    let teawatch = scene.restart();
    let newest = scene.ours + NEWER;
    scene.between_pages(1, |world| world.delete_issue(REPOSITORY, newest).unwrap());
    let first = pages(1 + OLDER + NEWER);
    eventually("the first reading has ended", || scene.requests() == first);
    {
        let mut world = scene.gitea.world();
        for number in newest - 4..newest {
            world.delete_issue(REPOSITORY, number).unwrap();
        }
    }
    // 35 are before it, so it is the first on page 8.
    scene.hold_after(7);
    scene.between_pages(2, |world| world.delete_issue(REPOSITORY, newest - 5).unwrap());
    let second = pages(2 + OLDER + NEWER - 6);
    let third = pages(1 + NEWER - 6) + 1;
    scene.ends_well(&teawatch, "slipped through twice", first + second + third);
}

/// Gitea's clock was put right in the worst moment: the issue seems older than the intent.
/// The readings by time see nothing but the other issue, which is from before.
#[test]
fn a_clock_that_goes_back_hides_nothing_from_the_reading_by_numbers() {
    let back = SignedDuration::from_mins(-20);
    let scene = Scene::new(OLDER, NEWER, SignedDuration::ZERO, back);
    let teawatch = scene.restart();
    let by_time = 2 * pages(1);
    let by_number = pages(1 + NEWER) + 1;
    scene.ends_well(&teawatch, "a clock that went back", by_time + by_number);
}

/// A page can lack items that the server failed to load, even all of them.
#[test]
fn only_a_page_that_is_empty_on_the_wire_ends_the_list() {
    let scene = Scene::new(0, NEWER, SignedDuration::ZERO, SignedDuration::ZERO);
    {
        let mut world = scene.gitea.world();
        let newest = scene.ours + NEWER;
        // Two on the first page, and the whole third one.
        for behind in [0, 3, 10, 11, 12, 13, 14] {
            world.set_zero(REPOSITORY, newest - behind, true).unwrap();
        }
    }
    let teawatch = scene.restart();
    scene.ends_well(&teawatch, "short pages", pages(2 + NEWER));
}

/// One pass is for all effects in doubt of a repository.
#[test]
fn three_openings_in_doubt_share_one_reading() {
    let (data, gitea) = (tempfile::tempdir().unwrap(), Gitea::start());
    gitea.world().set_page_size(5, 5);
    let settings =
        [("gitea.timeout", "20s"), ("gitea.settle_wait", "40s"), ("gitea.in_flight", "3")];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.report(&failing(OTHER));
    teawatch.settles(&gitea);
    let checks = ["db1/disk", "db2/disk", "db3/disk"];
    gitea.order(Deed::Open.fault(Action::DoAndStall).times(3));
    for check in checks {
        teawatch.report(&failing(check));
    }
    eventually("Gitea has made the issues", || gitea.open() == 4);
    teawatch.kill();
    crowd(&mut gitea.world(), NEWER, gitea.now());
    let before = gitea.count(&Method::GET, Route::Issues);

    let settings =
        [("gitea.timeout", "4s"), ("gitea.settle_wait", "8s"), ("gitea.in_flight", "3"), ALONE];
    let teawatch = Teawatch::start(data.path(), &gitea, &settings);
    teawatch.settles(&gitea);
    let (requests, one) = (gitea.count(&Method::GET, Route::Issues) - before, pages(4 + NEWER));
    println!("three in doubt: {requests} list requests, at most {one}");
    assert!((one - 2..=one).contains(&requests), "{requests}, at most {one}");
    assert_eq!(gitea.count(&Method::POST, Route::Issues), 4);
    for check in checks {
        assert_eq!(gitea.issues_about(check).len(), 1);
        teawatch.report(&passing(check));
    }
    eventually("all three are closed", || {
        checks.iter().all(|check| !gitea.issues_about(check)[0].is_open)
    });
    teawatch.settles(&gitea);
}
