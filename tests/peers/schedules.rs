//! When slots come, as the Python package croniter has it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use teawatch::check::Calendar;

use super::support::text;

const VERSION: &str = "croniter==7.0.0";

/// How many expressions, each with a zone and a time.
const CASES: usize = 6_000;

/// Reads lines of an expression, a zone and a second, and prints the slots after and before.
const PROGRAM: &str = r#"
import sys
from datetime import datetime
from zoneinfo import ZoneInfo
from croniter import croniter
for line in sys.stdin:
    expression, zone, second = line.rstrip("\n").split("\t")
    at = datetime.fromtimestamp(int(second), ZoneInfo(zone))
    after = croniter(expression, at).get_next(datetime)
    before = croniter(expression, at).get_prev(datetime)
    print(int(after.timestamp()), int(before.timestamp()))
"#;

/// Among them one that moves by half an hour, one that is off by 45 minutes, one that has
/// moved no more since 2019, one that moves twice for Ramadan, and some of the south.
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Auckland",
];

/// The same numbers every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn field(&mut self, from: u64, to: u64) -> String {
        let mut number = || from + self.below(to - from + 1);
        let (a, b, c) = (number(), number(), number());
        match self.below(10) {
            0..=2 => "*".to_owned(),
            7 => format!("{},{}", a.min(b), a.max(b)),
            // To croniter a range of one is everything.
            8 if a != b => format!("{}-{}", a.min(b), a.max(b)),
            3..=6 | 8 => a.to_string(),
            _ => format!("*/{}", (c - from).clamp(2, (to - from) / 2)),
        }
    }

    fn expression(&mut self) -> String {
        let (minute, hour) = (self.field(0, 59), self.field(0, 23));
        let day = if self.below(3) == 0 { self.field(1, 28) } else { "*".to_owned() };
        let month = if self.below(4) == 0 { self.field(1, 12) } else { "*".to_owned() };
        let weekday = match self.below(5) {
            0 => self.field(0, 6),
            1 => self.one(&["MON-FRI", "SUN", "7", "sat", "TUE,THU"]).to_owned(),
            _ => "*".to_owned(),
        };
        format!("{minute} {hour} {day} {month} {weekday}")
    }

    /// Half of them within two days of a turn of the zone's clock.
    fn time(&mut self, zone: &str) -> i64 {
        // From 2024 until 2033.
        let second = 1_704_067_200 + i64::try_from(self.below(9 * 365 * 86_400)).unwrap();
        if self.below(2) == 0 {
            return second;
        }
        let zone = TimeZone::get(zone).unwrap();
        let at = Timestamp::from_second(second).unwrap();
        let turn = zone.following(at).next();
        let near = i64::try_from(self.below(4 * 86_400)).unwrap() - 2 * 86_400;
        turn.map_or(second, |turn| turn.timestamp().as_second() + near)
    }
}

/// The Python that has croniter, in an environment of its own among the things that are built.
fn python() -> PathBuf {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("croniter");
    let python = home.join("bin/python");
    let has_it = |python: &PathBuf| {
        let import = Command::new(python).args(["-c", "import croniter"]).output();
        import.is_ok_and(|output| output.status.success())
    };
    if !has_it(&python) {
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().unwrap();
            assert!(output.status.success(), "{program}: {}", text(&output.stderr));
        };
        run("python3", &["-m", "venv", home.to_str().unwrap()]);
        run(python.to_str().unwrap(), &["-m", "pip", "install", "--quiet", VERSION]);
    }
    python
}

/// What croniter says to each line.
fn asked(lines: &str) -> Vec<(i64, i64)> {
    let mut process = Command::new(python())
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writing = thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = process.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let numbers = |line: &str| {
        let (after, before) = line.split_once(' ').unwrap();
        (after.parse().unwrap(), before.parse().unwrap())
    };
    text(&output.stdout).lines().map(numbers).collect()
}

#[test]
fn slots_come_when_croniter_says() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let cases: Vec<_> = (0..CASES)
        .map(|_| {
            let (expression, zone) = (dice.expression(), dice.one(ZONES));
            let second = dice.time(zone);
            (expression, zone, second)
        })
        .collect();
    let lines: String =
        cases.iter().map(|(cron, zone, at)| format!("{cron}\t{zone}\t{at}\n")).collect();
    let theirs = asked(&lines);
    assert_eq!(theirs.len(), CASES);
    let (mut unexplained, mut explained) = (Vec::new(), Vec::new());
    for ((cron, zone, second), (after, before)) in cases.iter().zip(theirs) {
        let calendar = Calendar::new(cron, zone).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let time = |second| Timestamp::from_second(second).unwrap().to_zoned(zone.clone());
        let at = time(*second).timestamp();
        let just_before = at.checked_sub(SignedDuration::from_secs(1)).unwrap();
        let ours = [calendar.after(at), calendar.until(just_before)];
        for (ours, theirs) in ours.into_iter().zip([after, before]) {
            let (ours, theirs) = (ours.unwrap().to_zoned(zone.clone()), time(theirs));
            if ours != theirs {
                let unknown = || format!("{cron} at {}: {ours}, {theirs}", time(*second));
                match why(cron, &ours, &theirs) {
                    Some(why) => explained.push(why),
                    None => unexplained.push(unknown()),
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{}\n{}", unexplained.len(), unexplained.join("\n"));
    // What no longer differs needs no explanation.
    explained.sort_unstable();
    let count = explained.len();
    explained.dedup();
    assert_eq!(explained, [SKIPPED, SECOND], "{count}");
    assert!(count < CASES / 100, "{count}");
}

/// Of many slots in a stretch that the clock skips, croniter has one when it has done so. Here
/// only a time that is alone in its day is made up for.
const SKIPPED: &str = "one slot for many that are skipped";
/// Backwards, croniter has a fixed time that comes twice also the second time. Forwards it has,
/// as here, the first alone.
const SECOND: &str = "the second of two, backwards";

/// Why croniter has another slot, if that is known.
fn why(cron: &str, ours: &Zoned, theirs: &Zoned) -> Option<&'static str> {
    let mut times = cron.split(' ').take(2);
    let is_fixed = times.all(|field| field.bytes().all(|byte| byte.is_ascii_digit()));
    let zone = theirs.time_zone();
    let turn = zone.preceding(theirs.timestamp().checked_add(NEXT).unwrap()).next().unwrap();
    let (before, after) = {
        let offset = |at: Timestamp| zone.to_offset(at);
        (offset(turn.timestamp().checked_sub(NEXT).unwrap()), offset(turn.timestamp()))
    };
    let is_turn = turn.timestamp() == theirs.timestamp() && after > before;
    if !is_fixed && is_turn {
        return Some(SKIPPED);
    }
    let is_second = ours.datetime() == theirs.datetime() && ours < theirs;
    (is_fixed && is_second).then_some(SECOND)
}

const NEXT: SignedDuration = SignedDuration::from_secs(1);
