//! A file without what a browser does not read: indentation, empty lines and comments; in style sheets and
//! scripts also blanks and ends of lines beside punctuation, and the last semicolon of a block. The
//! files can be read and explained, and the page stays small.
//!
//! By byte, not by grammar: a file must not hold text over several lines whose indentation matters, outside of
//! templates. Runs in the compiler.

/// What a file is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Markup,
    Style,
    Script,
}

/// Bytes of the lean form.
pub(super) const fn length(source: &[u8], syntax: Syntax) -> usize {
    write(source, syntax, &mut [])
}

/// The lean form, of [`length`] bytes.
pub(super) const fn lean<const N: usize>(source: &[u8], syntax: Syntax) -> [u8; N] {
    let mut out = [0; N];
    write(source, syntax, &mut out);
    out
}

/// Templates within templates.
const MAX_TEMPLATES: usize = 8;

/// Writes as much of the lean form as there is room for, and counts all of it.
const fn write(source: &[u8], syntax: Syntax, out: &mut [u8]) -> usize {
    let (mut at, mut written) = (0, 0);
    let (mut line_begins, mut before) = (true, b'\n');
    // Of each template that an expression is within: the braces open in that expression.
    let (mut braces, mut templates) = ([0usize; MAX_TEMPLATES], 0);
    while at < source.len() {
        let byte = source[at];
        if line_begins && matches!(byte, b' ' | b'\t' | b'\n') {
            at += 1;
            continue;
        }
        if matches!(syntax, Syntax::Script) && byte == b'/' && next_is(source, at, b'/') {
            while at < source.len() && source[at] != b'\n' {
                at += 1;
            }
            continue;
        }
        line_begins = byte == b'\n';
        let mut end = at + 1;
        if matches!(syntax, Syntax::Script) {
            let goes_on = byte == b'}' && templates > 0 && braces[templates - 1] == 0;
            match byte {
                b'"' | b'\'' => end = literal_end(source, at, byte),
                b'/' if is_one_of(before, BEFORE_PATTERN) => end = literal_end(source, at, byte),
                b'`' | b'}' if byte == b'`' || goes_on => {
                    end = literal_end(source, at, b'`');
                    templates -= goes_on as usize;
                    if source[end - 1] == b'{' {
                        braces[templates] = 0;
                        templates += 1;
                    }
                }
                b'{' if templates > 0 => braces[templates - 1] += 1,
                b'}' if templates > 0 => braces[templates - 1] -= 1,
                _ => {}
            }
        }
        let is_loose = match (syntax, byte) {
            (Syntax::Style, b' ') => is_one_of(source[at - 1], b"{};:,") || next_is(source, at, b'{'),
            (Syntax::Style, b';') => next_is(source, at + 1, b'}'),
            (Syntax::Style, b'\n') => is_one_of(before, b"{};,"),
            (Syntax::Script, b'\n') => is_one_of(before, OPEN) || is_one_of(read_next(source, at), CLOSING),
            (Syntax::Script, b';') => read_next(source, at) == b'}',
            (Syntax::Script, b' ') if at + 1 < source.len() => {
                let next = source[at + 1];
                (is_one_of(before, PUNCTUATION) || is_one_of(next, PUNCTUATION))
                    && !(is_one_of(before, DOUBLED) && is_one_of(next, DOUBLED))
            }
            _ => false,
        };
        let (mut from, mut to) = (at, if is_loose { at } else { end });
        at = end;
        // That a name keeps its value is for readers: a browser is told the shorter word.
        let is_const = matches!(syntax, Syntax::Script) && is_word(source, from, b"const ", before);
        let piece: &[u8] = if is_const { b"let" } else { source };
        if is_const {
            at = from + 5;
            (from, to) = (0, 3);
        }
        while from < to {
            if written < out.len() {
                out[written] = piece[from];
            }
            before = piece[from];
            written += 1;
            from += 1;
        }
    }
    written
}

/// Where text, a pattern or a piece of a template ends that begins at `at`; a piece with the `{` of an expression.
const fn literal_end(source: &[u8], at: usize, quote: u8) -> usize {
    let (mut end, mut in_class) = (at + 1, false);
    while end < source.len() {
        match source[end] {
            b'\\' => end += 1,
            b'$' if quote == b'`' && next_is(source, end, b'{') => return end + 2,
            b'[' | b']' if quote == b'/' => in_class = source[end] == b'[',
            byte if byte == quote && !in_class => return end + 1,
            _ => {}
        }
        end += 1;
    }
    source.len()
}

/// What stands for itself, with blanks beside it and without.
const PUNCTUATION: &[u8] = b"{}()[];:,=<>?&|!%+-*/\"'`\n";
/// Of which two are another sign than one and one.
const DOUBLED: &[u8] = b"+-*/";
/// What a line may end with that goes on, or is ended by it; and what a line begins with that goes on. Statements that
/// are expressions end with semicolons.
const OPEN: &[u8] = b"{}([,;=&|?:";
const CLOSING: &[u8] = b"})].?:&|,";
/// What a pattern between slashes follows; after anything else, a slash divides.
const BEFORE_PATTERN: &[u8] = b"(,=:[!&|?>";

const fn is_one_of(byte: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() && set[at] != byte {
        at += 1;
    }
    at < set.len()
}

/// Whether a word begins at `at`, and nothing of another one is before it.
const fn is_word(source: &[u8], at: usize, word: &[u8], before: u8) -> bool {
    let mut length = 0;
    while length < word.len() && at + length < source.len() && source[at + length] == word[length] {
        length += 1;
    }
    length == word.len() && !(before.is_ascii_alphanumeric() || is_one_of(before, b"_$."))
}

/// What follows on the byte at `at`, and is no blank.
const fn read_next(source: &[u8], at: usize) -> u8 {
    let mut next = at + 1;
    while next < source.len() && matches!(source[next], b' ' | b'\t' | b'\n') {
        next += 1;
    }
    if next < source.len() { source[next] } else { b'}' }
}

const fn next_is(source: &[u8], at: usize, byte: u8) -> bool {
    at + 1 < source.len() && source[at + 1] == byte
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (syntax, source, lean form)
    #[test]
    fn what_a_browser_does_not_read_is_left_out() {
        let rows = [
            (Syntax::Script, "// why\nlet a = 1; // it's\n\n  b(\"// x\");\n", "let a=1;b(\"// x\")"),
            (Syntax::Script, "  /// doc\n\t/x/.test(y);", "/x/.test(y)"),
            (
                Syntax::Script,
                "for (const a of \"const b\") {\n  f(a);\n}\nmy_const = 1",
                "for(let a of\"const b\"){f(a)}my_const=1",
            ),
            (Syntax::Script, "a = b ? -c : d + +e;", "a=b?-c:d+ +e"),
            (Syntax::Script, "f(/[ /] ? : \\/ ,/, a / b , c)", "f(/[ /] ? : \\/ ,/,a/b,c)"),
            (
                Syntax::Script,
                "`a , ${b ? `c = ${ {d : 1}.d } ;` : \"} , `\"} , e` , f",
                "`a , ${b?`c = ${{d:1}.d} ;`:\"} , `\"} , e`,f",
            ),
            (Syntax::Script, "'a = \\' ,' , b", "'a = \\' ,',b"),
            (Syntax::Style, "a b { color: red; margin: 0; }\n\tp, q { }\n", "a b{color:red;margin:0}p,q{}"),
            (Syntax::Markup, "<p>\n  a: b\n</p>\n", "<p>\na: b\n</p>\n"),
            (Syntax::Markup, "", ""),
        ];
        for (syntax, source, expected) in rows {
            let mut out = vec![0; length(source.as_bytes(), syntax)];
            assert_eq!(write(source.as_bytes(), syntax, &mut out), out.len(), "{source}");
            assert_eq!(String::from_utf8_lossy(&out), expected, "{source}");
        }
    }
}
