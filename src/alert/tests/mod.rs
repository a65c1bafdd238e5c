//! The machine of one alert, through one door: a script in, a log out; and its texts, as
//! people read them.

mod commands;
mod comment;
mod explanation;
mod people;
mod samples;
mod script;
mod silence;
mod step;
mod table;
mod text;
mod title;
mod wishes;

use jiff::Timestamp;

use super::{Alert, Fingerprint, Group, Rule, Salt, Target};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn alert(group: Group) -> Alert {
    Alert::new(Fingerprint::new(&Salt::new("salt"), &group), group, 0)
}

/// Everything at once, and nothing to be reminded of.
fn rule() -> Rule {
    Rule {
        target: Target { repository: "ops/alerts".to_owned(), ..Target::default() },
        ..Rule::default()
    }
}
