//! A command of the real binary that tells its story on standard output.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{InTime as _, eventually};

/// A running command; killed when dropped.
pub struct Told {
    child: Child,
    /// The lines of its standard output so far.
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    /// Everything of its standard error, once that is closed.
    errors: Arc<Mutex<String>>,
}

impl Told {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, errors) = <(Arc<Mutex<Vec<String>>>, Arc<Mutex<String>>)>::default();
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (told, failed) = (Arc::clone(&lines), Arc::clone(&errors));
        let readers = vec![
            std::thread::spawn(move || {
                for line in BufReader::new(&mut stdout).lines().map_while(Result::ok) {
                    told.lock().unwrap().push(line);
                }
            }),
            std::thread::spawn(move || {
                let mut all = Vec::new();
                drop(stderr.read_to_end(&mut all));
                *failed.lock().unwrap() = String::from_utf8_lossy(&all).into_owned();
            }),
        ];
        Self { child, lines, readers, errors }
    }

    /// Waits for the first line that has these words.
    #[track_caller]
    pub fn line(&self, words: &str) -> String {
        let mut found = None;
        eventually(&format!("`{words}` is told"), || {
            found = self.lines.lock().unwrap().iter().find(|line| line.contains(words)).cloned();
            found.is_some()
        });
        found.unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end: the exit code, none if a signal killed it; what it told; and what
    /// it said on standard error.
    #[track_caller]
    pub fn end(mut self, patience: Duration) -> (Option<i32>, String, String) {
        let began = std::time::Instant::now();
        while self.runs() {
            assert!(began.elapsed() < patience, "it does not end:\n{}", self.so_far());
            std::thread::sleep(Duration::from_millis(10));
        }
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let code = self.child.wait_in_time().code();
        (code, self.so_far(), self.errors.lock().unwrap().clone())
    }

    fn so_far(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- what it told:\n{}\n---", self.so_far());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
