//! Compares every repository with our state, now.
//!
//! The task that does so anyway is asked to do it: there is one that reads, and it keeps to
//! its pauses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Tools;
use crate::engine::Round;

/// How often it is asked whether it is done. The limit of the job ends it.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn run(tools: &Tools) -> Result<String, String> {
    let rounds = || async {
        let rounds = tools.engine.ask(|core, _| core.rounds()).await;
        rounds.map_err(|error| error.to_string())
    };
    let mut comparison = Comparison::of(&rounds().await?);
    if comparison.waits.is_empty() {
        return Err("no repository was read so far".to_owned());
    }
    comparison.waits.keys().for_each(|repository| tools.poke.comments(repository));
    loop {
        comparison.look(&rounds().await?);
        if comparison.waits.is_empty() {
            return comparison.told();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How far it is.
#[derive(Debug)]
struct Comparison {
    /// Those that are still to be compared, and how often they had been when it began: a clock
    /// may be set back meanwhile, which a count is not.
    waits: BTreeMap<String, u64>,
    compared: BTreeSet<String>,
    /// Those that mattered no longer before they were compared.
    gone: BTreeSet<String>,
}

impl Comparison {
    /// Nothing is compared yet.
    fn of(rounds: &[Round]) -> Self {
        let waits = rounds.iter().map(|round| (round.repository.clone(), round.polls)).collect();
        Self { waits, compared: BTreeSet::new(), gone: BTreeSet::new() }
    }

    /// Takes note of what has become of them.
    fn look(&mut self, rounds: &[Round]) {
        let polls: BTreeMap<_, _> =
            rounds.iter().map(|round| (round.repository.as_str(), round.polls)).collect();
        for (repository, before) in std::mem::take(&mut self.waits) {
            match polls.get(repository.as_str()) {
                None => drop(self.gone.insert(repository)),
                Some(polls) if *polls > before => drop(self.compared.insert(repository)),
                Some(_) => drop(self.waits.insert(repository, before)),
            }
        }
    }

    /// What there is to say once nothing is waited for.
    fn told(self) -> Result<String, String> {
        let names = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
        let why = "as none of our issues is open there any more";
        if self.compared.is_empty() {
            return Err(format!("{} were not compared, {why}", names(self.gone)));
        }
        let mut told = format!("{} were compared", names(self.compared));
        if !self.gone.is_empty() {
            told.push_str(&format!("; {} were not, {why}", names(self.gone)));
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Repository;

    /// Repositories, each of which was compared so often.
    fn rounds(polls: &[(&str, u64)]) -> Vec<Round> {
        let round = |(repository, polls): &(&str, u64)| Round {
            repository: (*repository).to_owned(),
            record: Repository::default(),
            polled_at: None,
            polls: *polls,
            may_owe_comments: false,
            writes: 0,
        };
        polls.iter().map(round).collect()
    }

    /// What is said of the repositories `a` and `b` after such looks.
    fn told(looks: &[&[(&str, u64)]]) -> Result<String, String> {
        let mut comparison = Comparison::of(&rounds(&[("a", 3), ("b", 0)]));
        for look in looks {
            assert!(!comparison.waits.is_empty(), "{look:?}");
            comparison.look(&rounds(look));
        }
        assert!(comparison.waits.is_empty(), "{comparison:?}");
        comparison.told()
    }

    #[test]
    fn a_repository_that_is_gone_meanwhile_is_not_said_to_be_compared() {
        let all = Ok("a, b were compared".to_owned());
        assert_eq!(
            told(&[&[("a", 3), ("b", 0)], &[("a", 4), ("b", 0)], &[("a", 4), ("b", 1)]]),
            all
        );
        // What was compared before it went was compared, and others do not matter.
        assert_eq!(told(&[&[("a", 4), ("b", 0)], &[("b", 1), ("c", 0)]]), all);
        let why = "as none of our issues is open there any more";
        assert_eq!(told(&[&[("b", 2)]]), Ok(format!("b were compared; a were not, {why}")));
        assert_eq!(told(&[&[]]), Err(format!("a, b were not compared, {why}")));
    }
}
