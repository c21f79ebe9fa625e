//! A new network in the place of one that runs is one of other flags: what is wanted is put into words, and
//! read as if it had been typed.

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches};

use crate::cli::commands::Cli;
use crate::cli::manager::{UpArgs, settings};
use crate::cli::{Failure, not_parsed};
use crate::manager::Settings;
use crate::manager::not_done::NotDone;
use crate::manager::renew::Flags;
use crate::manager::view::Renew;
use crate::params::LAB;
use crate::sim::Topology;

/// The flags of the network that runs.
pub(super) struct Given(pub(super) UpArgs);

impl Flags for Given {
    fn with(&self, wanted: &Renew) -> Result<Settings, NotDone> {
        let settings = changed(&self.0, wanted).and_then(|args| settings(&args));
        settings.map_err(|Failure { error, hint, .. }| {
            // Whoever asked was not at the flags of `up`.
            let said = Some(hint).filter(|hint| !hint.is_empty() && !hint.contains("--help`"));
            let error = in_members(&error);
            NotDone::Bad(said.map_or_else(|| error.clone(), |hint| format!("{error} ({hint})")))
        })
    }
}

/// What is wrong with a flag, by the name of the member that it stands for.
fn in_members(error: &str) -> String {
    // As whoever reads flags says it: invalid value '0' for '--amount <N>': why.
    let of_value = || {
        let (value, rest) = error.strip_prefix("invalid value '")?.split_once("' for '--")?;
        let (flag, rest) = rest.split_once(' ')?;
        Some(format!("{} {value}: {}", flag.replace('-', "_"), rest.split_once("': ")?.1))
    };
    let of_flag = || {
        let (flag, rest) = error.strip_prefix("--")?.split_once(' ')?;
        ["amount", "topology", "difficulty", "block-time", "hashrate"].contains(&flag).then_some(())?;
        Some(format!("{} {rest}", flag.replace('-', "_")))
    };
    of_value().or_else(of_flag).unwrap_or_else(|| error.to_owned())
}

/// `args`, but for what `wanted` says.
fn changed(args: &UpArgs, wanted: &Renew) -> Result<UpArgs, Failure> {
    if wanted.hashrate.is_some() && wanted.mine != Some(true) {
        let error = "a hashrate is that of nodes which mine in the background, and they are not to";
        return Err(Failure::usage(error, "have them mine as well: mine true, or --mine"));
    }
    let said = read(&words(wanted))?;
    if let Some(shape) = &wanted.topology {
        // A file is named by whoever has a shell here.
        let hint = "name a shape: mesh, ring, line, star, random or random:K";
        shape
            .parse::<Topology>()
            .map_err(|error| Failure::usage(format!("--topology {shape}: {error}"), hint))?;
    }
    let mut new = args.clone();
    if wanted.amount.is_some() {
        new.amount = said.amount;
    }
    if wanted.topology.is_some() {
        new.topology = said.topology;
    }
    if wanted.difficulty.is_some() || wanted.block_time.flatten().is_some() {
        LAB.clone_into(&mut new.network.network);
    }
    if wanted.difficulty.is_some() {
        new.network.difficulty = said.network.difficulty;
    }
    if wanted.block_time.is_some() {
        new.network.block_time = said.network.block_time;
    }
    if wanted.mine.is_some() {
        new.mine = said.mine;
    }
    if wanted.hashrate.is_some() || !new.mine {
        new.hashrate = said.hashrate;
    }
    Ok(new)
}

/// What `wanted` says, as flags of `up`.
fn words(wanted: &Renew) -> Vec<String> {
    let flag = |name: &str, value: Option<String>| value.map(|value| format!("--{name}={value}"));
    let flags = [
        flag("amount", wanted.amount.map(|amount| amount.to_string())),
        flag("topology", wanted.topology.clone()),
        flag("difficulty", wanted.difficulty.map(|difficulty| difficulty.to_string())),
        flag("block-time", wanted.block_time.flatten().map(|seconds| seconds.to_string())),
        (wanted.mine == Some(true)).then(|| "--mine".to_owned()),
        flag("hashrate", wanted.hashrate.map(|hashrate| hashrate.to_string())),
    ];
    flags.into_iter().flatten().collect()
}

/// The flags of `up` that stand in `words`, and no variable.
pub(super) fn read(words: &[String]) -> Result<UpArgs, Failure> {
    let up = UpArgs::augment_args(clap::Command::new("up"));
    let words = [OsString::from("up")].into_iter().chain(words.iter().map(OsString::from));
    let matches = up.try_get_matches_from(words);
    let args = matches.and_then(|matches| UpArgs::from_arg_matches(&matches));
    args.map_err(|error| not_parsed(&error, &Cli::command(), &["networkmngr".into(), "up".into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(flags: &[&str]) -> UpArgs {
        read(&flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>()).expect("flags")
    }

    fn wanted(json: &str) -> Renew {
        serde_json::from_str(json).expect("a wish")
    }

    #[test]
    fn what_is_not_said_stays() {
        let flags = [
            "-a",
            "4",
            "--topology",
            "ring",
            "--difficulty",
            "9",
            "--block-time",
            "5",
            "--mine",
            "--hashrate",
            "500",
        ];
        let args = given(&[&flags[..], &["--base-http", "0", "--ephemeral"]].concat());
        let shown = |args: &UpArgs| {
            let UpArgs { amount, topology, network, mine, hashrate, base_http, ephemeral, .. } = args.clone();
            let topology = topology.unwrap_or_default();
            format!(
                "{amount} {topology} {:?} {mine} {hashrate:?} {base_http} {ephemeral}",
                (network.difficulty, network.block_time)
            )
        };
        let rows = [
            ("{}", "4 ring (9, Some(5)) true Some(500) 0 true"),
            (r#"{"amount": 2, "topology": "line"}"#, "2 line (9, Some(5)) true Some(500) 0 true"),
            (r#"{"difficulty": 12}"#, "4 ring (12, Some(5)) true Some(500) 0 true"),
            (r#"{"difficulty": null, "block_time": null}"#, "4 ring (9, None) true Some(500) 0 true"),
            (r#"{"block_time": 60, "mine": false}"#, "4 ring (9, Some(60)) false None 0 true"),
            (r#"{"mine": true, "hashrate": 7}"#, "4 ring (9, Some(5)) true Some(7) 0 true"),
        ];
        for (json, expected) in rows {
            assert_eq!(shown(&changed(&args, &wanted(json)).expect("sense")), expected, "{json}");
        }
    }

    #[test]
    fn rules_other_than_regtests_are_the_labs() {
        let regtest = given(&["--network", "regtest"]);
        let rules = |json: &str| {
            changed(&regtest, &wanted(json))
                .expect("sense")
                .network
                .params()
                .expect("rules")
                .rules()
                .to_string()
        };
        assert!(rules(r#"{"amount": 3, "block_time": null}"#).starts_with("regtest "));
        assert!(rules(r#"{"difficulty": 8}"#).starts_with("lab "));
    }

    #[test]
    fn what_makes_no_sense_is_refused_as_the_flag_would_be() {
        let usual = Given(given(&[]));
        let rows = [
            (r#"{"amount": 0}"#, "amount 0: a network has 1 to 1000 nodes"),
            (r#"{"amount": 1001}"#, "amount 1001: a network has 1 to 1000 nodes"),
            (r#"{"amount": 1000, "topology": "mesh"}"#, "topology mesh: "),
            (r#"{"topology": "/etc/passwd"}"#, "topology /etc/passwd: expected mesh, ring"),
            (r#"{"difficulty": 65}"#, "the difficulty must be 1 to 64 leading zero bits, not 65"),
            (r#"{"mine": true, "hashrate": 1}"#, "hashrate 1: expected at least 6, one for each node"),
            (r#"{"block_time": 0}"#, "the block time must be 1 to 86400 seconds, not 0"),
            (
                r#"{"hashrate": 5}"#,
                "a hashrate is that of nodes which mine in the background, and they are not to (have them mine as well",
            ),
        ];
        for (json, expected) in rows {
            match usual.with(&wanted(json)) {
                Err(NotDone::Bad(why)) => assert!(why.starts_with(expected), "{json}: {why}"),
                Err(other) => panic!("{json}: {other}"),
                Ok(_) => panic!("{json} makes sense"),
            }
        }
    }
}
