//! What the scheduler outside must be told.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::job::JobId;

/// One thing that it must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A job is due then; whatever it knew of that job before does not hold.
    Arm { job: String, at: Timestamp },
    /// A job is not due any more.
    Cancel { job: String },
}

/// What leads from what it knows to what is wanted: each job's next time, in whole seconds,
/// and no other. What is equal is left alone.
pub fn plan(wanted: &BTreeMap<JobId, Timestamp>, known: &BTreeMap<String, Timestamp>) -> Vec<Step> {
    let is_known = |job: &JobId, at: Timestamp| {
        known.get(job.as_str()).is_some_and(|known| known.as_second() == at.as_second())
    };
    let arm = wanted
        .iter()
        .filter(|(job, at)| !is_known(job, **at))
        .map(|(job, at)| Step::Arm { job: job.to_string(), at: *at });
    let is_wanted = |job: &&String| wanted.contains_key(&JobId::of(job));
    let cancel = known.keys().filter(|job| !is_wanted(job));
    arm.chain(cancel.map(|job| Step::Cancel { job: job.clone() })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d13_what_is_missing_or_changed_is_armed_orphans_are_cancelled_and_equals_left_alone() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let wanted = [("same", 10), ("new", 20), ("moved", 31)];
        let known = [("same", 10), ("moved", 30), ("orphan", 40)];
        let wanted = wanted.into_iter().map(|(job, second)| (JobId::of(job), at(second))).collect();
        let known = known.into_iter().map(|(job, second)| (job.to_owned(), at(second))).collect();
        let expected = [
            Step::Arm { job: "moved".to_owned(), at: at(31) },
            Step::Arm { job: "new".to_owned(), at: at(20) },
            Step::Cancel { job: "orphan".to_owned() },
        ];
        assert_eq!(plan(&wanted, &known), expected);
        assert_eq!(plan(&BTreeMap::new(), &BTreeMap::new()), []);
    }
}
