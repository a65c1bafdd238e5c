//! Why a server could not start.

use std::io;

use crate::engine;

/// Whether there was no room on the disk.
pub(super) fn is_disk_full(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    kinds
        .map(io::Error::kind)
        .any(|kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

/// Why the state cannot be loaded. What is damaged as a whole says by itself what to do.
pub(super) fn not_loaded(error: engine::Error) -> anyhow::Error {
    let is_one_record = matches!(&error, engine::Error::Store(error) if !error.is_final());
    anyhow::Error::new(error).context(if is_one_record {
        "cannot load the state, and nothing was changed: move the data directory away and bring \
         the newest backup back with `teawatch restore`"
    } else {
        "cannot load the state"
    })
}
