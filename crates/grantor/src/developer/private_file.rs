//! Files for one pair of eyes: mode 0600, replaced whole or not at all, one writer at a time.
//! SEC-171.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use zeroize::Zeroizing;

/// More than any of these files holds: 4 MiB.
const BIGGEST: u64 = 4 * 1024 * 1024;

/// A file with secrets of one person.
#[derive(Clone, Debug)]
pub(crate) struct PrivateFile {
    path: PathBuf,
}

/// The same while nobody else may write it. The lock is advisory, and freed when this is dropped
/// or the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct LockedFile {
    file: PrivateFile,
    _lock: File,
}

impl PrivateFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds; `None` if there is no such file. Needs no lock, since the file is replaced
    /// as a whole. One that others could read is closed to them, with a warning.
    pub(crate) fn read(&self) -> anyhow::Result<Option<Zeroizing<String>>> {
        self.try_read().with_context(|| format!("cannot read {}", self.path.display()))
    }

    fn try_read(&self) -> io::Result<Option<Zeroizing<String>>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        close_to_others(&file, &self.path)?;
        let mut text = Zeroizing::new(String::new());
        if file.take(BIGGEST + 1).read_to_string(&mut text)? as u64 > BIGGEST {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "bigger than it can be"));
        }
        Ok(Some(text))
    }

    /// Waits until nobody else writes, then keeps others from writing. The folder is made if need
    /// be, for this user only.
    pub(crate) fn lock(self) -> anyhow::Result<LockedFile> {
        let lock =
            self.try_lock().with_context(|| format!("cannot lock {}", self.path.display()))?;
        Ok(LockedFile { file: self, _lock: lock })
    }

    fn try_lock(&self) -> io::Result<File> {
        make_private_folder(self.folder())?;
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let lock =
            private(OpenOptions::new().write(true).create(true).truncate(false)).open(path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                tracing::info!("waiting for another process to finish");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(lock)
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

impl LockedFile {
    pub(crate) fn read(&self) -> anyhow::Result<Option<Zeroizing<String>>> {
        self.file.read()
    }

    /// Replaces the content: a temporary file (0600), synced, renamed, the folder synced. Whoever
    /// reads meanwhile, and whoever reads after a crash, sees the old content or the new.
    pub(crate) fn write(&self, text: &str) -> anyhow::Result<()> {
        self.try_write(text).with_context(|| format!("cannot write {}", self.file.path.display()))
    }

    fn try_write(&self, text: &str) -> io::Result<()> {
        let folder = self.file.folder();
        let mut next = tempfile::Builder::new().prefix(".grantor-").tempfile_in(folder)?;
        next.write_all(text.as_bytes())?;
        next.as_file().sync_all()?;
        next.persist(&self.file.path).map_err(|error| error.error)?;
        // Not every system can open a folder; the rename has happened all the same.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn close_to_others(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        let path = path.display();
        tracing::warn!("{path} was open to other users (mode {mode:03o}); it is 600 now");
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail where files have modes")]
fn close_to_others(_file: &File, _path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_in(folder: &tempfile::TempDir) -> PrivateFile {
        PrivateFile::new(folder.path().join("below/tokens.json"))
    }

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn sec_171_folder_file_and_lock_are_for_one_user() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        file.clone().lock().unwrap().write("secret").unwrap();
        assert_eq!(mode(file.path()), 0o600);
        assert_eq!(mode(&file.path().with_extension("json.lock")), 0o600);
        assert_eq!(mode(file.folder()), 0o700);
    }

    #[cfg(unix)]
    #[test]
    fn sec_171_a_file_that_others_can_read_is_closed_to_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        file.clone().lock().unwrap().write("secret").unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(file.read().unwrap().unwrap().as_str(), "secret");
        assert_eq!(mode(file.path()), 0o600);
    }

    #[test]
    fn what_is_not_there_is_nothing_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(file_in(&folder).read().unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn many_writers_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let locked = file.clone().lock().unwrap();
                        let count = locked.read().unwrap().map_or(0, |text| text.parse().unwrap());
                        locked.write(&(count + 1_u32).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(file.read().unwrap().unwrap().as_str(), "80");
        let left: Vec<_> = fs::read_dir(file.folder()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
