//! `init` at a terminal: it asks, and does not show what is secret.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Child;
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use teawatch::sandbox::ALICE_TOKEN;

use super::*;
use crate::support::eventually;

struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Terminal {
    fn start(desk: &Desk) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        let mut command = desk.command(&["init"]);
        let child = command.stdin(open()).stdout(open()).stderr(open()).spawn().unwrap();
        drop(command);
        let keyboard = File::from(master);
        let mut from = keyboard.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            // Its end is an error, once nobody is at the terminal any more.
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                shown.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { keyboard, screen, child }
    }

    fn screen(&self) -> String {
        text(&self.screen.lock().unwrap())
    }

    fn answers(&mut self, question: &str, keys: &str) {
        eventually(question, || self.screen().contains(question));
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn it_asks_for_what_was_not_given_and_shows_no_token() {
    let desk = Desk::new();
    let mut terminal = Terminal::start(&desk);
    terminal.answers("Gitea's address", &format!("{}\n", desk.gitea.url));
    terminal.answers("Repository for the issues", &format!("{REPOSITORY}\n"));
    // Typed with a mistake that is taken back.
    let typed = format!("x\u{7f}{}\n", desk.gitea.token());
    terminal.answers("teawatch writes as (not shown): ", &typed);
    terminal.answers("Enter for none (not shown): ", &format!("{ALICE_TOKEN}\r"));
    let code = terminal.child.wait().unwrap();
    eventually("it says what comes next", || terminal.screen().contains("teawatch serve"));
    let screen = terminal.screen();
    assert!(code.success(), "{screen}");
    assert!(!screen.contains(desk.gitea.token()) && !screen.contains(ALICE_TOKEN), "{screen}");
    assert_eq!((desk.files(), desk.hooks().len()), (WRITTEN.map(str::to_owned).to_vec(), 1));
}

#[test]
fn ctrl_c_at_a_secret_ends_it_and_leaves_a_terminal_that_shows_again() {
    let desk = Desk::new();
    let mut terminal = Terminal::start(&desk);
    terminal.answers("Gitea's address", &format!("{}\n", desk.gitea.url));
    terminal.answers("Repository for the issues", &format!("{REPOSITORY}\n"));
    terminal.answers("teawatch writes as (not shown): ", "abc\u{3}");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(1));
    let modes = rustix::termios::tcgetattr(&terminal.keyboard).unwrap().local_modes;
    assert!(modes.contains(rustix::termios::LocalModes::ECHO), "{modes:?}");
    assert!(desk.files().is_empty());
}
