//! Asking whoever sits at the terminal.
//!
//! Where nobody does, nothing is asked. Questions go to standard error, so that standard
//! output is what a command has to say.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::{Context as _, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

/// The longest answer, in bytes.
const ANSWER_MAX: usize = 4_096;

/// Whether somebody can be asked.
pub(in crate::cli) fn is_at_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and takes the line that is typed.
pub(in crate::cli) fn ask(question: &str) -> anyhow::Result<String> {
    show(&format!("{question}: "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(answer.trim().to_owned())
}

/// The same, and what is typed is not shown.
pub(in crate::cli) fn ask_secret(question: &str) -> anyhow::Result<SecretString> {
    let answer = {
        // First of all: what was typed before is thrown away, and who sees the question may
        // answer it.
        let _silence = Silence::begin()?;
        show(&format!("{question} (not shown): "))?;
        read_keys()
    };
    show("\n")?;
    Ok(answer?.trim().into())
}

fn show(text: &str) -> anyhow::Result<()> {
    let mut stderr = io::stderr().lock();
    let shown = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    shown.context("cannot ask")
}

/// Reads key by key. The keys that end a program end this, so that the terminal is not left
/// silent.
fn read_keys() -> anyhow::Result<String> {
    let mut stdin = io::stdin().lock();
    let mut typed = Vec::new();
    loop {
        let mut key = [0];
        if stdin.read(&mut key).context("cannot read the answer")? == 0 {
            break;
        }
        match key[0] {
            b'\n' | b'\r' => break,
            // Ctrl-C, Ctrl-D, Ctrl-Z and Ctrl-\.
            3 | 4 | 26 | 28 => bail!("nothing was given"),
            // Backspace, and Ctrl-U.
            8 | 127 => drop(typed.pop()),
            21 => typed.clear(),
            key if typed.len() < ANSWER_MAX => typed.push(key),
            _ => bail!("the answer is too long"),
        }
    }
    String::from_utf8(typed).context("the answer is not UTF-8 text")
}

/// A terminal that shows nothing and hands over every key; as it was when dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(io::stdin()).context("cannot ask the terminal")?;
        let mut silent = before.clone();
        silent.local_modes -=
            LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)
            .context("cannot hide the answer")?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}
