//! `networkmngr tamper`: history rewritten, and what an honest node says to that.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cli::client::refused;
use crate::cli::commands::Context;
use crate::cli::render::safe;
use crate::cli::{Failure, names, watch};
use crate::limits::{API_CHANGE_TIMEOUT, API_TIMEOUT};
use crate::manager::view::Life;

const EXAMPLES: &str = "\
Examples:
  networkmngr tamper A 1 \"I owe nothing\"
  networkmngr tamper A 3 \"nobody was here\" --to C

Takes the chain of NODE, puts TEXT in place of the first content of the block at HEIGHT (or in
place of its miner's note if it has none), and offers that to another node. It ends with 1,
because the chain is refused: the block's Merkle root is no longer that of its contents. Whoever
corrects that has to do the work anew, for this block and all above it.";

/// What to forge.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TamperArgs {
    /// Whose chain.
    #[arg(value_name = "NODE", value_parser = names::node)]
    node: usize,
    /// The height of the block.
    #[arg(value_name = "HEIGHT")]
    height: u64,
    /// The text to put there.
    #[arg(value_name = "TEXT")]
    text: String,
    /// To which node to offer it; if not given, the first other one that runs.
    #[arg(long, value_name = "NODE", value_parser = names::node)]
    to: Option<usize>,
}

/// Puts `text` into the block at `height` of a chain as GET /chain gives it: what was there before.
fn forge(chain: &mut Value, height: u64, text: &str) -> Result<String, String> {
    let blocks = chain["chain"].as_array_mut().ok_or("its chain is no list of blocks")?;
    let length = blocks.len();
    let block = usize::try_from(height).ok().and_then(|at| blocks.get_mut(at));
    let block = block
        .ok_or_else(|| format!("it has no block at height {height}; its chain ends at {}", length - 1))?;
    let contents = block["content"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
    let is_content = |one: &&mut Value| one["type"] == "content";
    if let Some(content) = contents.iter_mut().find(is_content) {
        let was = content["text"].as_str().unwrap_or("(bytes)").to_owned();
        let members = content.as_object_mut().ok_or("its content is no object")?;
        members.remove("base64");
        members.insert("text".to_owned(), text.into());
        return Ok(was);
    }
    let coinbase =
        contents.first_mut().ok_or_else(|| format!("its block at height {height} holds nothing"))?;
    let was = coinbase["note"].as_str().unwrap_or_default().to_owned();
    coinbase["note"] = text.into();
    Ok(was)
}

pub(super) async fn run(args: &TamperArgs, context: &mut Context) -> Result<(), Failure> {
    let network = watch::network(&context.client).await?;
    let others = network.nodes.iter().filter(|node| node.state == Life::Running && node.node != args.node);
    let to = args
        .to
        .or_else(|| others.map(|node| node.node).next())
        .ok_or_else(|| Failure::new("there is no other node to offer it to", "add one: `networkmngr add`"))?;
    let (from, to_name) = (names::letters(args.node), names::letters(to));
    let path = format!("/node/{}/chain", args.node);
    let answer = context.client.call(Method::GET, &path, bytes::Bytes::new(), API_TIMEOUT).await?;
    if !answer.is_good() {
        return Err(refused(&answer));
    }
    let mut chain = answer.json();
    let at = usize::try_from(args.height).unwrap_or(usize::MAX);
    let before = chain["chain"].get(at).cloned();
    let was = forge(&mut chain, args.height, &args.text).map_err(|error| {
        Failure::new(format!("node {from}: {error}"), "`networkmngr chain` lists the blocks")
    })?;
    if chain["chain"].get(at) == before.as_ref() {
        let error = format!("nothing was changed: the block at height {} says that already", args.height);
        return Err(Failure::new(error, "give it another text"));
    }
    let path = format!("/node/{to}/chain/replace");
    let body = serde_json::to_vec(&chain).map_err(|error| Failure::new(error.to_string(), ""))?;
    let answer = context.client.call(Method::POST, &path, body.into(), API_CHANGE_TIMEOUT).await?;
    let problem = answer.json();
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
        let why = match (problem["height"].as_u64(), problem["rule"].as_str(), problem["why"].as_str()) {
            (Some(height), Some(rule), Some(why)) => {
                format!("the block at height {height} breaks the rule {rule}: {why}")
            }
            _ => problem["detail"].as_str().unwrap_or("it does not say why").to_owned(),
        };
        let error = format!(
            "node {to_name} refused the chain in which “{}” stands for “{}”: {why}",
            safe(&args.text, 80),
            safe(&was, 80)
        );
        let hint = match args.height {
            0 => {
                "so it should be: a chain with another first block is another network's, whatever work is in it"
            }
            _ => {
                "so it should be: whoever changes a block must find its proof of work anew, and that of every block above it"
            }
        };
        return Err(Failure::new(error, hint));
    }
    if !answer.is_good() {
        return Err(refused(&answer));
    }
    let said = json!({"node": args.node, "to": to, "height": args.height, "was": was, "accepted": true});
    context.output.data(&said, |style| format!("{}\n", style.bad(&format!("node {to_name} took it"))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_changed_or_else_a_note() {
        let mut chain = json!({"length": 2, "chain": [
            {"content": [{"type": "coinbase", "note": ""}]},
            {"content": [{"type": "coinbase", "note": ""}, {"type": "content", "text": "hello"}]},
        ]});
        assert_eq!(forge(&mut chain, 1, "lie").as_deref(), Ok("hello"));
        assert_eq!(chain["chain"][1]["content"][1]["text"], "lie");
        assert_eq!(forge(&mut chain, 0, "lie").as_deref(), Ok(""));
        assert_eq!(chain["chain"][0]["content"][0]["note"], "lie");
        let error = forge(&mut chain, 2, "lie").expect_err("no such block");
        assert!(error.contains("ends at 1"), "{error}");
    }
}
