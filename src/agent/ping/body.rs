//! What the ping at the end of a run says.

use std::time::Duration;

use crate::agent::job::{Ending, Run};

/// What a notice of something left out may take, in bytes.
const NOTICE_BYTES: usize = 64;

/// The end of what a command said, in at most `max` bytes; and, where its exit status does
/// not tell all, how it ended, as the last line. `limit` is how long it was allowed to run.
pub fn body(run: &Run, limit: Option<Duration>, max: usize) -> Vec<u8> {
    let words = match &run.ending {
        Ending::Exited(status) if status.code().is_some() => String::new(),
        Ending::Exited(_) | Ending::TimedOut(_) | Ending::NotStarted(_) => {
            format!("teawatch: it {}\n", run.outcome(limit).1)
        }
    };
    // One byte for the end of a line that the command has not ended.
    let room = max.saturating_sub(words.len() + usize::from(!words.is_empty()));
    let (mut end, mut left_out) = run.tail.end(room);
    let mut body = Vec::new();
    if left_out > 0 && room > 2 * NOTICE_BYTES {
        (end, left_out) = run.tail.end(room - NOTICE_BYTES);
        body = format!("[... {left_out} bytes left out ...]\n").into_bytes();
    }
    body.append(&mut end);
    if !words.is_empty() && body.last().is_some_and(|last| *last != b'\n') {
        body.push(b'\n');
    }
    body.extend(words.bytes());
    body.split_off(body.len().saturating_sub(max))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;
    use crate::agent::job::Tail;

    fn ended(ending: Ending, said: &[u8], max: usize) -> String {
        let mut tail = Tail::new(1_000_000);
        tail.add(said);
        let took = Duration::from_secs(3);
        let body = body(&Run { ending, took, tail }, Some(Duration::from_secs(1)), max);
        assert!(body.len() <= max, "{} bytes of {max}", body.len());
        String::from_utf8(body).unwrap()
    }

    fn exited(said: &[u8], max: usize) -> String {
        ended(Ending::Exited(ExitStatus::from_raw(3 << 8)), said, max)
    }

    #[test]
    fn what_fits_is_sent_as_it_is_and_of_what_does_not_the_end() {
        assert_eq!(exited(b"one\ntwo", 7), "one\ntwo");
        assert_eq!(exited(b"one\ntwo", 6), "ne\ntwo");
        assert_eq!((exited(b"one", 0), exited(b"", 9)), (String::new(), String::new()));
        let long = exited(&[b'x'; 5_000], 1_000);
        assert!(long.starts_with("[... 4064 bytes left out ...]\nxxx"), "{long}");
        assert!(long.ends_with('x') && long.len() > 900, "{long}");
    }

    #[test]
    fn an_end_that_no_exit_status_tells_is_told_in_the_last_line() {
        let killed = || Ending::Exited(ExitStatus::from_raw(9));
        assert_eq!(
            ended(killed(), b"copying", 99),
            "copying\nteawatch: it was killed by signal 9 after 3.0s\n"
        );
        assert_eq!(ended(killed(), b"copying", 12), " after 3.0s\n");
        let limit = ended(Ending::TimedOut(ExitStatus::from_raw(15)), b"", 99);
        assert_eq!(limit, "teawatch: it was killed at its limit of 1s\n");
        let none = ended(Ending::NotStarted(io::ErrorKind::NotFound.into()), b"", 99);
        assert_eq!(none, "teawatch: it cannot be started: entity not found\n");
        let long = ended(killed(), &[b'x'; 5_000], 1_000);
        assert!(
            long.starts_with("[... ")
                && long.ends_with("x\nteawatch: it was killed by signal 9 after 3.0s\n"),
            "{long}"
        );
    }
}
