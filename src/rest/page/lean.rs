//! A file without what a browser does not read: indentation, empty lines and lines of comment; in style
//! sheets also blanks beside punctuation, and the last semicolon of a rule. The files can be read and explained, and the page stays small.
//!
//! By line and by byte, not by grammar: a file must not hold text over several lines whose indentation
//! matters, and nothing but comments at the beginning of a line that looks like one. Runs in the compiler.

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

/// Writes as much of the lean form as there is room for, and counts all of it.
const fn write(source: &[u8], syntax: Syntax, out: &mut [u8]) -> usize {
    let (mut at, mut written) = (0, 0);
    let mut line_begins = true;
    while at < source.len() {
        let byte = source[at];
        if line_begins && matches!(byte, b' ' | b'\t' | b'\n') {
            at += 1;
            continue;
        }
        if line_begins && matches!(syntax, Syntax::Script) && byte == b'/' && next_is(source, at, b'/') {
            while at < source.len() && source[at] != b'\n' {
                at += 1;
            }
            continue;
        }
        line_begins = byte == b'\n';
        let is_loose = matches!(syntax, Syntax::Style)
            && match byte {
                b' ' => {
                    matches!(source[at - 1], b'{' | b'}' | b';' | b':' | b',') || next_is(source, at, b'{')
                }
                b';' => next_is(source, at + 1, b'}'),
                _ => false,
            };
        if !is_loose {
            if written < out.len() {
                out[written] = byte;
            }
            written += 1;
        }
        at += 1;
    }
    written
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
            (
                Syntax::Script,
                "// why\nlet a = 1; // kept\n\n  b(\"// x\");\n",
                "let a = 1; // kept\nb(\"// x\");\n",
            ),
            (Syntax::Script, "  /// doc\n\t/x/.test(y);", "/x/.test(y);"),
            (
                Syntax::Style,
                "a b { color: red; margin: 0; }\n\tp, q { }\n",
                "a b{color:red;margin:0}\np,q{}\n",
            ),
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
