//! Commands that are told to people, such as `networkmngr restart B`: each has to be about the network that
//! was asked about, also where that is not the one which is found without a flag.

/// How a command is told.
const BEGIN: &str = "`networkmngr ";

/// What talks to no manager, or is read.
const WITHOUT: [&str; 7] = ["up", "doctor", "config", "scenario", "simulate", "completions", "node"];

/// `text`, in which every command that is told names `manager`.
pub(in crate::cli) fn with_manager(text: &str, manager: &str) -> String {
    let mut named = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let (before, command) = rest.split_at(begin + BEGIN.len());
        named += before;
        let Some(end) = command.find('`') else {
            rest = command;
            break;
        };
        let (command, behind) = command.split_at(end);
        named += command;
        let first = command.split(' ').next().unwrap_or_default();
        let is_its_own = WITHOUT.contains(&first) || first.starts_with('-');
        if !is_its_own && !command.contains("--manager") && !command.ends_with("--help") {
            named += " --manager ";
            named += manager;
        }
        rest = behind;
    }
    named + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_are_told_are_about_the_same_network() {
        let rows = [
            ("`networkmngr restart B` starts it", "`networkmngr restart B --manager M` starts it"),
            (
                "`networkmngr ps`; `networkmngr heal`",
                "`networkmngr ps --manager M`; `networkmngr heal --manager M`",
            ),
            ("`networkmngr up --detach` starts one", "`networkmngr up --detach` starts one"),
            ("`networkmngr down --manager N` stops it", "`networkmngr down --manager N` stops it"),
            ("`networkmngr mine --help` lists the flags", "`networkmngr mine --help` lists the flags"),
            ("`networkmngr --version`", "`networkmngr --version`"),
            ("try again", "try again"),
            ("`networkmngr ps", "`networkmngr ps"),
        ];
        for (text, expected) in rows {
            assert_eq!(with_manager(text, "M"), expected);
        }
    }
}
