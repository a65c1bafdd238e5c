//! The one list of settings: name, kind, default, and what it is for.
//!
//! Names in the environment, the known keys of the file, the example and what
//! `teawatch config show` prints all follow from it.

use super::kind::Kind;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its place in the file: sections and name, joined by dots.
    pub key: &'static str,
    pub(super) kind: Kind,
    pub(super) preset: Preset,
    /// What it is for, in sentences.
    pub doc: &'static str,
}

/// What holds unless something is given, written as in the environment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Preset {
    /// This.
    Is(&'static str),
    /// Nothing. The text is an example.
    Unset(&'static str),
    /// Nothing, so it must be given. The text is an example.
    Needed(&'static str),
}

const MEBI: u64 = 1024 * 1024;

/// The longest name of a source, in bytes, that a configuration can allow.
pub const SOURCE_BYTES_MAX: usize = 250;

/// Every setting that has one place, in the order of the file.
#[rustfmt::skip] // A table is read by its rows.
pub const SETTINGS: &[Setting] = &[
    setting("data_dir", Kind::Path, Preset::Is("teawatch-data"),
        "The directory of the store, made if it does not exist. A relative path in this file \
         counts from this file, elsewhere from the working directory."),
    setting("listen", Kind::Address, Preset::Is("127.0.0.1:8710"),
        "Address and port to listen on. Where others than this machine can reach it, both \
         tokens of [api] are needed, and a proxy in front that speaks TLS."),
    setting("public_url", Kind::Url, Preset::Unset("https://teawatch.example.org/"),
        "How people reach the page of teawatch, for a link in issues. Without it, and where \
         the page does not answer, issues have no such link."),
    setting("public_page", Kind::Switch, Preset::Is("false"),
        "Whether the page at / answers although listen lets others than this machine in. It \
         asks for no proof, and shows what is in trouble and what was reported of it. On \
         loopback it always answers."),
    setting("salt_file", Kind::SecretFile { variable: "TEAWATCH_SALT", least: 16 },
        Preset::Unset("/etc/teawatch/salt"),
        "Needed. A file with the salt that names alerts and signs what teawatch writes, at \
         least 16 characters; `teawatch secret new` makes one. Keep it: with another salt \
         teawatch does not know its own issues again. TEAWATCH_SALT may hold it instead."),

    setting("log.level", Kind::LogFilter, Preset::Is("info"),
        "How much is told: off, error, warn, info, debug or trace; by module too, as in \
         \"info,teawatch::outbox=debug\"."),
    setting("log.format", Kind::Choice(&["text", "json"]), Preset::Is("text"),
        "Lines for people (text) or for machines (json)."),

    setting("gitea.url", Kind::Url, Preset::Needed("https://gitea.example.org/"),
        "Where Gitea is, with the path that it may live under."),
    setting("gitea.token_file", Kind::SecretFile { variable: "TEAWATCH_GITEA_TOKEN", least: 1 },
        Preset::Unset("/etc/teawatch/gitea-token"),
        "Needed. A file with the access token of the user that teawatch writes as. \
         TEAWATCH_GITEA_TOKEN may hold it instead."),
    setting("gitea.repository", Kind::Repository, Preset::Needed("ops/alerts"),
        "The repository that issues go to, as owner/name, unless a route names another."),
    setting("gitea.ca_file", Kind::Path, Preset::Unset("/etc/teawatch/ca.pem"),
        "Certificates in PEM that are trusted besides those of the system."),
    setting("gitea.timeout", Kind::Interval, Preset::Is("20s"),
        "After how long a request to Gitea is given up."),
    setting("gitea.connect_timeout", Kind::Interval, Preset::Is("5s"),
        "How much of that the connection may take."),
    setting("gitea.settle_wait", Kind::Interval, Preset::Is("60s"),
        "How long a request whose answer was lost may still take effect at Gitea. Only after \
         that, and another look, is it sent again. At least twice gitea.timeout."),
    setting("gitea.rate", Kind::Rate, Preset::Is("5.0"),
        "Requests per second in the long run, at least 0.01."),
    setting("gitea.burst", Kind::Count { min: 2, max: 10_000 }, Preset::Is("10"),
        "Requests that may go out at once after a quiet time. At least 2: the last one is \
         kept for look-ups and for closing issues."),
    setting("gitea.in_flight", Kind::Count { min: 1, max: 100 }, Preset::Is("2"),
        "Requests that may wait for their answer at the same time."),
    setting("gitea.retry_first", Kind::Interval, Preset::Is("1s"),
        "The first pause after a request that failed; it doubles from try to try."),
    setting("gitea.retry_max", Kind::Interval, Preset::Is("5m"),
        "The longest such pause."),
    setting("gitea.retry_after_max", Kind::Interval, Preset::Is("1h"),
        "How long a pause Gitea may ask for with Retry-After, which wins over ours."),
    setting("gitea.jitter", Kind::Count { min: 0, max: 100 }, Preset::Is("20"),
        "By how many percent pauses are varied, so that not everything comes at once."),
    setting("gitea.probe_first", Kind::Interval, Preset::Is("1m"),
        "Gitea refuses the token or the repository: after this pause one request asks \
         whether it still does. Doubles from probe to probe."),
    setting("gitea.probe_max", Kind::Interval, Preset::Is("15m"),
        "The longest pause between two such probes."),
    setting("gitea.park_retry", Kind::Interval, Preset::Is("6h"),
        "How often something that Gitea refuses for what it is gets another try."),
    setting("gitea.edit_quiet", Kind::Interval, Preset::Is("60s"),
        "Before Gitea 1.26: how long nobody must have touched an issue before its table is \
         brought up to date, lest what somebody is writing gets lost."),

    setting("agents.master_secret_file",
        Kind::SecretFile { variable: "TEAWATCH_MASTER_SECRET", least: 32 },
        Preset::Unset("/etc/teawatch/master-secret"),
        "Needed. A file with the secret that every agent's own secret is derived from, at \
         least 32 characters; `teawatch secret new` makes one. TEAWATCH_MASTER_SECRET may \
         hold it instead."),
    setting("agents.previous_master_secret_file",
        Kind::SecretFile { variable: "TEAWATCH_PREVIOUS_MASTER_SECRET", least: 32 },
        Preset::Unset("/etc/teawatch/previous-master-secret"),
        "The master secret before that one. Agents may use either while you change over. \
         TEAWATCH_PREVIOUS_MASTER_SECRET may hold it instead."),
    setting("agents.auto", Kind::Switch, Preset::Is("true"),
        "Whether every source that proves its secret may report; if false, only those in \
         agents.allow."),
    setting("agents.allow", Kind::Sources, Preset::Is(""),
        "The sources that may report when agents.auto is false."),
    setting("agents.deny", Kind::Sources, Preset::Is(""),
        "Sources that may not report."),
    setting("agents.generation", Kind::Generations, Preset::Is(""),
        "The generation of a source's secret, 1 unless named here, as in { web1 = 2 }. A \
         higher one retires a secret that was stolen."),
    setting("agents.window", Kind::Interval, Preset::Is("5m"),
        "How far the time of a signature may be from ours, either way."),

    setting("api.read_token_file",
        Kind::SecretFile { variable: "TEAWATCH_API_READ_TOKEN", least: 24 },
        Preset::Unset("/etc/teawatch/api-read-token"),
        "A file with the token for reading, at least 24 characters; `teawatch secret new` \
         makes one. Without one reading is open, which is allowed on loopback only. \
         TEAWATCH_API_READ_TOKEN may hold it instead."),
    setting("api.write_token_file",
        Kind::SecretFile { variable: "TEAWATCH_API_WRITE_TOKEN", least: 24 },
        Preset::Unset("/etc/teawatch/api-write-token"),
        "A file with the token for changing something, which may read as well; likewise. \
         Without one it is open, on loopback only. TEAWATCH_API_WRITE_TOKEN may hold it instead."),

    setting("alerts.fail_after", Kind::Count { min: 1, max: 10_000 }, Preset::Is("1"),
        "Failures in a row until a check is down."),
    setting("alerts.fail_for", Kind::Duration, Preset::Is("0s"),
        "And this long since the first of them."),
    setting("alerts.recover_after", Kind::Count { min: 1, max: 10_000 }, Preset::Is("1"),
        "Successes in a row until a check that was down is up."),
    setting("alerts.stale_factor", Kind::Factor, Preset::Is("2.0"),
        "A check is silent after more than this many of its intervals without a result."),
    setting("alerts.unknown_after", Kind::Duration, Preset::Is("1h"),
        "A check that cannot tell for longer than this gets an issue that says so."),
    setting("alerts.flapping.window", Kind::Window, Preset::Is("21"),
        "How many of the newest results are looked at to see whether a check changes too \
         often, 2 to 64; 0 switches this off."),
    setting("alerts.flapping.on", Kind::Count { min: 1, max: 100 }, Preset::Is("50"),
        "Percent of changes among them from which on the check is flapping."),
    setting("alerts.flapping.off", Kind::Count { min: 1, max: 100 }, Preset::Is("25"),
        "Percent of changes below which it no longer is."),
    setting("alerts.open_after", Kind::Duration, Preset::Is("0s"),
        "How long the trouble must last before an issue opens."),
    setting("alerts.close_after", Kind::Duration, Preset::Is("0s"),
        "How long all must be well before the issue closes."),
    setting("alerts.reopen_window", Kind::Duration, Preset::Is("1h"),
        "A relapse within this time after the end reopens the same issue."),
    setting("alerts.comment_interval", Kind::Duration, Preset::Is("10m"),
        "At most one comment, and one edit of the text, in this time; the next one sums up."),
    setting("alerts.reminders", Kind::Intervals, Preset::Is("1h, 2h, 4h, 8h, 16h, 24h"),
        "When an issue that stays open is brought to mind, counted from its opening; after \
         the last of them daily. An empty list is never."),
    setting("alerts.mute_max", Kind::Duration, Preset::Is("7d"),
        "How long closing or deleting an issue by hand is respected while the trouble lasts."),
    setting("alerts.on_manual_close", Kind::Choice(&["respect", "reopen"]),
        Preset::Is("respect"),
        "What follows when a person closes an issue while the trouble lasts: respect (it \
         stays closed until recovery, or for mute_max), or reopen (as soon as it is seen)."),
    setting("alerts.mute_labels", Kind::Names, Preset::Is("wontfix"),
        "Labels by which people say that they want to hear nothing more of an issue until \
         recovery."),
    setting("alerts.group_by", Kind::GroupBy, Preset::Is("check"),
        "What shares an issue: \"check\" (nothing), \"source\" (all checks of a source), or \
         { named = \"some name\" } (all checks with this setting)."),
    setting("alerts.labels", Kind::Names, Preset::Is("watchdog"),
        "Labels of every issue, made where they do not exist."),
    setting("alerts.assignees", Kind::Names, Preset::Is(""),
        "Who is assigned, by login. An unknown one is left out and told."),
    setting("alerts.title_prefix", Kind::Line, Preset::Is("[watchdog]"),
        "What every title begins with."),
    setting("alerts.intro", Kind::Text, Preset::Is(""),
        "Words on top of every issue, in Markdown: whom to call, where the runbook is."),

    setting("alertmanager.issue_per", Kind::Choice(&["group", "alert"]), Preset::Is("group"),
        "Whether a group of alerts is one check (group_by in Alertmanager says what is a group), \
         or each alert one of its own."),
    setting("alertmanager.repeat_interval", Kind::Interval, Preset::Is("4h"),
        "Alertmanager's repeat_interval, the longest of its routes to here. What it has not said \
         again for three times as long is taken for over: after a crash it forgets what it has \
         told, and never says that it ended."),
    setting("alertmanager.watchdogs", Kind::Names, Preset::Is("Watchdog"),
        "Alerts that always fire, to show that Prometheus and Alertmanager work. While one \
         fires all is well; its silence is the trouble."),
    setting("alertmanager.watchdog_interval", Kind::Interval, Preset::Is("4h"),
        "How often these are said again: the repeat_interval of their route, which may be far \
         shorter."),

    setting("reconcile.every", Kind::Duration, Preset::Is("5m"),
        "How often each repository is asked for what has changed; at the start, too. 0 \
         switches it off: then it is asked only when a webhook tells of a comment there."),
    setting("reconcile.look_every", Kind::Interval, Preset::Is("6h"),
        "How often each open issue is looked at by itself, since deleting one shows nowhere \
         else."),

    setting("webhooks.secret_file",
        Kind::SecretFile { variable: "TEAWATCH_WEBHOOK_SECRET", least: 8 },
        Preset::Unset("/etc/teawatch/webhook-secret"),
        "A file with the secret that the webhook in Gitea has too, at least 8 characters; \
         `teawatch secret new` makes one. Without one nothing is taken at /webhooks/gitea. \
         TEAWATCH_WEBHOOK_SECRET may hold it instead."),
    setting("webhooks.previous_secret_file",
        Kind::SecretFile { variable: "TEAWATCH_PREVIOUS_WEBHOOK_SECRET", least: 8 },
        Preset::Unset("/etc/teawatch/previous-webhook-secret"),
        "The secret before that one. Webhooks may use either while you change over. \
         TEAWATCH_PREVIOUS_WEBHOOK_SECRET may hold it instead."),
    setting("webhooks.authorization_file",
        Kind::SecretFile { variable: "TEAWATCH_WEBHOOK_AUTHORIZATION", least: 8 },
        Preset::Unset("/etc/teawatch/webhook-authorization"),
        "A file with the value that the webhook in Gitea sends as its authorization header, \
         such as \"Bearer something\": asked for besides the signature. \
         TEAWATCH_WEBHOOK_AUTHORIZATION may hold it instead."),
    setting("webhooks.look_every", Kind::Interval, Preset::Is("2s"),
        "How often one issue is looked at, however often Gitea tells of it."),
    setting("webhooks.kept", Kind::Count { min: 10, max: 100_000 }, Preset::Is("1000"),
        "How many deliveries are kept at most, with what came of them: the newest."),
    setting("commands.allow", Kind::Names, Preset::Is(""),
        "Logins whose commands are obeyed besides those of everybody who can be assigned to \
         issues of the repository: in an organisation these are also the members of teams that \
         may only read pull requests, or write elsewhere, and this does not narrow it."),

    setting("storm.max_new_issues", Kind::Count { min: 1, max: 1_000_000 }, Preset::Is("20"),
        "New issues per repository in a sliding hour."),
    setting("storm.max_open_issues", Kind::Count { min: 1, max: 1_000_000 }, Preset::Is("200"),
        "Issues open at once per repository."),

    setting("night.begin", Kind::TimeOfDay, Preset::Is("22:00"),
        "When the night begins. As late as its end is a day earlier: then a night is a whole day."),
    setting("night.end", Kind::TimeOfDay, Preset::Is("06:00"),
        "When it ends. The day of its end is the day of its report."),
    setting("night.zone", Kind::Zone, Preset::Is("UTC"),
        "Whose clock that is, such as \"Europe/Berlin\"."),

    setting("limits.report_bytes", Kind::Count { min: 1024, max: 64 * MEBI },
        Preset::Is("1048576"), "The longest report, in bytes."),
    setting("limits.report_observations", Kind::Count { min: 1, max: 1_000_000 },
        Preset::Is("1000"), "Observations in one report."),
    setting("limits.webhook_bytes", Kind::Count { min: 1024, max: 64 * MEBI },
        Preset::Is("8388608"),
        "The longest message of a webhook, in bytes. Gitea sends the whole text of an issue, \
         escaped, and with an edit the text before it as well."),
    setting("limits.alertmanager_bytes", Kind::Count { min: 1024, max: 64 * MEBI },
        Preset::Is("4194304"),
        "The longest message of Alertmanager, in bytes. Its `max_alerts` makes them shorter."),
    setting("limits.body_timeout", Kind::Interval, Preset::Is("30s"),
        "How long a body of any of these may take to arrive."),
    setting("limits.unproven_bytes", Kind::Count { min: 1024, max: 65_536 * MEBI },
        Preset::Is("67108864"),
        "What may be held of bodies that are still arriving and whose senders have proven \
         nothing so far, together, in bytes. Beyond it whoever sends longest is told to come back."),
    setting("limits.check_name_bytes", Kind::Count { min: 1, max: 379 }, Preset::Is("200"),
        "The longest name of a check, in bytes. Together with source_bytes at most 380, \
         which is what the store keeps of both names."),
    setting("limits.source_bytes", Kind::Count { min: 1, max: SOURCE_BYTES_MAX as u64 },
        Preset::Is("100"),
        "The longest name of a source, in bytes. Together with check_name_bytes at most 380."),
    setting("limits.queue_commands", Kind::Count { min: 1, max: 1_000_000 },
        Preset::Is("8192"), "Commands that may wait; further callers are told to come back."),
    setting("limits.queue_bytes", Kind::Count { min: 1024, max: 65_536 * MEBI },
        Preset::Is("67108864"), "What the waiting commands may hold together, in bytes."),
    setting("limits.round_commands", Kind::Count { min: 1, max: 1_000_000 },
        Preset::Is("256"), "Commands that share one commit."),
    setting("limits.round_observations", Kind::Count { min: 1, max: 1_000_000 },
        Preset::Is("4096"), "Observations that share one commit."),
    setting("limits.store_cache_bytes", Kind::Count { min: MEBI, max: 65_536 * MEBI },
        Preset::Is("67108864"), "Memory for the store's cache, in bytes."),
    setting("limits.free_bytes", Kind::Count { min: 0, max: 1 << 60 },
        Preset::Is("268435456"),
        "With less room than this on the disk of the data directory, or less than the store \
         takes itself, reports are put off, and everything else goes on. 0 switches it off."),

    setting("kept.history", Kind::Interval, Preset::Is("90d"),
        "How long the history is kept: verdicts, what Gitea was told, reports that came late."),
    setting("kept.episodes", Kind::Interval, Preset::Is("365d"),
        "How long a check, a source or an alert is remembered of which nothing was heard any \
         more. What is in trouble, or has an open issue, stays however old it is."),
    setting("kept.deliveries", Kind::Interval, Preset::Is("7d"),
        "How long what webhooks told is kept; webhooks.kept says how much of it at most. What \
         is yet to be looked into stays, and so does the newest."),

    setting("deadman.url_file",
        Kind::SecretFile { variable: "TEAWATCH_DEADMAN_URL", least: 1 },
        Preset::Unset("/etc/teawatch/deadman-url"),
        "A file with the address that is asked for with GET while all is at work. \
         TEAWATCH_DEADMAN_URL may hold it instead. Without one, or where that is empty, nobody \
         is asked."),
    setting("deadman.every", Kind::Interval, Preset::Is("5m"),
        "How often it is asked for; at once at the start."),

    setting("fallback.url_file",
        Kind::SecretFile { variable: "TEAWATCH_FALLBACK_URL", least: 1 },
        Preset::Unset("/etc/teawatch/fallback-url"),
        "A file with the address that messages are posted to. TEAWATCH_FALLBACK_URL may hold \
         it instead. Without one, or where that is empty, nobody is told."),
    setting("fallback.kind", Kind::Choice(&["ntfy", "slack", "generic"]), Preset::Is("generic"),
        "What listens there: ntfy (a topic's address), slack (an incoming webhook, also of \
         Mattermost), or anything that takes JSON (generic)."),
    setting("fallback.after", Kind::Interval, Preset::Is("10m"),
        "How long nothing must have got through while something waits."),
    setting("fallback.every", Kind::Interval, Preset::Is("24h"),
        "How often it is brought to mind while it lasts."),
    setting("token_probe.every", Kind::Duration, Preset::Is("3h"),
        "How often Gitea is asked whether it still takes the token, and whether the \
         repositories still take issues; at once at the start. 0s switches it off."),

    setting("scheduler.provider", Kind::Line, Preset::Is(""),
        "Who says when: \"builtin\", which is also meant by nothing; or \"webhook\", a scheduler \
         outside that calls /webhooks/fire_due. Where that is not there or cannot work, the \
         built-in one works instead, and `teawatch status` says so."),
    setting("scheduler.every", Kind::Interval, Preset::Is("60s"),
        "How often it is looked for what is due. No job comes more exactly than that."),
    setting("scheduler.backstop", Kind::Interval, Preset::Is("10m"),
        "After how long teawatch runs a job itself that the scheduler outside should have \
         fired. What comes once is not left for longer than 1m."),
    setting("scheduler.parallel", Kind::Count { min: 1, max: 1_000 }, Preset::Is("4"),
        "Runs that may be under way at once; the others wait. No job ever runs twice at once."),
    setting("scheduler.arming_url", Kind::Url, Preset::Unset("https://scheduler.example.org/"),
        "Where the scheduler outside is told when each job is due. It needs public_url, and \
         the first of fire.callers signs. Without it the scheduler knows by itself when to fire."),
    setting("fire.callers", Kind::Sources, Preset::Is(""),
        "Who may say at /webhooks/fire_due that a job is due; `teawatch secret fire NAME` \
         prints the secret of each. Without any, nobody may."),

    setting("absence.mark", Kind::Interval, Preset::Is("5s"),
        "How often a mark is written that says \"I am looking\"."),
    setting("absence.gap", Kind::Interval, Preset::Is("10s"),
        "A longer gap than this is an absence, and no check's silence counts meanwhile."),
];

/// What a `[[route]]` has besides settings of `[alerts]` and `repository`.
#[rustfmt::skip] // A table is read by its rows.
pub const ROUTE: &[Setting] = &[
    setting("match.source", Kind::Pattern, Preset::Unset("db*"),
        "Which sources, as a pattern with * and ?. Left out: all."),
    setting("match.name", Kind::Pattern, Preset::Unset("disk*"),
        "Which checks, likewise."),
    setting("match.labels", Kind::Patterns, Preset::Unset("team=storage"),
        "Which labels a check must have, each with a pattern for its value."),
];

/// What an `[[expect]]` has.
#[rustfmt::skip] // A table is read by its rows.
pub const EXPECT: &[Setting] = &[
    setting("source", Kind::Source, Preset::Needed("backup1"), "The source of the check."),
    setting("name", Kind::CheckName, Preset::Needed("nightly"), "Its name there."),
    setting("interval", Kind::Interval, Preset::Needed("24h"), "How often it reports."),
];

pub(super) const fn setting(
    key: &'static str,
    kind: Kind,
    preset: Preset,
    doc: &'static str,
) -> Setting {
    Setting { key, kind, preset, doc }
}

impl Setting {
    /// Its variable in the environment.
    pub fn variable(&self) -> String {
        format!("TEAWATCH_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// The variable that may hold the secret itself, where this names a file for one.
    pub fn secret_variable(&self) -> Option<&'static str> {
        match self.kind {
            Kind::SecretFile { variable, .. } => Some(variable),
            _ => None,
        }
    }
}
