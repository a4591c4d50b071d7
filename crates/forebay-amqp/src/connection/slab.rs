//! Values under keys that carry a generation: a key of a removed value finds nothing, even when its
//! place is taken again.

use alloc::vec::Vec;

/// Place and generation of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// A growable table with reuse of places. Inside the core values are found by bare index (whoever
/// holds one also learns of the removal); ids that leave the core are whole keys.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// `build` is told the key, so that a value can know its own id.
    pub(crate) fn insert_with(&mut self, build: impl FnOnce(Key) -> T) -> Key {
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            let key = Key { index, generation: entry.generation };
            entry.value = Some(build(key));
            return key;
        }
        let index = u32::try_from(self.entries.len())
            .expect("fewer values than 2^32: numbers on the wire bound them");
        let key = Key { index, generation: 0 };
        self.entries.push(Entry { generation: 0, value: Some(build(key)) });
        key
    }

    /// The place of a live value, if the key is not stale.
    pub(crate) fn find(&self, key: Key) -> Option<u32> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.generation == key.generation && entry.value.is_some()).then_some(key.index)
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.value.as_mut()
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(index);
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0u32..).zip(&self.entries).filter_map(|(index, entry)| Some((index, entry.value.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_removed_value_finds_nothing_even_when_its_place_is_taken() {
        let mut slab = Slab::new();
        let old = slab.insert_with(|_| "old");
        assert_eq!(slab.find(old), Some(old.index));
        assert_eq!(slab.remove(old.index), Some("old"));
        let new = slab.insert_with(|_| "new");
        assert_eq!(old.index, new.index);
        assert_eq!(slab.find(old), None);
        assert_eq!(slab.find(new), Some(new.index));
        assert_eq!((slab.len(), slab.iter().count()), (1, 1));
    }
}
