//! Typed looks at the layers, as one route sees them.
//!
//! The list of settings says what kind of value each has, so a look that finds another
//! kind is a mistake of ours; the tests look at every setting.

use std::net::SocketAddr;

use jiff::SignedDuration;
use url::Url;

use super::layers::{Block, Given, Layers};
use super::problem::{Origin, Problem};
use super::value::Value;

const KIND: &str = "the list of settings gives this key such a value, and a default";

/// The layers, and the route that replaces some of them.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) layers: &'a Layers,
    block: Option<&'a Block>,
}

impl<'a> View<'a> {
    /// What holds where no route matches.
    pub(super) fn of(layers: &'a Layers) -> Self {
        Self { layers, block: None }
    }

    /// What holds within a route.
    pub(super) fn within(self, block: &'a Block) -> Self {
        Self { block: Some(block), ..self }
    }

    /// What a setting holds, if anything.
    pub(super) fn get(self, key: &str) -> Option<&'a Given> {
        let replaced = self.block.and_then(|block| block.values.get(key));
        replaced.or_else(|| self.layers.values.get(key))
    }

    /// What a setting with a default holds.
    pub(super) fn value(self, key: &str) -> &'a Value {
        &self.get(key).expect(KIND).value
    }

    /// Where it comes from.
    pub(super) fn origin(self, key: &str) -> Origin {
        self.get(key).map_or(Origin::Default, |given| given.origin.clone())
    }

    /// Whether nothing was wrong with what was given for these settings.
    pub(super) fn is_sound(self, keys: &[&'static str]) -> bool {
        keys.iter().all(|key| {
            !self.layers.broken.contains(key)
                && self.block.is_none_or(|block| !block.broken.contains(key))
        })
    }

    /// What a setting holds and where that comes from, as half a sentence.
    pub(super) fn is(self, key: &str) -> String {
        format!("`{key}` is {}", self.shown(key))
    }

    /// Complains of the first setting, which `must be` something by the second, if that
    /// `is_wrong`. What a route inherits is not told once more for it.
    pub(super) fn contradiction(
        self,
        [first, second]: [&'static str; 2],
        is_wrong: bool,
        must_be: &str,
        problems: &mut Vec<Problem>,
    ) {
        let replaces =
            |block: &Block| block.values.contains_key(first) || block.values.contains_key(second);
        if is_wrong && self.is_sound(&[first, second]) && self.block.is_none_or(replaces) {
            let message = format!(
                "{}, but must be {must_be} `{second}`, which is {}",
                self.is(first),
                self.shown(second)
            );
            problems.push(Problem { origin: None, message });
        }
    }

    fn shown(self, key: &str) -> String {
        format!("{} ({})", self.value(key).toml(), self.origin(key))
    }

    /// The text of a value that is one.
    pub(super) fn plain(given: &Given) -> String {
        match &given.value {
            Value::Text(text) => text.clone(),
            _ => unreachable!("{KIND}"),
        }
    }

    pub(super) fn text(self, key: &str) -> String {
        Self::plain(self.get(key).expect(KIND))
    }

    pub(super) fn texts(self, key: &str) -> Vec<String> {
        match self.value(key) {
            Value::Texts(texts) => texts.clone(),
            _ => unreachable!("{KIND}"),
        }
    }

    pub(super) fn duration(self, key: &str) -> SignedDuration {
        match self.value(key) {
            Value::Duration(duration) => *duration,
            _ => unreachable!("{KIND}"),
        }
    }

    pub(super) fn count(self, key: &str) -> u64 {
        match self.value(key) {
            Value::Count(count) => *count,
            _ => unreachable!("{KIND}"),
        }
    }

    /// A count of things in memory.
    pub(super) fn size(self, key: &str) -> usize {
        usize::try_from(self.count(key)).unwrap_or(usize::MAX)
    }

    /// A count that the list of settings keeps small.
    pub(super) fn small(self, key: &str) -> u32 {
        u32::try_from(self.count(key)).unwrap_or(u32::MAX)
    }

    pub(super) fn number(self, key: &str) -> f64 {
        match self.value(key) {
            Value::Number(number) => *number,
            _ => unreachable!("{KIND}"),
        }
    }

    pub(super) fn switch(self, key: &str) -> bool {
        match self.value(key) {
            Value::Switch(switch) => *switch,
            _ => unreachable!("{KIND}"),
        }
    }

    pub(super) fn address(self, key: &str) -> SocketAddr {
        match self.value(key) {
            Value::Address(address) => *address,
            _ => unreachable!("{KIND}"),
        }
    }

    pub(super) fn url(self, key: &str) -> Option<Url> {
        match &self.get(key)?.value {
            Value::Url(url) => Some(url.clone()),
            _ => unreachable!("{KIND}"),
        }
    }
}
