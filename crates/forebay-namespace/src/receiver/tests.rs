use super::*;
use crate::entry::{Entry, ProposalId};
use crate::hub::CreateHub;
use crate::namespace::CreateNamespace;
use crate::{State, apply};

const NODE: NodeId = NodeId(0);

fn catalogue() -> Durable {
    let mut state = State::new();
    let namespace = CreateNamespace { name: "default".into(), hosts: vec![] };
    apply(&mut state, Position::in_log(0), &Entry::new(ProposalId(1), NODE, 0, namespace));
    let hub = CreateHub::with_defaults("default", "orders");
    apply(&mut state, Position::in_log(1), &Entry::new(ProposalId(2), NODE, 0, hub));
    state.durable
}

fn seat_ref() -> SeatRef {
    SeatRef { hub: HubId::FIRST, group: "$default".into(), partition: 0 }
}

fn receiver(link: u64) -> ReceiverId {
    ReceiverId { node: NODE, link }
}

fn claim_of(link: u64, epoch: Option<i64>, name: Option<&str>) -> ClaimReceiver {
    ClaimReceiver { receiver: receiver(link), seat: seat_ref(), epoch, name: name.map(str::to_owned) }
}

/// Places and the links in them; claims are numbered in order.
struct Place {
    seats: Seats,
    catalogue: Durable,
    claims: u64,
}

impl Place {
    fn new() -> Self {
        Self { seats: Seats::default(), catalogue: catalogue(), claims: 0 }
    }

    fn with(epochs: &[Option<i64>]) -> Self {
        let mut place = Self::new();
        for epoch in epochs {
            place.claim(*epoch, None).unwrap();
        }
        place
    }

    fn claim(&mut self, epoch: Option<i64>, name: Option<&str>) -> Result<Vec<Change>, Rejection> {
        self.claims += 1;
        let claim = claim_of(self.claims, epoch, name);
        self.seats.claim(&self.catalogue, &claim, Position::behind(1, self.claims))
    }

    fn links(&self) -> Vec<u64> {
        let claims = self.seats.get(&seat_ref()).map(Seat::claims).unwrap_or_default();
        claims.iter().map(|claim| claim.receiver.link).collect()
    }
}

#[test]
fn exactly_one_row_of_the_table_matches_whatever_can_occur() {
    const FOUND: [Found; 4] = [Found::Nobody, Found::Shared, Found::SharedFull, Found::Exclusive];
    const ASKED: [Epoch; 4] = [Epoch::Nothing, Epoch::Lower, Epoch::Equal, Epoch::Higher];
    for found in FOUND {
        for asked in ASKED {
            let rows: Vec<&str> = RULES
                .iter()
                .filter(|rule| rule.found.contains(&found) && rule.asked.contains(&asked))
                .map(|rule| rule.label)
                .collect();
            // Without a live epoch there is none to be lower than or equal to.
            let possible = found == Found::Exclusive || !matches!(asked, Epoch::Lower | Epoch::Equal);
            assert_eq!(rows.len(), usize::from(possible), "{found:?} {asked:?}: {rows:?}");
        }
    }
}

#[test]
fn every_combination_of_readers_and_claims_ends_as_the_service_ends_it() {
    let none = None;
    // Who is there (by epoch), the epoch asked for, and either who is there then (by link) or the refusal.
    type Case<'a> = (&'a [Option<i64>], Option<i64>, Result<&'a [u64], Code>);
    let cases: [Case<'_>; 17] = [
        (&[], none, Ok(&[1])),
        (&[], Some(0), Ok(&[1])),
        (&[], Some(-5), Ok(&[1])),
        (&[none], none, Ok(&[1, 2])),
        (&[none; 4], none, Ok(&[1, 2, 3, 4, 5])),
        (&[none; 5], none, Err(Code::TooManyReaders)),
        (&[none], Some(0), Ok(&[2])),
        (&[none; 5], Some(0), Ok(&[6])),
        (&[none], Some(i64::MIN), Ok(&[2])),
        (&[Some(0)], none, Err(Code::EpochMissing)),
        (&[Some(7)], Some(6), Err(Code::EpochLower)),
        (&[Some(7)], Some(-1), Err(Code::EpochLower)),
        (&[Some(7)], Some(7), Ok(&[2])),
        (&[Some(7)], Some(8), Ok(&[2])),
        (&[Some(0)], Some(0), Ok(&[2])),
        (&[Some(0), Some(0)], Some(0), Ok(&[3])),
        (&[none, Some(3)], none, Err(Code::EpochMissing)),
    ];
    for (there, epoch, outcome) in cases {
        let mut place = Place::with(there);
        let before = place.links();
        let result = place.claim(epoch, None);
        assert_eq!(
            result.as_ref().map(|_| ()).map_err(|error| error.code),
            outcome.map(|_| ()),
            "{there:?} {epoch:?}"
        );
        assert_eq!(place.links(), outcome.map_or(before.clone(), <[u64]>::to_vec), "{there:?} {epoch:?}");
        let superseded: Vec<u64> = result
            .iter()
            .flatten()
            .filter_map(|change| match change {
                Change::ReceiverSuperseded { receiver, .. } => Some(receiver.link),
                _ => None,
            })
            .collect();
        let gone: Vec<u64> = before.into_iter().filter(|link| !place.links().contains(link)).collect();
        assert_eq!(superseded, gone, "all who lost their place are told: {there:?} {epoch:?}");
    }
}

#[test]
fn the_reader_that_sits_down_comes_last_in_the_changes() {
    let changes = Place::with(&[None, None]).claim(Some(1), None).unwrap();
    assert_eq!(changes.len(), 3);
    assert_eq!(changes[2], Change::ReceiverAdmitted { seat: seat_ref(), receiver: receiver(3) });
}

#[test]
fn texts_are_those_of_the_service() {
    let text = |place: &mut Place, epoch, name| match place.claim(epoch, name) {
        Err(rejection) => rejection.text,
        Ok(changes) => match &changes[0] {
            Change::ReceiverSuperseded { text, .. } => text.clone(),
            other => panic!("{other:?}"),
        },
    };
    let mut place = Place::new();
    place.claim(Some(5), Some("P1-old")).unwrap();
    assert_eq!(
        text(&mut place, Some(3), None),
        "Receiver 'P1-old' with a higher epoch '5' already exists. Receiver 'nil' with epoch 3 cannot be created. Make \
         sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch \
         receivers are closed or disconnected."
    );
    assert_eq!(
        text(&mut place, None, None),
        "At least one receiver for the endpoint is created with epoch of '5', and so non-epoch receiver is not allowed. \
         Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected."
    );
    assert_eq!(
        text(&mut place, Some(5), Some("P1-new\r\n")),
        "New receiver 'P1-new' with higher epoch of '5' is created hence current receiver 'P1-old' with epoch '5' is \
         getting disconnected. If you are recreating the receiver, make sure a higher epoch is used."
    );
    let mut place = Place::with(&[None]);
    assert!(
        text(&mut place, Some(0), None)
            .contains("current receiver 'nil' without epoch is getting disconnected")
    );
    let mut place = Place::with(&[None; 3]);
    place.claim(None, Some("ada")).unwrap();
    place.claim(None, Some("")).unwrap();
    assert_eq!(
        text(&mut place, None, Some("bob")),
        "Exceeded the maximum number of allowed receivers per partition in a consumer group which is 5. List of \
         connected receivers - nil, nil, nil, ada, nil."
    );
}

#[test]
fn an_epoch_is_forgotten_when_its_reader_leaves() {
    let mut place = Place::with(&[Some(9)]);
    let leave = |link| ReleaseReceiver {
        receiver: receiver(link),
        seat: SeatRef { group: "$DEFAULT".into(), ..seat_ref() },
    };
    assert_eq!(
        place.seats.release(&leave(1)),
        [Change::ReceiverReleased { seat: seat_ref(), receiver: receiver(1) }]
    );
    assert_eq!(place.seats, Seats::default());
    assert!(place.claim(None, None).is_ok());
    assert!(place.claim(Some(0), None).is_ok());
}

#[test]
fn leaving_a_place_that_was_lost_changes_nothing() {
    let mut place = Place::with(&[Some(0), Some(0)]);
    let leave = |link| ReleaseReceiver { receiver: receiver(link), seat: seat_ref() };
    assert_eq!(place.seats.release(&leave(1)), []);
    assert_eq!(place.links(), [2]);
    let mut shared = Place::with(&[None, None]);
    assert_eq!(shared.seats.release(&leave(3)), []);
    assert_eq!(shared.seats.release(&leave(1)).len(), 1);
    assert_eq!(shared.links(), [2]);
}

#[test]
fn a_link_claims_a_place_once() {
    let mut place = Place::with(&[None]);
    let again = place.seats.claim(&place.catalogue, &claim_of(1, Some(1), None), Position::behind(1, 9));
    assert_eq!(again.unwrap_err().code, Code::AlreadyClaimed);
    assert_eq!(place.links(), [1]);
}

#[test]
fn places_that_are_not_there_are_refused() {
    let mut place = Place::new();
    let mut code_at = |seat: SeatRef| {
        let claim = ClaimReceiver { seat, ..claim_of(1, None, None) };
        place.seats.claim(&place.catalogue, &claim, Position::behind(1, 1)).map_err(|error| error.code)
    };
    assert_eq!(code_at(SeatRef { hub: HubId(99), ..seat_ref() }), Err(Code::NotFound));
    assert_eq!(code_at(SeatRef { group: "nobody".into(), ..seat_ref() }), Err(Code::NotFound));
    assert_eq!(code_at(SeatRef { partition: 4, ..seat_ref() }), Err(Code::PartitionOutOfRange));
    assert!(code_at(SeatRef { partition: 3, group: "$Default".into(), ..seat_ref() }).is_ok());
}

#[test]
fn places_are_apart_by_hub_group_and_partition() {
    let mut place = Place::with(&[Some(5)]);
    let elsewhere = ClaimReceiver { seat: SeatRef { partition: 1, ..seat_ref() }, ..claim_of(2, None, None) };
    assert!(place.seats.claim(&place.catalogue, &elsewhere, Position::behind(1, 2)).is_ok());
    assert_eq!(place.seats.iter().count(), 2);
    assert_eq!(place.seats.void(HubId(2), None), []);
    assert_eq!(place.seats.void(HubId::FIRST, Some("other")), []);
    assert_eq!(place.seats.void(HubId::FIRST, Some("$Default")).len(), 2);
    assert_eq!(place.seats, Seats::default());
}
