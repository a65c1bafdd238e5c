//! Reads the file: walks its tables against the known settings and keeps every position.
//!
//! Knows TOML and the lists of settings; judges each value by itself, never two together.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::checks::CHECK;
use super::jobs::JOB;
use super::layers::{Block, Given};
use super::maintenance::MAINTENANCE;
use super::problem::{Origin, Problem, did_you_mean};
use super::table::{EXPECT, ROUTE, SETTINGS, Setting};

/// What the file holds.
#[derive(Debug)]
pub(super) struct Contents {
    /// All that has one place.
    pub(super) root: Block,
    pub(super) routes: Vec<Block>,
    pub(super) expect: Vec<Block>,
    pub(super) checks: Vec<Block>,
    pub(super) maintenance: Vec<Block>,
    pub(super) jobs: Vec<Block>,
    pub(super) problems: Vec<Problem>,
}

/// Settings by the name that they have in one kind of table.
type Schema = Vec<(&'static str, &'static Setting)>;

/// Reads `text`, which came from the file called `file` in messages. If it is no TOML at
/// all, only that is told: what could be recovered would make up more errors.
pub(super) fn read(file: &str, text: &str) -> Result<Contents, Vec<Problem>> {
    let mut walk = Walk { file, text, problems: Vec::new() };
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let (root, [routes, expect, checks, maintenance, jobs]) = walk.root(root.get_ref());
        let problems = walk.problems;
        return Ok(Contents { root, routes, expect, checks, maintenance, jobs, problems });
    }
    let problem = |error: toml::de::Error| {
        let origin = Some(walk.origin(error.span().map_or(0, |span| span.start)));
        Problem { origin, message: error.message().trim().replace('\n', ", ") }
    };
    Err(errors.into_iter().map(problem).collect())
}

/// The keys of a `[[route]]`: what it matches, and settings that it replaces.
pub(super) fn route_schema() -> Schema {
    let replaced = SETTINGS.iter().filter_map(|setting| match setting.key {
        "gitea.repository" => Some(("repository", setting)),
        key => Some((key.strip_prefix("alerts.")?, setting)),
    });
    schema(ROUTE).into_iter().chain(replaced).collect()
}

fn schema(settings: &'static [Setting]) -> Schema {
    settings.iter().map(|setting| (setting.key, setting)).collect()
}

struct Walk<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    /// Reads the whole: what has one place; and routes, expected checks, checks, maintenance
    /// windows, jobs.
    fn root(&mut self, root: &DeTable<'_>) -> (Block, [Vec<Block>; 5]) {
        let mut blocks = [const { Vec::new() }; 5];
        let [routes, expect, checks, maintenance, jobs] = &mut blocks;
        let mut rest = DeTable::new();
        for (key, value) in root {
            match key.get_ref().as_ref() {
                "route" => *routes = self.blocks(key, value, &route_schema()),
                "expect" => *expect = self.blocks(key, value, &schema(EXPECT)),
                "check" => *checks = self.blocks(key, value, &schema(CHECK)),
                "maintenance" => *maintenance = self.blocks(key, value, &schema(MAINTENANCE)),
                "job" => *jobs = self.blocks(key, value, &schema(JOB)),
                _ => drop(rest.insert(key.clone(), value.clone())),
            }
        }
        let mut block = Block::new(self.origin(0));
        self.table(&rest, "", "", &schema(SETTINGS), &mut block);
        (block, blocks)
    }

    /// Reads `[[name]]` tables.
    fn blocks(
        &mut self,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        schema: &Schema,
    ) -> Vec<Block> {
        let name = key.get_ref();
        let tables: Option<Vec<_>> = value.get_ref().as_array().and_then(|array| {
            array
                .iter()
                .map(|table| Some((table.span().start, table.get_ref().as_table()?)))
                .collect()
        });
        let Some(tables) = tables else {
            self.wrong(
                key.span().start,
                format!("`{name}` expects tables, each headed `[[{name}]]`"),
            );
            return Vec::new();
        };
        let context = format!("[[{name}]]");
        tables
            .into_iter()
            .map(|(start, table)| {
                let mut block = Block::new(self.origin(start));
                self.table(table, "", &context, schema, &mut block);
                block
            })
            .collect()
    }

    /// Reads one table whose keys follow `prefix` in `schema`.
    fn table(
        &mut self,
        table: &DeTable<'_>,
        prefix: &str,
        context: &str,
        schema: &Schema,
        block: &mut Block,
    ) {
        for (key, value) in table {
            let start = key.span().start;
            let name = format!("{prefix}{}", key.get_ref());
            let section = format!("{name}.");
            if let Some((_, setting)) = schema.iter().find(|(known, _)| *known == name) {
                let origin = self.origin(value.span().start);
                match setting.kind.read(&raw(value.get_ref())) {
                    Ok(value) => drop(block.values.insert(setting.key, Given { value, origin })),
                    Err(expects) => {
                        let message = format!("`{}` {expects}", in_context(context, &name));
                        block.broken.push(setting.key);
                        self.problems.push(Problem { origin: Some(origin), message });
                    }
                }
            } else if schema.iter().any(|(known, _)| known.starts_with(&section)) {
                if let Some(table) = value.get_ref().as_table() {
                    self.table(table, &section, context, schema, block);
                } else {
                    let name = in_context(context, &name);
                    self.wrong(start, format!("`{name}` expects a table"));
                }
            } else {
                let hint = hint(&name, prefix, schema);
                let place = match (context, prefix.trim_end_matches('.')) {
                    ("", "") => String::new(),
                    ("", section) => format!(" in [{section}]"),
                    (header, "") => format!(" in {header}"),
                    (header, section) => format!(" in `{section}` of {header}"),
                };
                self.wrong(start, format!("unknown key `{}`{place}{hint}", key.get_ref()));
            }
        }
    }

    fn wrong(&mut self, start: usize, message: String) {
        let origin = Some(self.origin(start));
        self.problems.push(Problem { origin, message });
    }

    /// Line and column of a byte of the text.
    fn origin(&self, start: usize) -> Origin {
        let before = self.text.get(..start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Origin::File { file: self.file.to_owned(), line, column }
    }
}

fn in_context(context: &str, name: &str) -> String {
    if context.is_empty() { name.to_owned() } else { format!("{context} {name}") }
}

/// What an unknown key was probably meant to be, as the end of a sentence.
fn hint(name: &str, prefix: &str, schema: &Schema) -> String {
    // A secret must not stand in the file, however its key is spelled.
    let file = format!("{name}_file");
    let secret = schema.iter().find(|(known, _)| *known == file);
    if let Some(variable) = secret.and_then(|(_, setting)| setting.secret_variable()) {
        return format!(": a secret does not stand here, set {variable} or `{file}`");
    }
    let word = name.strip_prefix(prefix).unwrap_or(name);
    let siblings = schema.iter().filter_map(|(known, _)| known.strip_prefix(prefix));
    let siblings = siblings.map(|rest| rest.split('.').next().unwrap_or(rest));
    let blocks = ["route", "expect", "check", "maintenance", "job"];
    let blocks = prefix.is_empty().then_some(blocks).into_iter().flatten();
    did_you_mean(word, siblings.chain(blocks), schema.iter().map(|(known, _)| *known))
}

/// The value without its position.
fn raw(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.to_string().into(), toml::Value::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or_else(|_| number.to_string().into(), toml::Value::Float)
        }
        DeValue::Boolean(switch) => (*switch).into(),
        DeValue::Datetime(datetime) => (*datetime).into(),
        DeValue::Array(items) => {
            items.iter().map(|item| raw(item.get_ref())).collect::<Vec<_>>().into()
        }
        DeValue::Table(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| (key.get_ref().clone().into_owned(), raw(value.get_ref())));
            toml::Value::Table(pairs.collect())
        }
    }
}
