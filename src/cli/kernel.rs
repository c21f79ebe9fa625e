//! The flag that says how nonces are tried: the same for a node and for the manager, which hands it on.

use crate::cli::Failure;
use crate::miner::Kernel;

/// By which kernel a node mines.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KernelArgs {
    /// How nonces are tried: sha2, avx2, sha-ni or avx512; auto is the fastest that this machine has
    /// (`p2pnode bench-hash` measures them).
    #[arg(long = "kernel", value_name = "NAME", default_value = AUTO, value_parser = choice)]
    choice: Choice,
}

const AUTO: &str = "auto";

/// The value of the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Auto,
    Only(Kernel),
}

fn choice(text: &str) -> Result<Choice, String> {
    match text {
        AUTO => Ok(Choice::Auto),
        name => name.parse().map(Choice::Only).map_err(|_| {
            let names = Kernel::ALL.map(Kernel::name).join(", ");
            format!("expected {AUTO} or one of {names}")
        }),
    }
}

impl KernelArgs {
    /// The kernel, which this machine has.
    pub(crate) fn kernel(&self) -> Result<Kernel, Failure> {
        match self.choice {
            Choice::Auto => Ok(Kernel::fastest()),
            Choice::Only(kernel) if kernel.is_there() => Ok(kernel),
            Choice::Only(kernel) => {
                let there: Vec<&str> = Kernel::there().map(Kernel::name).collect();
                let hint = format!("it has {}; --kernel {AUTO} takes the fastest", there.join(", "));
                Err(Failure::usage(format!("this machine cannot run the kernel {kernel}"), hint)
                    .at("--kernel"))
            }
        }
    }

    /// The flags that say the same to another program on this machine.
    pub(crate) fn flags(&self) -> Result<Vec<String>, Failure> {
        let kernel = self.kernel()?;
        Ok(match self.choice {
            Choice::Auto => Vec::new(),
            Choice::Only(_) => vec!["--kernel".to_owned(), kernel.name().to_owned()],
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        kernel: KernelArgs,
    }

    fn args(flags: &[String]) -> Result<KernelArgs, clap::Error> {
        let all = ["p2pnode".to_owned()].into_iter().chain(flags.iter().cloned());
        Only::try_parse_from(all).map(|only| only.kernel)
    }

    #[test]
    fn a_node_is_handed_the_managers_kernel() {
        let auto = args(&[]).expect("no flag is needed");
        assert_eq!(auto.kernel(), Ok(Kernel::fastest()));
        assert_eq!(auto.flags(), Ok(Vec::new()), "each node's machine decides");
        for kernel in Kernel::ALL {
            let only = args(&["--kernel".to_owned(), kernel.to_string()]).expect("a kernel");
            match only.flags() {
                Ok(flags) => assert_eq!(args(&flags).expect("flags").kernel(), Ok(kernel)),
                Err(failure) => {
                    assert!(!kernel.is_there());
                    assert_eq!((failure.code, failure.flag), (crate::cli::USAGE, Some("--kernel")));
                    assert!(failure.hint.starts_with("it has sha2"), "{}", failure.hint);
                }
            }
        }
        let error = args(&["--kernel".to_owned(), "sse2".to_owned()]).expect_err("no kernel").to_string();
        assert!(error.contains("expected auto or one of sha2, avx2, sha-ni, avx512"), "{error}");
    }
}
