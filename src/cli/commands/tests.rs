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
