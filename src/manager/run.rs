//! A network from its first process to its last.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::limits::STOP_TIMEOUT;
use crate::manager::api::{self, Api};
use crate::manager::child::Children;
use crate::manager::cluster::Cluster;
use crate::manager::console::Console;
use crate::manager::keeper::Keeper;
use crate::manager::record::Folder;
use crate::manager::signals::Signals;
use crate::manager::{Error, Settings, bootstrap, local, stop};
use crate::net::Clock;

/// How a network ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every process ended by itself, and well.
    Well,
    /// Some did not, or some were never there.
    Badly,
    /// Somebody did not want to wait.
    Interrupted,
}

/// Runs a network until it is told to stop, by a signal or over HTTP, or until no node is left.
pub async fn run(settings: Settings, console: Console) -> Result<Ending, Error> {
    let clock = Clock::start();
    let mut signals = Signals::new().map_err(Error::Signals)?;
    let folder = Arc::new(Folder::take(&settings.data_dir, &settings.logs())?);
    // Before anything is started: a port that is taken should cost nobody anything.
    let port = |error| Error::Port { port: settings.port, error };
    let listener = TcpListener::bind(local(settings.port)).await.map_err(port)?;
    let http = listener.local_addr().map_err(port)?;
    let children = Children::default();
    let started = tokio::select! {
        started = bootstrap::start(&settings, &console, &children) => started.map(Some),
        () = signals.next() => Ok(None),
    };
    let cluster = match started {
        Ok(Some(cluster)) => Arc::new(cluster),
        Ok(None) => {
            console.say("stopping");
            return Ok(tokio::select! {
                () = stop::begun(&children) => Ending::Badly,
                () = signals.next() => {
                    console.say("stopping at once");
                    stop::kill(&children).await;
                    Ending::Interrupted
                }
            });
        }
        Err(error) => {
            stop::kill(&children).await;
            return Err(error);
        }
    };
    if let Err(error) = folder.write(&cluster, &settings.params, http) {
        stop::kill(&children).await;
        return Err(error);
    }
    let rules = settings.params.rules().to_string();
    console.network(&cluster, &rules, http, &settings.logs(), clock.now().elapsed);
    tracing::info!(nodes = cluster.members().len(), %http, rules, "the network is up");

    let settings = Arc::new(settings);
    let changed = {
        let (folder, cluster, settings) = (folder.clone(), cluster.clone(), settings.clone());
        move || {
            if let Err(error) = folder.write(&cluster, &settings.params, http) {
                tracing::warn!(%error, "the record of the network is not up to date");
            }
        }
    };
    let keeper = Arc::new_cyclic(|this| Keeper {
        cluster: cluster.clone(),
        settings: settings.clone(),
        children: children.clone(),
        changed: Box::new(changed),
        adding: tokio::sync::Mutex::default(),
        faults: tokio::sync::Mutex::default(),
        this: this.clone(),
    });
    let api = Api { keeper: keeper.clone(), http, started: Clock::wall() };
    let turns = tokio::spawn(keeper.clone().take_turns());
    let observing = tokio::spawn({
        let keeper = keeper.clone();
        async move { tokio::join!(keeper.observe(), keeper.keep_hearing()) }
    });
    let keeping = tokio::spawn(keeper.run());
    let (close, closing) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(api::serve(listener, api, async move {
        let _ = closing.await;
    }));
    tokio::select! {
        () = signals.next() => console.say("stopping"),
        () = cluster.stopping() => {}
    }
    cluster.stop();
    // Whoever is just being started again would be left out.
    let _ = (keeping.await, turns.await);
    let ending = end(&cluster, &settings, &console, &mut signals, &children).await;
    // Answers that are on their way are finished; nobody is waited for long.
    observing.abort();
    drop(close);
    let _ = timeout(STOP_TIMEOUT, serving).await;
    drop(folder);
    Ok(ending)
}

async fn end(
    cluster: &Cluster,
    settings: &Settings,
    console: &Console,
    signals: &mut Signals,
    children: &Children,
) -> Ending {
    let height = cluster.state.borrow().tips.height();
    let ended = tokio::select! {
        ended = stop::all(cluster) => ended,
        () = signals.next() => {
            console.say("stopping at once");
            stop::kill(children).await;
            return Ending::Interrupted;
        }
    };
    // A process that never became a member of the network is none's to ask.
    stop::kill(children).await;
    console.summary(&ended, cluster, height, &settings.logs());
    tracing::info!(?ended, "the network has ended");
    let added = ended.iter().filter(|one| one.number >= settings.amount).count();
    let all_well = ended.len() == settings.amount + added && ended.iter().all(stop::Ended::is_well);
    if all_well { Ending::Well } else { Ending::Badly }
}
