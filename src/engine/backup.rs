//! Backups: a dump of everything while the work goes on, and what a store that was made of
//! one must do before it can go on.

use std::time::Duration;

use jiff::Timestamp;

use super::changes::keys;
use super::core::Core;
use super::records::Meta;
use super::{Engine, Error};
use crate::alert::marker::Instance;
use crate::store::{self, Lease, Origin, Tree, decode};

/// How long a backup waits for its next piece while too much else is waiting.
const PAUSE: Duration = Duration::from_millis(20);

/// A backup under way. It shows everything as it was on the disk when it began: whoever was
/// answered before that is in it, and nothing that came later. It ends when this is dropped.
#[derive(Debug)]
pub struct Backup {
    engine: Engine,
    lease: Lease,
}

impl Engine {
    /// Begins a backup.
    pub async fn backup(&self) -> Result<Backup, Error> {
        let lease = self.between(|core, store| {
            let Instance { id, generation } = core.instance().clone();
            store.begin_dump(Origin { instance: id, generation })
        });
        match lease.await? {
            Ok(lease) => Ok(Backup { engine: self.clone(), lease }),
            Err(store::Error::DumpUnderWay) => Err(Error::BackupUnderWay),
            Err(error) => Err(error.into()),
        }
    }
}

impl Backup {
    /// The next bytes; nothing once all were given.
    ///
    /// Each piece is read between two rounds, so that reports are answered meanwhile.
    pub async fn next(&self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let lease = self.lease.clone();
            match self.engine.between(move |_, store| store.next_of_dump(&lease)).await {
                Ok(piece) => return Ok(piece?),
                Err(Error::Full) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }
}

/// What becomes of a record of a backup in a store that is made of it; nothing if it stays as
/// it is. That store is another one, called `id`: what it writes is told from what the store
/// wrote that the backup is of.
pub fn renew(
    id: &str,
    tree: Tree,
    key: &[u8],
    value: &[u8],
) -> Result<Option<Vec<u8>>, store::Error> {
    if tree != Tree::Meta || key != keys::STATE.as_bytes() {
        return Ok(None);
    }
    let mut meta: Meta = decode(tree, key, value)?;
    let generation = meta.instance.generation + 1;
    let instance = Instance { id: id.to_owned(), generation };
    // One that never started has told Gitea nothing: it stands for the store before it.
    let before = std::mem::replace(&mut meta.instance, instance);
    meta.restored.get_or_insert(before);
    // The copy uses the names of the store before, and no other.
    meta.copied = None;
    Ok(Some(store::encode(&meta)))
}

impl Core {
    /// Takes up the work of the store before, at the first start after a restore.
    ///
    /// What that store did after the backup is not known. So all open issues of ours are read
    /// before anything is opened, as a new store does, and whatever the backup had yet to
    /// tell Gitea may have been told meanwhile: all of it is in doubt, in the words and by
    /// the name that the store before would have used.
    pub(super) fn take_up(&mut self, now: Timestamp) {
        let Some(before) = self.meta.restored.take() else { return };
        self.dirty.meta = true;
        tracing::info!(
            generation = self.meta.instance.generation,
            effects = self.entries.len(),
            "this store was restored: all open issues are read before anything is opened"
        );
        for (name, record) in &mut self.repositories {
            record.is_adopted = false;
            self.dirty.repositories.insert(name.clone());
        }
        let own = std::mem::replace(&mut self.meta.instance, before);
        let untried: Vec<_> = self
            .entries
            .values()
            .filter(|entry| entry.doubt.is_none())
            .map(|entry| entry.seq)
            .collect();
        for seq in untried {
            self.put_in_doubt(seq, None, now);
        }
        self.meta.instance = own;
    }
}
