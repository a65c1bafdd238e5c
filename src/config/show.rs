//! The configuration as it is in effect, and where each part of it comes from.
//!
//! Of secrets only that tells where they were found.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::check;
use super::checks::CHECK;
use super::jobs::JOB;
use super::kind::Kind;
use super::layers::{Block, Layers, Sources, Values};
use super::maintenance::MAINTENANCE;
use super::problem::{Error, Origin};
use super::secret;
use super::sections::SECTIONS;
use super::table::{EXPECT, ROUTE, SETTINGS, Setting};

/// What is in effect, and what is wrong with it.
#[derive(Debug)]
pub struct Shown {
    /// Like the file, with the origin of what is not a default behind it.
    pub toml: String,
    /// The same for programs: `file`; `settings` with `value`, `origin` (`default`,
    /// `file`, `environment`, `flag`) and `place` by key; `secrets`, by key, with where
    /// each was found; `routes`; `expect`; `checks`; `maintenance`; `jobs`.
    pub json: serde_json::Value,
    /// Why a server would not start with it.
    pub wrong: Option<Error>,
}

impl Shown {
    /// Reads everything; fails only where nothing could be read.
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        let layers = Layers::read(sources)?;
        let (toml, json) = (toml(&layers), json(&layers));
        Ok(Self { toml, json, wrong: check::config(layers).err() })
    }
}

impl Setting {
    /// The first part of the key, empty for what stands above all sections.
    pub(super) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The key within its section.
    pub(super) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::SecretFile { .. })
    }
}

fn toml(layers: &Layers) -> String {
    let mut text = String::new();
    for (section, _) in SECTIONS {
        if !section.is_empty() {
            line(&mut text, &format!("\n[{section}]"));
        }
        for setting in SETTINGS.iter().filter(|setting| setting.section() == *section) {
            line(&mut text, &setting_line(layers, setting));
        }
    }
    for (header, block) in blocks(layers) {
        line(&mut text, &format!("\n[[{header}]]  # {}", block.origin));
        for (name, value) in pairs(header, &block.values) {
            line(&mut text, &format!("{name} = {value}"));
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

fn setting_line(layers: &Layers, setting: &Setting) -> String {
    let name = setting.name();
    if setting.is_secret() {
        let name = name.trim_end_matches("_file");
        return match found(layers, setting) {
            Some(place) => format!("# {name}: set from {place}"),
            None => format!("# {name}: not set"),
        };
    }
    match layers.values.get(setting.key) {
        Some(given) if given.origin == Origin::Default => {
            format!("{name} = {}", given.value.toml())
        }
        Some(given) => format!("{name} = {}  # {}", given.value.toml(), given.origin),
        None => format!("# {name}: not set"),
    }
}

/// Where a secret was found, if it is there and in order.
fn found(layers: &Layers, setting: &Setting) -> Option<String> {
    // What is wrong with it is told by whoever judges the whole.
    let found = secret::read(layers, setting.key, &mut Vec::new())?;
    Some(match found.from {
        secret::From::Variable(variable) => variable.to_owned(),
        secret::From::File(path) => path.display().to_string(),
    })
}

fn blocks(layers: &Layers) -> impl Iterator<Item = (&'static str, &Block)> {
    let routes = layers.routes.iter().map(|block| ("route", block));
    let expect = layers.expect.iter().map(|block| ("expect", block));
    let maintenance = layers.maintenance.iter().map(|block| ("maintenance", block));
    let checks = layers.checks.iter().map(|block| ("check", block));
    let jobs = layers.jobs.iter().map(|block| ("job", block));
    routes.chain(expect).chain(checks).chain(maintenance).chain(jobs)
}

/// What stands in a block, by the names that it has there.
fn pairs(header: &str, values: &Values) -> Vec<(&'static str, toml::Value)> {
    let own = match header {
        "route" => ROUTE,
        "expect" => EXPECT,
        "check" => CHECK,
        "job" => JOB,
        _ => MAINTENANCE,
    };
    let settings = own.iter().chain(SETTINGS);
    settings
        .filter_map(|setting| Some((in_block(setting), values.get(setting.key)?.value.toml())))
        .collect()
}

/// A setting's name where it stands in a block.
fn in_block(setting: &Setting) -> &'static str {
    match setting.section() {
        "alerts" | "gitea" => setting.name(),
        _ => setting.key,
    }
}

fn json(layers: &Layers) -> serde_json::Value {
    let settings = SETTINGS.iter().filter(|setting| !setting.is_secret()).map(|setting| {
        let given = layers.values.get(setting.key);
        let shown = json!({
            "value": given.map(|given| given.value.toml()),
            "origin": given.map_or("default", |given| given.origin.word()),
            "place": given.map(|given| given.origin.to_string()),
        });
        (setting.key.to_owned(), shown)
    });
    let secrets = SETTINGS.iter().filter(|setting| setting.is_secret()).map(|setting| {
        (setting.key.trim_end_matches("_file").to_owned(), json!(found(layers, setting)))
    });
    let all = |wanted: &str| -> Vec<serde_json::Value> {
        blocks(layers)
            .filter(|(header, _)| *header == wanted)
            .map(|(header, block)| {
                json!(toml::Table::from_iter(
                    pairs(header, &block.values)
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                ))
            })
            .collect()
    };
    json!({
        "file": layers.file.as_deref().map(Path::to_string_lossy),
        "settings": settings.collect::<serde_json::Map<_, _>>(),
        "secrets": secrets.collect::<serde_json::Map<_, _>>(),
        "routes": all("route"),
        "expect": all("expect"),
        "checks": all("check"),
        "maintenance": all("maintenance"),
        "jobs": all("job"),
    })
}
