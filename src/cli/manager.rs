//! `networkmngr up`: a network of nodes on this machine.

use core::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::client::Client;
use crate::cli::commands::{self, Here};
use crate::cli::kernel::KernelArgs;
use crate::cli::log::LogArgs;
use crate::cli::made::Before;
use crate::cli::network::NetworkArgs;
use crate::cli::render::count;
use crate::cli::renew::Given;
use crate::cli::scenario::Shelf;
use crate::cli::seed::random;
use crate::cli::settings::small_text;
use crate::cli::{Failure, log, output, process, values, watch};
use crate::limits::{DEFAULT_NETWORK_HASHRATE, MAX_NODES, MAX_ROUNDS};
use crate::manager::exit::INTERRUPTED;
use crate::manager::shape::{BadShape, Shape};
use crate::manager::{self, Console, Ending, Pause, Program, Settings, record};
use crate::sim::Topology;

/// How a network is started: the flags of `networkmngr up`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct UpArgs {
    /// Port of the manager's own HTTP, on 127.0.0.1; 0 takes any free one.
    #[arg(short, long, default_value_t = 4999)]
    pub(crate) port: u16,
    /// How many nodes to start; if not given, as many as the folder has, which at first is none, and then 6.
    #[arg(short, long, value_name = "N", default_value_t = 6, value_parser = amount)]
    pub(crate) amount: usize,
    /// Port of node 0's HTTP; the next node's is one more. 0 takes any free ones.
    #[arg(long, value_name = "PORT", default_value_t = 5000)]
    pub(crate) base_http: u16,
    /// Port on which node 0 takes connections; the next node's is one more. 0 takes any free ones.
    #[arg(long, value_name = "PORT", default_value_t = 6000)]
    pub(crate) base_listen: u16,
    /// Who is linked with whom: mesh, ring, line, star, random, random:K, or a file with a link a line, as in
    /// `0 1` or `0-1`, and comments after #. If not given, that of the folder's network; at first a mesh, of up to 32 nodes, then random.
    #[arg(long, value_name = "SHAPE")]
    pub(crate) topology: Option<String>,
    /// Folder for the nodes' folders, the manager's key, the logs, and network.json, which says where
    /// everything is. Starting with it again goes on with the same network: its nodes, rules and shape.
    #[arg(long, value_name = "FOLDER", default_value = "./network")]
    pub(crate) data_dir: PathBuf,
    /// Keep chains, identities and the key in memory only; the folder is for logs and network.json.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Have all nodes mine in the background all the time.
    #[arg(long)]
    pub(crate) mine: bool,
    /// Hashes a second that all nodes together mine in the background, such as 120k or 1.5M.
    #[arg(long, value_name = "RATE", value_parser = values::hashrate, requires = "mine")]
    pub(crate) hashrate: Option<u64>,
    #[command(flatten)]
    pub(crate) kernel: KernelArgs,
    /// How often every node has its turn when /start/mining does not say.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ROUNDS)))]
    pub(crate) rounds: u32,
    /// Pause between two mining requests, such as 0s or 500ms; random is 1 to 3 seconds.
    #[arg(long, value_name = "TIME", default_value = "random")]
    pub(crate) pause: Pause,
    /// Program of a node; this very program if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) node_program: Option<PathBuf>,
    /// Go on with the nodes that are there when others could not be started.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Start nodes again that die: half a second later, then ever later, 5 times in a row.
    #[arg(long)]
    pub(crate) restart: bool,
    /// How much to log.
    #[command(flatten)]
    pub(crate) level: LogArgs,
    /// Start it in the background, and return when it is up; `networkmngr down` ends it.
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// A file that sets these flags: lines such as amount = 4, or data-dir = "here" (relative to the file).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Be the one in the background: leave the terminal, and stdout once all is up.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
    /// Stop when stdin ends.
    #[arg(long, hide = true)]
    pub(crate) lifeline: bool,
}

/// How many nodes a network has.
pub(in crate::cli) fn amount(text: &str) -> Result<usize, String> {
    let wanted = text.parse().ok().filter(|amount| (1..=MAX_NODES).contains(amount));
    wanted.ok_or_else(|| format!("a network has 1 to {MAX_NODES} nodes"))
}

/// Runs a network until it is told to stop.
pub(super) async fn network(args: &UpArgs, json: bool) -> Result<ExitCode, Failure> {
    output::without_spinners();
    if args.detached {
        process::leave_session();
    }
    let settings = settings(args)?;
    let logs = settings.logs();
    let before = Before::of(&settings.data_dir);
    std::fs::create_dir_all(&logs).map_err(|error| {
        let error = format!("the folder {} cannot be made: {error}", logs.display());
        Failure::new(error, "choose another place with --data-dir")
    })?;
    log::start(Some(&logs.join(record::MANAGER_LOG)), args.level.level()).map_err(|failure| Failure {
        hint: "choose another place with --data-dir, or see to who may write there".to_owned(),
        ..failure
    })?;
    let mut console = Console::new(log::colour(&std::io::stdout()), commands::for_manager);
    if args.detached {
        console = console.detached(logs.join(record::MANAGER_OUT));
    }
    if json {
        console = console.for_programs(args.data_dir.join(manager::record::FILE));
    }
    if args.lifeline {
        std::thread::spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            process::stop_myself();
        });
    }
    match manager::run(settings, console).await {
        Ok(Ending::Well) => Ok(ExitCode::SUCCESS),
        Ok(Ending::Badly) => Ok(ExitCode::FAILURE),
        Ok(Ending::Interrupted) => Ok(ExitCode::from(INTERRUPTED as u8)),
        Err(error) => {
            tracing::error!(%error, "no network");
            let failure = not_started(&error).await;
            // What is there is that of a network that runs, or of one that ran until now.
            if !matches!(error, manager::Error::Locked(_) | manager::Error::Renewed(_)) {
                before.restore(error.has_logs());
            }
            let code = if error.is_interruption() { INTERRUPTED as u8 } else { failure.code };
            Err(Failure { code, ..failure })
        }
    }
}

/// What a network that could not be started comes to. Whose port it is that is taken can be asked there.
async fn not_started(error: &manager::Error) -> Failure {
    let failure = Failure::new(error.to_string(), error.hint());
    if let manager::Error::Locked(folder) = error
        && let Some(here) = Here::of(folder)
    {
        let Here { pid, url, .. } = &here;
        // Nothing that is asked of it would be done.
        let failure = match here.why_silent() {
            Some(silent) => Failure {
                error: format!("{}, which is stopped", failure.error),
                hint: silent.hint,
                ..failure
            },
            None => failure,
        };
        return Failure { error: format!("{}: that at {url} (process {pid})", failure.error), ..failure };
    }
    let manager::Error::Port { port, error } = error else { return failure };
    let Ok(client) = Client::new(&format!("127.0.0.1:{port}")) else { return failure };
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return failure;
    }
    match watch::network(&client).await {
        Ok(there) => {
            let (nodes, folder) = (count(there.nodes.len(), "node"), there.manager.data_dir.display());
            let (pid, url) = (there.manager.pid, client.url());
            let error = format!(
                "{}: a network of {nodes} runs there, that of {folder} (process {pid})",
                failure.error
            );
            let hint = format!(
                "`networkmngr down --manager {url}` stops it; `networkmngr up -p 0 --base-http 0 --base-listen 0 \
                 --data-dir ./other` starts another beside it"
            );
            Failure { error, hint, ..failure }
        }
        Err(_) => failure,
    }
}

pub(super) fn settings(args: &UpArgs) -> Result<Settings, Failure> {
    check_ports(args)?;
    let program = match &args.node_program {
        Some(path) => Program { path: path.clone(), first: Vec::new() },
        None => {
            let path = std::env::current_exe().map_err(|error| {
                Failure::new(
                    format!("this program's own file cannot be found: {error}"),
                    "name the program of a node with --node-program",
                )
            })?;
            Program { path, first: vec!["node".to_owned()] }
        }
    };
    let hashrate = if args.mine { args.hashrate.unwrap_or(DEFAULT_NETWORK_HASHRATE) } else { 0 };
    if args.mine && hashrate < args.amount as u64 {
        let error = format!("--hashrate {hashrate}: expected at least {}, one for each node", args.amount);
        return Err(Failure::usage(error, "it is what all nodes together mine"));
    }
    let level = args.level.level().to_string();
    let mut network = args.network.flags();
    network.extend(["--log-level".to_owned(), level]);
    network.extend(args.kernel.flags()?);
    Ok(Settings {
        amount: args.amount,
        port: args.port,
        base_http: args.base_http,
        base_listen: args.base_listen,
        data_dir: args.data_dir.clone(),
        program,
        shape: shape(args)?,
        network,
        params: Arc::new(args.network.params()?),
        hashrate,
        rounds: args.rounds,
        pause: args.pause,
        keep: args.keep,
        restart: args.restart,
        ephemeral: args.ephemeral,
        seed: random()?,
        flags: Arc::new(Given(args.clone())),
        lessons: Shelf::shared(),
    })
}

/// The shape that is asked for: a name, or else a file.
fn shape(args: &UpArgs) -> Result<Shape, Failure> {
    let Some(said) = args.topology.as_deref() else { return Ok(Shape::Usual) };
    let hint = "name a shape (mesh, ring, line, star, random:K), or a file with a link a line, as in `0 1`";
    let shape = match said.parse::<Topology>() {
        Ok(named) => Shape::Named(named).fit(args.amount),
        Err(not_named) => {
            let text = small_text(Path::new(said)).map_err(|error| {
                Failure::usage(format!("--topology {said}: {not_named}; as a file: {error}"), hint)
            })?;
            Shape::listed(&text, args.amount)
        }
    };
    shape.map_err(|error| {
        let hint = match error {
            BadShape::Pieces { .. } => "add links between them: every node must be able to reach every other",
            BadShape::NoNode { .. } => "start more nodes with --amount, or leave the link out",
            BadShape::TooMany { .. } => "use ring, line or random:K, or fewer nodes",
            BadShape::NoLink { .. } => "write a link a line, as in `0 1` or `0-1`, and comments after #",
        };
        Failure::usage(format!("--topology {said}: {error}"), hint)
    })
}

/// Whether every port is a port, and nobody's but one's.
pub(super) fn check_ports(args: &UpArgs) -> Result<(), Failure> {
    let count = args.amount as u32;
    let ports = |base: u16, count: u32| u32::from(base)..u32::from(base) + count;
    let all = [
        ("--port", ports(args.port, 1)),
        ("--base-http", ports(args.base_http, count)),
        ("--base-listen", ports(args.base_listen, count)),
    ];
    // 0 is any free port, which cannot clash.
    let fixed: Vec<&(&'static str, Range<u32>)> = all.iter().filter(|(_, ports)| ports.start != 0).collect();
    for (at, (flag, ports)) in fixed.iter().enumerate() {
        if ports.end > 1 << 16 {
            let last = ports.end - 1;
            let error = format!("{flag} {} is too high: the last node's port would be {last}", ports.start);
            return Err(Failure::usage(error, format!("use at most {}, or 0 for any", (1 << 16) - count)));
        }
        for (other, others) in &fixed[at + 1..] {
            if ports.start < others.end && others.start < ports.end {
                let error = format!(
                    "{flag} and {other} overlap: {}-{} and {}-{}",
                    ports.start,
                    ports.end - 1,
                    others.start,
                    others.end - 1
                );
                return Err(Failure::usage(error, "move one of them, or use 0 for any free ports"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::commands::Cli;
    use crate::cli::node::NodeArgs;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        args: UpArgs,
    }

    fn args(flags: &[&str]) -> Result<UpArgs, clap::Error> {
        Only::try_parse_from(["up"].iter().chain(flags)).map(|only| only.args)
    }

    #[test]
    fn the_flags_make_sense() {
        NodeArgs::command().debug_assert();
        let defaults = args(&[]).expect("no flag is needed");
        assert_eq!((defaults.port, defaults.amount), (4999, 6));
        assert_eq!((defaults.base_http, defaults.base_listen), (5000, 6000));
        assert!(check_ports(&defaults).is_ok());
        let node = ["networkmngr", "node", "--listen", "127.0.0.1:0", "--lifeline"];
        assert!(Cli::try_parse_from(node).is_ok());
        let most = args(&["-a", "1000"]).expect("as many as there may be");
        assert!(check_ports(&most).is_ok());
    }

    #[test]
    fn flags_that_make_none_are_refused() {
        for bad in [["-a", "0"], ["-a", "1001"], ["-a", "-1"], ["-p", "65536"], ["--rounds", "0"]] {
            assert!(args(&bad).is_err(), "{bad:?}");
        }
        for bad in [["--pause", "soon"], ["--hashrate", "1k"], ["--network", "mainnet"]] {
            assert!(args(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ports_that_clash_are_named() {
        let rows: [(&[&str], &str); 4] = [
            (&["--base-http", "65531"], "--base-http 65531 is too high"),
            (&["--base-http", "5998"], "--base-http and --base-listen overlap: 5998-6003 and 6000-6005"),
            (&["-p", "5003"], "--port and --base-http overlap"),
            (&["-p", "0", "--base-http", "0", "--base-listen", "0"], ""),
        ];
        for (flags, wrong) in rows {
            let checked = check_ports(&args(flags).expect("flags")).map_err(|failure| failure.error);
            let found = checked.err().unwrap_or_default();
            assert!(found.starts_with(wrong) && found.is_empty() == wrong.is_empty(), "{flags:?}: {found}");
        }
    }
}
