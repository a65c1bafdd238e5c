//! Lays flags over the environment over the file over the defaults.
//!
//! Knows where every value came from. Judges each by itself; what must hold between two
//! of them is [`check`](super::check)'s business.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::file;
use super::problem::{Error, Origin, Problem, did_you_mean};
use super::table::{Preset, SETTINGS, Setting};
use super::value::Value;

/// Names the file.
const FILE_VARIABLE: &str = "TEAWATCH_CONFIG";

/// Belong to the agent, which may run on the server's own host.
const AGENT_VARIABLES: [&str; 4] = [
    "TEAWATCH_AGENT_CONFIG",
    "TEAWATCH_AGENT_HEARTBEAT",
    "TEAWATCH_AGENT_HEARTBEATS",
    "TEAWATCH_AGENT_SECRET",
];

/// Holds the token of an administrator of the repository, for the commands that need one.
/// It is no setting: the server never has it.
pub const HOOK_TOKEN_VARIABLE: &str = "TEAWATCH_HOOK_TOKEN";

/// Taken if they exist and no other file is named, the first first.
const FILES: &[&str] = &["teawatch.toml", "/etc/teawatch/teawatch.toml"];

/// Where settings come from: plain values, so that a test or a demo can make them up.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file that `--config` names.
    pub file: Option<PathBuf>,
    /// Files to look for when none is named; the first that exists is read.
    pub search: Vec<PathBuf>,
    pub flags: Vec<Flag>,
    /// What begins with `TEAWATCH_`; the rest is not looked at.
    pub environment: BTreeMap<String, OsString>,
}

/// A setting given on the command line. Of several for one setting the last counts.
#[derive(Clone)]
pub struct Flag {
    /// As it is written, for messages: `--listen`, `--set alerts.open_after`.
    pub name: String,
    /// The setting's key.
    pub key: String,
    pub value: String,
}

/// Values by the key of their setting.
pub(super) type Values = BTreeMap<&'static str, Given>;

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A `[[route]]`, an `[[expect]]`, a `[[check]]`, a `[[maintenance]]` or a `[[job]]`.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it begins.
    pub(super) origin: Origin,
    pub(super) values: Values,
    /// Settings whose value was refused.
    pub(super) broken: Vec<&'static str>,
}

/// All layers in one. Holds secrets, so it has no `Debug`.
pub(super) struct Layers {
    /// The file that was read.
    pub(super) file: Option<PathBuf>,
    pub(super) values: Values,
    /// Settings that were given, but not rightly: nothing should follow from their value.
    pub(super) broken: BTreeSet<&'static str>,
    pub(super) routes: Vec<Block>,
    pub(super) expect: Vec<Block>,
    pub(super) checks: Vec<Block>,
    pub(super) maintenance: Vec<Block>,
    pub(super) jobs: Vec<Block>,
    /// Secrets that stand in the environment, by variable.
    pub(super) secrets: BTreeMap<&'static str, OsString>,
    pub(super) problems: Vec<Problem>,
}

impl Sources {
    /// This process's environment, the usual files, and the given flags.
    pub fn of_this_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("TEAWATCH_"))
            .collect();
        Self { file, search: FILES.iter().map(PathBuf::from).collect(), flags, environment }
    }

    /// The file to read, and who named it.
    fn named_file(&self) -> Option<(PathBuf, &'static str)> {
        let variable = || self.environment.get(FILE_VARIABLE).map(PathBuf::from);
        // A file that may exist and cannot be looked at is told about when it is read.
        let may_exist = |path: &&PathBuf| path.try_exists().unwrap_or(true);
        let found = || self.search.iter().find(may_exist).cloned();
        (self.file.clone().map(|path| (path, "--config")))
            .or_else(|| variable().map(|path| (path, FILE_VARIABLE)))
            .or_else(|| found().map(|path| (path, "the search for a file")))
    }
}

impl Block {
    pub(super) fn new(origin: Origin) -> Self {
        Self { origin, values: Values::new(), broken: Vec::new() }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, search, flags, environment } = self;
        let variables: Vec<_> = environment.keys().collect();
        f.debug_struct("Sources")
            .field("file", file)
            .field("search", search)
            .field("flags", flags)
            .field("environment", &variables)
            .finish()
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flag").field(&self.name).finish()
    }
}

impl Layers {
    /// Reads every source.
    pub(super) fn read(sources: &Sources) -> Result<Self, Error> {
        let named = sources.named_file();
        let text =
            match &named {
                Some((path, named_by)) => Some(fs::read_to_string(path).map_err(|source| {
                    Error::Unreadable { path: path.clone(), named_by, source }
                })?),
                None => None,
            };
        let mut layers = Self {
            file: named.map(|(path, _)| path),
            values: SETTINGS.iter().filter_map(default).collect(),
            broken: BTreeSet::new(),
            routes: Vec::new(),
            expect: Vec::new(),
            checks: Vec::new(),
            maintenance: Vec::new(),
            jobs: Vec::new(),
            secrets: BTreeMap::new(),
            problems: Vec::new(),
        };
        if let Some(text) = text {
            layers.add_file(&text)?;
        }
        layers.add_environment(&sources.environment);
        for flag in &sources.flags {
            layers.add_flag(flag);
        }
        Ok(layers)
    }

    /// What a setting holds, if anything.
    pub(super) fn get(&self, key: &str) -> Option<&Given> {
        self.values.get(key)
    }

    /// A path, where a relative one in the file counts from the file.
    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        let given = self.get(key)?;
        let Value::Text(path) = &given.value else { return None };
        let base = match (&given.origin, &self.file) {
            (Origin::File { .. }, Some(file)) => file.parent(),
            _ => None,
        };
        Some(base.unwrap_or(Path::new("")).join(path))
    }

    /// Reads the file. Where it is not TOML, nothing else can be said.
    fn add_file(&mut self, text: &str) -> Result<(), Error> {
        let file = self.file.as_deref().unwrap_or(Path::new("")).display().to_string();
        let contents = file::read(&file, text).map_err(Error::Wrong)?;
        self.values.extend(contents.root.values);
        self.broken.extend(contents.root.broken);
        self.routes = contents.routes;
        self.expect = contents.expect;
        self.checks = contents.checks;
        self.maintenance = contents.maintenance;
        self.jobs = contents.jobs;
        self.problems.extend(contents.problems);
        Ok(())
    }

    fn add_environment(&mut self, environment: &BTreeMap<String, OsString>) {
        let known: BTreeMap<_, _> = SETTINGS.iter().map(|s| (s.variable(), s)).collect();
        let secrets: BTreeSet<_> = SETTINGS.iter().filter_map(Setting::secret_variable).collect();
        for (name, value) in environment {
            let origin = Origin::Environment(name.clone());
            if let Some(variable) = secrets.get(name.as_str()) {
                self.secrets.insert(variable, value.clone());
            } else if let Some(setting) = known.get(name) {
                match value.to_str() {
                    Some(value) => self.add_text(setting, value, origin),
                    None => self.wrong(Some(origin), "is not UTF-8 text".to_owned()),
                }
            } else if !is_no_setting(name) {
                let all = known.keys().map(String::as_str).chain(secrets.iter().copied());
                let hint = did_you_mean(name, all.chain([FILE_VARIABLE]), std::iter::empty());
                self.wrong(None, format!("unknown variable `{name}`{hint}"));
            }
        }
    }

    fn add_flag(&mut self, flag: &Flag) {
        let Flag { name, key, value } = flag;
        let origin = Origin::Flag(name.clone());
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) {
            self.add_text(setting, value, origin);
            return;
        }
        let file = format!("{key}_file");
        let secret = SETTINGS.iter().find(|setting| setting.key == file);
        let keys = || SETTINGS.iter().map(|setting| setting.key);
        let hint = secret.and_then(Setting::secret_variable).map_or_else(
            || did_you_mean(key, keys(), keys()),
            |variable| format!(": a secret is no flag, set {variable} or `{file}`"),
        );
        self.wrong(Some(Origin::Flag("--set".to_owned())), format!("unknown key `{key}`{hint}"));
    }

    /// Takes a setting from where there is only text.
    fn add_text(&mut self, setting: &'static Setting, text: &str, origin: Origin) {
        match setting.kind.read(&setting.kind.raw(text)) {
            Ok(value) => drop(self.values.insert(setting.key, Given { value, origin })),
            Err(expects) => {
                self.broken.insert(setting.key);
                self.wrong(Some(origin), format!("`{}` {expects}", setting.key));
            }
        }
    }

    fn wrong(&mut self, origin: Option<Origin>, message: String) {
        self.problems.push(Problem { origin, message });
    }
}

/// Whether a variable means something to teawatch without being a setting.
fn is_no_setting(name: &str) -> bool {
    [FILE_VARIABLE, HOOK_TOKEN_VARIABLE].contains(&name) || AGENT_VARIABLES.contains(&name)
}

/// A setting's default, as a value.
fn default(setting: &'static Setting) -> Option<(&'static str, Given)> {
    let Preset::Is(text) = setting.preset else { return None };
    let value = setting.kind.read(&setting.kind.raw(text)).expect("every default is allowed");
    Some((setting.key, Given { value, origin: Origin::Default }))
}
