//! What the commands have in common that work on the folder of a node that does not run; a node that starts
//! shares how the library's panics are told.

use std::io::{self, IsTerminal};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::network::NetworkArgs;
use crate::cli::process::{self, exit_now};
use crate::cli::{Failure, folder};
use crate::manager::exit::INTERRUPTED;
use crate::manager::signals::Signals;
use crate::params::Params;
use crate::store::{OpenError, network_of};

/// The network of the node at `folder`: the flags' if there are any, or else the one that the folder names.
pub(super) fn network(flags: &NetworkArgs, folder: &Path) -> Result<Arc<Params>, Failure> {
    let named = flags.unusual().is_empty().then(|| network_of(folder)).flatten();
    named.map_or_else(|| flags.params(), Ok).map(Arc::new)
}

/// What is said of a folder that this user cannot lock.
pub(super) const UNLOCKED: &str =
    "the folder was read without its lock, which this user may not take: its node must not run meanwhile";

/// What a folder that cannot be used comes to.
pub(super) fn refused(error: &OpenError) -> Failure {
    let failure = folder::refused(error);
    match error {
        OpenError::Io { error, .. } => {
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => "run this as the user whose node it is, or as root",
                io::ErrorKind::ReadOnlyFilesystem => {
                    "copy the folder to where it can be written, and name that"
                }
                io::ErrorKind::StorageFull => "free some space, and run this again: nothing is lost",
                _ => "name another folder, or a copy of this one",
            };
            Failure { hint: hint.to_owned(), ..failure }
        }
        OpenError::Locked { .. } => Failure {
            hint: "stop that node first, with Ctrl-C or SIGTERM, or wait for that command".to_owned(),
            ..failure
        },
        OpenError::OtherNetwork { theirs, .. } => {
            let given = "give the flags that the node was given";
            let hint = match folder::flags(theirs) {
                Some(flags) => format!("{given}: `{flags}`"),
                None => format!("{given} (--network, --difficulty, --block-time)"),
            };
            Failure { hint, ..failure }
        }
        _ => failure,
    }
}

/// The library that keeps the chain may panic over a damaged file. That is caught and told as a finding;
/// what the panic says of itself helps nobody.
pub(super) fn quiet_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("redb-")) {
            usual(panic);
        }
    }));
}

/// Has a signal end the command: in order, as far as nothing half done stays behind.
pub(super) struct Interrupts {
    unfinished: Arc<Mutex<Vec<PathBuf>>>,
}

impl Interrupts {
    /// Catches signals from now on.
    #[allow(clippy::disallowed_methods, reason = "a thread that waits for a signal while another works")]
    pub(super) fn watch() -> Result<Interrupts, Failure> {
        let unfinished: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
        let caught = || -> io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let mut signals = {
                let _in_it = runtime.enter();
                Signals::new()?
            };
            let unfinished = unfinished.clone();
            let wait = move || {
                runtime.block_on(signals.next());
                for path in &*unfinished.lock().unwrap_or_else(PoisonError::into_inner) {
                    let _ = std::fs::remove_file(path);
                }
                let _ = Failure::new("interrupted: it was not done", "").report();
                exit_now(INTERRUPTED);
            };
            std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
        };
        process::check_file_limit()?;
        caught()
            .map_err(|error| Failure::new(format!("signals cannot be caught: {error}"), process::LIMITS))?;
        Ok(Interrupts { unfinished })
    }

    /// If a signal comes, the file at `path`, which is being written, goes.
    pub(super) fn clear(&self, path: PathBuf) {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }
}

/// Runs `work` beside a bar that shows the bytes done, of how many; on a terminal only.
pub(super) fn with_bar<T>(work: impl FnOnce(&mut dyn FnMut(u64, u64)) -> T) -> T {
    let bar = bar();
    let done = work(&mut |done, all| {
        bar.set_length(all.max(done));
        bar.set_position(done);
    });
    bar.finish_and_clear();
    done
}

fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
