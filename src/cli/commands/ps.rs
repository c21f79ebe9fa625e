//! `networkmngr ps`: the processes.

use crate::cli::Failure;
use crate::cli::commands::Context;
use crate::cli::render;
use crate::manager::view::Nodes;

pub(super) async fn run(context: &mut Context) -> Result<(), Failure> {
    let nodes: Nodes = context.client.get("/api/v1/nodes").await?;
    context.output.data(&nodes, |style| render::processes(&nodes.nodes, style));
    Ok(())
}
