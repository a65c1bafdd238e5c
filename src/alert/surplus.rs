//! Comments in issues that no alert goes on in, as they are closed.

/// The comment in a second issue that is closed in favour of the one that stays.
pub fn second_issue(marker: &str, stays: u64) -> String {
    format!(
        "{marker}\n\n**A second issue for one trouble**: a request to Gitea took effect after it \
         had been given up and repeated. It goes on in #{stays}, and this one is closed. Whoever \
         reopens it keeps it.\n"
    )
}

/// The comment in an issue of an earlier trouble that somebody has reopened, and that is closed
/// again. The trouble may have come back, and then it is told elsewhere.
pub fn past_issue(marker: &str, goes_on_in: Option<u64>) -> String {
    let now = match goes_on_in {
        Some(number) => format!("What is in trouble now is told in #{number}."),
        None => "What comes next gets an issue of its own.".to_owned(),
    };
    format!(
        "{marker}\n\n**Over**: the trouble that this issue tells of has ended, and nothing more \
         is written here. {now} Whoever reopens it once more keeps it.\n"
    )
}

/// The comment in an issue that an earlier store has left open, and that is closed since its
/// alert has another. `stays` is that one, as Gitea links it.
pub fn left_behind(marker: &str, stays: &str, is_active: bool) -> String {
    let now = if is_active { "goes on" } else { "was told to its end" };
    format!(
        "{marker}\n\n**A second issue for one trouble**: the database of teawatch was lost, and \
         two issues were open. The trouble {now} in {stays}, and this one is closed. Whoever \
         reopens it keeps it.\n"
    )
}

/// The comment in the report of an earlier night that is open, and that is closed since that of
/// another night is: a person has reopened it, or a store was lost. `stays` is that one, as
/// Gitea links it.
pub fn past_night(marker: &str, stays: &str) -> String {
    format!(
        "{marker}\n\n**The report of an earlier night**: that of the newest is {stays}, and this \
         one is closed. Whoever reopens it keeps it.\n"
    )
}
