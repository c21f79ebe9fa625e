//! `networkmngr config` and `completions`: what holds, and what a shell may suggest.

use clap_complete::Shell;
use serde_json::json;

use crate::cli::Failure;
use crate::cli::commands::{Context, Talk};
use crate::cli::output::Output;
use crate::cli::render::{Align, Cell, Style, Table, safe};
use crate::cli::settings::{self, Setting};

/// Shows every setting and whence it is.
pub(super) fn show(settings: &[Setting], talk: &Talk, output: &mut Output) -> Result<(), Failure> {
    // Where a manager is looked for, as long as none is named.
    let manager = Context::new(talk)?.client.url();
    output.data(&json!({"manager": manager, "up": settings}), |style| {
        let mut table = Table::new([("setting", Align::Left), ("value", Align::Left), ("from", Align::Left)]);
        for setting in settings {
            let from = match setting.at() {
                Some(place) => format!("{} {place}", setting.from),
                None => setting.from.to_owned(),
            };
            let usual = setting.from == "default";
            table.row([
                setting.name.clone().into(),
                setting
                    .value
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), |value| safe(value, usize::MAX))
                    .into(),
                Cell::painted(safe(&from, usize::MAX), if usual { Style::dim } else { Style::bold }),
            ]);
        }
        format!("{}\ncommands talk to {manager}\n", table.text(style))
    });
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  networkmngr completions bash
  networkmngr completions zsh
  networkmngr completions fish

Write it where the shell looks: ~/.local/share/bash-completion/completions/networkmngr,
~/.zfunc/_networkmngr, ~/.config/fish/completions/networkmngr.fish.";

/// For which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints a script that completes commands and flags.
pub(super) fn completions(args: &CompletionsArgs, output: &mut Output) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut settings::command(), "networkmngr", &mut script);
    let script = String::from_utf8_lossy(&script);
    output.data(&json!({ "shell": args.shell.to_string(), "script": script }), |_| script.to_string());
}
