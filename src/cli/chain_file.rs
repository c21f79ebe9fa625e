//! `p2pnode export` and `p2pnode import`: a chain between a node's folder and a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::chain::Rule;
use crate::cli::idle::{Interrupts, UNLOCKED};
use crate::cli::network::NetworkArgs;
use crate::cli::seed::random;
use crate::cli::{DATA, Failure, IO, folder, idle, io_code};
use crate::file::{self, Readers};
use crate::manager::words;
use crate::net::{Clock, Failed};
use crate::store::chain_file::{self, BadFile, ExportError, Exported, ImportError, Imported, Reader};
use crate::store::{self, OpenError};
use crate::text::quoted;
use crate::types::NodeId;

/// The port whose usual folder is meant if none is named: a node's usual one.
const USUAL_PORT: u16 = 6000;

/// Write the chain of a node that does not run to a file, or to stdout.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The node's folder, as given to it with --data-dir; the usual one of port 6000 if not given.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The file to write, in place of one that is there; stdout if not given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
}

/// Read a chain from a file into the folder of a node that does not run; it is adopted if it has more work
/// than the chain there.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The file, as `p2pnode export` wrote it. It says which network it is of.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The node's folder, made if it is not there; the usual one of port 6000 if not given.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Exports: the chain is in the file, whole, or the file is as it was.
pub(super) fn export(args: &ExportArgs) -> Result<ExitCode, Failure> {
    idle::quiet_panics();
    let interrupts = Interrupts::watch()?;
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => folder::usual(&args.network.params()?, USUAL_PORT)?,
    };
    if let Some(output) = &args.output {
        check_output(output, &folder)?;
    }
    let params = idle::network(&args.network, &folder)?;
    if args.output.is_none() && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "a chain file is nothing to read on a terminal",
            "name a file to write with --output FILE",
        ));
    }
    let exported = idle::with_bar(|progress| match &args.output {
        None => chain_file::export(&folder, &params, BufWriter::new(io::stdout().lock()), progress),
        Some(file) => written(file, &interrupts, |file| {
            chain_file::export(&folder, &params, BufWriter::new(file), progress)
        }),
    });
    let Exported { tip, bytes, unlocked } = exported.map_err(|error| not_exported(&error, &folder, args))?;
    if unlocked {
        let _ = writeln!(io::stderr(), "{UNLOCKED}");
    }
    let to = args.output.as_ref().map_or("stdout".to_owned(), |file| file.display().to_string());
    let _ = writeln!(
        io::stderr(),
        "exported {} ({bytes} bytes) of {}, up to {}, to {to}",
        words::count(tip.height, "block"),
        params.rules(),
        tip.hash,
    );
    Ok(ExitCode::SUCCESS)
}

/// Whether `output` is a place for a chain file: what is in the node's folder is the node's, and what has a name of
/// a node's or a network's own files, its logs among them, is theirs in whichever folder.
fn check_output(output: &Path, folder: &Path) -> Result<(), Failure> {
    if output == Path::new("-") {
        let error = "a file named - is not what is meant";
        return Err(
            Failure::usage(error, "leave out --output for stdout, or name the file ./-").at("--output")
        );
    }
    let error = if folder::holds(folder, output) {
        format!("{} is in the node's own folder", output.display())
    } else if let Some(owner) = folder::owner(output) {
        format!("{} is a name of {owner} own files, not of a chain file", output.display())
    } else if folder::is_a_networks_log(output) {
        format!("{} is a name of a network's logs, not of a chain file", output.display())
    } else {
        return Ok(());
    };
    Err(Failure::usage(error, "name a file elsewhere with --output FILE").at("--output"))
}

/// Has `write` write the file at `path`: in one step where it is a file or nothing yet; into it where it is
/// something else, such as a pipe or `/dev/stdout`.
fn written(
    path: &Path,
    interrupts: &Interrupts,
    write: impl FnOnce(&File) -> Result<Exported, ExportError>,
) -> Result<Exported, ExportError> {
    let path = match fs::metadata(path) {
        Ok(there) if !there.is_file() => return write(&OpenOptions::new().write(true).open(path)?),
        // Behind a link it is the file that is replaced, and not the link.
        Ok(_) => fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    let new = file::beside_unknown(&path)?;
    interrupts.clear(new.clone());
    file::replace_by(&new, &path, Readers::Usual, write)
}

fn not_exported(error: &ExportError, folder: &Path, args: &ExportArgs) -> Failure {
    match error {
        ExportError::Open(error) => idle::refused(error),
        ExportError::Chain(error) => folder::failure(&Failed::Stored(error.clone()), Some(folder)),
        ExportError::Damage(damage) => {
            Failure { code: DATA, ..Failure::new(error.to_string(), damage.hint()) }
        }
        ExportError::Write(error) => {
            let file = args.output.as_deref().unwrap_or(Path::new("stdout")).display();
            let failure = Failure::new(
                format!("{file} cannot be written: {error}"),
                "name another file with --output, or free some space",
            );
            Failure { code: io_code(error), ..failure }
        }
    }
}

/// Imports: all of the file's chain, or none of it.
pub(super) fn import(args: &ImportArgs) -> Result<ExitCode, Failure> {
    idle::quiet_panics();
    if args.file == Path::new("-") {
        return Err(Failure::usage(
            "a chain file is read twice, which stdin cannot be",
            "write it to a file first, and name that",
        ));
    }
    let interrupts = Interrupts::watch()?;
    let unread = |error: BadFile| not_imported(&error.into(), args, None);
    let chain = File::open(&args.file).map_err(|error| unread(error.into()))?;
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => folder::usual(Reader::begin(&chain).map_err(unread)?.params(), USUAL_PORT)?,
    };
    interrupts.clear(file::beside(&folder.join(store::CHAIN_FILE)));
    let fresh = NodeId(random()?);
    let imported =
        idle::with_bar(|progress| chain_file::import(&chain, &folder, fresh, Clock::wall(), progress));
    let imported = imported.map_err(|error| not_imported(&error, args, Some(&folder)))?;
    let place = folder.display();
    let said = match imported {
        Imported::AlreadyThere(tip) => {
            format!("nothing to import: {place} has this chain, its tip at height {}", tip.height)
        }
        Imported::Adopted { tip, connected, reverted, .. } => {
            let gone = match reverted {
                0 => String::new(),
                _ => format!(
                    "; {} gave way, and what only they held waits again",
                    words::count(reverted, "block")
                ),
            };
            let (connected, hash, height) = (words::count(connected, "block"), tip.hash, tip.height);
            format!("imported {connected} into {place}, up to {hash} at height {height}{gone}")
        }
        Imported::NoMoreWork { ours, offered } => {
            return Err(Failure::new(
                format!(
                    "the chain of {} has no more work than that of {place}: {} at height {}, against {} at \
                     height {}",
                    args.file.display(),
                    offered.work,
                    offered.height,
                    ours.work,
                    ours.height
                ),
                "nothing was changed; to have it all the same, import it into an empty folder",
            ));
        }
    };
    let _ = writeln!(io::stderr(), "{said}");
    Ok(ExitCode::SUCCESS)
}

fn not_imported(error: &ImportError, args: &ImportArgs, folder: Option<&Path>) -> Failure {
    let file = args.file.display();
    match error {
        ImportError::File(BadFile::Io(error)) => {
            let failure = Failure::new(
                format!("{file} cannot be read: {error}"),
                "name a file that `p2pnode export` wrote; a pipe has to be written to a file first",
            );
            Failure { code: io_code(error), ..failure }
        }
        ImportError::File(error) => {
            let hint = match error {
                BadFile::Newer => "use the version of p2pnode that wrote it",
                BadFile::NotOne => "name a file that `p2pnode export` wrote",
                BadFile::Network(_) => "a newer p2pnode may know that network; nothing was imported",
                BadFile::Broken { rule: Rule::TimeTooNew, .. } => {
                    "set this machine's clock, which says that the block is from the future; nothing was imported"
                }
                _ => "export it again, or copy it again; nothing was imported",
            };
            Failure { code: DATA, ..Failure::new(format!("{file}: {error}"), hint) }
        }
        ImportError::Open(error @ OpenError::OtherNetwork { .. }) => {
            Failure { hint: "import it into another folder".to_owned(), ..idle::refused(error) }
        }
        ImportError::Open(error) => idle::refused(error),
        ImportError::Damage(damage) => {
            Failure { code: DATA, ..Failure::new(damage.to_string(), mend(folder)) }
        }
        ImportError::Chain(error) => folder::failure(&Failed::Stored(error.clone()), folder),
        ImportError::Store(failure @ store::Failure::Full { .. }) => Failure {
            code: IO,
            ..Failure::new(
                failure.to_string(),
                "free some space and import it again: what was stored of it is not lost, nor in the way",
            )
        },
        ImportError::Store(failure) => folder::failure(&Failed::Store(failure.clone()), folder),
    }
}

/// What to do about a folder that is damaged, by whoever has its chain in a file.
fn mend(folder: Option<&Path>) -> String {
    let folder = quoted(&folder.unwrap_or(Path::new(".")).to_string_lossy());
    format!("`p2pnode verify {folder} --repair` keeps what is whole; then import it again")
}
