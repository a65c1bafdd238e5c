//! Running a program for what it says, within a time and a size.

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::probe::Turn;

/// Kept of what a program says on each of its outputs, in bytes; the rest is read and
/// thrown away, so that the program does not wait for us.
const OUTPUT_MAX: usize = 16 * 1024;

/// How long outputs are waited for once the program itself has ended.
const LINGER: Duration = Duration::from_millis(200);

/// How a program ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself. A signal is no code.
    Exited { code: Option<i32>, stdout: String, stderr: String },
    /// It took too long, and was killed with all that it had started.
    TimedOut,
    /// It was never started.
    NotStarted(io::Error),
}

/// Runs `program` with `arguments`, without input, and waits for its end.
pub(super) async fn run(
    program: &str,
    arguments: &[String],
    limit: Duration,
    turn: &Turn,
) -> Ended {
    let began = Instant::now();
    let mut command = Command::new(program);
    command
        .args(arguments)
        // What signs the reports is nobody else's.
        .env_remove(super::SECRET_VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it starts can be killed with it.
        .process_group(0)
        .kill_on_drop(true);
    // Its file may be on a disk that hangs.
    let spawned = tokio::time::timeout(limit, turn.in_thread(move || command.spawn())).await;
    let mut child = match spawned {
        Ok(Some(Ok(child))) => child,
        Ok(Some(Err(error))) => return Ended::NotStarted(error),
        Ok(None) => return Ended::NotStarted(io::Error::other("the start broke off")),
        Err(_) => return Ended::TimedOut,
    };
    // Whatever it leaves running goes with it.
    let _group = Group(child.id());
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let heads = async { tokio::join!(head(stdout, &mut said), head(stderr, &mut complained)) };
    let ended = async {
        tokio::pin!(heads);
        let status = tokio::select! {
            status = child.wait() => status,
            // It may close its outputs and go on.
            _ = &mut heads => return child.wait().await,
        };
        // Somebody whom it has started may hold its outputs for ever.
        tokio::time::timeout(LINGER, heads).await.ok();
        status
    };
    let ended = tokio::time::timeout(limit.saturating_sub(began.elapsed()), ended).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match ended {
        Ok(Ok(status)) => {
            Ended::Exited { code: status.code(), stdout: text(&said), stderr: text(&complained) }
        }
        Ok(Err(error)) => Ended::NotStarted(error),
        Err(_) => Ended::TimedOut,
    }
}

/// A process group that does not outlive its owner.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // Usually all of it has ended, and there is nobody left to kill.
            kill_process_group(id, Signal::KILL).ok();
        }
    }
}

/// Reads an output to its end, and keeps its head.
async fn head(output: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut output) = output else { return };
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        let room = OUTPUT_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_that_is_said_is_read_and_its_head_is_kept() {
        let (said, mut kept) = (vec![b'x'; 100_000], Vec::new());
        let mut rest = &said[..];
        head(Some(&mut rest), &mut kept).await;
        assert_eq!((rest.len(), kept.len()), (0, OUTPUT_MAX));
    }
}
