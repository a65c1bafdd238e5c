//! `init` at a terminal: it asks, and does not show what is secret.

use teawatch::sandbox::ALICE_TOKEN;

use super::*;
use crate::support::{Terminal, eventually};

/// `init` at a terminal of its own.
fn init(desk: &Desk) -> Terminal {
    Terminal::start(|name| {
        let open = || std::fs::File::options().read(true).write(true).open(name).unwrap();
        let mut command = desk.command(&["init"]);
        command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap()
    })
}

/// Types an answer once it is asked for.
#[track_caller]
fn answers(terminal: &mut Terminal, question: &str, keys: &str) {
    terminal.shows(question);
    terminal.types(keys);
}

#[test]
fn it_asks_for_what_was_not_given_and_shows_no_token() {
    let desk = Desk::new();
    let mut terminal = init(&desk);
    answers(&mut terminal, "Gitea's address", &format!("{}\n", desk.gitea.url));
    answers(&mut terminal, "Repository for the issues", &format!("{REPOSITORY}\n"));
    // Typed with a mistake that is taken back.
    let typed = format!("x\u{7f}{}\n", desk.gitea.token());
    answers(&mut terminal, "teawatch writes as (not shown): ", &typed);
    answers(&mut terminal, "Enter for none (not shown): ", &format!("{ALICE_TOKEN}\r"));
    let code = terminal.ends();
    eventually("it says what comes next", || terminal.screen().contains("teawatch serve"));
    let screen = terminal.screen();
    assert!(code.success(), "{screen}");
    assert!(!screen.contains(desk.gitea.token()) && !screen.contains(ALICE_TOKEN), "{screen}");
    assert_eq!((desk.files(), desk.hooks().len()), (WRITTEN.map(str::to_owned).to_vec(), 1));
}

#[test]
fn ctrl_c_at_a_secret_ends_it_and_leaves_a_terminal_that_shows_again() {
    let desk = Desk::new();
    let mut terminal = init(&desk);
    answers(&mut terminal, "Gitea's address", &format!("{}\n", desk.gitea.url));
    answers(&mut terminal, "Repository for the issues", &format!("{REPOSITORY}\n"));
    answers(&mut terminal, "teawatch writes as (not shown): ", "abc\u{3}");
    assert_eq!(terminal.ends().code(), Some(1));
    let modes = rustix::termios::tcgetattr(&terminal.keyboard).unwrap().local_modes;
    assert!(modes.contains(rustix::termios::LocalModes::ECHO), "{modes:?}");
    assert!(desk.files().is_empty());
}
