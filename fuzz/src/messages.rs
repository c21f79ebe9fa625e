//! A kind and a body: what decodes is exactly what we would have written.

use p2pnode::encoding;
use p2pnode::wire::manage::Command;
use p2pnode::wire::{Kind, Message};

use super::memory;

/// The first byte chooses a kind, or the command inside of a Manage; the rest is its body.
pub fn target(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    memory::follows(body.len(), 0, || match Kind::ALL.get(usize::from(*first) % (Kind::ALL.len() + 1)) {
        Some(kind) => message(*kind, body),
        None => {
            if let Ok(command) = encoding::decode::<Command>(body) {
                assert_eq!(encoding::encode(&command), body, "another encoding");
            }
        }
    });
}

fn message(kind: Kind, body: &[u8]) {
    let Ok(message) = Message::decode_body(kind, body) else { return };
    assert_eq!(message.kind(), kind);
    let mut again = Vec::new();
    message.encode_body(&mut again);
    assert_eq!(again, body, "another encoding");
}
