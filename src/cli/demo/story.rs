//! What happens in the demo, and how it is told.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::deadline::Deadline;
use super::patient::Patient;
use crate::cli::output;
use crate::gitea::{Client, Comment, Issue, IssueState, Network, NetworkOptions, StateFilter};
use crate::sandbox::Welcome;

/// How often one looks.
const GLANCE: Duration = Duration::from_millis(100);

/// Sees what a person sees: through Gitea's API, with a person's token.
#[derive(Debug)]
pub(super) struct Witness {
    gitea: Client,
    owner: String,
    name: String,
    issues_url: String,
}

impl Witness {
    pub(super) fn new(welcome: &Welcome) -> anyhow::Result<Self> {
        let options = NetworkOptions { tls: false, proxies: false, ..NetworkOptions::default() };
        let network = Network::new(&options)?;
        let url = welcome.url.parse().context("the stand-in's address")?;
        let gitea = Client::new(url, welcome.human_token.into(), network)?;
        let (owner, name) = welcome.repository.split_once('/').context("owner/name")?;
        let issues_url = welcome.issues_url.clone();
        Ok(Self { gitea, owner: owner.to_owned(), name: name.to_owned(), issues_url })
    }

    async fn issues(&self) -> anyhow::Result<Vec<Issue>> {
        let issues = self.gitea.issues(&*self.owner, &*self.name);
        Ok(issues.list().state(StateFilter::All).all().await?.value)
    }

    async fn comments(&self, issue: u64) -> anyhow::Result<Vec<Comment>> {
        Ok(self.gitea.comments(&*self.owner, &*self.name).list(issue).send().await?.value)
    }
}

/// The story so far.
#[derive(Debug)]
pub(super) struct Story {
    witness: Witness,
    patient: Patient,
    deadline: Deadline,
    began: Instant,
    /// The issue's states, as they were seen.
    states: Vec<String>,
}

impl Story {
    pub(super) fn new(witness: Witness, patient: Patient, deadline: Deadline) -> Self {
        Self { witness, patient, deadline, began: Instant::now(), states: Vec::new() }
    }

    /// Breaks and mends the patient. An error says what was not seen.
    pub(super) async fn tell(&mut self) -> anyhow::Result<()> {
        self.say(&format!(
            "A reporter watches a TCP service on {} and a heartbeat file. Both are well.",
            self.patient.address()
        ))?;
        self.say("The service is broken: it no longer listens.")?;
        let broken = self.patient.break_service();
        self.deadline.wait("the small service to end", broken).await?;
        let issue = self.wait_for_issue().await?;
        let url = format!("{}/{issue}", self.witness.issues_url);
        self.states.push("open".to_owned());
        self.say(&format!("  -> issue #{issue} is open: {url}"))?;

        self.say("The heartbeat stops as well: the same host, so the same issue.")?;
        self.patient.break_heartbeat();
        let comment = self.wait_for_comment(issue, 1).await?;
        self.states.push("commented".to_owned());
        self.say(&format!("  -> teawatch comments: {comment}"))?;

        self.say("Both are mended.")?;
        let mended = self.patient.mend_service();
        self.deadline.wait("the small service to start again", mended).await??;
        self.patient.mend_heartbeat();
        self.wait_for_close(issue).await?;
        self.states.push("closed".to_owned());
        self.say(&format!("  -> issue #{issue} is closed: {url}"))?;
        let comment = self.wait_for_comment(issue, 2).await?;
        self.say(&format!("  -> teawatch comments: {comment}"))?;

        let issues = self.deadline.wait("the list of the issues", self.witness.issues()).await??;
        let issues = issues.len();
        if issues != 1 {
            bail!("there are {issues} issues, and there should be one");
        }
        self.say(&format!("One trouble, one issue: #{issue} {}.", self.states.join(", ")))
    }

    async fn wait_for_issue(&self) -> anyhow::Result<u64> {
        self.wait("an open issue", async || {
            let issues = self.witness.issues().await?;
            let open = issues.iter().find(|issue| issue.state == IssueState::Open);
            Ok(open.map(|issue| issue.number))
        })
        .await
    }

    /// Waits for the comment number `count`, and returns its first line of words.
    async fn wait_for_comment(&self, issue: u64, count: usize) -> anyhow::Result<String> {
        self.wait(&format!("comment {count} of issue #{issue}"), async || {
            let comments = self.witness.comments(issue).await?;
            Ok(comments.get(count - 1).map(|comment| first_words(&comment.body)))
        })
        .await
    }

    async fn wait_for_close(&self, issue: u64) -> anyhow::Result<()> {
        self.wait("the issue to be closed", async || {
            let issues = self.witness.issues().await?;
            let is_closed =
                issues.iter().any(|i| i.number == issue && i.state == IssueState::Closed);
            Ok(is_closed.then_some(()))
        })
        .await
    }

    async fn wait<T>(
        &self,
        what: &str,
        look: impl AsyncFn() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let seen = async {
            loop {
                if let Some(seen) = look().await? {
                    return Ok(seen);
                }
                tokio::time::sleep(GLANCE).await;
            }
        };
        self.deadline.wait(what, seen).await?
    }

    fn say(&self, words: &str) -> anyhow::Result<()> {
        output::print(&format!("{:5.1} s  {words}\n", self.began.elapsed().as_secs_f64()))
    }
}

/// The first line that is more than a hidden one, without markup.
fn first_words(body: &str) -> String {
    let is_words = |line: &&str| !line.trim().is_empty() && !line.starts_with("<!--");
    let line = body.lines().find(is_words).unwrap_or_default();
    line.chars().filter(|c| !matches!(c, '*' | '\\' | '\u{200b}')).collect()
}
