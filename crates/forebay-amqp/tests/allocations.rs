//! In the steady state nothing is allocated, at either end, in either direction: transfers, flows, dispositions
//! and settling over an open link.
#![expect(
    unsafe_code,
    reason = "an allocator that counts is a GlobalAlloc, which is an unsafe trait; UNSAFE.md"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use forebay_amqp::testing::{Joined, Pair};
use forebay_amqp::types::DeliveryState;
use forebay_amqp::{Config, Connection, Event, Instant, LinkId, Outgoing, Step};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // The harness's own threads may allocate while they are torn down; they are not counted.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every method hands its arguments unchanged to `System`, which keeps the trait's contract, and returns
// what `System` returns. Counting touches only a thread-local `Cell` that is initialised at compile time, so it
// neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises about `layout` are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System`, by `alloc` or `realloc` above, with this `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: `pointer` came from `System` with this `layout`, and `new_size` is as the caller promises.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BURST: u32 = 50;

/// Reads all of `input`; gives what was received, and settles it.
fn read(connection: &mut Connection, now: Instant, input: &[u8], settle: bool) -> u32 {
    let (mut at, mut deliveries) = (0, 0);
    loop {
        let Step { consumed, event } = connection.handle_input(now, &input[at..]);
        at += consumed;
        match event {
            Some(Event::Delivery(delivery)) => {
                assert_eq!(delivery.payload.len(), 1_000);
                if settle {
                    connection.settle(delivery.link, delivery.id, delivery.id, DeliveryState::Accepted);
                }
                deliveries += 1;
            }
            Some(Event::Outcome { first, last, .. }) => deliveries += last.steps_since(first) + 1,
            Some(Event::Credit { .. } | Event::SessionWindow { .. }) => {}
            Some(other) => panic!("{other:?}"),
            None if consumed == 0 => return deliveries,
            None => {}
        }
    }
}

/// One burst from `sender` to `receiver` and its outcomes back, over buffers that are kept.
fn burst(
    now: Instant,
    (sender, sending): (&mut Connection, LinkId),
    (receiver, receiving): (&mut Connection, LinkId),
    settled: bool,
    (there, back): (&mut Vec<u8>, &mut Vec<u8>),
) {
    there.clear();
    back.clear();
    let mut view = sender.sender(sending).expect("a sending link");
    assert!(view.sendable() >= BURST);
    for number in 0..BURST {
        let tag = number.to_be_bytes();
        let delivery = Outgoing { tag: &tag, message_format: 0, settled };
        view.send(&delivery, there, |out| out.resize(out.len() + 1_000, 7)).expect("credit");
    }
    sender.poll_transmit(now, there);
    assert_eq!(read(receiver, now, there, !settled), BURST);
    let mut view = receiver.receiver(receiving).expect("a receiving link");
    if view.credit() < 500 {
        view.set_credit(1_000);
    }
    receiver.poll_transmit(now, back);
    let outcomes = read(sender, now, back, false);
    assert_eq!(outcomes, if settled { 0 } else { BURST });
}

fn allocations(mut run: impl FnMut()) -> u64 {
    // Tables and buffers grow to the size they keep.
    for _ in 0..200 {
        run();
    }
    let before = ALLOCATIONS.get();
    for _ in 0..200 {
        run();
    }
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(7)));
    assert!(ALLOCATIONS.get() > before);
}

#[test]
fn deliveries_flow_both_ways_without_allocating() {
    let buffers = || (Vec::with_capacity(1 << 20), Vec::with_capacity(1 << 20));
    for settled in [false, true] {
        let (mut pair, Joined { client, server, .. }) =
            Pair::sending(Config::default(), Config::default(), 1_000);
        let (mut there, mut back) = buffers();
        let counted = allocations(|| {
            let sender = (&mut pair.client.connection, client);
            let receiver = (&mut pair.server.connection, server);
            burst(pair.now, sender, receiver, settled, (&mut there, &mut back));
        });
        assert_eq!(counted, 0, "to the server, settled: {settled}");

        let (mut pair, Joined { client, server, .. }) =
            Pair::receiving(Config::default(), Config::default(), 1_000);
        let (mut there, mut back) = buffers();
        let counted = allocations(|| {
            let sender = (&mut pair.server.connection, server);
            let receiver = (&mut pair.client.connection, client);
            burst(pair.now, sender, receiver, settled, (&mut there, &mut back));
        });
        assert_eq!(counted, 0, "to the client, settled: {settled}");
    }
}

#[test]
fn a_split_delivery_allocates_no_more_than_its_own_buffer() {
    let narrow = || Config { max_frame_size: 512, ..Config::default() };
    let (mut pair, Joined { client, server, .. }) = Pair::sending(narrow(), narrow(), 1_000);
    let (mut there, mut back) = (Vec::with_capacity(1 << 20), Vec::with_capacity(1 << 20));
    let counted = allocations(|| {
        let sender = (&mut pair.client.connection, client);
        let receiver = (&mut pair.server.connection, server);
        burst(pair.now, sender, receiver, true, (&mut there, &mut back));
    });
    // Three frames each; the buffer grows as they come.
    assert!(counted <= 200 * u64::from(BURST) * 3, "{counted}");
}
