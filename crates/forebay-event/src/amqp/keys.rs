//! The keys of a message's maps: which are odd (`docs/reference/event.md` §2).

use forebay_amqp::error::DecodeError;
use forebay_amqp::wire::{RawItems, Reader, ValueRef};

/// So many names are compared each with each; more are sorted, so that time stays close to linear in their number.
const FEW: usize = 16;

/// A map's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Symbol(&'a str),
    String(&'a str),
    Other,
}

impl<'a> Key<'a> {
    pub(super) fn read(encoding: &'a [u8]) -> Self {
        match ValueRef::read(&mut Reader::new(encoding)) {
            Ok(ValueRef::Symbol(text)) => Self::Symbol(text),
            Ok(ValueRef::String(text)) => Self::String(text),
            _ => Self::Other,
        }
    }

    /// The text of a symbol or string.
    pub(super) const fn text(self) -> Option<&'a str> {
        match self {
            Self::Symbol(text) | Self::String(text) => Some(text),
            Self::Other => None,
        }
    }
}

/// The encodings of a map's keys and values, in pairs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairs<'a>(pub(super) RawItems<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let key = match self.0.next()? {
            Ok(key) => key,
            Err(error) => return Some(Err(error)),
        };
        // A map has as many values as keys; that has been checked where it was opened.
        Some(self.0.next()?.map(|value| (key, value)))
    }
}

/// Whether one of the names comes twice.
pub(super) fn any_twice<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
    let mut seen: [&[u8]; FEW] = [&[]; FEW];
    for (count, name) in names.clone().enumerate() {
        let Some((place, before)) = seen.get_mut(..=count).and_then(<[_]>::split_last_mut) else {
            let mut all: Vec<&[u8]> = names.collect();
            all.sort_unstable();
            return all.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
        };
        if before.contains(&name) {
            return true;
        }
        *place = name;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

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
