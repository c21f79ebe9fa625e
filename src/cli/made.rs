//! What a start makes in a network's folder, and how it goes again if the start fails: whatever was there
//! before stays.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::manager::record::LOGS;

/// How things were before.
#[derive(Debug)]
pub(super) struct Before {
    folder: PathBuf,
    /// What was there: the folder, what it is below, what is in it, and what is in its logs.
    there: BTreeSet<PathBuf>,
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

impl Before {
    /// Looks at what is there now, in `folder` and in its logs.
    pub(super) fn of(folder: &Path) -> Before {
        let above = folder.ancestors().filter(|path| path.exists()).map(Path::to_owned);
        let there = above.chain(entries(folder)).chain(entries(&folder.join(LOGS))).collect();
        Before { folder: folder.to_owned(), there }
    }

    /// Removes what came since; logs that say something stay if they are to be read. What cannot be removed stays,
    /// too: the failure itself is worse.
    pub(super) fn restore(&self, keep_logs: bool) {
        let logs = self.folder.join(LOGS);
        let is_new = |path: &PathBuf| !self.there.contains(path);
        for path in entries(&self.folder).filter(|path| *path != logs).filter(is_new) {
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
        for log in entries(&logs).filter(is_new) {
            let says_something = fs::metadata(&log).is_ok_and(|file| file.len() > 0);
            if !(keep_logs && says_something) {
                let _ = fs::remove_file(&log);
            }
        }
        // Those that are not empty do not go.
        let above = self.folder.ancestors().map(Path::to_owned);
        for folder in [logs].into_iter().chain(above).filter(|path| !path.as_os_str().is_empty()) {
            if is_new(&folder) {
                let _ = fs::remove_dir(&folder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(folder: &Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut left = vec![folder.to_owned()];
        while let Some(path) = left.pop() {
            left.extend(entries(&path));
            all.push(path.strip_prefix(folder).expect("below").display().to_string());
        }
        all.sort();
        all
    }

    #[test]
    fn what_came_goes_and_what_was_there_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("a/network");
        let fill = || {
            fs::create_dir_all(folder.join("logs")).expect("a folder");
            fs::create_dir_all(folder.join("node-000/x")).expect("a folder");
            for (file, text) in
                [("manager.key", "k"), ("logs/node-000.log", ""), ("logs/node-001.log", "why")]
            {
                fs::write(folder.join(file), text).expect("a file");
            }
        };
        let before = Before::of(&folder);
        fill();
        before.restore(true);
        assert_eq!(
            all(place.path()),
            ["", "a", "a/network", "a/network/logs", "a/network/logs/node-001.log"]
        );
        before.restore(false);
        assert_eq!(all(place.path()), [""]);

        fs::create_dir_all(folder.join("node-000")).expect("a folder");
        fs::create_dir_all(folder.join("logs")).expect("a folder");
        fs::write(folder.join("node-000/chain"), "mine").expect("a file");
        fs::write(folder.join("logs/manager.log"), "old").expect("a file");
        let (before, was) = (Before::of(&folder), all(place.path()));
        fill();
        fs::remove_dir(folder.join("node-000/x")).expect("a folder that a node made itself");
        before.restore(false);
        assert_eq!(all(place.path()), was);
    }
}
