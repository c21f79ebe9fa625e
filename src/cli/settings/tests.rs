use super::*;
use crate::cli::commands::Command;

fn asked(text: &str) -> Result<Asked, Failure> {
    let words = ["networkmngr"].into_iter().chain(text.split_whitespace()).map(OsString::from).collect();
    read(words).map_err(|not| match not {
        NotAsked::Wrong(failure) => failure,
        NotAsked::Shown(error) => panic!("{error}"),
    })
}

fn setting(asked: &Asked, name: &str) -> (Option<String>, &'static str) {
    let found = asked.settings.iter().find(|setting| setting.name == name).expect("a setting");
    (found.value.clone(), found.from)
}

#[test]
fn without_a_command_the_network_is_started() {
    for text in ["", "-p 4999 -a 6", "--json -a 2", "--manager http://a:1 -a 2", "up"] {
        assert!(matches!(asked(text).map(|asked| asked.cli.command), Ok(Command::Up(_))), "{text}");
    }
    for text in ["status", "--json status", "--manager http://a:1 status", "--manager=a:1 status --json"] {
        assert!(matches!(asked(text).map(|asked| asked.cli.command), Ok(Command::Status(_))), "{text}");
    }
    let wrong = asked("statsu").expect_err("no command");
    assert!(wrong.hint.contains("status") && wrong.code == crate::cli::USAGE, "{wrong}: {}", wrong.hint);
    assert!(matches!(read(vec!["networkmngr".into(), "--help".into()]), Err(NotAsked::Shown(_))));
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("network.toml");
    std::fs::write(
        &file,
        "amount = 3\nport = 4000\nmine = true\nhashrate = \"1M\"\ndata-dir = \"here\"\nkeep = false\ndetach = true\n",
    )
    .expect("a file");
    let asked = asked(&format!("-p 4001 --config {}", file.display())).expect("settings");
    assert_eq!(setting(&asked, "amount"), (Some("3".to_owned()), "file"));
    assert_eq!(setting(&asked, "port"), (Some("4001".to_owned()), "flag"));
    assert_eq!(setting(&asked, "base-http"), (Some("5000".to_owned()), "default"));
    assert_eq!(setting(&asked, "mine"), (Some("true".to_owned()), "file"));
    let Command::Up(up) = &asked.cli.command else { panic!("another command") };
    assert_eq!((up.amount, up.port, up.mine, up.hashrate), (3, 4001, true, Some(1_000_000)));
    assert!(up.detach && !up.keep);
    assert_eq!(up.data_dir, folder.path().join("here"), "relative to the file");
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("network.toml");
    let rows = [
        ("amount = 3\namonut = 4\n", ":2: there is no setting \"amonut\"", "did you mean \"amount\""),
        ("config = \"x\"\n", ":1: there is no setting \"config\"", ""),
        ("\namount = 0\n", ":2: ", ""),
        ("mine = 1\n", ":1: mine = 1: expected true or false", ""),
        ("amount = [1]\n", ":1: amount = [1]: expected a text or a number", ""),
        ("amount = \n", ":1: ", "write `name = value` lines"),
        (
            "\namount = four\n",
            ":2: amount = four: expected a number, true or false, or a text in quotes",
            "data-dir = \"",
        ),
        (
            "topology = nofile\n",
            ":1: topology = nofile: expected a number, true or false, or a text in quotes",
            "",
        ),
        ("data-dir = ./here\n", ":1: data-dir = ./here: expected a number", ""),
        ("verbose = true\n", ":1: there is no setting \"verbose\"", "log-level says how much to log; `"),
        ("colour = true\n", ":1: there is no setting \"colour\"", "`networkmngr up --help` lists them"),
        ("detach = 1\n", ":1: detach = 1: expected true or false", ""),
        (
            "network = \"foo\"\n",
            ":1: invalid value 'foo' for '--network <NAME>': expected lab or regtest",
            "",
        ),
        ("amount = 3\nport = 1\namount = 4\n", ":3: amount is set twice", ""),
        ("data-dir = \"a\\u0000\"\n", ":1: data-dir = \"a\\u0000\": expected a text without \\u0000", ""),
        ("[nodes]\n", ":1: there is no setting \"nodes\"", ""),
    ];
    for (text, error, hint) in rows {
        std::fs::write(&file, text).expect("a file");
        let failure = asked(&format!("up --config {}", file.display())).expect_err(text);
        assert!(failure.error.contains(error), "{text}: {failure}");
        assert!(failure.hint.contains(hint) && failure.code == crate::cli::USAGE, "{text}: {}", failure.hint);
    }
    let endless = asked("up --config /dev/zero").expect_err("no end");
    assert!(endless.error.contains("/dev/zero cannot be read: it has more than 1048576 bytes"), "{endless}");
    let none = asked("up --config /no/such/file").expect_err("no file");
    assert!(none.error.contains("/no/such/file cannot be read"), "{none}");
}

#[test]
fn every_flag_of_up_has_its_variable() {
    let variables: Vec<_> =
        known().iter().filter_map(|arg| arg.get_env().map(|name| name.to_owned())).collect();
    assert_eq!(variables.len(), known().len());
    for name in ["NETWORKMNGR_AMOUNT", "NETWORKMNGR_BASE_HTTP", "NETWORKMNGR_LOG_LEVEL"] {
        assert!(variables.iter().any(|known| known == name), "{name}");
    }
}
