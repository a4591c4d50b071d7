//! Requests and replies of the request/response nodes `$cbs` and `$management`
//! (`docs/reference/amqp.md` §3.2, §3.3, §4.2, §4.3).

use forebay_amqp::error::DecodeError;
use forebay_amqp::types::sections::{SectionKind, Sections, write_section};
use forebay_amqp::wire::{Reader, ValueRef, Writer};

use crate::config::REQUEST_NAME_BYTES_MAX;

/// Why a request cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// It is no AMQP message.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// A part of it that would be repeated or kept.
    #[error("its {0} is longer than {REQUEST_NAME_BYTES_MAX} bytes")]
    TooLong(&'static str),
}

/// What a request says, borrowed from its message.
#[derive(Debug, Default)]
pub(crate) struct Request<'a> {
    /// The message id as encoded: the reply's correlation id must have the same type.
    pub(crate) message_id: Option<&'a [u8]>,
    pub(crate) reply_to: Option<&'a str>,
    pub(crate) operation: Option<&'a str>,
    /// The type of token or entity.
    pub(crate) kind: Option<&'a str>,
    /// The audience of a token, or the hub.
    pub(crate) name: Option<&'a str>,
    pub(crate) partition: Option<&'a str>,
    pub(crate) security_token: Option<&'a str>,
    /// The body, if it is a string.
    pub(crate) body: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// Reads a request. Unknown keys and other bodies are passed over: clients send many.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, RequestError> {
        let mut request = Self::default();
        for section in Sections::new(message) {
            let section = section?;
            match section.kind {
                SectionKind::Properties => request.read_properties(section.body)?,
                SectionKind::ApplicationProperties => request.read_application_properties(section.body)?,
                SectionKind::AmqpValue => {
                    if let ValueRef::String(text) = ValueRef::read(&mut Reader::new(section.body))? {
                        request.body = Some(text);
                    }
                }
                _ => {}
            }
        }
        Ok(request)
    }

    fn read_properties(&mut self, body: &'a [u8]) -> Result<(), RequestError> {
        let ValueRef::List(fields) = ValueRef::read(&mut Reader::new(body))? else { return Ok(()) };
        for (index, field) in fields.raw().enumerate() {
            let field = field?;
            match index {
                0 if field.len() > REQUEST_NAME_BYTES_MAX => return Err(RequestError::TooLong("message-id")),
                0 if !matches!(ValueRef::read(&mut Reader::new(field))?, ValueRef::Null) => {
                    self.message_id = Some(field);
                }
                4 => self.reply_to = ValueRef::read(&mut Reader::new(field))?.as_text(),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_application_properties(&mut self, body: &'a [u8]) -> Result<(), RequestError> {
        let ValueRef::Map(map) = ValueRef::read(&mut Reader::new(body))? else { return Ok(()) };
        for entry in map.iter() {
            let (key, value) = entry?;
            let Some(place) = (match key.as_text() {
                Some("operation") => Some(&mut self.operation),
                Some("type") => Some(&mut self.kind),
                Some("name") => Some(&mut self.name),
                Some("partition") => Some(&mut self.partition),
                Some("security_token") => Some(&mut self.security_token),
                _ => None,
            }) else {
                continue;
            };
            *place = value.as_text();
            if key.as_text() == Some("name") && place.is_some_and(|name| name.len() > REQUEST_NAME_BYTES_MAX)
            {
                return Err(RequestError::TooLong("name"));
            }
        }
        Ok(())
    }
}

/// The outcome that a reply carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// As in HTTP; an AMQP int on the wire, which Go and .NET insist on.
    pub(crate) code: i32,
    pub(crate) description: String,
    /// Failures only: Python takes its very presence for one.
    pub(crate) condition: Option<&'static str>,
}

/// Writes a reply. `body` writes one value.
pub(crate) fn write_reply(
    correlation_id: Option<&[u8]>,
    status: &Status,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Writer<'_>),
) {
    let mut writer = Writer::new(out);
    write_section(&mut writer, SectionKind::Properties, |writer| {
        writer.list(6, |fields| {
            for _ in 0..5 {
                fields.null();
            }
            match correlation_id {
                Some(id) => fields.raw(id),
                None => fields.null(),
            }
        });
    });
    write_section(&mut writer, SectionKind::ApplicationProperties, |writer| {
        writer.map(if status.condition.is_some() { 4 } else { 2 }, |map| {
            map.string("status-code");
            map.int(status.code);
            map.string("status-description");
            map.string(&status.description);
            if let Some(condition) = status.condition {
                map.string("error-condition");
                map.symbol(condition);
                // Where Python's management client looks for the text.
                map.string("statusDescription");
                map.string(&status.description);
            }
        });
    });
    write_section(&mut writer, SectionKind::AmqpValue, body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(message_id: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        write_section(&mut writer, SectionKind::Properties, |writer| {
            writer.list(5, |fields| {
                message_id(fields);
                fields.null();
                fields.string("$cbs");
                fields.null();
                fields.string("cbs-reply");
            });
        });
        write_section(&mut writer, SectionKind::ApplicationProperties, |writer| {
            writer.map(4, |map| {
                for (key, value) in [
                    ("operation", "put-token"),
                    ("type", "jwt"),
                    ("name", "amqps://host/hub"),
                    ("partition", "3"),
                ] {
                    map.string(key);
                    map.string(value);
                }
            });
        });
        write_section(&mut writer, SectionKind::AmqpValue, |writer| writer.string("token"));
        bytes
    }

    #[test]
    fn reads_what_clients_ask() {
        let bytes = request(|writer| writer.ulong(7));
        let request = Request::parse(&bytes).unwrap();
        assert_eq!(request.operation, Some("put-token"));
        assert_eq!(request.kind, Some("jwt"));
        assert_eq!(request.name, Some("amqps://host/hub"));
        assert_eq!(request.partition, Some("3"));
        assert_eq!(request.reply_to, Some("cbs-reply"));
        assert_eq!(request.body, Some("token"));
    }

    #[test]
    fn the_correlation_id_keeps_the_type_of_the_message_id() {
        for id in
            [&[0x53, 7][..], &[0xa1, 1, b'x'], &[0x98, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]]
        {
            let bytes = request(|writer| writer.raw(id));
            let asked = Request::parse(&bytes).unwrap();
            assert_eq!(asked.message_id, Some(id));
            let mut reply = Vec::new();
            let status = Status { code: 202, description: "Accepted".into(), condition: None };
            write_reply(asked.message_id, &status, &mut reply, |body| body.null());
            assert!(reply.windows(id.len()).any(|window| window == id));
        }
    }

    #[test]
    fn a_request_cut_anywhere_is_an_error_or_less_of_a_request_and_never_a_panic() {
        let bytes = request(|writer| writer.string("id"));
        for end in 0..bytes.len() {
            let _either = Request::parse(&bytes[..end]);
        }
    }
}
