//! Which scheduler is at work. There is always one.

use std::sync::Arc;

use super::builtin::Builtin;
use super::scheduler::Scheduler;
use super::settings::Settings;
use super::webhook::Webhook;

/// Makes a scheduler, or says why that cannot be.
type Make = fn(&Settings) -> Result<Arc<dyn Scheduler>, String>;

/// The schedulers that are compiled in, besides the built-in one.
pub const PROVIDERS: &[(&str, Make)] = &[(Webhook::NAME, Webhook::make)];

/// The scheduler that was chosen.
#[derive(Debug, Clone)]
pub struct Choice {
    pub scheduler: Arc<dyn Scheduler>,
    /// Why it is not the one that was asked for, if it is not.
    pub warning: Option<String>,
}

/// The scheduler that the settings name, of these; or the built-in one, if that one is not
/// there, cannot be made or cannot work.
pub fn choose(settings: &Settings, providers: &[(&str, Make)]) -> Choice {
    let wanted = settings.provider.trim();
    let instead = |why: String| {
        let scheduler: Arc<dyn Scheduler> = Arc::new(Builtin::new(settings.every));
        let warning = format!(
            "`scheduler.provider` is \"{wanted}\", {why}: the built-in scheduler is at work instead"
        );
        Choice { scheduler, warning: Some(warning) }
    };
    if wanted.is_empty() || wanted == Builtin::NAME {
        return Choice { warning: None, ..instead(String::new()) };
    }
    let Some((_, make)) = providers.iter().find(|(name, _)| *name == wanted) else {
        let names = [Builtin::NAME].into_iter().chain(providers.iter().map(|(name, _)| *name));
        let names: Vec<_> = names.collect();
        return instead(format!("and there is none called so, only {}", names.join(", ")));
    };
    match make(settings) {
        Err(why) => instead(format!("which cannot work: {why}")),
        Ok(scheduler) if !scheduler.is_available() => instead("which cannot work".to_owned()),
        Ok(scheduler) => Choice { scheduler, warning: None },
    }
}
