//! The cookie: a secret that whoever may read a file of the node's operator knows.
//!
//! It is new at each start, its file is its owner's alone from the first byte on and appears whole, and it
//! goes at an orderly end. What a crash leaves behind opens nothing: the next start replaces or removes it.
//! Nothing else is ever replaced or removed, whatever path is given.

use core::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

use crate::text::quoted;
use crate::types::hash::write_hex;

/// The user's name in front of the secret, as Bitcoin Core has it.
const USER: &str = "__cookie__";

/// Who may read and write the file: its owner.
const MODE: u32 = 0o600;

/// A secret in a file, which goes with it.
pub struct Cookie {
    /// From the root, so that what is said of it is true in every folder.
    path: PathBuf,
    /// `__cookie__:<64 hex>`: what the file holds, and what `curl -u` takes.
    text: String,
}

impl Cookie {
    /// Writes the file at `path`, in place of a cookie that may be there, and keeps the secret. Anything else
    /// that is there stays, and is an error ([`io::ErrorKind::AlreadyExists`]).
    pub fn create(path: &Path, secret: [u8; 32]) -> io::Result<Cookie> {
        let path = std::path::absolute(path)?;
        if is_there(&path) && !is_left(&path) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something else than a cookie is there",
            ));
        }
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let cookie = Cookie { text: format!("{USER}:{}", Hex(&secret)), path: path.clone() };
        let mut beside = name.to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = path.with_file_name(beside);
        // `create_new` follows no link and takes nobody's file: the one below is ours alone.
        let _ = fs::remove_file(&beside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&beside)?;
        // Whole before it is there: half a cookie would be nobody's at the next start.
        let written = file.write_all(cookie.text.as_bytes()).and_then(|()| file.sync_all());
        let written = written.and_then(|()| fs::rename(&beside, &path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written.map(|()| cookie)
    }

    /// Removes what a node that was killed left at `path`.
    pub fn remove_left(path: &Path) {
        if is_left(path)
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(%error, file = %path.display(), "an old cookie file stays behind");
        }
    }

    /// Where the file is, as one word of a shell.
    pub fn shown(&self) -> String {
        quoted(&self.path.to_string_lossy())
    }

    /// Whether `given` is the user's name and the secret, with a colon between them.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.text.as_bytes().ct_eq(given).into()
    }

    /// Whether `given` is the secret.
    pub(super) fn is_secret(&self, given: &[u8]) -> bool {
        self.text.as_bytes()[USER.len() + 1..].ct_eq(given).into()
    }
}

impl Drop for Cookie {
    fn drop(&mut self) {
        // Another node that was given the same path has its own there by now.
        if fs::read(&self.path).is_ok_and(|bytes| self.is(&bytes))
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, file = %self.path.display(), "the cookie file stays behind");
        }
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a node left this file: one that holds just a cookie. No link is followed.
fn is_left(path: &Path) -> bool {
    let length = (USER.len() + 1 + 64) as u64;
    let is_like_one = |found: fs::Metadata| found.is_file() && found.len() == length;
    let is_one = |text: Vec<u8>| {
        let secret = text.strip_prefix(USER.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
        secret.is_some_and(|secret| secret.iter().all(u8::is_ascii_hexdigit))
    };
    fs::symlink_metadata(path).is_ok_and(is_like_one) && fs::read(path).is_ok_and(is_one)
}

/// Leaves the secret out.
impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie").field("path", &self.path).finish_non_exhaustive()
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn the_file_is_its_owners_alone_and_goes_with_the_cookie() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cookie");
        let cookie = Cookie::create(&path, [0xab; 32]).expect("written");
        let text = fs::read_to_string(&path).expect("readable");
        assert_eq!(text, format!("__cookie__:{}", "ab".repeat(32)));
        assert_eq!((cookie.path.as_path(), mode(&path)), (path.as_path(), 0o600));
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1, "nothing beside it");
        assert!(!format!("{cookie:?}").contains("abab"), "{cookie:?}");
        drop(cookie);
        assert!(!path.exists());
    }

    /// Row 88 of docs/hostile.md.
    #[test]
    fn an_old_cookie_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, target) = (folder.path().join("cookie"), folder.path().join("target"));
        let old = format!("__cookie__:{}", "ab".repeat(32));
        fs::write(&path, &old).expect("written");
        let cookie = Cookie::create(&path, [1; 32]).expect("written");
        assert!(cookie.is(&fs::read(&path).expect("readable")));
        assert_eq!(mode(&path), 0o600, "whatever it was before");
        drop(cookie);

        fs::write(&target, &old).expect("written");
        let almost = [&old[1..], &old[..74], "", "theirs", &old.replace('a', "g")];
        for theirs in almost.map(Some).into_iter().chain([None]) {
            match theirs {
                Some(text) => fs::write(&path, text).expect("written"),
                None => symlink(&target, &path).expect("a link"),
            }
            let refused = Cookie::create(&path, [1; 32]).expect_err("it is no cookie");
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{theirs:?}");
            Cookie::remove_left(&path);
            let text = fs::read_to_string(&path).expect("readable");
            assert_eq!(text, theirs.unwrap_or(&old), "it is as it was");
            fs::remove_file(&path).expect("it is there");
        }
        assert_eq!(fs::read_to_string(&target).expect("readable"), old);
        Cookie::remove_left(&target);
        assert!(!target.exists());
    }

    #[test]
    fn the_first_of_two_leaves_the_seconds_file_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cookie");
        let first = Cookie::create(&path, [1; 32]).expect("written");
        let second = Cookie::create(&path, [2; 32]).expect("written");
        drop(first);
        assert!(second.is(&fs::read(&path).expect("still there")));
    }

    #[test]
    fn a_place_that_cannot_be_is_an_error_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("taken")).expect("a folder");
        for bad in ["no/such/folder", "taken", ".."] {
            assert!(Cookie::create(&folder.path().join(bad), [1; 32]).is_err(), "{bad}");
        }
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }
}
