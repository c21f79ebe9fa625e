//! Text as it is shown to people: as a word of a shell that does nothing but stand there, and so that whatever
//! somebody else wrote steers no terminal.

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Whether a character could steer a terminal, or hide what it stands in: controls (C0, DEL and C1), marks that
/// turn the direction of writing, line ends of their own, and what has no width.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The same text, in which nothing steers a terminal but what `may`: the rest of that is escaped.
pub fn escaped(text: &str, may: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) && !may(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_take_it_for_more() {
        let rows = [
            ("./a-1.b", "./a-1.b"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("$x", "'$x'"),
            ("http://[::1]:5000/mine", "'http://[::1]:5000/mine'"),
        ];
        for (word, as_typed) in rows {
            assert_eq!(quoted(word), as_typed);
        }
    }

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        let rows = [
            ("a b\tc", r"a b\tc", "a b\tc"),
            ("\x1b[2Jü", r"\u{1b}[2Jü", r"\u{1b}[2Jü"),
            ("a\u{202e}b\u{200b}", r"a\u{202e}b\u{200b}", r"a\u{202e}b\u{200b}"),
            ("\u{9b}31m\r\n", r"\u{9b}31m\r\n", r"\u{9b}31m\r\n"),
        ];
        for (text, all, but_tabs) in rows {
            assert_eq!(
                (escaped(text, |_| false).as_str(), escaped(text, |c| c == '\t').as_str()),
                (all, but_tabs)
            );
        }
    }
}
