//! The block tree in a terminal: newest on top, the best chain in the first lane, a lane for each fork.
//!
//! A pure function of the API's document, as `git log --graph` is one of a repository. A lane is what waits
//! for its parent: going down, a block takes the lane that waits for it, and lanes that wait for the same
//! block meet there.

use crate::cli::names;
use crate::cli::render::{Style, ago, count, safe, short};
use crate::manager::view::{Branch, Tree, TreeBlock};

/// Characters of a content that are shown.
const TEXT: usize = 40;

/// A drawn line: its lanes, each with the lane's number for its colour, and what stands behind them.
struct Line {
    lanes: Vec<(usize, String)>,
    height: Option<u64>,
    text: String,
}

/// Lanes that wait for a block, from the left; the first is the best chain's.
#[derive(Default)]
struct Lanes(Vec<Option<String>>);

impl Lanes {
    /// The lane of a block, and the others that meet in it.
    fn take(&mut self, block: &TreeBlock) -> (usize, Vec<usize>) {
        let waiting: Vec<usize> =
            (0..self.0.len()).filter(|lane| self.0[*lane].as_ref() == Some(&block.hash)).collect();
        let own = match (block.branch, waiting.first()) {
            (Branch::Best, _) => 0,
            (_, Some(first)) => *first,
            (_, None) => {
                (1..self.0.len()).find(|lane| self.0[*lane].is_none()).unwrap_or(self.0.len().max(1))
            }
        };
        if self.0.len() <= own {
            self.0.resize(own + 1, None);
        }
        (own, waiting.into_iter().filter(|lane| *lane != own).collect())
    }

    /// The lanes as they pass by, with `mark` in lane `own`.
    fn passing(&self, own: Option<(usize, &str)>) -> Vec<(usize, String)> {
        let lane = |lane: usize| match (own, &self.0[lane]) {
            (Some((at, mark)), _) if at == lane => format!("{mark} "),
            (_, Some(_)) => "│ ".to_owned(),
            (_, None) => "  ".to_owned(),
        };
        (0..self.0.len()).map(|at| (at, lane(at))).collect()
    }

    /// The lines of `others` turn into lane `own`.
    fn meeting(&self, own: usize, others: &[usize]) -> Vec<(usize, String)> {
        let last = others.iter().copied().max().unwrap_or(own);
        let lane = |lane: usize| {
            let text = match lane {
                at if at == own => "├─",
                at if at == last => "╯ ",
                at if others.contains(&at) => "┴─",
                at if at > own && at < last => {
                    if self.0[at].is_some() {
                        "│─"
                    } else {
                        "──"
                    }
                }
                at => {
                    if self.0[at].is_some() {
                        "│ "
                    } else {
                        "  "
                    }
                }
            };
            // What turns has the colour of the lane that it leaves.
            (
                if lane == own {
                    own
                } else {
                    others.iter().copied().find(|other| *other >= lane).unwrap_or(lane)
                },
                text.to_owned(),
            )
        };
        (0..self.0.len()).map(lane).collect()
    }
}

/// The tree as text; `now` in seconds since 1970.
pub(in crate::cli) fn tree(tree: &Tree, now: f64, style: Style) -> String {
    let mut blocks: Vec<&TreeBlock> = tree.blocks.iter().collect();
    let rank = |branch: Branch| match branch {
        Branch::Best => 0,
        Branch::Side => 1,
        Branch::Unknown => 2,
        Branch::Refused => 3,
    };
    blocks.sort_by(|one, other| {
        let order = other.height.cmp(&one.height).then(rank(one.branch).cmp(&rank(other.branch)));
        order.then(one.seen.total_cmp(&other.seen))
    });
    let (mut lanes, mut lines) = (Lanes::default(), Vec::new());
    for block in blocks {
        let (own, others) = lanes.take(block);
        if !others.is_empty() {
            lines.push(Line { lanes: lanes.meeting(own, &others), height: None, text: String::new() });
            others.iter().for_each(|lane| lanes.0[*lane] = None);
        }
        let mark = match block.branch {
            Branch::Best => "●",
            Branch::Side => "○",
            Branch::Unknown => "◌",
            Branch::Refused => "✗",
        };
        let drawn = lanes.passing(Some((own, mark)));
        lines.push(Line {
            lanes: drawn,
            height: Some(block.height),
            text: described(block, now, own, style),
        });
        lanes.0[own] = (block.height > 0).then(|| block.previous.clone());
    }
    let wide = lines.iter().map(|line| line.lanes.len()).max().unwrap_or_default();
    let digits = lines.iter().filter_map(|line| line.height).max().unwrap_or_default().to_string().len();
    let mut text = String::new();
    for line in lines {
        let height = line.height.map_or(String::new(), |height| height.to_string());
        let drawn: String = line.lanes.iter().map(|(lane, text)| style.lane(*lane, text)).collect();
        let space = "  ".repeat(wide - line.lanes.len());
        let row = format!("{height:>digits$}  {drawn}{space} {}", line.text);
        text += row.trim_end();
        text.push('\n');
    }
    let older = match tree.from > tree.known_from || tree.cut {
        true => Some("older blocks: `networkmngr tree --from HEIGHT`".to_owned()),
        false => older(tree.known_from),
    };
    if let Some(older) = older {
        text += &style.dim(&format!("{:>digits$}  ┊ {older}", ""));
        text.push('\n');
    }
    text
}

/// Where blocks are that the manager does not know: below those of the best chain that nodes told of.
pub(in crate::cli) fn older(known_from: u64) -> Option<String> {
    (known_from > 0).then(|| {
        format!(
            "the manager knows the chain from height {known_from} up; a node has older blocks: \
             GET /node/0/api/v1/blocks?before={known_from}"
        )
    })
}

/// What stands beside a block: its hash, whose tip it is, whence it came, what it says.
fn described(block: &TreeBlock, now: f64, lane: usize, style: Style) -> String {
    let hash = short(&block.hash);
    let mut text = if block.branch == Branch::Best { hash } else { style.dim(&hash) };
    if !block.tip_of.is_empty() {
        let who = format!("({})", names::several(&block.tip_of));
        text += &format!(" {}", style.bold(&style.lane(lane, &who)));
    }
    if block.height == 0 {
        return text + " genesis";
    }
    let miner = block.miner.map_or("seen".to_owned(), |miner| format!("mined by {}", names::letters(miner)));
    text += &format!(" {miner}, {}", ago(block.seen, now));
    let contents = u64::from(block.transactions).saturating_sub(1);
    match &block.text {
        Some(said) if !said.is_empty() => {
            text += &format!(": “{}”", safe(said, TEXT));
            if contents > 1 {
                text += &format!(" and {} more", contents - 1);
            }
        }
        _ if contents > 0 => text += &format!(": {}", count(contents, "content")),
        _ => {}
    }
    if let Some(why) = &block.refused {
        text += &style.bad(&format!(" refused: {}", safe(why, 200)));
    }
    text
}

/// Trees for tests.
#[cfg(test)]
pub(in crate::cli) mod testing {
    use crate::manager::view::{Branch, Tree, TreeBlock};

    /// A hash with zeros in front.
    pub(in crate::cli) fn hash(name: u64) -> String {
        format!("0000{name:0<60}")
    }

    /// A block `name` on `previous`.
    pub(in crate::cli) fn block(
        name: u64,
        previous: u64,
        height: u64,
        branch: Branch,
        tip_of: &[usize],
    ) -> TreeBlock {
        TreeBlock {
            hash: hash(name),
            previous: hash(previous),
            height,
            time: 100,
            bits: "207fffff".to_owned(),
            work: (2 * height).to_string(),
            transactions: 1,
            bytes: 192,
            text: None,
            miner: Some(1),
            seen: 100.0,
            tip_of: tip_of.to_vec(),
            held_by: vec![0],
            branch,
            refused: None,
        }
    }

    /// Those blocks.
    pub(in crate::cli) fn tree(blocks: Vec<TreeBlock>) -> Tree {
        Tree { from: 0, cut: false, known_from: 0, blocks }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{block, tree as made};
    use super::*;
    use Branch::{Best, Refused, Side, Unknown};

    fn drawn(blocks: Vec<TreeBlock>) -> String {
        tree(&made(blocks), 130.0, Style::new(false))
    }

    #[test]
    fn one_chain_is_one_lane() {
        let mut second = block(2, 1, 2, Best, &[0, 1, 2, 3]);
        (second.text, second.transactions) = (Some("hello\x1b[2J".to_owned()), 3);
        let blocks = vec![block(9, 0, 0, Best, &[]), block(1, 9, 1, Best, &[]), second];
        assert_eq!(
            drawn(blocks),
            "2  ●  20000000… (A-D) mined by B, 30 s ago: “hello\\u{1b}[2J” and 1 more\n\
             1  ●  10000000… mined by B, 30 s ago\n\
             0  ●  90000000… genesis\n"
        );
    }

    #[test]
    fn a_fork_has_a_lane_of_its_own_until_it_meets_the_others() {
        let blocks = vec![
            block(9, 0, 0, Best, &[]),
            block(1, 9, 1, Best, &[]),
            block(2, 1, 2, Best, &[]),
            block(3, 2, 3, Best, &[0, 1, 2]),
            block(4, 1, 2, Side, &[3, 4, 5]),
            block(5, 9, 1, Side, &[]),
        ];
        assert_eq!(
            drawn(blocks),
            "3  ●    30000000… (A B C) mined by B, 30 s ago\n\
             2  ●    20000000… mined by B, 30 s ago\n\
             2  │ ○  40000000… (D E F) mined by B, 30 s ago\n   \
                ├─╯\n\
             1  ●    10000000… mined by B, 30 s ago\n\
             1  │ ○  50000000… mined by B, 30 s ago\n   \
                ├─╯\n\
             0  ●    90000000… genesis\n"
        );
    }

    #[test]
    fn what_may_be_on_the_best_chain_is_not_drawn_as_a_branch_that_lost() {
        let blocks = vec![
            block(9, 0, 0, Best, &[]),
            block(1, 9, 1, Unknown, &[]),
            block(6, 5, 6, Best, &[0]),
            block(7, 6, 7, Best, &[1]),
        ];
        let told = Tree { known_from: 6, ..made(blocks) };
        let older = "the manager knows the chain from height 6 up; a node has older blocks: GET /node/0/api/v1/blocks?before=6";
        assert_eq!(
            tree(&told, 130.0, Style::new(false)),
            format!(
                "7  ●    70000000… (B) mined by B, 30 s ago\n\
                 6  ●    60000000… (A) mined by B, 30 s ago\n\
                 1  │ ◌  10000000… mined by B, 30 s ago\n   \
                    ├─╯\n\
                 0  ●    90000000… genesis\n   ┊ {older}\n"
            )
        );
        // Where there is more to ask the manager for, that comes first.
        let text = tree(&Tree { from: 7, known_from: 6, ..made(vec![]) }, 130.0, Style::new(false));
        assert!(text.ends_with("older blocks: `networkmngr tree --from HEIGHT`\n"), "{text}");
    }

    #[test]
    fn several_forks_at_once_meet_where_they_part() {
        let mut lie = block(7, 2, 3, Refused, &[]);
        lie.refused = Some("BadMerkleRoot".to_owned());
        let blocks = vec![
            block(1, 9, 1, Best, &[]),
            block(2, 1, 2, Best, &[0]),
            block(3, 1, 2, Side, &[1]),
            block(4, 5, 2, Side, &[2]),
            block(5, 9, 1, Side, &[]),
            // Higher than the best one, with less work.
            block(6, 3, 3, Side, &[]),
            lie,
            block(8, 1, 2, Side, &[]),
        ];
        let text = drawn(blocks);
        // Without what stands behind the lanes: the digit before seven zeros and the rest.
        let lanes = |line: &str| {
            let end = line.find("0000000…").map_or(line.len(), |at| at - 1);
            line[..end].trim_end().to_owned()
        };
        let shape: Vec<String> = text.lines().map(lanes).collect();
        assert_eq!(
            shape,
            [
                "3    ○",
                "3    │ ✗",
                "   ├─│─╯",
                "2  ● │",
                "2  │ ○",
                "2  │ │ ○",
                "2  │ │ │ ○",
                "   ├─┴─│─╯",
                "1  ●   │",
                "1  │   ○",
            ],
            "{text}"
        );
        assert!(text.contains("refused: BadMerkleRoot"), "{text}");
    }
}
