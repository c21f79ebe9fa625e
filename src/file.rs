//! Files that are put in their place in one step: written beside it, flushed, and renamed. A crash at any
//! moment leaves the old one or the new one, whole. And how a path is said to somebody who will type it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;

/// What follows a file's name while it is being written.
pub const NEW: &str = ".new";

/// Who may read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whoever might read the file that it replaces; where there is none, whoever the user lets read new ones.
    Usual,
    /// Its owner only: it holds a secret.
    Owner,
}

/// Has `write` write the file at `path` anew, in a folder of ours. Where that fails, the old one is as it was.
pub fn replace<T, E: From<io::Error>>(
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&File) -> Result<T, E>,
) -> Result<T, E> {
    let new = beside(path);
    // What a kill left there goes.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    replace_by(&new, path, readers, write)
}

/// The same, by way of the file `new`, which is beside it and must not be there: of a folder that is not ours.
pub fn replace_by<T, E: From<io::Error>>(
    new: &Path,
    path: &Path,
    readers: Readers,
    write: impl FnOnce(&File) -> Result<T, E>,
) -> Result<T, E> {
    let old = fs::metadata(path).ok().filter(|_| readers == Readers::Usual);
    // What it replaces may be a secret: nobody else reads it before it has the mode of that.
    let mode = if readers == Readers::Owner || old.is_some() { 0o600 } else { 0o666 };
    // It follows no link and takes nobody's file.
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(new)?;
    let kept = old.map_or(Ok(()), |old| {
        file.set_permissions(fs::Permissions::from_mode(old.permissions().mode() & 0o777))
    });
    let written = kept.map_err(E::from).and_then(|()| write(&file)).and_then(|written| {
        file.sync_all()?;
        fs::rename(new, path)?;
        sync_folder_of(path)?;
        Ok(written)
    });
    if written.is_err() {
        // Half a file is of no use to anybody.
        let _ = fs::remove_file(new);
    }
    written
}

/// Where the file at `path` is written until it is whole.
pub fn beside(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_owned();
    new.push(NEW);
    PathBuf::from(new)
}

/// The same, by a name that is nobody's: in a folder that is not ours, `.new` may be.
pub fn beside_unknown(path: &Path) -> io::Result<PathBuf> {
    let mut number = [0; 8];
    SysRng.try_fill_bytes(&mut number).map_err(io::Error::other)?;
    Ok(path.with_file_name(format!(".{:016x}{NEW}", u64::from_le_bytes(number))))
}

/// Fails if `file` was removed meanwhile: what is written to it is gone with whoever has it open.
pub fn check_linked(file: &File) -> io::Result<()> {
    match file.metadata()?.nlink() {
        0 => Err(io::Error::other("it was removed while the node ran")),
        _ => Ok(()),
    }
}

/// Makes a rename in the folder of `path` durable.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("a file").permissions().mode() & 0o777
    }

    fn written(path: &Path, readers: Readers, text: &str) -> io::Result<()> {
        replace(path, readers, |mut file| file.write_all(text.as_bytes()))
    }

    #[test]
    fn a_file_is_the_old_one_or_the_new_one() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a.json");
        fs::write(beside(&path), "what a kill left").expect("written");
        written(&path, Readers::Usual, "one").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "one");
        let failed: io::Result<()> = replace(&path, Readers::Usual, |mut file| {
            file.write_all(b"half of tw")?;
            Err(io::Error::other("no more"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).expect("a file"), "one");
        assert!(!beside(&path).exists(), "nothing is left beside it");
        written(&path, Readers::Owner, "two").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "two");
        assert_eq!(mode(&path), 0o600, "whatever it was before");
    }

    #[test]
    fn what_is_beside_a_file_of_somebody_elses_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a.p2p");
        fs::write(beside(&path), "somebody's").expect("written");
        let new = beside_unknown(&path).expect("entropy");
        assert_ne!(new, beside_unknown(&path).expect("entropy"));
        let put = |new: &Path, text: &str| {
            replace_by(new, &path, Readers::Usual, |mut file| file.write_all(text.as_bytes()))
        };
        put(&new, "one").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "one");
        assert_eq!(fs::read_to_string(beside(&path)).expect("a file"), "somebody's");
        assert!(!new.exists() && put(&beside(&path), "two").is_err(), "it is there");
        assert_eq!(fs::read_to_string(beside(&path)).expect("a file"), "somebody's");
    }

    #[test]
    fn who_might_not_read_a_file_may_not_read_the_one_that_replaces_it() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a.json");
        for kept in [0o600, 0o640, 0o664] {
            fs::write(&path, "old").expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).expect("ours");
            written(&path, Readers::Usual, "new").expect("written");
            assert_eq!(mode(&path), kept);
        }
    }

    #[test]
    fn where_nothing_can_be_written_that_is_said() {
        let place = tempfile::tempdir().expect("a folder");
        assert!(written(&place.path().join("not/there"), Readers::Usual, "").is_err());
        let folder = place.path().join("folder");
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("full"), "").expect("written");
        assert!(written(&folder, Readers::Usual, "").is_err());
        assert!(!beside(&folder).exists());
    }
}
