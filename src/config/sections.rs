//! What the example of a configuration says above its sections and blocks.

/// The sections of the file, in its order, and what they are about.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("", "Where teawatch keeps its state and where it listens."),
    ("log", "The log, on standard error."),
    ("gitea", "The Gitea that issues go to, and how gently it is treated."),
    ("agents", "Who may report, and how that is proven."),
    ("api", "Who may use /api/v1."),
    (
        "alerts",
        "When a check is in trouble, when people are told, and where. These hold for every \
         check; a [[route]] replaces some of them for the checks that it matches.",
    ),
    (
        "alertmanager",
        "How messages of Prometheus's Alertmanager become checks. Their sender is a source, \
        proven by its secret.",
    ),
    ("reconcile", "How often Gitea is asked what people have done to our issues."),
    ("webhooks", "What Gitea tells of itself, so that it is known at once what people do."),
    ("commands", "Commands that people write into comments on our issues."),
    ("storm", "How many issues may open before the rest share one overflow issue."),
    ("night", "The night that `teawatch report` tells of: the last one that is over."),
    ("limits", "What is taken at most, so that no caller can exhaust teawatch."),
    ("kept", "How long what is past is kept."),
    (
        "deadman",
        "An outside dead man's switch, such as Healthchecks or Uptime Kuma: it raises the \
        alarm when teawatch no longer pings it.",
    ),
    (
        "fallback",
        "A channel besides Gitea, for when Gitea is away or refuses what teawatch writes: one \
        message when that begins, one a day, and one when it is over.",
    ),
    ("token_probe", "Finding out that the token is bad before it is needed."),
    ("scheduler", "Who runs jobs, and how many at once. What is to be run stands in [[job]]."),
    ("fire", "Who may say from outside that a job is due."),
    ("absence", "How teawatch notices that it was not looking itself: stopped, asleep, stalled."),
];

/// Above the example of a route.
pub(super) const ROUTE_DOC: &str = "Routes give some checks other settings. The first [[route]] \
    that matches applies: every setting of [alerts] can stand in it, and `repository`; what it \
    leaves out is as in [alerts]. Issues that are open stay where they are; a changed route \
    applies from the next trouble on.";

/// Above the example of an expected check.
pub(super) const EXPECT_DOC: &str = "Checks that must report. Without an [[expect]] a check is \
    known from its first report on; with one, never hearing of it is a trouble too, one interval \
    and its grace after the first start.";
