//! A record that a Kafka client wrote → AMQP message (`docs/reference/event.md` §3, `docs/reference/kafka.md` §7).
//!
//! Value → one data section; headers → application properties of type binary; key → annotation `x-opt-kafka-key`.
//! Headers that begin with `fb.` are ordinary here.

use forebay_amqp::wire::Writer;

use super::damage::Damage;
use super::deliver::{
    RuntimeMetrics, SERVICE_ENTRIES, System, entries_count, put_data, put_metrics, put_service_entries,
};
use super::keys::Names;
use super::section::{SectionKind, put_descriptor};
use crate::record::{Headers, RecordRef};

const KAFKA_KEY: &str = "x-opt-kafka-key";

type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// Appends the message.
pub(super) fn put(
    record: &RecordRef<'_>,
    system: &System,
    metrics: Option<&RuntimeMetrics>,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    put_metrics(metrics, out);
    put_descriptor(out, SectionKind::MessageAnnotations);
    let entries = SERVICE_ENTRIES + u32::from(record.key.is_some());
    Writer::new(out).map(entries, |writer| {
        put_service_entries(system, writer);
        if let Some(key) = record.key {
            writer.symbol(KAFKA_KEY);
            writer.binary(key);
        }
    });
    put_application_properties(record.headers, out)?;
    put_data(record.value.unwrap_or_default(), out);
    Ok(())
}

fn put_application_properties(headers: Headers<'_>, out: &mut Vec<u8>) -> Result<(), Damage> {
    if headers.is_empty() {
        return Ok(());
    }
    put_descriptor(out, SectionKind::ApplicationProperties);
    let mut writer = Writer::new(out);
    let open = writer.begin_map();
    let mut count = 0;
    let mut names = Names::new();
    let all_names = || headers.filter_map(|header| Some(header.ok()?.0));
    all_names().for_each(|name| names.add(name));
    if names.any_twice(all_names()) {
        for header in last_of_each_name(headers)? {
            put_entry(header, &mut writer)?;
            count += 1;
        }
    } else {
        for header in headers {
            put_entry(header?, &mut writer)?;
            count += 1;
        }
    }
    writer.end(open, entries_count(count));
    Ok(())
}

fn put_entry((name, value): Header<'_>, writer: &mut Writer<'_>) -> Result<(), Damage> {
    writer.string(str::from_utf8(name).map_err(|_| Damage::Name)?);
    match value {
        Some(value) => writer.binary(value),
        None => writer.null(),
    }
    Ok(())
}

/// Kafka headers may repeat a name, a map may not: the last of each name is kept, at its place.
fn last_of_each_name(headers: Headers<'_>) -> Result<impl Iterator<Item = Header<'_>>, Damage> {
    let mut all: Vec<(usize, Header<'_>)> = Vec::with_capacity(headers.count());
    for header in headers {
        all.push((all.len(), header?));
    }
    all.sort_unstable_by_key(|(place, (name, _))| (*name, std::cmp::Reverse(*place)));
    all.dedup_by_key(|(_, (name, _))| *name);
    all.sort_unstable_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, header)| header))
}
