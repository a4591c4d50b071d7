//! Rust source with its comments and literals blanked out, so that a rule can search for code and never
//! trip over prose. Every blanked byte becomes a space and every line break stays: positions and line
//! numbers in the masked text are those of the source.

/// What the scanner is inside of.
enum State {
    Code,
    LineComment,
    /// Block comments nest in Rust; the depth is kept.
    BlockComment(usize),
    Str,
    /// A raw string, ended by a quote and this many `#`.
    RawStr(usize),
    Char,
}

/// The code of `source`, everything else blanked.
pub(super) fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut state = State::Code;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let step = match state {
            State::Code => {
                let (next, width, keep) = enter(bytes, at);
                state = next;
                if keep {
                    out.extend_from_slice(&rest[..width]);
                } else {
                    blank(&rest[..width], &mut out);
                }
                at += width;
                continue;
            }
            State::LineComment => {
                if rest[0] == b'\n' {
                    state = State::Code;
                }
                1
            }
            State::BlockComment(depth) => {
                if rest.starts_with(b"*/") {
                    state = if depth == 1 { State::Code } else { State::BlockComment(depth - 1) };
                    2
                } else if rest.starts_with(b"/*") {
                    state = State::BlockComment(depth + 1);
                    2
                } else {
                    1
                }
            }
            State::Str | State::Char => {
                let end = if matches!(state, State::Str) { b'"' } else { b'\'' };
                if rest[0] == b'\\' {
                    2.min(rest.len())
                } else {
                    if rest[0] == end {
                        state = State::Code;
                    }
                    1
                }
            }
            State::RawStr(hashes) => {
                let closes = rest[0] == b'"'
                    && rest.len() > hashes
                    && rest[1..=hashes].iter().all(|byte| *byte == b'#');
                if closes {
                    state = State::Code;
                    1 + hashes
                } else {
                    1
                }
            }
        };
        blank(&rest[..step], &mut out);
        at += step;
    }
    String::from_utf8(out).expect("blanking writes ASCII, and code is copied in whole characters")
}

/// What begins at `at`, which is in code: the state after it, its width, and whether it is code itself.
fn enter(bytes: &[u8], at: usize) -> (State, usize, bool) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return (State::LineComment, 2, false);
    }
    if rest.starts_with(b"/*") {
        return (State::BlockComment(1), 2, false);
    }
    let starts_a_word = at == 0 || !is_word(bytes[at - 1]);
    if starts_a_word && let Some((width, hashes)) = raw_string_start(rest) {
        return (State::RawStr(hashes), width, false);
    }
    match rest[0] {
        b'"' => (State::Str, 1, false),
        b'\'' if is_char_literal(rest) => (State::Char, 1, false),
        first => (State::Code, utf8_width(first).min(rest.len()), true),
    }
}

/// The width of `r#"`, `br"`, `cr##"`… up to and with the quote, and how many `#` it has.
fn raw_string_start(rest: &[u8]) -> Option<(usize, usize)> {
    let prefix = [&b"r"[..], b"br", b"cr"]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix) && matches!(rest.get(prefix.len()), Some(b'"' | b'#')))?;
    let hashes = rest[prefix.len()..].iter().take_while(|byte| **byte == b'#').count();
    (rest.get(prefix.len() + hashes) == Some(&b'"')).then_some((prefix.len() + hashes + 1, hashes))
}

/// `'a'` and `'\n'` are literals, `'a` in `&'a str` is not.
fn is_char_literal(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(first) => rest.get(1 + utf8_width(*first)) == Some(&b'\''),
        None => false,
    }
}

fn utf8_width(first: u8) -> usize {
    match first {
        0xF0.. => 4,
        0xE0.. => 3,
        0xC0.. => 2,
        _ => 1,
    }
}

fn blank(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
}

/// Whether a byte can be part of an identifier.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Every place where `word` stands in `text` as a whole word. A needle that ends or begins with something
/// other than a word character is not bounded on that side.
pub(super) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    let bounded_left = word.as_bytes().first().is_some_and(|byte| is_word(*byte));
    let bounded_right = word.as_bytes().last().is_some_and(|byte| is_word(*byte));
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let end = at + word.len();
        let grows_left = bounded_left && at > 0 && is_word(bytes[at - 1]);
        let grows_right = bounded_right && end < bytes.len() && is_word(bytes[end]);
        !grows_left && !grows_right
    })
}

/// The byte after the bracket that closes the one at `open`.
pub(super) fn close_of(masked: &str, open: usize) -> Option<usize> {
    let bytes = masked.as_bytes();
    let (opening, closing) = match bytes[open] {
        b'(' => (b'(', b')'),
        b'[' => (b'[', b']'),
        _ => (b'{', b'}'),
    };
    let mut depth = 0_usize;
    for (offset, byte) in bytes[open..].iter().enumerate() {
        if *byte == opening {
            depth += 1;
        } else if *byte == closing {
            depth -= 1;
            if depth == 0 {
                return Some(open + offset + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays_where_it_was() {
        // `_` stands for a blank.
        let cases = [
            ("a // todo!()\nb", "a __________\nb"),
            ("a /* x /* y */ z */ b", "a _________________ b"),
            ("f(\"todo!\")", "f(_______)"),
            ("f(\"a\\\"b\", c)", "f(______, c)"),
            ("r#\"x \" y\"# + r\"z\"", "__________ + ____"),
            ("br\"x\"; var\"x\"", "_____; var___"),
            ("let c = '\"'; d", "let c = ___; d"),
            ("let c = '\\''; d", "let c = ____; d"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("'ä' 'a: loop", "____ 'a: loop"),
        ];
        for (source, expected) in cases {
            let masked = mask(source);
            assert_eq!(masked.len(), source.len(), "{source}");
            assert_eq!(masked, expected.replace('_', " "), "{source}");
        }
    }

    #[test]
    fn a_word_is_found_only_whole() {
        let found = |text: &'static str, word: &'static str| words(text, word).collect::<Vec<_>>();
        assert_eq!(found("unsafe_code unsafe {", "unsafe"), [12]);
        assert_eq!(found("my_tokio::x tokio::y", "tokio::"), [12]);
        assert_eq!(found("Instant::now Instant::now_or", "Instant::now"), [0]);
    }

    #[test]
    fn brackets_close_at_their_own_depth() {
        assert_eq!(close_of("(a(b)c)d", 0), Some(7));
        assert_eq!(close_of("{ (", 0), None);
    }
}
