//! What the load runs share: servers, callers, a directory on the disk, and tables.

pub(crate) mod client;
pub(crate) mod directory;
pub(crate) mod server;
pub(crate) mod table;

/// The master secret of all servers here.
pub(crate) const MASTER: &str = "the-master-secret-of-all-the-benches-0123456789";
