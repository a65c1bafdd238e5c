//! Whether a source's agent can be heard, and what that means for its other checks.

use jiff::Timestamp;

use super::core::Core;
use crate::check::{AGENT, Cause, CheckId, Verdict};

impl Core {
    /// Whether nothing can be believed of a source's checks.
    pub(super) fn is_agent_silent(&self, source: &str, now: Timestamp) -> bool {
        let Some(agent) = self.checks.find(source, AGENT) else { return false };
        let policy = &self.settings.routes.resolve(source, AGENT, &agent.labels).policy;
        match agent.verdict {
            // It may need more than one report to be up again, and yet it is heard.
            Verdict::Down(Cause::Silent | Cause::NeverSeen)
                if agent.last_seen.is_none_or(|seen| seen.get() < agent.since) =>
            {
                true
            }
            Verdict::Up | Verdict::NeverSeen | Verdict::Down(_) => {
                agent.is_silent(policy, &self.absences, now)
            }
        }
    }

    /// Whether the source's agent says that it cannot look at this check.
    pub(super) fn is_unseen(&self, id: &CheckId) -> bool {
        self.sources.get(id.source()).is_some_and(|source| source.is_unseen(id.name()))
    }

    /// Wakes all checks of a source but its agent.
    pub(super) fn wake_source(&mut self, source: &str, now: Timestamp) {
        let ids = self.checks.of_source(source).map(|check| &check.id);
        let ids: Vec<_> = ids.filter(|id| !id.is_agent()).cloned().collect();
        for id in ids {
            self.wake_check(&id, now);
        }
    }
}
