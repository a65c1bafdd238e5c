//! From layers of single values to one configuration that holds together.
//!
//! Judges what must hold between settings; each by itself was judged when it was read.
//! A setting whose value was refused takes part in no further complaint.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::checks::checks;
use super::jobs::{jobs, overdue, scheduler};
use super::layers::{Block, Layers};
use super::maintenance::maintenance;
use super::name::{fits, is_free};
use super::night::night;
use super::problem::{Error, Problem};
use super::resolved::resolved;
use super::table::{EXPECT, Preset, SETTINGS, Setting};
use super::value::Value;
use super::view::View;
use super::watchers::{dead_man, fallback};
use super::webhooks::webhooks;
use super::{Agents, Alertmanager, Api, Caller, Config, Gitea, Log, Reports, secret};
use crate::alert::Salt;
use crate::alert::admit::Limits;
use crate::alert::route::Matcher;
use crate::check::CheckId;
use crate::engine::settings::{Expect, Routes, Settings};
use crate::outbox;
use crate::reconcile;
use crate::telemetry;

/// How much of a file with certificates is read, in bytes.
const ROOTS_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The longest source and name together, in bytes. The store keeps a check under both, each
/// with two bytes for its length, and refuses a longer key with the whole commit.
const NAMES_MAX_BYTES: usize = 380;

/// Everything that the server is told.
pub(super) fn config(mut layers: Layers) -> Result<Config, Error> {
    let mut problems = std::mem::take(&mut layers.problems);
    let view = View::of(&layers);
    needed(view, &mut problems);
    let what = "a salt is needed (`teawatch secret new` makes one)";
    let salt = secret::need(&layers, "salt_file", what, &mut problems);
    let gitea = gitea(view, &mut problems);
    let agents = agents(view, &mut problems);
    let api = api(view, reachable(view).as_deref(), &mut problems);
    let engine = engine(view, &mut problems);
    let deadman = dead_man(view, &mut problems);
    let fallback = fallback(view, &mut problems);
    let webhooks = webhooks(view, &mut problems);
    let log = Log {
        level: view.text("log.level"),
        format: match view.text("log.format").as_str() {
            "json" => telemetry::Format::Json,
            _ => telemetry::Format::Text,
        },
    };
    match (salt, gitea, agents) {
        (Some(salt), Some(gitea), Some(agents)) if problems.is_empty() => Ok(Config {
            file: layers.file.clone(),
            data_dir: layers.path("data_dir").expect("it has a default"),
            listen: view.address("listen"),
            public_url: view.url("public_url"),
            public_page: view.switch("public_page"),
            salt: Salt::new(salt.secret.expose_secret()),
            log,
            gitea,
            agents,
            api,
            reports: Reports {
                bytes: view.size("limits.report_bytes"),
                observations: view.size("limits.report_observations"),
            },
            body_timeout: view.duration("limits.body_timeout"),
            unproven_bytes: view.size("limits.unproven_bytes"),
            deadman,
            reconcile: reconcile::Settings {
                every: view.duration("reconcile.every"),
                look_every: view.duration("reconcile.look_every"),
            },
            commands_allow: view.texts("commands.allow"),
            fallback,
            alertmanager: Alertmanager {
                bytes: view.size("limits.alertmanager_bytes"),
                per_alert: view.text("alertmanager.issue_per") == "alert",
                repeat_interval: view.duration("alertmanager.repeat_interval"),
                watchdogs: view.texts("alertmanager.watchdogs").into_iter().collect(),
                watchdog_interval: view.duration("alertmanager.watchdog_interval"),
            },
            webhooks,
            scheduler: scheduler(view),
            fire_callers: view.texts("fire.callers"),
            token_probe: view.duration("token_probe.every"),
            store_cache_bytes: view.count("limits.store_cache_bytes"),
            free_bytes: view.count("limits.free_bytes"),
            engine,
        }),
        _ => Err(wrong(problems)),
    }
}

/// What making agents' secrets takes.
pub(super) fn agents_only(mut layers: Layers) -> Result<Agents, Error> {
    let mut problems = std::mem::take(&mut layers.problems);
    match agents(View::of(&layers), &mut problems) {
        Some(agents) if problems.is_empty() => Ok(agents),
        _ => Err(wrong(problems)),
    }
}

/// What calling the server takes.
pub(super) fn caller(mut layers: Layers) -> Result<Caller, Error> {
    let mut problems = std::mem::take(&mut layers.problems);
    let view = View::of(&layers);
    let api = api(view, None, &mut problems);
    if !problems.is_empty() {
        return Err(wrong(problems));
    }
    let listen = view.address("listen");
    // What listens everywhere listens on loopback, too.
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let server = format!("http://{}/", SocketAddr::new(ip, listen.port()));
    let server = server.parse().expect("an address and a port make a URL");
    let public_url = view.url("public_url");
    let data_dir = layers.path("data_dir").expect("it has a default");
    Ok(Caller { server, public_url, data_dir, api })
}

/// All problems, those of one place together.
fn wrong(mut problems: Vec<Problem>) -> Error {
    // Places first, then what is about no place in particular, in the order it was found.
    problems.sort_by(|a, b| {
        let key = |problem: &Problem| (problem.origin.is_none(), problem.origin.clone());
        key(a).cmp(&key(b))
    });
    Error::Wrong(problems)
}

/// Asks for what has no default and was not given.
fn needed(view: View<'_>, problems: &mut Vec<Problem>) {
    for setting in SETTINGS {
        let Preset::Needed(example) = setting.preset else { continue };
        if view.get(setting.key).is_none() && view.is_sound(&[setting.key]) {
            let (key, variable) = (setting.key, setting.variable());
            let message =
                format!("`{key}` is needed, such as \"{example}\": set it, or {variable}");
            problems.push(Problem { origin: None, message });
        }
    }
}

fn gitea(view: View<'_>, problems: &mut Vec<Problem>) -> Option<Gitea> {
    let what = "the access token of Gitea's user is needed";
    let token = secret::need(view.layers, "gitea.token_file", what, problems);
    let path = view.layers.path("gitea.ca_file");
    let extra_roots = path.and_then(|path| match read_roots(&path) {
        Ok(roots) => Some(roots),
        Err(why) => {
            let origin = view.get("gitea.ca_file").map(|given| given.origin.clone());
            let message = format!("the file that `gitea.ca_file` names {why}");
            problems.push(Problem { origin, message });
            None
        }
    });
    let patience = view.duration("gitea.timeout").saturating_mul(2);
    view.contradiction(
        ["gitea.settle_wait", "gitea.timeout"],
        view.duration("gitea.settle_wait") < patience,
        "at least twice as long as",
        problems,
    );
    for [short, long] in [
        ["gitea.connect_timeout", "gitea.timeout"],
        ["gitea.retry_first", "gitea.retry_max"],
        ["gitea.probe_first", "gitea.probe_max"],
    ] {
        let is_longer = view.duration(short) > view.duration(long);
        view.contradiction([short, long], is_longer, "at most as long as", problems);
    }
    Some(Gitea {
        url: view.url("gitea.url")?,
        token: token?.secret,
        extra_roots,
        timeout: view.duration("gitea.timeout"),
        connect_timeout: view.duration("gitea.connect_timeout"),
        outbox: outbox::Settings {
            settle_wait: view.duration("gitea.settle_wait"),
            rate: view.number("gitea.rate"),
            burst: view.small("gitea.burst"),
            in_flight: view.size("gitea.in_flight"),
            retry_first: view.duration("gitea.retry_first"),
            retry_max: view.duration("gitea.retry_max"),
            retry_after_max: view.duration("gitea.retry_after_max"),
            jitter_percent: view.small("gitea.jitter"),
            probe_first: view.duration("gitea.probe_first"),
            probe_max: view.duration("gitea.probe_max"),
            park_retry: view.duration("gitea.park_retry"),
            edit_quiet: view.duration("gitea.edit_quiet"),
        },
    })
}

/// Reads certificates as they are; whoever uses them parses them.
fn read_roots(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let metadata = fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > ROOTS_MAX_BYTES {
        return Err(format!("is no file of at most {ROOTS_MAX_BYTES} bytes"));
    }
    fs::read(path).map_err(cannot)
}

fn agents(view: View<'_>, problems: &mut Vec<Problem>) -> Option<Agents> {
    let what = "a master secret is needed (`teawatch secret new` makes one)";
    let master = secret::need(view.layers, "agents.master_secret_file", what, problems);
    let previous = secret::read(view.layers, "agents.previous_master_secret_file", problems);

    let [allow, deny] = ["agents.allow", "agents.deny"].map(|key| view.texts(key));
    let generations = match view.value("agents.generation") {
        Value::Generations(generations) => generations.clone(),
        _ => BTreeMap::new(),
    };
    let auto = view.switch("agents.auto");
    // A list that nobody looks at would be taken for protection.
    if auto && !allow.is_empty() && view.is_sound(&["agents.allow", "agents.auto"]) {
        let auto = view.is("agents.auto");
        let message = format!("`agents.allow` lists sources, but {auto}, which admits all");
        problems.push(Problem { origin: Some(view.origin("agents.allow")), message });
    }
    for source in allow.iter().filter(|source| deny.contains(source)) {
        let message = format!("`agents.allow` and `agents.deny` both name \"{source}\"");
        problems.push(Problem { origin: Some(view.origin("agents.deny")), message });
    }
    let lists = [("agents.allow", &allow), ("agents.deny", &deny)];
    let lists =
        lists.into_iter().flat_map(|(key, names)| names.iter().map(move |name| (key, name)));
    let numbered = generations.keys().map(|name| ("agents.generation", name));
    for (key, name) in lists.chain(numbered) {
        let origin = view.origin(key);
        fits(view, key, name, "limits.source_bytes", &origin, problems);
    }
    for source in &allow {
        is_free("agents.allow", source, &view.origin("agents.allow"), problems);
    }
    Some(Agents {
        master: master?.secret,
        previous_master: previous.map(|found| found.secret),
        auto,
        allow: BTreeSet::from_iter(allow),
        deny: BTreeSet::from_iter(deny),
        generations,
        window: view.duration("agents.window"),
        source_bytes: view.size("limits.source_bytes"),
    })
}

/// Why tokens are needed, where others than this machine can reach the server.
fn reachable(view: View<'_>) -> Option<String> {
    let is_reachable = !view.address("listen").ip().is_loopback() && view.is_sound(&["listen"]);
    is_reachable
        .then(|| format!("{}, which others can reach, so a token is needed", view.is("listen")))
}

/// The tokens of `/api/v1`, which are needed if there is a reason `why`.
fn api(view: View<'_>, why: Option<&str>, problems: &mut Vec<Problem>) -> Api {
    let mut token = |key| {
        let found = match why {
            Some(why) => secret::need(view.layers, key, why, problems),
            None => secret::read(view.layers, key, problems),
        };
        found.map(|found| found.secret)
    };
    Api { read_token: token("api.read_token_file"), write_token: token("api.write_token_file") }
}

fn engine(view: View<'_>, problems: &mut Vec<Problem>) -> Settings {
    let is_short = view.duration("absence.gap") <= view.duration("absence.mark");
    view.contradiction(["absence.gap", "absence.mark"], is_short, "longer than", problems);
    for [small, large] in [
        ["limits.report_observations", "limits.round_observations"],
        ["limits.report_bytes", "limits.queue_bytes"],
        ["limits.report_bytes", "limits.unproven_bytes"],
        ["limits.webhook_bytes", "limits.unproven_bytes"],
    ] {
        let is_larger = view.count(small) > view.count(large);
        view.contradiction([small, large], is_larger, "at most", problems);
    }
    let names = ["limits.check_name_bytes", "limits.source_bytes"];
    if names.map(|key| view.size(key)).iter().sum::<usize>() > NAMES_MAX_BYTES
        && view.is_sound(&names)
    {
        let [name, source] = names.map(|key| view.is(key));
        let message =
            format!("{name} and {source}, but together they must be at most {NAMES_MAX_BYTES}");
        problems.push(Problem { origin: None, message });
    }
    let otherwise = resolved(view, problems);
    let expect = expect(view, problems);
    let routes = view.layers.routes.iter().map(|block| {
        let view = view.within(block);
        (matcher(block), resolved(view, problems))
    });
    Settings {
        routes: Routes { routes: routes.collect(), otherwise },
        limits: Limits {
            max_new_issues: view.small("storm.max_new_issues"),
            max_open_issues: view.small("storm.max_open_issues"),
        },
        checks: checks(view, &expect, problems),
        expect,
        maintenance: maintenance(view, problems),
        night: night(view),
        jobs: jobs(view, problems),
        jobs_overdue: overdue(view),
        absence_mark: view.duration("absence.mark"),
        absence_gap: view.duration("absence.gap"),
        history_kept: view.duration("kept.history"),
        episodes_kept: view.duration("kept.episodes"),
        deliveries_kept: view.size("webhooks.kept"),
        deliveries_kept_for: view.duration("kept.deliveries"),
        queue_commands: view.size("limits.queue_commands"),
        queue_bytes: view.size("limits.queue_bytes"),
        round_commands: view.size("limits.round_commands"),
        round_observations: view.size("limits.round_observations"),
        name_max: view.size("limits.check_name_bytes"),
        source_max: view.size("limits.source_bytes"),
    }
}

/// Complains of what a block must have and has not.
pub(super) fn lacks(
    block: &Block,
    header: &str,
    settings: &'static [Setting],
    problems: &mut Vec<Problem>,
) {
    let needed = settings.iter().filter(|it| matches!(it.preset, Preset::Needed(_)));
    for key in needed.map(|setting| setting.key) {
        if !block.values.contains_key(key) && !block.broken.contains(&key) {
            let message = format!("[[{header}]] needs `{key}`");
            problems.push(Problem { origin: Some(block.origin.clone()), message });
        }
    }
}

pub(super) fn matcher(block: &Block) -> Matcher {
    let pattern = |key| block.values.get(key).map(View::plain);
    Matcher {
        source: pattern("match.source"),
        name: pattern("match.name"),
        labels: match block.values.get("match.labels").map(|given| &given.value) {
            Some(Value::ByName(labels)) => labels.clone(),
            _ => BTreeMap::new(),
        },
    }
}

fn expect(view: View<'_>, problems: &mut Vec<Problem>) -> Vec<Expect> {
    let (mut expected, mut named) = (Vec::new(), BTreeSet::new());
    for block in &view.layers.expect {
        lacks(block, "expect", EXPECT, problems);
        let given = |key| block.values.get(key);
        let (Some(source), Some(name)) = (given("source"), given("name")) else { continue };
        let id = CheckId::new(View::plain(source), View::plain(name));
        fits(view, "source", id.source(), "limits.source_bytes", &source.origin, problems);
        is_free("source", id.source(), &source.origin, problems);
        fits(view, "name", id.name(), "limits.check_name_bytes", &name.origin, problems);
        // Also where an interval was refused: else that would come out only once it is mended.
        if !named.insert(id.clone()) {
            let message = format!("[[expect]] names \"{id}\" a second time");
            problems.push(Problem { origin: Some(block.origin.clone()), message });
        }
        if let Some(Value::Duration(interval)) = given("interval").map(|given| &given.value) {
            let interval = *interval;
            expected.push(Expect { id, interval });
        }
    }
    expected
}
