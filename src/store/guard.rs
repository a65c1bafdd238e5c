//! Calls into sled, which may panic where it meets damage.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;

use super::error::Error;

thread_local! {
    /// Whether a panic on this thread is caught and told as an error.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls into sled. A panic becomes an error and is not printed: what a person needs is
/// what to do, not where in sled it happened.
pub(super) fn guarded<T>(
    path: &Path,
    call: impl FnOnce() -> ::sled::Result<T>,
) -> Result<T, Error> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                print(info);
            }
        }));
    });
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(false);
    let damaged = |reason| Err(Error::Damaged { path: path.to_owned(), reason });
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(::sled::Error::Io(error))) => Err(Error::Broken(error)),
        Ok(Err(error @ (::sled::Error::Corruption { .. } | ::sled::Error::ReportableBug(_)))) => {
            damaged(error.to_string())
        }
        Ok(Err(error @ (::sled::Error::CollectionNotFound(_) | ::sled::Error::Unsupported(_)))) => {
            Err(Error::Broken(io::Error::other(error)))
        }
        Err(payload) => damaged(said(payload.as_ref())),
    }
}

/// Handles of sled's, guarded also while they are dropped: the last one syncs sled's file
/// once more, and panics where the disk has failed. That must not hide why the store failed.
pub(super) struct Held<T> {
    path: PathBuf,
    handles: Option<T>,
}

impl<T> Held<T> {
    pub(super) fn new(path: &Path, handles: T) -> Self {
        Self { path: path.to_owned(), handles: Some(handles) }
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.handles.as_ref().expect("they are there until they are dropped")
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        let handles = self.handles.take();
        let dropped = guarded(&self.path, move || {
            drop(handles);
            Ok(())
        });
        if let Err(error) = dropped {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "the store was not left in order");
        }
    }
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
        .to_owned()
}
