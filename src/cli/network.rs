//! The flags that name a network: the same for a node and for the manager, which hands them on.

use crate::cli::{Failure, values};
use crate::params::{BadRules, LAB, LAB_DIFFICULTY, Params, REGTEST};

/// Which network a node belongs to. Nodes with other settings refuse it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct NetworkArgs {
    /// `lab`, or `regtest` where every second hash is a block.
    #[arg(long, value_name = "NAME", default_value = LAB, value_parser = [LAB, REGTEST])]
    pub(crate) network: String,
    /// Leading zero bits of a block's hash, 1 to 64 (lab): each one more doubles the work.
    #[arg(long, value_name = "BITS", default_value_t = LAB_DIFFICULTY)]
    pub(crate) difficulty: u32,
    /// Wanted time between blocks (lab), in whole seconds: the difficulty then follows the hash power.
    #[arg(long, value_name = "TIME", value_parser = values::seconds)]
    pub(crate) block_time: Option<u32>,
}

impl NetworkArgs {
    /// The network's rules.
    pub(crate) fn params(&self) -> Result<Params, Failure> {
        if self.network == REGTEST {
            if self.difficulty != LAB_DIFFICULTY || self.block_time.is_some() {
                return Err(Failure::usage(
                    "the network regtest has fixed rules (--difficulty and --block-time are lab's)",
                    "leave out --network regtest, or those two",
                ));
            }
            return Ok(Params::regtest());
        }
        Params::lab(self.difficulty, self.block_time).map_err(|error| {
            let failure = Failure::usage(
                error.to_string(),
                "try --difficulty 16 for quick blocks, --block-time 10 for steady ones",
            );
            failure.at(if matches!(error, BadRules::BlockTime(_)) { "--block-time" } else { "--difficulty" })
        })
    }

    /// The flags of a network that they can name.
    pub(crate) fn of(params: &Params) -> Option<NetworkArgs> {
        let block_time = params.retarget().map(|retarget| retarget.spacing);
        let flags = match (params.rules().name.as_str(), params.difficulty()) {
            (LAB, Some(difficulty)) => NetworkArgs { network: LAB.to_owned(), difficulty, block_time },
            _ => NetworkArgs { network: REGTEST.to_owned(), difficulty: LAB_DIFFICULTY, block_time: None },
        };
        flags.params().is_ok_and(|named| named == *params).then_some(flags)
    }

    /// The rules, as people say them.
    pub(crate) fn said(&self) -> String {
        match (self.network == LAB, self.block_time) {
            (false, _) => self.network.clone(),
            (true, None) => format!("difficulty {}", self.difficulty),
            (true, Some(secs)) => format!("difficulty {}, a block every {secs} s", self.difficulty),
        }
    }

    /// Those of its flags that are not as they are by themselves.
    pub(crate) fn unusual(&self) -> Vec<String> {
        let usual = [format!("--network {LAB}"), format!("--difficulty {LAB_DIFFICULTY}")];
        let flags = self.flags();
        flags.chunks(2).map(|flag| flag.join(" ")).filter(|flag| !usual.contains(flag)).collect()
    }

    /// The flags that say the same to another program.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut flags = vec!["--network".to_owned(), self.network.clone()];
        if self.network == LAB {
            flags.extend(["--difficulty".to_owned(), self.difficulty.to_string()]);
        }
        if let Some(secs) = self.block_time {
            flags.extend(["--block-time".to_owned(), secs.to_string()]);
        }
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        network: NetworkArgs,
    }

    fn read<S: AsRef<str>>(flags: &[S]) -> NetworkArgs {
        let flags = flags.iter().map(AsRef::as_ref);
        Flags::try_parse_from(["p2pnode"].into_iter().chain(flags)).expect("flags").network
    }

    #[test]
    fn a_node_is_handed_the_managers_network() {
        let rows: [&[&str]; 4] = [
            &[],
            &["--difficulty", "12"],
            &["--difficulty", "16", "--block-time", "10"],
            &["--network", REGTEST],
        ];
        for flags in rows {
            let network = read(flags);
            let params = network.params().expect("a network");
            assert_eq!(NetworkArgs::of(&params).map(|flags| flags.flags()), Some(network.flags()));
            assert_eq!(read(&network.flags()).params(), Ok(params), "{flags:?}");
        }
    }

    #[test]
    fn rules_are_said_in_words() {
        let rows: [(&[&str], &str); 3] = [
            (&["--difficulty", "16"], "difficulty 16"),
            (&["--difficulty", "16", "--block-time", "8"], "difficulty 16, a block every 8 s"),
            (&["--network", REGTEST], "regtest"),
        ];
        for (flags, said) in rows {
            assert_eq!(read(flags).said(), said);
        }
        assert!(NetworkArgs::of(&Params::mainnet()).is_none(), "no flag names it");
    }

    #[test]
    fn networks_that_cannot_be_are_a_usage_error() {
        let rows: [&[&str]; 4] = [
            &["--difficulty", "0"],
            &["--difficulty", "65"],
            &["--block-time", "0"],
            &["--network", REGTEST, "--difficulty", "8"],
        ];
        for flags in rows {
            let failure = read(flags).params().expect_err("no network");
            assert_eq!(failure.code, crate::cli::USAGE, "{flags:?}");
            assert!(!failure.hint.is_empty(), "{flags:?}");
        }
    }
}
