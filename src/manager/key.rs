//! The manager's signing key, which its nodes obey: made once and kept beside their folders, so that a
//! network that is started again knows its manager.
//!
//! The file holds the 64 hex digits of the secret seed and a newline. Whoever reads it can command every
//! node, so it is made with mode 0600 and refused with any other that lets somebody else in.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;

use crate::file::{self, Readers};
use crate::types::hash::parse_hex;

/// The file in the network's folder.
pub const FILE: &str = "manager.key";

/// Bytes of the file: 64 hex digits and a newline.
const BYTES: usize = 65;

/// Permissions of the group and of others.
const OTHERS: u32 = 0o077;

/// Why a key file is of no use. Nothing of what is in it is shown.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others than its owner may read or write it.
    #[error("others than its owner may use {} (mode {mode:03o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} is damaged: a manager's key is 64 hex digits and a newline", .0.display())]
    Damaged(PathBuf),
    /// It can be neither read nor made.
    #[error("{} cannot be used: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl KeyError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            KeyError::Exposed { path, .. } => format!(
                "chmod 600 {path}, if nobody else has seen it; else remove it, and another one is made",
                path = path.display()
            ),
            KeyError::Damaged(path) => {
                format!("remove {}: another one is made, and the nodes are started with it", path.display())
            }
            KeyError::Io { .. } => "choose another place with --data-dir".to_owned(),
        }
    }
}

/// The key kept at `path`; `fresh`, which is kept from now on, if there is none.
pub fn keep(path: &Path, fresh: &[u8; 32]) -> Result<SigningKey, KeyError> {
    let failed = |error| KeyError::Io { path: path.to_owned(), error };
    match File::open(path) {
        Ok(file) => read(path, &file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::from_bytes(fresh);
            write(path, &key).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

fn read(path: &Path, file: &File) -> Result<SigningKey, KeyError> {
    let failed = |error| KeyError::Io { path: path.to_owned(), error };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(KeyError::Damaged(path.to_owned()));
    }
    let mode = about.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let seed = core::str::from_utf8(&bytes).ok().and_then(|text| parse_hex::<32>(text.strip_suffix('\n')?));
    seed.map(|seed| SigningKey::from_bytes(&seed)).ok_or_else(|| KeyError::Damaged(path.to_owned()))
}

/// All of it with its mode, or nothing: a key is not there before it is whole and on the disk.
fn write(path: &Path, key: &SigningKey) -> io::Result<()> {
    let hex: String = key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    file::replace(path, Readers::Owner, |mut file| file.write_all(format!("{hex}\n").as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions, Permissions};
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_its_file_is_its_owners() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join(FILE);
        // A manager that died while it made one is no obstacle.
        fs::write(path.with_extension("key.new"), "half").expect("a file");
        let made = keep(&path, &[7; 32]).expect("a key");
        assert_eq!(made.to_bytes(), [7; 32]);
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).expect("text"), format!("{}\n", "07".repeat(32)));
        let kept = keep(&path, &[8; 32]).expect("the same key");
        assert_eq!(kept.to_bytes(), [7; 32]);
        assert!(!format!("{kept:?}").contains("0707"), "nobody is shown it");
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1, "nothing else is left");
    }

    #[test]
    fn a_key_that_others_may_use_is_refused_with_the_command_that_mends_it() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join(FILE);
        keep(&path, &[7; 32]).expect("a key");
        for mode in [0o644, 0o640, 0o602, 0o660, 0o601] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
            let error = keep(&path, &[8; 32]).expect_err("refused");
            assert!(matches!(error, KeyError::Exposed { mode: found, .. } if found == mode), "{error}");
            assert!(error.hint().starts_with(&format!("chmod 600 {}", path.display())), "{}", error.hint());
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
        assert!(keep(&path, &[8; 32]).is_ok());
    }

    #[test]
    fn a_damaged_key_is_named_and_left_as_it_is() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join(FILE);
        let whole = "07".repeat(32);
        for text in ["", "\n", &whole, &whole[1..], &format!("{whole}0\n"), &format!("{whole}\n\n"), "é\n"] {
            let _ = fs::remove_file(&path);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            file.as_mut().expect("a file").write_all(text.as_bytes()).expect("written");
            let error = keep(&path, &[8; 32]).expect_err(text);
            assert!(matches!(error, KeyError::Damaged(_)), "{text:?}: {error}");
            assert!(!error.to_string().contains("0707"), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("text"), text);
        }
        fs::remove_file(&path).expect("it is there");
        fs::create_dir(&path).expect("a folder in its place");
        assert!(matches!(keep(&path, &[8; 32]), Err(KeyError::Damaged(_))));
    }
}
