//! The specification's nouns: what we write, what we read, and what we refuse.

mod composites;
mod messages;
mod policy;

use super::sasl::*;
use super::*;
use crate::error::{DecodeError, DecodeFault};
use crate::wire::{Decode, Encode, Reader, Symbol, Value, Writer};

fn encode(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Writer::new(&mut out));
    out
}

/// The whole of `bytes` as one value.
fn decode<'a, T: Decode<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

fn symbols(names: &[&'static str]) -> Symbols {
    names.iter().map(|name| Symbol::from_static(name)).collect()
}

fn properties() -> Fields {
    [
        (Symbol::from_static("product"), Value::from("MSJSClient")),
        (Symbol::from_static("com.microsoft:epoch"), Value::Long(3)),
    ]
    .into_iter()
    .collect()
}

fn an_error() -> Error {
    Error { info: properties(), ..Error::new(condition::NOT_FOUND, "no such hub") }
}

/// One of each composite, with every field set.
mod full {
    use super::*;

    pub(super) fn open() -> Open {
        Open {
            hostname: Some("ns.example".into()),
            max_frame_size: 65_536,
            channel_max: 4_999,
            idle_time_out: Some(Milliseconds(240_000)),
            outgoing_locales: symbols(&["en-US"]),
            incoming_locales: symbols(&["en-US", "de"]),
            offered_capabilities: symbols(&["a"]),
            desired_capabilities: symbols(&["b", "c"]),
            properties: properties(),
            ..Open::new("container".into())
        }
    }

    pub(super) fn begin() -> Begin {
        Begin {
            remote_channel: Some(Channel(7)),
            handle_max: Handle(255),
            offered_capabilities: symbols(&["a"]),
            desired_capabilities: symbols(&["b"]),
            properties: properties(),
            ..Begin::new(TransferId::new(1), 5_000, 2_048)
        }
    }

    pub(super) fn source() -> Source {
        let mut filter = FilterSet::new();
        let name = Symbol::from_static("apache.org:selector-filter:string");
        filter.push(name, Value::Ulong(0x468c_0000_0004), Value::from("amqp.annotation.x-opt-offset > '-1'"));
        Source {
            durable: TerminusDurability::CONFIGURATION,
            expiry_policy: Symbol::from_static("never"),
            timeout: 60,
            dynamic: true,
            dynamic_node_properties: properties(),
            distribution_mode: Some(Symbol::from_static("copy")),
            filter,
            default_outcome: Some(DeliveryState::Released),
            outcomes: symbols(&["amqp:accepted:list"]),
            capabilities: symbols(&["queue"]),
            ..Source::new("hub/ConsumerGroups/$Default/Partitions/0")
        }
    }

    pub(super) fn target() -> Target {
        Target {
            durable: TerminusDurability::UNSETTLED_STATE,
            expiry_policy: Symbol::from_static("link-detach"),
            timeout: 1,
            dynamic: true,
            dynamic_node_properties: properties(),
            capabilities: symbols(&["topic"]),
            ..Target::new("hub")
        }
    }

    pub(super) fn attach() -> Attach {
        Attach {
            snd_settle_mode: SenderSettleMode::SETTLED,
            rcv_settle_mode: ReceiverSettleMode::SECOND,
            source: Some(source()),
            target: Some(target()),
            unsettled: Some(Value::Map(vec![(Value::Binary(vec![1]), Value::Null)])),
            incomplete_unsettled: true,
            initial_delivery_count: Some(DeliveryCount::new(u32::MAX)),
            max_message_size: Some(1_048_576),
            offered_capabilities: symbols(&["a"]),
            desired_capabilities: symbols(&["com.microsoft:enable-receiver-runtime-metric"]),
            properties: properties(),
            ..Attach::new("link".into(), Handle(3), Role::Receiver)
        }
    }

    pub(super) fn flow() -> Flow {
        Flow {
            next_incoming_id: Some(TransferId::new(2)),
            handle: Some(Handle(1)),
            delivery_count: Some(DeliveryCount::new(9)),
            link_credit: Some(300),
            available: Some(0),
            drain: true,
            echo: true,
            properties: properties(),
            ..Flow::new(TransferId::new(1), 5_000, 5_000)
        }
    }

    pub(super) fn transfer() -> Transfer<'static> {
        Transfer {
            delivery_id: Some(DeliveryId::new(1_000)),
            delivery_tag: Some(&[0, 0, 0, 1]),
            message_format: Some(0x8001_3700),
            settled: Some(true),
            more: true,
            rcv_settle_mode: Some(ReceiverSettleMode::FIRST),
            state: Some(DeliveryState::Received(Received { section_number: 1, section_offset: 2 })),
            resume: true,
            aborted: true,
            batchable: true,
            ..Transfer::new(Handle(1))
        }
    }

    pub(super) fn disposition() -> Disposition {
        Disposition {
            role: Role::Receiver,
            first: DeliveryId::new(u32::MAX),
            last: Some(DeliveryId::new(3)),
            settled: true,
            state: Some(DeliveryState::rejected(an_error())),
            batchable: true,
        }
    }
}
