//! Lists that Gitea gives in pages, and how they are read to their end.
//!
//! A list ends at the first page that is empty on the wire (`[]` or `null`). Nothing else
//! ends it: a server gives shorter pages than it was asked for, leaves out counts, and
//! counts what we do not see. `Link` is of no use either: it names an address of the
//! server's choice, where our token must not go.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::client::{Client, Request};
use super::error::{Cause, Result};
use super::models::Identified;

/// A list of more pages than this is a mistake on one side or the other.
pub const MAX_PAGES: u32 = 1_000;

/// How many items a page should have, unless the caller says otherwise. Gitea's own default
/// for the most that it gives.
pub const PAGE_SIZE: u32 = 50;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is of use: without items that the server failed to load (their id is 0) and
    /// without pull requests. May be empty in the middle of a list.
    pub items: Vec<T>,
    /// The page was empty on the wire, so the list ended before it.
    pub is_end: bool,
}

/// A list in the course of being read.
///
/// For callers that pace their requests: ask for [`Walk::next_page`], fetch it, give it to
/// [`Walk::take`], until there is no next page. An item that comes twice, because the list
/// moved between two pages, is kept once, as it came first.
#[derive(Debug, Clone)]
pub struct Walk<T> {
    next: Option<u32>,
    seen: BTreeSet<i64>,
    items: Vec<T>,
}

impl<T> Default for Walk<T> {
    fn default() -> Self {
        Self { next: Some(1), seen: BTreeSet::new(), items: Vec::new() }
    }
}

impl<T: Identified> Walk<T> {
    /// The number of the page to fetch next; nothing once the list has ended. Grows past
    /// [`MAX_PAGES`], where fetching is refused.
    pub fn next_page(&self) -> Option<u32> {
        self.next
    }

    /// Takes in the page that [`Walk::next_page`] named.
    pub fn take(&mut self, page: Page<T>) {
        self.next = self.next.filter(|_| !page.is_end).map(|number| number.saturating_add(1));
        self.items.extend(page.items.into_iter().filter(|item| self.seen.insert(item.id())));
    }

    /// Every item so far, in the order of the list.
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// A request for a list that does not say yet which page it wants.
#[derive(Debug)]
pub(super) struct Listing {
    client: Client,
    request: Request,
    page_size: u32,
}

impl Listing {
    pub(super) fn new(client: Client, request: Request, page_size: u32) -> Self {
        Self { client, request, page_size }
    }

    pub(super) async fn page<T: DeserializeOwned>(&self, number: u32) -> Result<Answer<Page<T>>> {
        if number > MAX_PAGES {
            return Err(self.request.failed(Cause::TooManyPages { limit: MAX_PAGES }));
        }
        let request = self.request.clone().query("page", &number).query("limit", &self.page_size);
        self.client.read_list(request).await
    }

    pub(super) async fn all<T: DeserializeOwned + Identified>(&self) -> Result<Answer<Vec<T>>> {
        let mut walk = Walk::default();
        let first = self.page(1).await?.map(|page| walk.take(page));
        while let Some(number) = walk.next_page() {
            walk.take(self.page(number).await?.value);
        }
        Ok(first.map(|()| walk.into_items()))
    }
}
