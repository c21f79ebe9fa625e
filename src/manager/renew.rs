//! A new network in the place of one that ends, in the same manager: what it is to be, and where what the old
//! one kept goes.
//!
//! All that can be known beforehand is held against the rules of the flags before anything is stopped.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use crate::manager::Settings;
use crate::manager::keeper::Keeper;
use crate::manager::not_done::NotDone;
use crate::manager::record;
use crate::manager::shape::Shape;
use crate::manager::view::{MiningMode, Renew, Renewed};

/// Who makes settings of what is wanted: whoever read the flags, by the same rules.
pub trait Flags: Send + Sync {
    /// Settings as they are but for what `wanted` says; or what of it makes no sense.
    fn with(&self, wanted: &Renew) -> Result<Settings, NotDone>;
}

/// The network that comes next.
pub struct Next {
    /// What it is made of.
    pub settings: Settings,
    /// Where what the one before kept goes; none: it kept nothing.
    pub before: Option<PathBuf>,
}

impl Keeper {
    /// Has this network end, and one as `wanted` start in its place.
    pub fn renew(&self, wanted: &Renew) -> Result<Renewed, NotDone> {
        let ends = || self.cluster.state.borrow().end();
        if self.cluster.state.borrow().stopping {
            return Err(ends());
        }
        let wanted = self.filled(wanted);
        let settings = self.settings.flags.with(&wanted)?;
        if let Some(taken) = self.taken(&settings) {
            let hint = "start fewer nodes, or end the program that uses it";
            return Err(NotDone::not_now(format!("{taken} cannot be used by a node"), hint));
        }
        let before = (!settings.ephemeral).then(|| record::before(&settings.data_dir));
        let kept = match &before {
            Some(before) => format!("what it kept goes to {}", before.display()),
            None => "nothing is kept of its chain".to_owned(),
        };
        let (nodes, rules) = (settings.amount, settings.params.rules().to_string());
        if !self.cluster.renew(Next { settings, before }) {
            return Err(ends());
        }
        tracing::info!(?wanted, nodes, rules, "a new network is wanted");
        let message = format!("the network stops, and a new one starts; {kept}");
        self.cluster.console.say(&message);
        Ok(Renewed { message, run: self.cluster.events.run() })
    }

    /// What is wanted, with that of the running network which its flags do not say.
    fn filled(&self, wanted: &Renew) -> Renew {
        let state = self.cluster.state.borrow();
        let there = state.numbers().last().map_or(0, |last| last + 1).max(self.settings.amount);
        // A list of links is one of the nodes that it was made for.
        let amount = match self.settings.shape {
            Shape::Listed(_) if wanted.topology.is_none() => self.settings.amount,
            _ => there,
        };
        let mines = state.modes.mode == MiningMode::Background;
        let mine = wanted.mine.unwrap_or(mines);
        let hashrate = wanted.hashrate.or((mine && mines).then_some(state.modes.hashrate));
        Renew { amount: wanted.amount.or(Some(amount)), mine: Some(mine), hashrate, ..wanted.clone() }
    }

    /// An address of a node that is not there yet, which somebody else has.
    fn taken(&self, settings: &Settings) -> Option<SocketAddr> {
        let there = self.cluster.numbers();
        let more = (0..settings.amount).filter(|number| there.binary_search(number).is_err());
        let mut addresses = more.flat_map(|number| [settings.http(number), settings.listen(number)]);
        addresses.find(|address| address.port() != 0 && TcpListener::bind(address).is_err())
    }
}
