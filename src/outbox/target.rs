//! Whether a repository takes anything at present.

use jiff::{SignedDuration, Timestamp};

use super::{Settings, learn::spread};

/// A repository, or the way to it, as the outbox knows it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    refusal: Option<Refusal>,
    /// A probe went well, but no effect has since: if one is refused again, the probe
    /// asked about the wrong thing, and the pauses go on growing.
    on_trial: Option<Refusal>,
}

#[derive(Debug, Clone)]
struct Refusal {
    since: Timestamp,
    reason: String,
    pause: SignedDuration,
    probe_at: Timestamp,
    /// A probe has confirmed it: one refusal proves nothing.
    is_confirmed: bool,
}

impl Target {
    /// Whether effects may be tried.
    pub fn is_open(&self) -> bool {
        self.refusal.is_none()
    }

    /// Why not, once a second answer has confirmed it.
    pub fn reason(&self) -> Option<(Timestamp, &str)> {
        let refusal = self.refusal.as_ref().filter(|refusal| refusal.is_confirmed)?;
        Some((refusal.since, &refusal.reason))
    }

    /// The same for a refusal after which a probe went well. As long as something waits
    /// and nothing was carried out, the probe may have asked about the wrong thing.
    pub fn reason_on_trial(&self) -> Option<(Timestamp, &str)> {
        let refusal = self.on_trial.as_ref().filter(|refusal| refusal.is_confirmed)?;
        Some((refusal.since, &refusal.reason))
    }

    /// When the next probe is due.
    pub fn probe_at(&self) -> Option<Timestamp> {
        self.refusal.as_ref().map(|refusal| refusal.probe_at)
    }

    /// An effect or a probe was refused. The first refusal is asked about at once, since
    /// one of them proves nothing; then the pauses double.
    pub fn refuse(&mut self, settings: &Settings, reason: &str, dice: u32, now: Timestamp) {
        let (since, pause, is_confirmed) = match self.refusal.as_ref().or(self.on_trial.as_ref()) {
            None => (now, settings.probe_first, false),
            Some(earlier) if earlier.is_confirmed => {
                (earlier.since, earlier.pause.saturating_mul(2).min(settings.probe_max), true)
            }
            Some(earlier) => (earlier.since, settings.probe_first, true),
        };
        self.on_trial = None;
        let soon = settings.retry_first.min(settings.probe_first);
        let wait = if is_confirmed { pause } else { soon };
        let wait = spread(wait, settings.jitter_percent, dice);
        self.refusal = Some(Refusal {
            since,
            reason: reason.to_owned(),
            pause,
            probe_at: now.checked_add(wait).unwrap_or(Timestamp::MAX),
            is_confirmed,
        });
    }

    /// The clock was set back: the pause does not grow by that.
    pub fn rewind(&mut self, by: SignedDuration) {
        for refusal in [&mut self.refusal, &mut self.on_trial].into_iter().flatten() {
            for at in [&mut refusal.since, &mut refusal.probe_at] {
                *at = at.checked_sub(by).unwrap_or(Timestamp::MIN);
            }
        }
    }

    /// A probe went well: effects may be tried again.
    pub fn allow(&mut self) {
        self.on_trial = self.refusal.take().or(self.on_trial.take());
    }

    /// An effect was carried out.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_proves_nothing_and_probes_become_rare() {
        let settings = Settings { jitter_percent: 0, ..Settings::default() };
        let mut target = Target::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            target.refuse(&settings, "401", 0, now);
            let at = target.probe_at().unwrap();
            pauses.push(at.duration_since(now).as_secs());
            now = at;
        }
        assert_eq!(pauses, [1, 60, 120, 240, 480, 900, 900, 900]);
        assert!(target.reason().is_some());
        target.succeed();
        target.refuse(&settings, "401", 0, now);
        assert!(target.reason().is_none() && !target.is_open());
    }

    #[test]
    fn a_probe_that_asked_about_the_wrong_thing_does_not_start_over() {
        let settings = Settings { jitter_percent: 0, ..Settings::default() };
        let mut target = Target::default();
        let now = Timestamp::UNIX_EPOCH;
        let mut pauses = Vec::new();
        for _ in 0..4 {
            target.refuse(&settings, "423", 0, now);
            pauses.push(target.probe_at().unwrap().duration_since(now).as_secs());
            target.allow();
            assert!(target.is_open());
        }
        assert_eq!(pauses, [1, 60, 120, 240]);
    }
}
