//! Temporary folders of long measurements, which hold keys of hundreds of megabytes and outlive whoever is killed.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::{NamedTempFile, TempDir};

/// A file that is locked as long as the process lives that uses its folder.
const LOCK: &str = "in-use";

/// A folder that is removed in the end.
pub(super) struct Scratch {
    // The lock goes first: some systems remove no open file.
    _lock: Option<File>,
    folder: TempDir,
}

impl Scratch {
    /// Makes a folder among the system's temporary ones, and removes those of this name that processes left which are no more:
    /// whoever is killed removes nothing.
    pub(super) fn new(prefix: &str) -> io::Result<Self> {
        let place = std::env::temp_dir();
        remove_abandoned(&place, prefix);
        Self::within(&place, prefix)
    }

    fn within(place: &Path, prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(place)?;
        // Locked before it has its name: a folder without a lock is nobody's to remove.
        let lock = NamedTempFile::new_in(folder.path())?;
        let is_locked = lock.as_file().lock().is_ok();
        let lock = if is_locked { Some(lock.persist(folder.path().join(LOCK))?) } else { None };
        Ok(Self { _lock: lock, folder })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders whose lock nobody holds, as far as that is allowed.
fn remove_abandoned(place: &Path, prefix: &str) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix));
        // Links are not followed.
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_processes_that_are_no_more_are_removed_and_no_others() {
        let place = tempfile::tempdir().expect("temporary directory");
        let used = Scratch::within(place.path(), "scratch-").expect("makes");
        fs::write(used.path().join("key"), "key").expect("writes");
        // As a process leaves it that is killed: all is there but the lock.
        let abandoned = Scratch::within(place.path(), "scratch-").expect("makes");
        fs::write(abandoned.path().join("key"), "key").expect("writes");
        let Scratch { _lock, folder } = abandoned;
        drop(_lock);
        let abandoned = folder.keep();
        let [unlocked, other] = ["scratch-unlocked", "other"].map(|name| place.path().join(name));
        [&unlocked, &other].into_iter().for_each(|folder| fs::create_dir(folder).expect("makes"));
        fs::write(other.join(LOCK), "").expect("writes");

        remove_abandoned(place.path(), "scratch-");
        assert!(!abandoned.exists());
        assert!(used.path().join("key").exists() && unlocked.exists() && other.exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
