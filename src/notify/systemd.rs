//! What the supervisor that started this process is told: systemd, or who speaks like it.
//!
//! A supervisor restarts a process that has ended. That one hangs it learns from its watchdog,
//! which teawatch feeds as long as its engine makes turns: with a commit that never comes back
//! from the disk, nothing is fed, and the process is restarted.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;

use crate::engine::{self, Engine};
use crate::outbox::Status;
use crate::tasks::{Mark, Pace};

/// How often it is told how things are, where there is no watchdog to feed.
const STATUS_EVERY: Duration = Duration::from_secs(15);
/// How often the watchdog is fed within the time that it waits: one or two that come late do
/// no harm.
const FEEDS: u32 = 3;
/// How much is told at once, in characters: it is one line.
const STATUS_MAX: usize = 300;
/// How long a supervisor that hangs itself may hold us up with one message.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The supervisor that started this process.
#[derive(Debug, Clone)]
pub struct Systemd {
    /// Its socket: a file, or behind an `@` a name that is none.
    socket: OsString,
    /// It ends a process that has not fed its watchdog for this long.
    watchdog: Option<Duration>,
}

impl Systemd {
    /// The one that wants to be told, if there is one.
    pub fn of_this_process() -> Option<Self> {
        let socket = said("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())?;
        let number = |name| said(name)?.to_str()?.parse::<u64>().ok();
        let within = number("WATCHDOG_USEC").filter(|within| *within > 0);
        // The variables of another process may have come down to this one.
        let is_ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let watchdog = within.filter(|_| is_ours).map(Duration::from_micros);
        Some(Self { socket, watchdog })
    }

    /// How often it is heard of.
    pub fn pace(&self) -> Pace {
        Pace::of_work(SignedDuration::try_from(self.every()).unwrap_or(SignedDuration::MAX))
    }

    fn every(&self) -> Duration {
        self.watchdog.map_or(STATUS_EVERY, |within| within / FEEDS)
    }

    /// The process ends because it was asked to, or because a part of it has.
    pub fn stopping(&self) {
        if let Err(error) = self.tell("STOPPING=1\nSTATUS=stopping") {
            tracing::debug!(%error, "the supervisor is not told");
        }
    }

    /// Says that the door is open, and then for ever feeds the watchdog and tells in one line
    /// how things are. A supervisor that cannot be told is told of once, and does no harm.
    pub async fn run(
        &self,
        engine: &Engine,
        outbox: &watch::Receiver<Status>,
        shortage: &watch::Receiver<Option<String>>,
        mark: &Mark,
    ) {
        let mut is_well = self.report("READY=1", true);
        let mut told = String::new();
        let fed = watchdog(engine, self.every(), |waiting| {
            if self.watchdog.is_some() {
                is_well = self.report("WATCHDOG=1", is_well);
            }
            let words = words(waiting, &outbox.borrow(), shortage.borrow().as_deref());
            if words != told {
                is_well = self.report(&format!("STATUS={words}"), is_well);
                told = words;
            }
            match is_well {
                true => mark.succeeded(),
                false => mark.failed("the supervisor that started this process is not told"),
            }
        });
        // While the engine hangs, this one is alive, and does not succeed.
        mark.during(fed).await;
    }

    /// Tells it something. Returns whether that went well, as `was_well` says of the time
    /// before.
    fn report(&self, what: &str, was_well: bool) -> bool {
        let told = self.tell(what);
        if let (Err(error), true) = (&told, was_well) {
            tracing::warn!(error = error as &dyn std::error::Error, "the supervisor is not told");
        }
        told.is_ok()
    }

    fn tell(&self, what: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        match self.socket.as_bytes().strip_prefix(b"@") {
            Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
            None => socket.connect(&self.socket)?,
        }
        socket.send(what.as_bytes())?;
        Ok(())
    }
}

/// What the supervisor has put into our environment.
#[expect(clippy::disallowed_methods, reason = "it is no setting: no person writes it")]
fn said(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Calls `feed` at once and then every so often, each time only if the engine has made a turn
/// since; with the number of effects that wait, where it was not too busy to say so. While
/// the engine hangs, this waits with it.
pub async fn watchdog(engine: &Engine, every: Duration, mut feed: impl FnMut(Option<usize>)) {
    let mut made = engine.figures().turns.get();
    loop {
        let asked = engine.ask(|core, _| core.undelivered()).await;
        let turns = engine.figures().turns.get();
        match asked {
            // An idle engine makes a turn because it was asked.
            Ok(waiting) => feed(Some(waiting)),
            // With a full queue nobody is heard, and turns are made all the same.
            Err(engine::Error::Full) if turns != made => feed(None),
            Err(_) => {}
        }
        made = turns;
        tokio::time::sleep(every).await;
    }
}

/// How things are, on one line.
fn words(waiting: Option<usize>, outbox: &Status, shortage: Option<&str>) -> String {
    let words = if let Some(shortage) = shortage {
        shortage.to_owned()
    } else if let Some((repository, refusing)) = outbox.refusing.first_key_value() {
        format!("{repository} refuses since {}: {}", refusing.since, refusing.reason)
    } else {
        match waiting {
            Some(0) => "at work; Gitea was told everything".to_owned(),
            Some(1) => "at work; 1 effect waits for Gitea".to_owned(),
            Some(many) => format!("at work; {many} effects wait for Gitea"),
            None => "at work; more is asked of it than it can do".to_owned(),
        }
    };
    // What Gitea says may have several lines.
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(STATUS_MAX).collect()
}
