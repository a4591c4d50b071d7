//! The table of constructors (§1.2, §1.6): code, name, and how the bytes after it are laid out.

/// What follows a constructor (§1.2.1-1.2.4). The high nibble of the code decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// So many bytes (0x4_ to 0x9_).
    Fixed(u8),
    /// A size in one byte (0xa_), then so many bytes.
    Variable8,
    /// A size in four bytes (0xb_), then so many bytes.
    Variable32,
    /// Size and count in one byte each (0xc_), then items with constructors.
    Compound8,
    /// Size and count in four bytes each (0xd_), then items with constructors.
    Compound32,
    /// Size and count in one byte each (0xe_), one constructor, then items without.
    Array8,
    /// Size and count in four bytes each (0xf_), one constructor, then items without.
    Array32,
}

impl Layout {
    /// The fewest bytes that a value takes after its constructor.
    #[must_use]
    pub const fn bytes_min(self) -> u8 {
        match self {
            Self::Fixed(width) => width,
            Self::Variable8 => 1,
            Self::Variable32 => 4,
            Self::Compound8 | Self::Array8 => 2,
            Self::Compound32 | Self::Array32 => 8,
        }
    }
}

macro_rules! constructors {
    ($($code:literal $constant:ident $name:literal $layout:expr, $section:literal;)*) => {
        $(#[doc = concat!("`", $name, "` (§", $section, ").")] pub const $constant: u8 = $code;)*

        /// How the bytes after a constructor are laid out; `None` for a code that no primitive type has.
        #[inline]
        #[must_use]
        pub const fn layout(code: u8) -> Option<Layout> {
            match code {
                $($constant => Some($layout),)*
                _ => None,
            }
        }

        /// The name of a constructor, for errors.
        #[must_use]
        pub const fn name(code: u8) -> &'static str {
            match code {
                DESCRIBED => "described",
                $($constant => $name,)*
                _ => "unknown",
            }
        }

        #[cfg(test)]
        pub(crate) const ALL: &[u8] = &[$($code),*];
    };
}

/// A descriptor and a value follow (§1.2).
pub const DESCRIBED: u8 = 0x00;

constructors! {
    0x40 NULL "null" Layout::Fixed(0), "1.6.1";
    0x41 TRUE "true" Layout::Fixed(0), "1.6.2";
    0x42 FALSE "false" Layout::Fixed(0), "1.6.2";
    0x43 UINT_0 "uint0" Layout::Fixed(0), "1.6.5";
    0x44 ULONG_0 "ulong0" Layout::Fixed(0), "1.6.6";
    0x45 LIST_0 "list0" Layout::Fixed(0), "1.6.22";
    0x50 UBYTE "ubyte" Layout::Fixed(1), "1.6.3";
    0x51 BYTE "byte" Layout::Fixed(1), "1.6.7";
    0x52 SMALL_UINT "smalluint" Layout::Fixed(1), "1.6.5";
    0x53 SMALL_ULONG "smallulong" Layout::Fixed(1), "1.6.6";
    0x54 SMALL_INT "smallint" Layout::Fixed(1), "1.6.9";
    0x55 SMALL_LONG "smalllong" Layout::Fixed(1), "1.6.10";
    0x56 BOOLEAN "boolean" Layout::Fixed(1), "1.6.2";
    0x60 USHORT "ushort" Layout::Fixed(2), "1.6.4";
    0x61 SHORT "short" Layout::Fixed(2), "1.6.8";
    0x70 UINT "uint" Layout::Fixed(4), "1.6.5";
    0x71 INT "int" Layout::Fixed(4), "1.6.9";
    0x72 FLOAT "float" Layout::Fixed(4), "1.6.11";
    0x73 CHAR "char" Layout::Fixed(4), "1.6.16";
    0x74 DECIMAL_32 "decimal32" Layout::Fixed(4), "1.6.13";
    0x80 ULONG "ulong" Layout::Fixed(8), "1.6.6";
    0x81 LONG "long" Layout::Fixed(8), "1.6.10";
    0x82 DOUBLE "double" Layout::Fixed(8), "1.6.12";
    0x83 TIMESTAMP "timestamp" Layout::Fixed(8), "1.6.17";
    0x84 DECIMAL_64 "decimal64" Layout::Fixed(8), "1.6.14";
    0x94 DECIMAL_128 "decimal128" Layout::Fixed(16), "1.6.15";
    0x98 UUID "uuid" Layout::Fixed(16), "1.6.18";
    0xa0 BINARY_8 "vbin8" Layout::Variable8, "1.6.19";
    0xa1 STRING_8 "str8-utf8" Layout::Variable8, "1.6.20";
    0xa3 SYMBOL_8 "sym8" Layout::Variable8, "1.6.21";
    0xb0 BINARY_32 "vbin32" Layout::Variable32, "1.6.19";
    0xb1 STRING_32 "str32-utf8" Layout::Variable32, "1.6.20";
    0xb3 SYMBOL_32 "sym32" Layout::Variable32, "1.6.21";
    0xc0 LIST_8 "list8" Layout::Compound8, "1.6.22";
    0xc1 MAP_8 "map8" Layout::Compound8, "1.6.23";
    0xd0 LIST_32 "list32" Layout::Compound32, "1.6.22";
    0xd1 MAP_32 "map32" Layout::Compound32, "1.6.23";
    0xe0 ARRAY_8 "array8" Layout::Array8, "1.6.24";
    0xf0 ARRAY_32 "array32" Layout::Array32, "1.6.24";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_nibble_of_each_constructor_decides_its_layout() {
        for &code in ALL {
            let expected = match code >> 4 {
                0x4 => Layout::Fixed(0),
                0x5 => Layout::Fixed(1),
                0x6 => Layout::Fixed(2),
                0x7 => Layout::Fixed(4),
                0x8 => Layout::Fixed(8),
                0x9 => Layout::Fixed(16),
                0xa => Layout::Variable8,
                0xb => Layout::Variable32,
                0xc => Layout::Compound8,
                0xd => Layout::Compound32,
                0xe => Layout::Array8,
                0xf => Layout::Array32,
                nibble => panic!("nibble {nibble:x}"),
            };
            assert_eq!(layout(code), Some(expected), "{code:02x}");
        }
        assert_eq!(ALL.len(), 39);
        assert_eq!((0..=255).filter(|&code| layout(code).is_some()).count(), ALL.len());
    }
}
