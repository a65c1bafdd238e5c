//! The settings of a run: rolled at its start, and again, in part, at some restarts.

use jiff::SignedDuration;
use teawatch::alert::admit::Limits;
use teawatch::alert::{GroupBy, Rule, Target};
use teawatch::check::{CheckId, Flapping, Policy};
use teawatch::engine::settings::{Expect, Resolved, Routes, Settings};
use teawatch::outbox::Settings as Patience;

use super::dice::Dice;

/// Where issues go: the first, unless an administrator has changed the routes.
pub const REPOSITORIES: [&str; 2] = ["ops/alerts", "ops/other"];
pub const LABEL: &str = "teawatch";
/// How long a request may take, in milliseconds.
pub const TIMEOUT: i64 = 20_000;
/// Settings, times in seconds.
#[derive(Debug, Clone)]
pub struct Knobs {
    pub fail_after: u32,
    pub recover_after: u32,
    pub open_after: i64,
    pub close_after: i64,
    pub reopen_window: i64,
    pub comment_interval: i64,
    pub group_by: usize,
    pub max_new_issues: u32,
    pub max_open_issues: u32,
    pub flapping: u32,
    /// When agents report.
    pub interval: i64,
    pub page_size: usize,
    /// The repository of the routes.
    pub repository: usize,
    /// Whether a check is expected that nobody has heard of.
    pub expects: bool,
    pub rate: f64,
    pub burst: u32,
    /// How often teawatch notes that it is looking, and after how long it was not.
    pub mark: i64,
    pub gap: i64,
}

impl Knobs {
    /// The defaults, as far as they are settings.
    pub fn plain() -> Self {
        Self {
            fail_after: 1,
            recover_after: 1,
            open_after: 0,
            close_after: 0,
            reopen_window: 3_600,
            comment_interval: 600,
            group_by: 0,
            max_new_issues: 20,
            max_open_issues: 200,
            flapping: 21,
            interval: 300,
            page_size: 30,
            repository: 0,
            expects: false,
            rate: 5.0,
            burst: 10,
            mark: 5,
            gap: 10,
        }
    }

    pub fn roll(dice: &mut Dice) -> Self {
        let mut knobs = Self::plain();
        knobs.interval = dice.pick(&[60, 300, 300, 900]);
        knobs.page_size = dice.pick(&[1, 2, 3, 30]);
        (knobs.rate, knobs.burst) = dice.pick(&[(5.0, 10), (1.0, 3), (0.2, 2)]);
        knobs.expects = dice.one_in(2);
        // Longer than the defaults, so that an idle hour is fewer turns.
        (knobs.mark, knobs.gap) = (60, 120);
        knobs.reroll(dice);
        knobs
    }

    /// What an administrator changes between two starts.
    pub fn reroll(&mut self, dice: &mut Dice) {
        self.fail_after = dice.pick(&[1, 1, 2, 3]);
        self.recover_after = dice.pick(&[1, 1, 2]);
        self.open_after = dice.pick(&[0, 0, 0, 400]);
        self.close_after = dice.pick(&[0, 0, 0, 400]);
        self.reopen_window = dice.pick(&[0, 120, 3_600, 3_600]);
        self.comment_interval = dice.pick(&[60, 600, 600]);
        self.group_by = dice.pick(&[0, 0, 0, 1, 2]);
        self.max_new_issues = dice.pick(&[1, 3, 20, 20]);
        self.max_open_issues = dice.pick(&[1, 3, 200, 200]);
        self.flapping = dice.pick(&[0, 0, 5]);
        self.repository = dice.pick(&[0, 0, 0, 1]);
    }

    pub fn engine(&self) -> Settings {
        let secs = SignedDuration::from_secs;
        let policy = Policy {
            fail_after: self.fail_after,
            recover_after: self.recover_after,
            flapping: Flapping { window: self.flapping, ..Flapping::default() },
            ..Policy::default()
        };
        let rule = Rule {
            open_after: secs(self.open_after),
            close_after: secs(self.close_after),
            reopen_window: secs(self.reopen_window),
            comment_interval: secs(self.comment_interval),
            group_by: match self.group_by {
                0 => GroupBy::Check,
                1 => GroupBy::Source,
                _ => GroupBy::Named("all".to_owned()),
            },
            target: Target {
                repository: REPOSITORIES[self.repository].to_owned(),
                labels: vec![LABEL.to_owned()],
                ..Target::default()
            },
            ..Rule::default()
        };
        let expected = Expect { id: CheckId::new("s0", "c0"), interval: secs(self.interval) };
        Settings {
            routes: Routes { routes: Vec::new(), otherwise: Resolved { policy, rule } },
            limits: Limits {
                max_new_issues: self.max_new_issues,
                max_open_issues: self.max_open_issues,
            },
            expect: self.expects.then_some(expected).into_iter().collect(),
            absence_mark: secs(self.mark),
            absence_gap: secs(self.gap),
            // Nobody reads it here, and a crash copies all of it.
            history_kept: secs(3_600),
            ..Settings::default()
        }
    }

    pub fn outbox(&self) -> Patience {
        Patience { rate: self.rate, burst: self.burst, ..Patience::default() }
    }
}
