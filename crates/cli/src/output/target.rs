//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Context, Error};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whom the umask allows.
    Public,
    /// The owner alone (mode 0600): the file holds secrets.
    Private,
}

/// A place for a file, known to be one that a file can be put in.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    path: PathBuf,
    folder: PathBuf,
}

impl Target {
    /// Refuses directories, devices, and places in directories that do not exist, before any work is done.
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        // A link stays a link: what it points to is replaced.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return Err(Error::new(format!("{}: is a directory; give the name of a file", path.display())));
            }
            Ok(found) if !found.is_file() => {
                return Err(Error::new(format!("{}: is not a regular file", path.display())));
            }
            _ => {}
        }
        let folder = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => return Err(Error::new("the name of the output file is empty")),
        };
        if path.file_name().is_none() {
            return Err(Error::new(format!("{}: is not the name of a file", path.display())));
        }
        if !folder.is_dir() {
            return Err(Error::new(format!("{}: is no directory to write to; create it first", folder.display())));
        }
        Ok(Self { path, folder })
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name without its folder.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.display().to_string())
    }

    /// Puts `bytes` here, at once or not at all.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        write_all(&[(self, bytes, Access::Public)])
    }

    /// A file that is put here when it is finished; until then nothing is here, nor if it is dropped.
    pub(crate) fn begin(&self, access: Access) -> Result<Pending<'_>, Error> {
        let file = match unnamed(&self.folder, access) {
            Some(file) => file,
            None => Unfinished::Named(named(&self.folder, access).at(self.path.display())?),
        };
        Ok(Pending { target: self, file })
    }
}

/// A file that is being written.
pub(crate) struct Pending<'a> {
    target: &'a Target,
    file: Unfinished,
}

enum Unfinished {
    /// Without a name: however the process ends, nothing is left of it.
    #[cfg(target_os = "linux")]
    Unnamed(File),
    /// Under another name beside its place, where the system has no files without one. It is removed unless the process is killed.
    Named(NamedTempFile),
}

impl Pending<'_> {
    /// What its bytes are written to.
    pub(crate) fn writer(&mut self) -> &mut File {
        match &mut self.file {
            #[cfg(target_os = "linux")]
            Unfinished::Unnamed(file) => file,
            Unfinished::Named(file) => file.as_file_mut(),
        }
    }

    /// Puts it in its place; its length.
    pub(crate) fn finish(mut self) -> Result<u64, Error> {
        let Target { path, folder } = self.target;
        let file = self.writer();
        let len = file.sync_all().and_then(|()| Ok(file.metadata()?.len())).at(path.display())?;
        let placed = match self.file {
            #[cfg(target_os = "linux")]
            Unfinished::Unnamed(file) => name(&file, path, folder),
            Unfinished::Named(file) => file.persist(path).map(drop).map_err(|failed| failed.error),
        };
        placed.at(path.display())?;
        // The name must survive a crash too; directories that cannot be synchronised are no reason to fail.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(len)
    }
}

/// What names of files begin with that are not in their place.
const PREFIX: &str = ".convince-";

/// The permissions of a new file, before the umask.
#[cfg(unix)]
fn mode(access: Access) -> u32 {
    match access {
        Access::Public => 0o666,
        Access::Private => 0o600,
    }
}

/// A file beside its place.
fn named(folder: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(mode(access)));
    }
    #[cfg(not(unix))]
    let _ = access;
    builder.tempfile_in(folder)
}

/// A file in a folder that has no name yet, where system and file system have such files and can name them later.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path, access: Access) -> Option<Unfinished> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(open(folder, flags, Mode::from_raw_mode(mode(access))).ok()?);
    // A name is given to what this link leads to.
    proc_link(&file).symlink_metadata().is_ok().then_some(Unfinished::Unnamed(file))
}

#[cfg(target_os = "linux")]
fn proc_link(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Names a file without a name. What has the name already is replaced at once: by way of a second name, which only a process that is
/// killed just then leaves behind.
#[cfg(target_os = "linux")]
fn name(file: &File, path: &Path, folder: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let link = |path: &Path| linkat(CWD, proc_link(file), CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from);
    match link(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let second = tempfile::Builder::new().prefix(PREFIX).make_in(folder, link)?;
            second.persist(path).map(drop).map_err(|failed| failed.error)
        }
        linked => linked,
    }
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path, _: Access) -> Option<Unfinished> {
    None
}

/// Refuses to write two files to one place.
pub(crate) fn refuse_same(first: &Target, second: &Target) -> Result<(), Error> {
    match first.path == second.path {
        true => Err(Error::new(format!("{}: is named for two files", first.path.display()))),
        false => Ok(()),
    }
}

/// Writes files such that none appears before all are on the disk.
pub(crate) fn write_all(files: &[(&Target, &[u8], Access)]) -> Result<(), Error> {
    let staged = files.iter().map(|(target, bytes, access)| {
        let mut pending = target.begin(*access)?;
        let file = pending.writer();
        let write = file.write_all(bytes).and_then(|()| file.sync_all());
        write.at(target.path.display()).map(|()| pending)
    });
    // All are staged before the first is put in its place.
    let staged = staged.collect::<Result<Vec<_>, _>>()?;
    staged.into_iter().try_for_each(|pending| pending.finish().map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&folder.path().join("file")).expect("a new file");
        target.write(b"first, longer").expect("writes");
        target.write(b"second").expect("replaces");
        assert_eq!(std::fs::read(target.path()).expect("is there"), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).expect("is there").count(), 1);
    }

    #[test]
    fn places_that_hold_no_file_are_refused() {
        let folder = tempfile::tempdir().expect("temporary directory");
        for path in [folder.path(), &folder.path().join("none/file"), Path::new(""), Path::new("/dev/null")] {
            assert!(Target::new(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&folder.path().join("file")).expect("a new file");
        let mut pending = target.begin(Access::Public).expect("begins");
        pending.writer().write_all(b"half").expect("writes");
        assert!(!target.path().exists());
        drop(pending);
        assert_eq!(std::fs::read_dir(folder.path()).expect("is there").count(), 0);
    }

    /// Where there are no files without a name.
    #[test]
    fn files_with_another_name_are_put_in_their_place_too() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&folder.path().join("file")).expect("a new file");
        for bytes in [&b"first, longer"[..], b"second"] {
            let file = named(folder.path(), Access::Private).expect("begins");
            let mut pending = Pending { target: &target, file: Unfinished::Named(file) };
            pending.writer().write_all(bytes).expect("writes");
            assert_eq!(pending.finish().expect("is put in its place"), bytes.len() as u64);
            assert_eq!(std::fs::read(target.path()).expect("is there"), bytes);
            assert_eq!(std::fs::read_dir(folder.path()).expect("is there").count(), 1);
        }
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&folder.path().join("key")).expect("a new file");
        write_all(&[(&target, b"secret", Access::Private)]).expect("writes");
        let mode = std::fs::metadata(target.path()).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
