//! What may happen in a case, and under which settings.

use proptest::prelude::*;

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    pub knobs: Knobs,
    pub moves: Vec<Move>,
}

/// Settings, times in seconds.
#[derive(Debug, Clone)]
pub struct Knobs {
    pub fail_after: u32,
    pub fail_for: i64,
    pub recover_after: u32,
    pub open_after: i64,
    pub close_after: i64,
    pub reopen_window: i64,
    pub comment_interval: i64,
    /// 0: by check, 1: by source, 2: all together.
    pub group_by: u8,
    pub max_new_issues: u32,
    pub max_open_issues: u32,
    /// Results looked at for flapping; 0 is off.
    pub flapping: u32,
    /// When reports say that they come again.
    pub interval: Option<i64>,
    /// Items on a page of Gitea's.
    pub page_size: usize,
    /// Whether a check is expected that nobody has heard of.
    pub expects: bool,
}

impl Knobs {
    /// A report each minute, two successes to be well, everything else at once.
    pub fn plain() -> Self {
        Self {
            fail_after: 1,
            fail_for: 0,
            recover_after: 2,
            open_after: 0,
            close_after: 0,
            reopen_window: 3_600,
            comment_interval: 600,
            group_by: 0,
            max_new_issues: 20,
            max_open_issues: 200,
            flapping: 0,
            interval: Some(60),
            page_size: 30,
            expects: false,
        }
    }
}

/// What happens next.
#[derive(Debug, Clone)]
pub enum Move {
    /// Time passes, here and at Gitea.
    Wait(i64),
    /// Our clock is set, by so many seconds; Gitea's goes on.
    SetClock(i64),
    Report {
        source: u8,
        order: Order,
        observations: Vec<(u8, u8)>,
    },
    Wake,
    /// The outbox does one thing; its first request, or its first that changes something,
    /// has this fate.
    Work {
        fate: Fate,
        on_write: bool,
    },
    /// The process is killed and started again.
    Crash,
    /// The process is killed during one of its next commits, which is found afterwards or
    /// is not.
    CrashInCommit {
        skip: u8,
        is_found: bool,
    },
    /// A person silences the checks of this number in all sources.
    Silence {
        check: u8,
        starts_in: i64,
        lasts: i64,
    },
    /// The data directory is lost.
    LoseData,
    /// A person writes a comment, or edits the body of an issue.
    Human {
        issue: u8,
        deed: Deed,
    },
}

/// Which report a source sends.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    Next,
    /// The newest again.
    Repeat,
    /// One that comes late: so many were skipped and this is the first of them.
    Late,
    NewEpoch,
    /// The epoch before, as from a second agent.
    FormerEpoch,
}

/// What becomes of one request to Gitea.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Answered,
    Unreachable,
    /// Nothing was done, and no answer came.
    RequestLost,
    /// It was done, and no answer came.
    AnswerLost,
    /// It was done, and 500 was answered.
    DoneAndFailed,
    /// Nothing was done, and this was answered.
    Refused(u16),
    /// No answer came, and it is done so many seconds later.
    Late(i64),
}

#[derive(Debug, Clone, Copy)]
pub enum Deed {
    Comment,
    WriteAbove,
    RemoveDelimiters,
    DoubleDelimiters,
}

pub fn case() -> impl Strategy<Value = Case> {
    (knobs(), prop::collection::vec(step(), 5..40)).prop_map(|(knobs, moves)| Case { knobs, moves })
}

fn knobs() -> impl Strategy<Value = Knobs> {
    let machine = (
        1..4_u32,
        prop_oneof![4 => Just(0_i64), 1 => Just(20)],
        1..4_u32,
        prop_oneof![2 => Just(0_i64), 1 => Just(30)],
        prop_oneof![2 => Just(0_i64), 1 => Just(30)],
        prop::sample::select(vec![0_i64, 40, 120, 3_600]),
        prop::sample::select(vec![1_i64, 60, 600]),
        0..3_u8,
    );
    let rest = (
        prop_oneof![3 => Just(20_u32), 1 => 1..4_u32],
        prop_oneof![3 => Just(200_u32), 1 => 1..4_u32],
        prop_oneof![2 => Just(0_u32), 1 => Just(5)],
        prop_oneof![1 => Just(None), 2 => Just(Some(60_i64))],
        prop_oneof![1 => Just(30_usize), 1 => 1..4_usize],
        any::<bool>(),
    );
    (machine, rest).prop_map(|(machine, rest)| {
        let (fail_after, fail_for, recover_after, open_after, close_after, window, pace, group_by) =
            machine;
        let (max_new_issues, max_open_issues, flapping, interval, page_size, expects) = rest;
        Knobs {
            fail_after,
            fail_for,
            recover_after,
            open_after,
            close_after,
            reopen_window: window,
            comment_interval: pace,
            group_by,
            max_new_issues,
            max_open_issues,
            flapping,
            interval,
            page_size,
            expects,
        }
    })
}

fn step() -> impl Strategy<Value = Move> {
    prop_oneof![
        5 => prop::sample::select(vec![1_i64, 5, 20, 45, 61, 130, 650, 3_700]).prop_map(Move::Wait),
        1 => prop::sample::select(vec![-2_i64, -40, -700, -5_000, -100_000, 15, 3_000])
            .prop_map(Move::SetClock),
        8 => report(),
        4 => Just(Move::Wake),
        14 => (fate(), prop_oneof![3 => Just(true), 1 => Just(false)])
            .prop_map(|(fate, on_write)| Move::Work { fate, on_write }),
        1 => Just(Move::Crash),
        1 => (0..6_u8, any::<bool>())
            .prop_map(|(skip, is_found)| Move::CrashInCommit { skip, is_found }),
        1 => silence(),
        1 => prop_oneof![4 => Just(Move::Wake), 1 => Just(Move::LoseData)],
        1 => (0..4_u8, deed()).prop_map(|(issue, deed)| Move::Human { issue, deed }),
    ]
}

fn report() -> impl Strategy<Value = Move> {
    let order = prop_oneof![
        16 => Just(Order::Next),
        1 => Just(Order::Repeat),
        1 => Just(Order::Late),
        1 => Just(Order::NewEpoch),
        1 => Just(Order::FormerEpoch),
    ];
    // Mostly the same check, so that it often comes to a verdict.
    let source = prop_oneof![4 => Just(0_u8), 1 => 1..3_u8];
    let check = prop_oneof![3 => Just(0_u8), 1 => 1..3_u8];
    let kind = prop_oneof![4 => Just(0_u8), 5 => Just(1_u8), 1 => Just(2_u8), 1 => Just(3_u8)];
    (source, order, prop::collection::vec((check, kind), 0..4))
        .prop_map(|(source, order, observations)| Move::Report { source, order, observations })
}

fn silence() -> impl Strategy<Value = Move> {
    let check = prop_oneof![4 => Just(0_u8), 1 => 1..3_u8];
    let starts_in = prop::sample::select(vec![0_i64, 0, 30, 100]);
    let lasts = prop::sample::select(vec![1_i64, 50, 200, 900]);
    (check, starts_in, lasts).prop_map(|(check, starts_in, lasts)| Move::Silence {
        check,
        starts_in,
        lasts,
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        10 => Just(Fate::Answered),
        1 => Just(Fate::Unreachable),
        2 => Just(Fate::RequestLost),
        3 => Just(Fate::AnswerLost),
        1 => Just(Fate::DoneAndFailed),
        2 => prop::sample::select(vec![401_u16, 429, 503]).prop_map(Fate::Refused),
        4 => (1..60_i64).prop_map(Fate::Late),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop::sample::select(vec![
        Deed::Comment,
        Deed::WriteAbove,
        Deed::RemoveDelimiters,
        Deed::DoubleDelimiters,
    ])
}
