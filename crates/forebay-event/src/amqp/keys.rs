//! The keys of a message's maps: which are odd (`docs/reference/event.md` §2).

use forebay_amqp::wire::format;

/// A map's key, in an encoding that has been proved to be well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// The text of a symbol.
    Symbol(&'a [u8]),
    /// The text of a string.
    String(&'a [u8]),
    /// Neither.
    Other,
}

impl<'a> Key<'a> {
    #[inline]
    pub(super) fn read(encoding: &'a [u8]) -> Self {
        match *encoding {
            [format::SYMBOL_8, _, ref text @ ..] | [format::SYMBOL_32, _, _, _, _, ref text @ ..] => {
                Self::Symbol(text)
            }
            [format::STRING_8, _, ref text @ ..] | [format::STRING_32, _, _, _, _, ref text @ ..] => {
                Self::String(text)
            }
            _ => Self::Other,
        }
    }

    /// The text of a symbol or string.
    #[inline]
    pub(super) const fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Symbol(text) | Self::String(text) => Some(text),
            Self::Other => None,
        }
    }
}

/// So many names are compared with each other as they come; more are sorted, so that time stays close to linear in their
/// number.
const FEW: usize = 16;

/// Finds out whether a name comes twice.
#[derive(Debug)]
pub(super) struct Names<'a> {
    seen: [&'a [u8]; FEW],
    count: usize,
    /// A bit for each length and last byte that has come: names that differ in them need no comparison.
    marks: u64,
    any_twice: bool,
}

impl<'a> Names<'a> {
    pub(super) const fn new() -> Self {
        Self { seen: [&[]; FEW], count: 0, marks: 0, any_twice: false }
    }

    /// Takes note of a name.
    #[inline]
    pub(super) fn add(&mut self, name: &'a [u8]) {
        let mark = 1 << (name.len().wrapping_add(usize::from(name.last().copied().unwrap_or(0))) % 64);
        let before = self.seen.get(..self.count).unwrap_or_default();
        self.any_twice |= self.marks & mark != 0 && before.contains(&name);
        self.marks |= mark;
        if let Some(place) = self.seen.get_mut(self.count) {
            *place = name;
        }
        self.count += 1;
    }

    /// Whether a name has come twice. `again` gives the same names once more; it is needed if they are many.
    pub(super) fn any_twice(&self, again: impl Iterator<Item = &'a [u8]>) -> bool {
        if self.any_twice || self.count <= FEW {
            return self.any_twice;
        }
        let mut all: Vec<&[u8]> = again.collect();
        all.sort_unstable();
        all.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_twice<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
        let mut seen = Names::new();
        names.clone().for_each(|name| seen.add(name));
        seen.any_twice(names)
    }

    #[test]
    fn a_name_that_comes_twice_is_found_among_few_and_many() {
        for count in [0, 1, 2, FEW - 1, FEW, FEW + 1, 100] {
            let names: Vec<Vec<u8>> = (0..count).map(|i| i.to_string().into_bytes()).collect();
            assert!(!any_twice(names.iter().map(Vec::as_slice)), "{count}");
            for again in 0..count {
                let twice = names.iter().chain([&names[again]]).map(Vec::as_slice);
                assert!(any_twice(twice), "{count}, {again}");
            }
        }
        assert!(any_twice([&b""[..], b"a", b""].into_iter()));
    }
}
