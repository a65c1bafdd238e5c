//! What an address consists of.

use url::form_urlencoded;

use super::Refused;
use crate::check::Uuid;

/// An address below `/ping`.
#[derive(Debug, PartialEq)]
pub(super) struct Address<'a> {
    pub(super) to: To<'a>,
    /// What has happened, in its words; nothing says that all is well.
    pub(super) action: Option<&'a str>,
}

/// Whose address it is.
#[derive(Debug, PartialEq)]
pub(super) enum To<'a> {
    /// The check that has this UUID.
    Check(Uuid),
    /// The check that has this slug, of the source whose key this is.
    Slug { key: &'a str, slug: &'a str },
}

impl<'a> Address<'a> {
    /// Reads an address. Where it says that all is well, that of a UUID may end in a slash.
    pub(super) fn read(path: &'a str) -> Result<Self, Refused> {
        let mut parts = path.split('/');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let (third, is_long) = (parts.next(), parts.next().is_some());
        // As Healthchecks has it: in small letters.
        let uuid = Uuid::parse(first).filter(|uuid| uuid.to_string() == first);
        let (to, action) = match (uuid, second, third, is_long) {
            (Some(uuid), None | Some(""), None, false) => (To::Check(uuid), None),
            (Some(uuid), Some(action), None, false) => (To::Check(uuid), Some(action)),
            (None, Some(slug), action, false) if !slug.is_empty() => {
                (To::Slug { key: first, slug }, action)
            }
            _ => return Err(Refused::NotFound),
        };
        Ok(Self { to, action })
    }
}

/// What stands behind an address. Of what is there twice the last counts, and what nobody
/// knows counts nothing.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    /// A check that is not known yet is made: `create=1`, and nothing else.
    pub(super) create: bool,
    /// Which run it is about.
    pub(super) rid: Option<Uuid>,
}

impl Options {
    pub(super) fn read(query: &str) -> Result<Self, Refused> {
        let (mut create, mut rid) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "create" => create = Some(value),
                "rid" => rid = Some(value),
                _ => {}
            }
        }
        let rid = rid.map(|rid| Uuid::parse(&rid).ok_or(Refused::Misshapen(NO_UUID)));
        Ok(Self { create: create.as_deref() == Some("1"), rid: rid.transpose()? })
    }
}

const NO_UUID: &str = "invalid uuid format";
