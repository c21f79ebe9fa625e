//! A file without what a browser does not read: indentation, empty lines and comments; in style sheets and scripts
//! also blanks and ends of lines beside punctuation, and the last semicolon of a block; in markup, ends of lines
//! between elements, and quotes round a word. What a script calls in capitals has a shorter name, as
//! have names that are the page's own and a style sheet's own properties. The files can be read and explained, and the page stays small.
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

/// Templates within templates, and brackets within brackets.
const MAX_TEMPLATES: usize = 8;
const MAX_BRACKETS: usize = 64;
const CONST: &[u8] = b"const ";
const EXPORT: &[u8] = b"export const ";

/// Writes as much of the lean form as there is room for, and counts all of it.
const fn write(source: &[u8], syntax: Syntax, out: &mut [u8]) -> usize {
    let (mut at, mut written) = (0, 0);
    let (mut line_begins, mut before) = (true, b'\n');
    // Of each template that an expression is within: the braces open in that expression.
    let (mut braces, mut templates) = ([0usize; MAX_TEMPLATES], 0);
    // Of the brackets that are open: the words by which the statement in them declares names.
    let (mut declares, mut depth): ([&[u8]; MAX_BRACKETS], usize) = ([b""; MAX_BRACKETS], 0);
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
        if line_begins && matches!(syntax, Syntax::Style) && byte == b'/' && next_is(source, at, b'*') {
            while at < source.len() && !(source[at] == b'*' && next_is(source, at, b'/')) {
                at += 1;
            }
            at += 2;
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
            match byte {
                b'{' | b'(' | b'[' => {
                    depth += 1;
                    declares[depth] = b"";
                }
                b'}' | b')' | b']' if end == at + 1 && !goes_on => depth -= 1,
                _ => {}
            }
        }
        let is_loose = match (syntax, byte) {
            (Syntax::Style, b' ') => {
                is_one_of(source[at - 1], b"{};:,>") || next_is(source, at, b'{') || next_is(source, at, b'>')
            }
            (Syntax::Style, b';') => next_is(source, at + 1, b'}'),
            (Syntax::Markup, b'\n') => before == b'>' && byte_after(source, at) == b'<',
            (Syntax::Style, b'\n') => is_one_of(before, b"{};,"),
            (Syntax::Script, b'\n') => is_one_of(before, OPEN) || is_one_of(byte_after(source, at), CLOSING),
            (Syntax::Script, b',') => is_one_of(byte_after(source, at), b"})]"),
            (Syntax::Script, b'0') => next_is(source, at, b'.') && !before.is_ascii_alphanumeric(),
            (Syntax::Script, b';') => byte_after(source, at) == b'}',
            (Syntax::Script, b' ') if at + 1 < source.len() => {
                let next = source[at + 1];
                (is_one_of(before, PUNCTUATION) || is_one_of(next, PUNCTUATION))
                    && !(is_one_of(before, DOUBLED) && is_one_of(next, DOUBLED))
            }
            _ => false,
        };
        let (mut from, mut to) = (at, if is_loose { at } else { end });
        at = end;
        let (named, own) = match syntax {
            Syntax::Script if byte.is_ascii_uppercase() => (capitals_end(source, from), DIGITS.len()),
            Syntax::Script if byte.is_ascii_lowercase() && end == from + 1 => own_end(source, from),
            _ => (0, 0),
        };
        let shortest = own < DIGITS.len();
        let renamed = if shortest { [b'$', DIGITS[own], 0] } else { short_name(source, from, named) };
        // That a name keeps its value is for readers: a browser is told the shorter word, once for several names.
        let mut piece = source;
        if matches!(syntax, Syntax::Script) && byte == b'c' && is_word(source, from, b"const ", before) {
            declares[depth] = match before {
                b'{' | b'}' | b';' | b'\n' => CONST,
                b' ' => EXPORT,
                _ => b"",
            };
            at = from + 5;
            (piece, from, to) = (b"let", 0, 3);
        } else if matches!(syntax, Syntax::Script) && byte == b';' && !declares[depth].is_empty() && from < to
        {
            let next = read_next(source, from);
            if is_word(source, next, declares[depth], b';') {
                at = next + declares[depth].len();
                (piece, from, to) = (b",", 0, 1);
            } else {
                declares[depth] = b"";
            }
        }
        let (shorter, word) = shorter(source, from, before);
        if matches!(syntax, Syntax::Script) && word > 0 && end == from + 1 {
            at = from + word;
            (piece, from, to) = (shorter, 0, shorter.len());
        } else if matches!(syntax, Syntax::Style) && byte == b'-' && next_is(source, from, b'-') {
            // Two letters tell the style sheet's own properties apart.
            let name = word_end(source, from + 2);
            if name > from + 4 {
                (to, at) = (from + 4, name);
            }
        } else if named > 0 {
            at = named;
            (piece, from, to) = (&renamed, 0, if shortest { 2 } else { 3 });
        } else if matches!(syntax, Syntax::Markup) && byte == b'"' && before == b'=' {
            let word = word_end(source, at);
            if word > at && word < source.len() && source[word] == b'"' && !next_is(source, word, b'/') {
                (from, to) = (at, word);
                at = word + 1;
            }
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

/// What a script's word is written as, and the word's length; none: as it is.
const fn shorter(source: &[u8], at: usize, before: u8) -> (&'static [u8], usize) {
    const WORDS: [(&[u8], &[u8]); 3] = [(b"true", b"!0"), (b"false", b"!1"), (b"undefined", b"void 0")];
    let mut which = 0;
    while which < WORDS.len() {
        let (word, short) = WORDS[which];
        let end = at + word.len();
        if is_word(source, at, word, before)
            && !(end < source.len() && (is_of_name(source[end]) || source[end] == b':'))
        {
            return (short, word.len());
        }
        which += 1;
    }
    (b"", 0)
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

/// Where a word of markup ends that needs no quotes.
const fn word_end(source: &[u8], mut at: usize) -> usize {
    while at < source.len() && (source[at].is_ascii_alphanumeric() || source[at] == b'-') {
        at += 1;
    }
    at
}

/// Where a name in capitals ends that begins at `at`: a constant of the page's own, not a member. Shorter ones are not
/// worth it, or a browser's.
const fn capitals_end(source: &[u8], at: usize) -> usize {
    let is_member = at > 0 && source[at - 1] == b'.' && !(at > 1 && source[at - 2] == b'.');
    if is_member || (at > 0 && is_of_name(source[at - 1])) {
        return 0;
    }
    let mut end = at;
    while end < source.len()
        && (source[end].is_ascii_uppercase() || source[end].is_ascii_digit() || source[end] == b'_')
    {
        end += 1;
    }
    let goes_on = end < source.len() && (is_of_name(source[end]) || source[end] == b':');
    if goes_on || end - at < 4 || is_word(source, at, b"JSON", b' ') { 0 } else { end }
}

/// Names that only the page's own scripts use, often: of no browser, of no answer, and in no text that looks a member up.
/// The first ones have the shortest names.
const OWN: [&[u8]; 122] = [
    b"action",
    b"active",
    b"again",
    b"attr",
    b"begin",
    b"brief",
    b"cards",
    b"changed",
    b"choose",
    b"choosing",
    b"chosen",
    b"codec",
    b"current",
    b"cursor",
    b"drawn",
    b"element",
    b"enable",
    b"entry",
    b"expected",
    b"facts",
    b"first",
    b"found",
    b"group",
    b"highest",
    b"holders",
    b"index",
    b"inside",
    b"item",
    b"journey",
    b"journeys",
    b"keep",
    b"label",
    b"lanes",
    b"layers",
    b"lesson",
    b"life",
    b"list",
    b"mark",
    b"millis",
    b"more",
    b"names",
    b"numbers",
    b"opened",
    b"other",
    b"parent",
    b"part",
    b"past",
    b"place",
    b"plural",
    b"point",
    b"points",
    b"press",
    b"radius",
    b"redraw",
    b"running",
    b"scale",
    b"short",
    b"show",
    b"shown",
    b"source",
    b"story",
    b"takes",
    b"wanted",
    b"words",
    // Not as often.
    b"around",
    b"clock",
    b"compress",
    b"compute",
    b"connection",
    b"control",
    b"corrects",
    b"difference",
    b"doubleSha256",
    b"dragged",
    b"expectedSeconds",
    b"faults",
    b"follow",
    b"following",
    b"foreign",
    b"fromHex",
    b"glance",
    b"goLive",
    b"hashes",
    b"holder",
    b"isBars",
    b"isBounded",
    b"isFree",
    b"isSmall",
    b"isStill",
    b"known",
    b"landed",
    b"leaving",
    b"letters",
    b"linkKey",
    b"managed",
    b"mantissa",
    b"meanwhile",
    b"middle",
    b"miners",
    b"notice",
    b"openBlock",
    b"openNode",
    b"parts",
    b"percent",
    b"playing",
    b"recording",
    b"refill",
    b"reorgs",
    b"selected",
    b"selectedLink",
    b"setMining",
    b"setting",
    b"sha256",
    b"slider",
    b"standing",
    b"syncing",
    b"timeline",
    b"transactionId",
    b"unshown",
    b"visible",
    b"weights",
    b"zeroBits",
];

/// Where one of those names ends that begins at `at`, and which it is.
const fn own_end(source: &[u8], at: usize) -> (usize, usize) {
    if at > 0 && is_of_name(source[at - 1]) {
        return (0, 0);
    }
    let mut end = at;
    while end < source.len() && is_of_name(source[end]) {
        end += 1;
    }
    // For short words it is not worth it.
    let mut which = if end - at < 4 { OWN.len() } else { 0 };
    while which < OWN.len() {
        if OWN[which].len() == end - at
            && OWN[which][0] == source[at]
            && is_word(source, at, OWN[which], b' ')
        {
            return (end, which);
        }
        which += 1;
    }
    (0, 0)
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$";

/// The same for the same name, in every file; that two names of one file have another is seen at once, for it is no
/// script then.
const fn short_name(source: &[u8], from: usize, end: usize) -> [u8; 3] {
    let (mut hash, mut at) = (0u32, from);
    while at < end {
        hash = hash.wrapping_mul(0x0100_0193) ^ source[at] as u32;
        at += 1;
    }
    [b'$', DIGITS[(hash >> 6) as usize % 64], DIGITS[hash as usize % 64]]
}

/// Where something follows on the byte at `at` that a browser reads.
const fn read_next(source: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    loop {
        while next < source.len() && matches!(source[next], b' ' | b'\t' | b'\n') {
            next += 1;
        }
        if next + 1 >= source.len() || source[next] != b'/' || source[next + 1] != b'/' {
            return next;
        }
        while next < source.len() && source[next] != b'\n' {
            next += 1;
        }
    }
}

/// The byte that follows on the one at `at`; at the end, what ends a block.
const fn byte_after(source: &[u8], at: usize) -> u8 {
    let next = read_next(source, at);
    if next < source.len() { source[next] } else { b'}' }
}

const fn next_is(source: &[u8], at: usize, byte: u8) -> bool {
    at + 1 < source.len() && source[at + 1] == byte
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two of one short name would be one member, and nobody would be told.
    #[test]
    fn own_names_stay_apart() {
        let short: std::collections::BTreeSet<_> =
            OWN[DIGITS.len()..].iter().map(|name| short_name(name, 0, name.len())).collect();
        assert_eq!(short.len(), OWN.len() - DIGITS.len());
    }

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
            (
                Syntax::Script,
                "export const x = 0.5;\nexport const y = [\n  10.5,\n];\nconst a = 1;\n\n// why\nconst [b] = f(() => { const c = 2; g(); });\nh;\nconst d = `${2};`;\nconst e = d;",
                "export let x=.5,y=[10.5];let a=1,[b]=f(()=>{let c=2;g()});h;let d=`${2};`,e=d",
            ),
            (Syntax::Script, "a = b ? -c : d + +e;", "a=b?-c:d+ +e"),
            (Syntax::Script, "f(/[ /] ? : \\/ ,/, a / b , c)", "f(/[ /] ? : \\/ ,/,a/b,c)"),
            (
                Syntax::Script,
                "`a , ${b ? `c = ${ {d : 1}.d } ;` : \"} , `\"} , e` , f",
                "`a , ${b?`c = ${{d:1}.d} ;`:\"} , `\"} , e`,f",
            ),
            (Syntax::Script, "'a = \\' ,' , b", "'a = \\' ,',b"),
            (
                Syntax::Style,
                "/* why,\n   and how */\na > b { color: red; margin: 0; }\n\tp, q { }\n",
                "a>b{color:red;margin:0}p,q{}",
            ),
            (Syntax::Markup, "<p>\n  a: b\n</p>\n<p>\n", "<p>\na: b\n</p><p>\n"),
            (Syntax::Script, "a = [true, b.false, undefined, trues];", "a=[!0,b.false,void 0,trues]"),
            (
                Syntax::Script,
                "a.plural(\"plural\", {weights: 1, plurals});",
                "a.$w(\"plural\",{$gz:1,plurals})",
            ),
            (Syntax::Style, "p { --ground: red; color: var(--ground); }", "p{--gr:red;color:var(--gr)}"),
            (Syntax::Markup, "", ""),
            (
                Syntax::Markup,
                "<a id=\"b-1\" c=\"\" d=\"e f\">\"g\"</a>",
                "<a id=b-1 c=\"\" d=\"e f\">\"g\"</a>",
            ),
            (
                Syntax::Script,
                "const SHORT = 1; f(a.LONG, JSON.x, [...SHORT], `LONG ${SHORT}`, {LONG: \"LONG\"}, MAX);",
                "let $HG=1;f(a.LONG,JSON.x,[...$HG],`LONG ${$HG}`,{LONG:\"LONG\"},MAX)",
            ),
        ];
        for (syntax, source, expected) in rows {
            let mut out = vec![0; length(source.as_bytes(), syntax)];
            assert_eq!(write(source.as_bytes(), syntax, &mut out), out.len(), "{source}");
            assert_eq!(String::from_utf8_lossy(&out), expected, "{source}");
        }
    }
}
