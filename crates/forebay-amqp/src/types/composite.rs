//! Composite types (§1.4): described lists whose fields have a fixed order.
//!
//! **How we write them**, all and always: numeric descriptor `00 53 xx`; list8 or list32, never list0; every
//! field up to the last, null where there is no value, a default spelled out. Python's client reads fields by
//! position without looking at the count (`docs/reference/amqp.md` §0.2, §8.1). The only exception is an
//! outcome without fields, in `delivery_state.rs`.
//!
//! **What we read:** numeric or symbolic descriptors in any form; list0, list8, list32; fields that are
//! elided at the end; more fields than the specification has, which are passed over.

use crate::error::{DecodeError, DecodeFault};
use crate::types::DescriptorCode;
use crate::wire::{ListRef, Reader, Writer};

/// A composite type.
pub trait Composite<'a>: Sized {
    /// Its descriptor.
    const CODE: DescriptorCode;

    /// Reads the list after the descriptor.
    ///
    /// # Errors
    /// Of the first field that cannot be read.
    fn decode_list(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Reads descriptor and list.
    ///
    /// # Errors
    /// [`DecodeFault::UnexpectedDescriptor`], or of the first field that cannot be read.
    fn decode_described(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = *reader;
        if DescriptorCode::read(reader)? != Self::CODE {
            return Err(start.error(DecodeFault::UnexpectedDescriptor));
        }
        Self::decode_list(reader)
    }

    /// Writes descriptor and list, all fields.
    fn encode_described(&self, writer: &mut Writer<'_>);
}

/// The fields of a composite, read one after the other.
pub(super) struct FieldReader<'a> {
    pub(super) reader: Reader<'a>,
    left: u32,
}

impl<'a> FieldReader<'a> {
    #[inline]
    pub(super) fn new(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (reader, left) = ListRef::read_fields(reader)?;
        Ok(Self { reader, left })
    }

    /// Whether the next field has a value; if not, a null is passed over.
    #[inline]
    pub(super) fn present(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left = self.left.saturating_sub(1);
        if self.reader.peek() == Some(crate::wire::format::NULL) {
            // Just seen, so it is there.
            return self.reader.u8().is_err();
        }
        true
    }

    /// After the last field that the specification has.
    #[inline]
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.left == 0 { self.reader.finish() } else { Ok(()) }
    }
}

/// Declares a composite: each field once, in the specification's order, as
///
/// - `required name: Type`: refused if null or elided;
/// - `optional name: Type`: an `Option<Type>`;
/// - `default(value) name: Type`: `value` if null or elided, and written in full.
macro_rules! composite {
    (
        $(#[$doc:meta])*
        $vis:vis $name:ident $(<$lt:lifetime>)? = $code:ident $label:literal {
            $($(#[$field_doc:meta])* $kind:ident $(($default:expr))? $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name $(<$lt>)? {
            $($(#[$field_doc])* $vis $field: composite!(@type $kind $type),)*
        }

        impl<'a> $crate::types::Composite<'a> for $name $(<$lt>)? {
            const CODE: $crate::types::DescriptorCode = $crate::types::DescriptorCode::$code;

            fn decode_list(reader: &mut $crate::wire::Reader<'a>) -> Result<Self, $crate::error::DecodeError> {
                let mut fields = $crate::types::composite::FieldReader::new(reader)
                    .map_err(|error| error.named($label))?;
                let value = Self {
                    $($field: composite!(
                        @read fields $kind $(($default))? $type, concat!($label, ".", stringify!($field))
                    ),)*
                };
                fields.finish().map_err(|error| error.named($label))?;
                Ok(value)
            }

            fn encode_described(&self, writer: &mut $crate::wire::Writer<'_>) {
                writer.descriptor(Self::CODE.0);
                let list = writer.begin_list();
                $($crate::wire::Encode::encode(&self.$field, writer);)*
                writer.end(list, composite!(@count $($field)*));
            }
        }

        impl<'a> $crate::wire::Decode<'a> for $name $(<$lt>)? {
            fn decode(reader: &mut $crate::wire::Reader<'a>) -> Result<Self, $crate::error::DecodeError> {
                <Self as $crate::types::Composite<'a>>::decode_described(reader)
            }
        }

        impl $(<$lt>)? $crate::wire::Encode for $name $(<$lt>)? {
            fn encode(&self, writer: &mut $crate::wire::Writer<'_>) {
                $crate::types::Composite::encode_described(self, writer);
            }
        }
    };

    (@type optional $type:ty) => { Option<$type> };
    (@type $kind:ident $type:ty) => { $type };

    (@read $fields:ident required $type:ty, $what:expr) => {
        if $fields.present() {
            composite!(@value $fields $type, $what)
        } else {
            return Err($fields.reader.error($crate::error::DecodeFault::MissingField).named($what));
        }
    };
    (@read $fields:ident optional $type:ty, $what:expr) => {
        if $fields.present() { Some(composite!(@value $fields $type, $what)) } else { None }
    };
    (@read $fields:ident default ($default:expr) $type:ty, $what:expr) => {
        if $fields.present() { composite!(@value $fields $type, $what) } else { $default }
    };
    (@value $fields:ident $type:ty, $what:expr) => {
        <$type as $crate::wire::Decode<'_>>::decode(&mut $fields.reader).map_err(|error| error.named($what))?
    };

    (@count) => { 0 };
    (@count $first:ident $($rest:ident)*) => { 1 + composite!(@count $($rest)*) };
}
pub(super) use composite;
