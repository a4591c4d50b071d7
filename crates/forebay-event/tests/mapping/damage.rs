//! Stored bytes that this crate never wrote (`docs/reference/event.md` §3, "Damage").

use forebay_amqp::error::DecodeFault;
use forebay_amqp::types::sections::SectionKind;
use forebay_event::Origin;
use forebay_event::amqp::{Damage, SectionError};

use crate::model::{self, Body};
use crate::support::{Stored, header, meta, unhex};

type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers) -> Stored {
    Stored { key: key.map(<[u8]>::to_vec), value: value.map(<[u8]>::to_vec), headers }
}

fn damage(key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers) -> Damage {
    let record = record(key, value, headers);
    let damage = record.deliver(Origin::Amqp).expect_err("the record is damaged");
    assert_eq!(record.deliver(Origin::Http), Err(damage));
    damage
}

fn sound(key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers) -> model::Message {
    model::delivered(&record(key, value, headers).deliver(Origin::Amqp).expect("the record is sound"))
}

const V: Option<&[u8]> = Some(b"abc");

#[test]
fn the_number_of_headers_is_as_fb_m_says() {
    let (a, b) = (header("a", &[0x40]), header("b", &[0x40]));
    sound(None, V, vec![meta(&[1, 0, 0, 1, 1, 1]), a.clone(), b.clone()]);
    let count = |expected, actual| Damage::HeaderCount { expected, actual };
    assert_eq!(damage(None, V, vec![meta(&[1, 0, 0, 1, 0, 1]), a.clone(), b.clone()]), count(2, 3));
    assert_eq!(damage(None, V, vec![meta(&[1, 0, 0, 1, 2, 1]), a.clone(), b.clone()]), count(4, 3));
    assert_eq!(damage(None, V, vec![meta(&[1, 4, 0, 1, 1, 1]), a.clone(), b.clone()]), count(4, 3));
    assert_eq!(damage(None, V, vec![meta(&[1, 0, 1, 1, 1, 1]), a.clone(), b]), count(4, 3));
    let huge = [&[1, 0, 0][..], &[0xff; 9], &[1], &[0xff; 9], &[1], &[1]].concat();
    assert_eq!(damage(None, V, vec![meta(&huge), a]), count(u64::MAX, 2));
}

#[test]
fn the_first_header_is_fb_m() {
    assert_eq!(damage(None, V, vec![header("a", &[0x40])]), Damage::MetaMissing);
    assert_eq!(damage(None, V, vec![(b"fb.m".to_vec(), None)]), Damage::NullHeader);
}

#[test]
fn fb_m_is_whole_and_says_nothing_unknown() {
    sound(None, V, vec![meta(&[1, 0, 0, 0, 0, 1])]);
    for cut in 0..6 {
        assert_eq!(damage(None, V, vec![meta(&[1, 0, 0, 0, 0, 1][..cut])]), Damage::Meta);
    }
    assert_eq!(damage(None, V, vec![meta(&[1, 0, 0, 0, 0, 1, 0])]), Damage::Meta);
    assert_eq!(damage(None, V, vec![meta(&[1, 0, 0, 0, 0, 0])]), Damage::Meta);
    assert_eq!(damage(None, V, vec![meta(&[2, 0, 0, 0, 0, 1])]), Damage::MetaVersion(2));
    assert_eq!(damage(None, V, vec![meta(&[0, 0, 0, 0, 0, 1])]), Damage::MetaVersion(0));
    for flags in [0x20, 0x40, 0x80, 0x18, 0x09, 0x11] {
        assert_eq!(damage(None, V, vec![meta(&[1, flags, 0, 0, 0, 1])]), Damage::MetaFlags, "{flags:02x}");
    }
    assert_eq!(damage(None, V, vec![meta(&[1, 0, 0x80, 0x40, 0, 0, 1])]), Damage::MetaFlags);
    assert_eq!(damage(None, None, vec![meta(&[1, 1, 0, 0, 0, 1])]), Damage::Meta);
    assert_eq!(damage(None, Some(&[0x40]), vec![meta(&[1, 8, 0, 0, 0, 1])]), Damage::Meta);
}

#[test]
fn property_headers_have_the_names_of_their_mask_bits() {
    let to = || meta(&[1, 0, 0b100, 0, 0, 1]);
    let message = sound(None, V, vec![to(), header("to", b"x")]);
    assert_eq!(message.properties, [vec![0x40], vec![0x40], model::string("x")]);
    assert_eq!(damage(None, V, vec![to(), header("subject", b"x")]), Damage::PropertyName(2));
    assert_eq!(damage(None, V, vec![to(), (b"to".to_vec(), None)]), Damage::NullHeader);
    assert_eq!(damage(None, V, vec![to(), header("to", &[0xff])]), Damage::PropertyText(2));
    let content_type = meta(&[1, 0, 0b100_0000, 0, 0, 1]);
    assert_eq!(
        damage(None, V, vec![content_type, header("content-type", "é".as_bytes())]),
        Damage::PropertyText(6)
    );
    // Beside a properties section in fb.s the names count too, the texts do not.
    let beside = |name| {
        vec![meta(&[1, 4, 1, 0, 0, 1]), header("fb.s", &unhex("005373c003015307")), header(name, b"x")]
    };
    assert_eq!(sound(None, V, beside("message-id")).properties, [unhex("5307")]);
    assert_eq!(damage(None, V, beside("to")), Damage::PropertyName(0));
}

#[test]
fn number_texts_are_shortest_and_in_range() {
    let expiry =
        |text: &str| vec![meta(&[1, 0, 0x80, 2, 0, 0, 1]), header("absolute-expiry-time", text.as_bytes())];
    let sequence =
        |text: &str| vec![meta(&[1, 0, 0x80, 0x10, 0, 0, 1]), header("group-sequence", text.as_bytes())];
    for text in ["0", "-5", "9223372036854775807", "-9223372036854775808"] {
        sound(None, V, expiry(text));
    }
    for text in ["", "-", "+1", "01", "-0", " 1", "1.0", "9223372036854775808", "x"] {
        assert_eq!(damage(None, V, expiry(text)), Damage::PropertyText(8), "{text}");
    }
    for text in ["0", "4294967295"] {
        sound(None, V, sequence(text));
    }
    for text in ["-1", "4294967296", "00", ""] {
        assert_eq!(damage(None, V, sequence(text)), Damage::PropertyText(11), "{text}");
    }
}

#[test]
fn values_of_annotations_and_application_properties_are_whole() {
    for place in [[1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 1, 1]] {
        let with = |value: &[u8]| vec![meta(&place), header("a", value)];
        sound(None, V, with(&unhex("a10178")));
        assert_eq!(damage(None, V, vec![meta(&place), (b"a".to_vec(), None)]), Damage::NullHeader);
        for (value, fault) in [
            ("", DecodeFault::Truncated),
            ("a102", DecodeFault::Truncated),
            ("4040", DecodeFault::TrailingBytes),
            ("a101ff", DecodeFault::InvalidUtf8),
            ("c1020140", DecodeFault::OddMap),
            ("3f", DecodeFault::UnknownConstructor(0x3f)),
        ] {
            match damage(None, V, with(&unhex(value))) {
                Damage::Value(error) => assert_eq!(error.fault, fault, "{value}"),
                other => panic!("{value}: {other:?}"),
            }
        }
    }
    let named = |place: [u8; 6], name: &[u8]| vec![meta(&place), (name.to_vec(), Some(vec![0x40]))];
    assert_eq!(damage(None, V, named([1, 0, 0, 1, 0, 1], "é".as_bytes())), Damage::Name);
    sound(None, V, named([1, 0, 0, 0, 1, 1], "é".as_bytes()));
    assert_eq!(damage(None, V, named([1, 0, 0, 0, 1, 1], &[0xff])), Damage::Name);
}

#[test]
fn lengths_of_data_sections_fit_the_value() {
    let lengths = |numbers: &[u8]| vec![meta(&[&[1, 0, 0, 0, 0][..], numbers].concat())];
    let body = sound(None, V, lengths(&[3, 1, 0])).body;
    assert_eq!(body, Body::Data(vec![b"a".to_vec(), vec![], b"bc".to_vec()]));
    sound(None, V, lengths(&[2, 3]));
    assert_eq!(damage(None, V, lengths(&[2, 4])), Damage::Lengths);
    assert_eq!(damage(None, V, lengths(&[3, 2, 2])), Damage::Lengths);
    assert_eq!(damage(None, V, lengths(&[3, 1])), Damage::Meta);
    assert_eq!(damage(None, V, lengths(&[2, 1, 1])), Damage::Meta);
    let huge = [&[0xff; 9][..], &[1]].concat();
    assert_eq!(damage(None, V, lengths(&huge)), Damage::Meta);
    assert_eq!(damage(None, V, lengths(&[&[2][..], &huge].concat())), Damage::Lengths);
}

#[test]
fn a_null_value_is_no_body_or_a_tombstone() {
    assert_eq!(damage(None, None, vec![]), Damage::NullValue);
    assert_eq!(damage(None, None, vec![meta(&[1, 0, 0, 0, 0, 1])]), Damage::NullValue);
    assert_eq!(damage(Some(b"k"), None, vec![meta(&[1, 2, 0, 0, 0, 2, 0])]), Damage::NullValue);
    assert_eq!(damage(Some(b"k"), None, vec![meta(&[1, 10, 0, 0, 0])]), Damage::NullValue);
    assert_eq!(damage(None, None, vec![meta(&[1, 16, 0, 0, 0])]), Damage::NullValue);
    assert_eq!(damage(None, V, vec![meta(&[1, 1, 0, 0, 0])]), Damage::ValueWithoutBody);
    assert_eq!(sound(None, None, vec![meta(&[1, 1, 0, 0, 0])]).body, Body::None);
    assert_eq!(sound(Some(b"k"), None, vec![meta(&[1, 3, 0, 0, 0])]).body, Body::None);
    assert_eq!(sound(Some(b"k"), None, vec![meta(&[1, 2, 0, 0, 0, 1])]).body, Body::Data(vec![vec![]]));
}

#[test]
fn the_key_and_its_mark_agree() {
    sound(Some(b"k"), V, vec![meta(&[1, 2, 0, 0, 0, 1])]);
    assert_eq!(damage(None, V, vec![meta(&[1, 2, 0, 0, 0, 1])]), Damage::Key);
    assert_eq!(damage(Some(b"k"), V, vec![meta(&[1, 0, 0, 0, 0, 1])]), Damage::Key);
    assert_eq!(damage(Some(b"k"), V, vec![]), Damage::Key);
}

#[test]
fn sections_in_fb_s_are_sound_ordered_and_have_no_headers() {
    let kept = |bytes: &str| vec![meta(&[1, 4, 0, 0, 0, 1]), header("fb.s", &unhex(bytes))];
    sound(None, V, kept("005370c0020141005378c10802a3036372635201"));
    for bytes in [
        // Out of order, twice, of a kind that is never kept, with a long descriptor, and nothing.
        "005378c10802a3036372635201005370c0020141",
        "005370c0020141005370c0020141",
        "005371c10100",
        "005375a000",
        "00800000000000000070c0020141",
        "",
    ] {
        assert_eq!(damage(None, V, kept(bytes)), Damage::Sections, "{bytes}");
    }
    for bytes in ["005370c00201", "00537040", "005379c0020141", "005378c10201a0", "4141"] {
        match damage(None, V, kept(bytes)) {
            Damage::Section(SectionError::Decode(_)) => {}
            other => panic!("{bytes}: {other:?}"),
        }
    }
    let fields = "005373c00f0e40404040404040404040404040404040";
    assert_eq!(damage(None, V, kept(&fields[..8 + 2 * 16])), Damage::Section(SectionError::Fields(14)));
    assert_eq!(damage(None, V, vec![meta(&[1, 4, 0, 0, 0, 1]), header("fb.t", &[])]), Damage::Sections);
    assert_eq!(
        damage(None, V, vec![meta(&[1, 4, 0, 0, 0, 1]), (b"fb.s".to_vec(), None)]),
        Damage::NullHeader
    );
    for (counts, section, kind) in [
        ([1, 4, 0, 1, 0, 1], "005372c10702a3016ba10176", SectionKind::MessageAnnotations),
        ([1, 4, 0, 0, 1, 1], "005374c10702a3016ba10176", SectionKind::ApplicationProperties),
    ] {
        let headers = vec![meta(&counts), header("fb.s", &unhex(section)), header("a", &[0x40])];
        assert_eq!(damage(None, V, headers), Damage::CountBesideSection(kind));
    }
}

#[test]
fn bodies_are_whole() {
    for (flags, value) in [
        (8, ""),
        (8, "a102"),
        (8, "4040"),
        (16, ""),
        (16, "005375a000"),
        (16, "00537640"),
        (16, "0080000000000000007645"),
    ] {
        match damage(None, Some(&unhex(value)), vec![meta(&[1, flags, 0, 0, 0])]) {
            Damage::Body(_) => {}
            other => panic!("{value}: {other:?}"),
        }
    }
    assert_eq!(sound(None, Some(&[0x40]), vec![meta(&[1, 8, 0, 0, 0])]).body, Body::Value(vec![0x40]));
}

#[test]
fn records_of_the_service_itself_are_no_events() {
    for origin in [Origin::Control, Origin::Internal] {
        assert_eq!(record(None, V, vec![]).deliver(origin), Err(Damage::NoEvent(origin)));
    }
}
