use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn binding() -> Binding {
    Binding { network: NetworkId([1; 32]), node: NodeId([2; 16]), challenge: [3; 32] }
}

#[test]
fn the_managers_command_is_obeyed_once_and_in_order() {
    let manage = binding().sign(&key(7), 1, &Command::Shutdown);
    let key = ManagerKey::of(&key(7));
    assert_eq!(binding().open(&key, 1, &manage), Ok(Command::Shutdown));
    assert_eq!(binding().open(&key, 2, &manage), Err(Refusal::Sequence { got: 1, expected: 2 }));
}

/// Row 21 of docs/hostile.md.
#[test]
fn a_command_for_anything_else_is_refused() {
    let manage = binding().sign(&key(7), 1, &Command::Status);
    let obeyed = ManagerKey::of(&key(7));
    let elsewhere = [
        Binding { network: NetworkId([9; 32]), ..binding() },
        Binding { node: NodeId([9; 16]), ..binding() },
        Binding { challenge: [9; 32], ..binding() },
    ];
    for other in elsewhere {
        assert_eq!(other.open(&obeyed, 1, &manage), Err(Refusal::Signature), "{other:?}");
    }
    assert_eq!(binding().open(&ManagerKey::of(&key(8)), 1, &manage), Err(Refusal::Signature));
    let shutdown = binding().sign(&key(7), 1, &Command::Shutdown);
    let swapped = Manage { command: shutdown.command, ..manage.clone() };
    assert_eq!(binding().open(&obeyed, 1, &swapped), Err(Refusal::Signature));
    let renumbered = Manage { sequence: 2, ..manage };
    assert_eq!(binding().open(&obeyed, 2, &renumbered), Err(Refusal::Signature));
}

#[test]
fn a_key_is_64_hex_digits() {
    let text = ManagerKey::of(&key(7)).to_string();
    assert_eq!(text.parse(), Ok(ManagerKey::of(&key(7))));
    let no_point = format!("02{}", "0".repeat(62));
    let weak = format!("01{}", "0".repeat(62));
    for bad in ["", &text[1..], &no_point, &weak, "é"] {
        assert_eq!(bad.parse::<ManagerKey>(), Err(BadManagerKey), "{bad}");
    }
}
