//! From words to what is expected.

use crate::cli::commands::Command;
use crate::cli::scenario::expect::{Expect, Number, Quantity, Relation, Trend, What};
use crate::cli::scenario::parse;
use crate::cli::{Failure, names, values};
use crate::limits::EXPECT_TIMEOUT;
use crate::manager::view::{Condition, Life};

/// Reads what stands behind `expect`.
pub(in crate::cli::scenario) fn parse(words: &[String]) -> Result<Expect, Failure> {
    let wrong =
        |error: String| Failure::usage(error, "`networkmngr scenario run --help` says what can be expected");
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut within = EXPECT_TIMEOUT;
    if let [.., "within", time] = words[..] {
        within = values::time(time).map_err(|error| wrong(format!("within {time}: {error}")))?;
        words.truncate(words.len() - 2);
        if let ["fails", _, ..] = words[..] {
            return Err(Failure::usage(
                format!("within {time}: a command that is to fail is run once"),
                "leave it out; a line `expect` in front can wait",
            ));
        }
    }
    let what = match words[..] {
        ["in-sync"] => What::Condition(Condition::InSync),
        ["syncing"] => What::Condition(Condition::Syncing),
        ["forked"] => What::Condition(Condition::Forked),
        ["partitioned"] => What::Condition(Condition::Partitioned),
        ["stalled"] => What::Condition(Condition::Stalled),
        ["down"] => What::Condition(Condition::Down),
        ["tips", ref number @ ..] => What::Tips(self::number(number).map_err(wrong)?),
        ["height", ref number @ ..] => What::Network(Quantity::Height, self::number(number).map_err(wrong)?),
        ["pool", ref number @ ..] => What::Network(Quantity::Pool, self::number(number).map_err(wrong)?),
        ["node", node, ref rest @ ..] => of_node(names::node(node).map_err(wrong)?, rest).map_err(wrong)?,
        ["reorg", "depth", ref number @ ..] => What::Reorg(self::number(number).map_err(wrong)?),
        ["contains", text] => What::Contains(text.to_owned()),
        ["lacks", text] => What::Lacks(text.to_owned()),
        ["confirmations", text, ref number @ ..] => {
            What::Confirmations(text.to_owned(), self::number(number).map_err(wrong)?)
        }
        ["difficulty", "rises"] => What::Difficulty(Trend::Rises),
        ["difficulty", "falls"] => What::Difficulty(Trend::Falls),
        ["difficulty", "stays"] => What::Difficulty(Trend::Stays),
        ["fails", ref rest @ ..] => {
            let (because, command) = match rest {
                ["because", why, command @ ..] => ((*why).to_owned(), command),
                command => (String::new(), command),
            };
            if command.is_empty() {
                return Err(wrong("no command is named that is to fail".to_owned()));
            }
            let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            let asked = parse::asked(&command)?;
            if matches!(asked.cli.command, Command::Up(_)) {
                return Err(wrong("a network that is there is not started again".to_owned()));
            }
            What::Fails { command: Box::new(asked.cli.command), because }
        }
        [] => return Err(wrong("nothing is expected".to_owned())),
        ref other => return Err(wrong(format!("there is nothing like {:?} to expect", other.join(" ")))),
    };
    Ok(Expect { what, within })
}

fn of_node(node: usize, words: &[&str]) -> Result<What, String> {
    Ok(match words {
        ["height", number @ ..] => What::Node(node, Quantity::Height, self::number(number)?),
        ["pool", number @ ..] => What::Node(node, Quantity::Pool, self::number(number)?),
        ["peers", number @ ..] => What::Node(node, Quantity::Peers, self::number(number)?),
        ["running"] => What::Life(node, Life::Running),
        ["paused"] => What::Life(node, Life::Paused),
        ["ended"] => What::Life(node, Life::Ended),
        other => return Err(format!("there is nothing like {:?} to expect of a node", other.join(" "))),
    })
}

/// `7`, `= 7`, `>= 7` or `>=7`.
fn number(words: &[&str]) -> Result<Number, String> {
    let text = words.concat();
    let relations = [
        (">=", Relation::AtLeast),
        ("<=", Relation::AtMost),
        (">", Relation::Above),
        ("<", Relation::Below),
        ("=", Relation::Is),
        ("", Relation::Is),
    ];
    let found = relations.iter().find_map(|(sign, relation)| Some((text.strip_prefix(sign)?, *relation)));
    let (digits, relation) = found.unwrap_or((&text, Relation::Is));
    let value =
        digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()) && words.len() < 3);
    let value = value.ok_or_else(|| format!("{:?}: expected a number such as 7 or >= 7", words.join(" ")))?;
    Ok(Number { relation, value })
}
