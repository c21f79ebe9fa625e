//! The network that a folder holds already: `up` goes on with it, by its rules, with as many nodes and in the shape
//! that it had, but for what flags say. Flags that say another network are refused before anything is started.
//!
//! Its nodes' own records name its rules, and their folders are its nodes; its shape is in a file beside them. So
//! all of it is right after a renewal too, and goes where the nodes' folders go.

use std::path::Path;

use crate::cli::Failure;
use crate::cli::manager::UpArgs;
use crate::cli::names;
use crate::cli::network::NetworkArgs;
use crate::cli::render::count;
use crate::cli::settings::Setting;
use crate::limits::MAX_NODES;
use crate::manager::node_folder;
use crate::manager::record::{Folder, SHAPE};
use crate::params::Params;
use crate::sim::Topology;
use crate::store::recorded_network;
use crate::text::quoted;

/// The flags of `up` that name a network.
const FLAGS: [&str; 3] = ["network", "difficulty", "block-time"];

/// Where a setting comes from that nobody set.
const DEFAULT: &str = "default";

/// Has `args`, and `settings`, which say where each comes from, name the network that is in the folder, its size and
/// its shape, as far as they name none; what is to be said of it then. If they name another network, that is no
/// start.
pub(super) fn go_on(args: &mut UpArgs, settings: &mut [Setting]) -> Result<Option<String>, Failure> {
    // Of a network that runs, whoever tries to start another one in its place is told that it runs.
    let is_looked_at = !args.ephemeral && !Folder::is_taken(&args.data_dir);
    let Some(there) = Some(&args.data_dir).filter(|_| is_looked_at).and_then(|folder| There::of(folder))
    else {
        return Ok(None);
    };
    let Some(kept) = NetworkArgs::of(&there.params) else { return Ok(None) };
    let folder = args.data_dir.display().to_string();
    let is_said = |name: &str| settings.iter().any(|setting| setting.name == name && setting.from != DEFAULT);
    let (of_network, amount, topology) =
        (FLAGS.into_iter().any(is_said), is_said("amount"), is_said("topology"));
    let mut taken: Vec<(&str, Option<String>)> = Vec::new();
    let mut said = Vec::new();
    if !amount && args.amount != there.nodes {
        args.amount = there.nodes;
        taken.push(("amount", Some(there.nodes.to_string())));
    }
    if !amount {
        said.push(count(there.nodes, "node"));
    }
    said.push(kept.said());
    if args.network.params().is_ok_and(|wanted| wanted != there.params) {
        if of_network {
            let error =
                format!("{folder} holds a network of {}, not of {}", kept.said(), args.network.said());
            return Err(Failure::new(error, hint(args, settings, &kept)));
        }
        args.network = kept;
        let flags = args.network.flags();
        let flag = |pair: &[String]| {
            let name = FLAGS.into_iter().find(|name| pair[0].strip_prefix("--") == Some(name))?;
            Some((name, pair.get(1).cloned()))
        };
        taken.extend(flags.chunks(2).filter_map(flag));
    }
    if let Some(shape) = there.shape.filter(|_| !topology) {
        said.push(if shape.parse::<Topology>().is_ok() {
            shape.clone()
        } else {
            "links of its own".to_owned()
        });
        taken.push(("topology", Some(shape.clone())));
        args.topology = Some(shape);
    }
    for (name, value) in taken.iter().cloned() {
        if let Some(setting) = settings.iter_mut().find(|setting| setting.name == name) {
            (setting.value, setting.from, setting.place) = (value, "folder", Some(folder.clone()));
        }
    }
    let out: Vec<usize> = (args.amount..there.nodes).collect();
    if taken.is_empty() && out.is_empty() {
        return Ok(None);
    }
    let out = match out.len() {
        0 => String::new(),
        1 => format!("; node {} stays out, and what it kept stays", names::several(&out)),
        _ => format!("; nodes {} stay out, and what they kept stays", names::several(&out)),
    };
    Ok(Some(format!("goes on with the network of {folder}: {}{out}", said.join(", "))))
}

/// What is in a folder.
struct There {
    /// The network of its nodes.
    params: Params,
    /// How many they are.
    nodes: usize,
    /// Who is linked with whom, as `--topology` has it; none: as usual.
    shape: Option<String>,
}

impl There {
    /// The network of the nodes in the folder, if they are all of one.
    fn of(folder: &Path) -> Option<There> {
        let mut all = (0..MAX_NODES).map_while(|number| recorded_network(&node_folder(folder, number)));
        let (params, mut nodes) = (all.next()?, 1);
        for other in all {
            if other != params {
                return None;
            }
            nodes += 1;
        }
        let file = folder.join(SHAPE);
        let kept = std::fs::read_to_string(&file).ok();
        // Links are read from there, as from any file.
        let shape = kept.map(|kept| match kept.trim().parse::<Topology>() {
            Ok(named) => named.to_string(),
            Err(_) => file.display().to_string(),
        });
        Some(There { params, nodes, shape })
    }
}

/// What goes on with the network of these flags, and what does not.
fn hint(args: &UpArgs, settings: &[Setting], kept: &NetworkArgs) -> String {
    let is_set = |setting: &&Setting| ["environment", "file"].contains(&setting.from);
    let of_network = |setting: &&Setting| FLAGS.contains(&setting.name.as_str());
    let elsewhere: Vec<&Setting> = settings.iter().filter(of_network).filter(is_set).collect();
    // What a variable or a file says gives way to a flag only.
    let network = if elsewhere.is_empty() { kept.unusual().join(" ") } else { kept.flags().join(" ") };
    let given = settings.iter().filter(|setting| setting.from == "flag" && !of_network(setting));
    let given = given.filter_map(|setting| match setting.value.as_deref()? {
        "true" => Some(format!("--{}", setting.name)),
        value => Some(format!("--{} {}", setting.name, quoted(value))),
    });
    let config = args.config.as_ref().map(|file| format!("--config {}", quoted(&file.display().to_string())));
    let network = Some(network).filter(|network| !network.is_empty());
    let words: Vec<String> = network.into_iter().chain(given).chain(config).collect();
    let command = format!("networkmngr up {}", words.join(" "));
    let in_the_way = elsewhere.iter().find(|set| !kept.flags().contains(&format!("--{}", set.name)));
    let once = in_the_way.and_then(|set| Some(format!(", once {} sets no {}", set.at()?, set.name)));
    format!(
        "`{}`{} goes on with it; another folder, as in `--data-dir ./other`, begins another network",
        command.trim_end(),
        once.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::*;
    use crate::cli::commands::Command;
    use crate::cli::settings::{self, Asked};
    use crate::store::{NODE_FILE, Record};

    /// A folder of a network whose nodes have these rules.
    fn folder(networks: &[Params]) -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a folder");
        for (number, params) in networks.iter().enumerate() {
            let record = Record {
                format: 1,
                node: "00".repeat(16),
                network: params.network().to_string(),
                rules: params.rules().to_string(),
                listen: "127.0.0.1:6000".parse().expect("an address"),
                http: None,
                agent: "p2pnode".to_owned(),
            };
            let folder = node_folder(place.path(), number);
            fs::create_dir(&folder).expect("a folder");
            fs::write(folder.join(NODE_FILE), serde_json::to_vec(&record).expect("JSON")).expect("a file");
        }
        place
    }

    fn asked(folder: &Path, flags: &[&str]) -> (Result<Option<String>, Failure>, Asked) {
        let words = ["networkmngr", "up", "--data-dir"].into_iter().map(OsString::from);
        let words = words.chain([folder.into()]).chain(flags.iter().map(OsString::from));
        let mut asked = settings::read(words.collect()).expect("flags");
        let Command::Up(args) = &mut asked.cli.command else { panic!("another command") };
        (go_on(args, &mut asked.settings), asked)
    }

    fn lab(difficulty: u32, block_time: Option<u32>) -> Params {
        Params::lab(difficulty, block_time).expect("a network")
    }

    #[test]
    fn flags_that_name_no_network_go_on_with_that_of_the_folder() {
        let rows = [
            (lab(16, Some(8)), "difficulty 16, a block every 8 s"),
            (lab(9, None), "difficulty 9"),
            (Params::regtest(), "regtest"),
        ];
        for (params, said) in rows {
            let place = folder(&[params.clone(), params.clone()]);
            let (went_on, asked) = asked(place.path(), &["-a", "6"]);
            let expected = format!("goes on with the network of {}: {said}", place.path().display());
            assert_eq!(went_on.expect("it is a start"), Some(expected));
            let Command::Up(args) = asked.cli.command else { panic!("another command") };
            assert_eq!(args.network.params(), Ok(params));
            let of_folder = asked.settings.iter().filter(|setting| setting.from == "folder");
            assert_eq!(of_folder.count(), args.network.flags().len() / 2);
        }
    }

    #[test]
    fn as_many_nodes_go_on_in_the_shape_that_they_had_unless_flags_say_otherwise() {
        /// (the shape that is kept; flags; how many nodes, in which shape, what is said)
        type Row<'a> = (&'a str, &'a [&'a str], usize, Option<&'a str>, &'a str);
        let links = |place: &Path| place.join(SHAPE).display().to_string();
        let rows: [Row; 6] = [
            ("", &[], 3, None, "3 nodes, difficulty 20"),
            ("ring\n", &[], 3, Some("ring"), "3 nodes, difficulty 20, ring"),
            ("0 1\n1 2\n", &[], 3, Some("links"), "3 nodes, difficulty 20, links of its own"),
            (
                "ring\n",
                &["--topology", "mesh", "-a", "2"],
                2,
                Some("mesh"),
                "difficulty 20; node C stays out, and what it kept stays",
            ),
            ("", &["-a", "1"], 1, None, "difficulty 20; nodes B C stay out, and what they kept stays"),
            ("ring\n", &["-a", "4"], 4, Some("ring"), "difficulty 20, ring"),
        ];
        for (shape, flags, amount, topology, said) in rows {
            let place = folder(&[lab(20, None), lab(20, None), lab(20, None)]);
            if !shape.is_empty() {
                fs::write(place.path().join(SHAPE), shape).expect("a file");
            }
            let (went_on, asked) = asked(place.path(), flags);
            let expected = format!("goes on with the network of {}: {said}", place.path().display());
            assert_eq!(went_on.expect("it is a start"), Some(expected), "{flags:?}");
            let Command::Up(args) = asked.cli.command else { panic!("another command") };
            let topology =
                topology.map(|name| if name == "links" { links(place.path()) } else { name.to_owned() });
            assert_eq!((args.amount, args.topology.clone()), (amount, topology), "{flags:?}");
            assert!(crate::cli::manager::settings(&args).is_ok(), "{flags:?}");
        }
    }

    #[test]
    fn nothing_is_said_where_there_is_nothing_to_say() {
        let other = || lab(9, None);
        let rows: [(&[Params], &[&str]); 6] = [
            (&[], &[]),
            (&[], &["--difficulty", "9"]),
            (&[other()], &["--difficulty", "9", "-a", "6"]),
            (&[other()], &["--difficulty", "8", "--ephemeral"]),
            (&[other(), lab(10, None)], &[]),
            (&[lab(20, None)], &["-a", "1"]),
        ];
        for (networks, flags) in rows {
            assert_eq!(asked(folder(networks).path(), flags).0, Ok(None), "{networks:?} {flags:?}");
        }
    }

    #[test]
    fn flags_that_name_another_network_are_refused_with_those_that_go_on() {
        let place = folder(&[lab(16, Some(8))]);
        let file = place.path().join("a file.toml");
        fs::write(&file, "block-time = 9\n").expect("a file");
        let (at, file) = (place.path().display().to_string(), file.display().to_string());
        let network = "--network lab --difficulty 16 --block-time 8";
        let rows: [(&[&str], &str, String); 3] = [
            (
                &["--difficulty", "20", "-a", "3"],
                "difficulty 20",
                format!("--difficulty 16 --block-time 8 --amount 3 --data-dir {at}"),
            ),
            (
                &["--network", "regtest", "--keep", "-d"],
                "regtest",
                format!("--difficulty 16 --block-time 8 --data-dir {at} --keep --detach"),
            ),
            (
                &["--config", &file],
                "difficulty 20, a block every 9 s",
                format!("{network} --data-dir {at} --config '{file}'"),
            ),
        ];
        for (flags, wanted, command) in rows {
            let failure = asked(place.path(), flags).0.expect_err("another network");
            let held = format!("{at} holds a network of difficulty 16, a block every 8 s, not of {wanted}");
            assert_eq!(failure.error, held);
            assert!(
                failure.hint.starts_with(&format!("`networkmngr up {command}` goes on with it; ")),
                "{}",
                failure.hint
            );
            assert!(failure.hint.contains("--data-dir ./other"), "{}", failure.hint);
        }
        // No flag takes back what a file says.
        let place = folder(&[lab(16, None)]);
        let failure = asked(place.path(), &["--config", &file]).0.expect_err("another network");
        assert!(
            failure.hint.contains(&format!("`, once {file}:1 sets no block-time goes on")),
            "{}",
            failure.hint
        );
    }
}
