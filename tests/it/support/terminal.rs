//! A terminal, and what runs at it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{eventually, text};

/// A terminal. Who was started at it is killed when it is dropped.
pub struct Terminal {
    pub keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    pub child: Child,
}

impl Terminal {
    /// Has `run` start something at a new terminal, which has this name.
    pub fn start(run: impl FnOnce(&str) -> Child) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let child = run(&name);
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

    /// Everything that it has shown.
    pub fn screen(&self) -> String {
        text(&self.screen.lock().unwrap())
    }

    /// Waits until these words are there.
    #[track_caller]
    pub fn shows(&self, words: &str) {
        eventually(&format!("{words:?} is on the screen"), || self.screen().contains(words));
    }

    pub fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end of what was started.
    #[track_caller]
    pub fn ends(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
