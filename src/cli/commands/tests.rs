use super::*;

/// Every command, the hidden ones aside, with its words.
fn walk(command: &clap::Command, path: &str, into: &mut Vec<(String, clap::Command)>) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        into.push((path.clone(), sub.clone()));
        walk(sub, &path, into);
    }
}

#[test]
fn every_command_has_examples_and_they_parse() {
    let command = settings::command();
    command.clone().debug_assert();
    let mut all = vec![("networkmngr".to_owned(), command.clone())];
    walk(&command, "networkmngr", &mut all);
    assert!(all.len() > 30, "{}", all.len());
    for (path, command) in all {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.starts_with("Examples:\n"), "{path} has no examples");
        assert!(command.get_about().is_some(), "{path} says nothing of itself");
        let widest = after.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{path}: a line of its help has {widest:?} characters");
        let examples: Vec<&str> =
            after.lines().skip(1).take_while(|line| line.starts_with("  networkmngr")).collect();
        assert!(!examples.is_empty(), "{path} has no example");
        for example in examples {
            // What comes after three spaces is said of it.
            let line = example.trim().split("   ").next().unwrap_or_default();
            let line = line.split(" | ").next().unwrap_or_default();
            let words = scenario::words(line).unwrap_or_else(|error| panic!("{path}: {line}: {error}"));
            let of_it = format!("{line} ").starts_with(&format!("{path} ")) || path == "networkmngr";
            assert!(of_it || path.ends_with(" up"), "{path}: {line} is of another command");
            if let Err(NotAsked::Wrong(failure)) =
                settings::read(words.into_iter().map(std::ffi::OsString::from).collect())
            {
                panic!("{path}: {line}: {failure}");
            }
        }
    }
}

/// Whatever is wrong with the flags of a command, its own help is what lists them.
#[test]
fn every_usage_error_hints_at_the_help_of_its_command() {
    let mut all = vec![("networkmngr".to_owned(), settings::command())];
    walk(&settings::command(), "networkmngr", &mut all);
    for (path, command) in all {
        // Flags without a command are those of `up`.
        let path = if path == "networkmngr" { "networkmngr up".to_owned() } else { path };
        let words = |more: &[&str]| {
            path.split(' ').chain(more.iter().copied()).map(std::ffi::OsString::from).collect()
        };
        for words in [words(&["--zzz"]), words(&["--json", "--zzz=1"])] {
            let Err(NotAsked::Wrong(failure)) = settings::read(words) else { panic!("{path} takes it") };
            let needs_one = command.is_subcommand_required_set() && !path.ends_with(" up");
            let what = if needs_one { "commands" } else { "flags" };
            assert_eq!(failure.hint, format!("`{path} --help` lists the {what}"), "{path}: {failure}");
            assert_eq!(failure.code, crate::cli::USAGE);
        }
        assert!(matches!(settings::read(words(&["--help"])), Err(NotAsked::Shown(_))), "{path} --help works");
    }
}
