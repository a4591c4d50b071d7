//! One session as the checker keeps it: what the server may send in it, and what we have (`docs/reference/amqp.md` §1.5).

use std::collections::{BTreeMap, BTreeSet};

use forebay_amqp::wire::Value;

use crate::links::{Link, LinkState};
use crate::rules::{Broken, Rule, check_error};
use crate::wire::{Frame, Kind};

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) begun: bool,
    pub(crate) ended_by_us: bool,
    pub(crate) ended_by_server: bool,
    /// Our handle-max: the highest handle that the server may use.
    handle_max: u32,
    /// The number of the next transfer frame that comes, and the first that our window does not cover.
    next_in: u32,
    window_in_end: u32,
    /// What our begin or last flow granted, for the time before the server's begin.
    window_in: u32,
    /// The delivery id that must come next, once one has come.
    next_delivery_in: Option<u32>,
    /// The number of our next transfer frame, and the first that the server's window does not cover.
    next_out: u32,
    window_out_end: u32,
    next_delivery_out: u32,
    /// Deliveries of ours without an outcome.
    unsettled: BTreeSet<u32>,
    /// By our handle.
    pub(crate) links: BTreeMap<u32, Link>,
    /// Ours by the server's.
    by_remote: BTreeMap<u32, u32>,
}

impl Session {
    /// As our begin says.
    pub(crate) fn new(begin: &Frame) -> Self {
        Self {
            begun: false,
            ended_by_us: false,
            ended_by_server: false,
            handle_max: begin.uint(4).expect("we say it"),
            next_in: 0,
            window_in_end: 0,
            window_in: begin.uint(2).expect("we say it"),
            next_delivery_in: None,
            next_out: begin.uint(1).expect("we say it"),
            window_out_end: 0,
            next_delivery_out: 0,
            unsettled: BTreeSet::new(),
            links: BTreeMap::new(),
            by_remote: BTreeMap::new(),
        }
    }

    pub(crate) fn window_out(&self) -> u32 {
        self.window_out_end.saturating_sub(self.next_out)
    }

    /// The id of the next transfer frame that comes, for our flows.
    pub(crate) fn next_in(&self) -> u32 {
        self.next_in
    }

    pub(crate) fn next_out(&self) -> u32 {
        self.next_out
    }

    /// The delivery id that our next delivery has.
    pub(crate) fn next_delivery_out(&self) -> u32 {
        self.next_delivery_out
    }

    /// Ours, by the server's.
    pub(crate) fn our_handle(&self, theirs: u32) -> Option<u32> {
        self.by_remote.get(&theirs).copied()
    }

    pub(crate) fn on_begin(&mut self, frame: &Frame) {
        self.begun = true;
        self.next_in = frame.uint(1).unwrap_or(0);
        self.window_in_end = self.next_in + self.window_in;
        self.window_out_end = self.next_out + frame.uint(2).unwrap_or(0);
    }

    pub(crate) fn on_attach(&mut self, frame: &Frame) -> Result<(), Broken> {
        let name = frame.field(0).as_text().unwrap_or_default();
        let handle = frame.uint(1).unwrap_or(u32::MAX);
        let found =
            self.links.iter_mut().find(|(_, link)| link.name == name && link.state == LinkState::Attaching);
        let Some((ours, link)) = found else {
            return Err(Rule::LinkName.broken(format!("no attach of ours waits for '{name}'")));
        };
        let free = handle <= self.handle_max && !self.by_remote.contains_key(&handle);
        Rule::LinkHandle.holds(free, || format!("{handle} for '{name}'"))?;
        link.on_attach(frame)?;
        self.by_remote.insert(handle, *ours);
        Ok(())
    }

    fn link(&mut self, frame: &Frame, handle: u32) -> Result<&mut Link, Broken> {
        let found = self.by_remote.get(&handle).and_then(|ours| self.links.get_mut(ours));
        let Some(link) = found else {
            return Err(Rule::UnattachedHandle.broken(format!("{:?} names handle {handle}", frame.kind)));
        };
        let refused = link.state == LinkState::Refused;
        Rule::Refusal
            .holds(!refused, || format!("{:?} follows the refusal of '{}'", frame.kind, link.name))?;
        Ok(link)
    }

    pub(crate) fn on_flow(&mut self, frame: &Frame) -> Result<(), Broken> {
        let (next_in, window, next_out) = (frame.uint(0), frame.uint(1), frame.uint(2));
        let counted = next_out == Some(self.next_in) && next_in.is_some_and(|next| next <= self.next_out);
        Rule::TransferIds.holds(counted, || {
            format!(
                "says {next_in:?} in and {next_out:?} out, but {} and {} are",
                self.next_out, self.next_in
            )
        })?;
        self.window_out_end = next_in.unwrap_or(0).saturating_add(window.unwrap_or(0));
        match frame.uint(4) {
            Some(handle) => self.link(frame, handle)?.on_flow(frame),
            None => Ok(()),
        }
    }

    pub(crate) fn on_transfer(&mut self, frame: &Frame) -> Result<(), Broken> {
        let within = self.next_in < self.window_in_end;
        Rule::SessionWindow.holds(within, || format!("frame {} is beyond the window", self.next_in))?;
        self.next_in += 1;
        let next_delivery = self.next_delivery_in;
        let handle = frame.uint(0).unwrap_or(u32::MAX);
        if let Some(begun) = self.link(frame, handle)?.on_transfer(frame)? {
            let follows = next_delivery.is_none_or(|next| next == begun);
            Rule::DeliveryIds.holds(follows, || format!("{begun}, where {next_delivery:?} is next"))?;
            self.next_delivery_in = Some(begun + 1);
        }
        Ok(())
    }

    pub(crate) fn on_disposition(&mut self, frame: &Frame) -> Result<(), Broken> {
        let first = frame.uint(1).unwrap_or(0);
        let last = frame.uint(2).unwrap_or(first);
        let outcome = matches!(
            crate::wire::parts(frame.field(4)),
            Some((fields_code, _)) if fields_code != crate::fields::RECEIVED
        );
        let all_open = first <= last
            && u64::from(last - first) < self.unsettled.len() as u64
            && (first..=last).all(|id| self.unsettled.contains(&id));
        let right = frame.flag(0) && frame.flag(3) && outcome && all_open;
        Rule::Disposition.holds(right, || format!("{:?}, of {:?}", frame.fields, self.unsettled))?;
        if let Some((crate::fields::REJECTED, [error])) = crate::wire::parts(frame.field(4)) {
            check_error(error)?;
        }
        self.unsettled.retain(|id| !(first..=last).contains(id));
        Ok(())
    }

    pub(crate) fn on_detach(&mut self, frame: &Frame) -> Result<(), Broken> {
        let handle = frame.uint(0).unwrap_or(u32::MAX);
        let Some(ours) = self.by_remote.remove(&handle) else {
            return Err(Rule::DetachTwice.broken(format!("handle {handle} is not attached")));
        };
        Rule::DetachClosed.holds(frame.flag(1), || format!("{:?}", frame.fields))?;
        check_error(frame.field(2))?;
        let link = self.links.get_mut(&ours).expect("each has one of ours");
        let reason = *frame.field(2) != Value::Null;
        let refused = link.state == LinkState::Refused;
        Rule::Refusal.holds(reason || !refused, || format!("'{}' is refused without a reason", link.name))?;
        if link.state == LinkState::DetachSent {
            self.links.remove(&ours);
        } else {
            link.state = LinkState::DetachReceived;
        }
        Ok(())
    }

    pub(crate) fn we_wrote(&mut self, frame: &Frame) {
        match frame.kind {
            Kind::Attach => {
                let handle = frame.uint(1).expect("we say it");
                let before = self.links.insert(handle, Link::new(frame));
                assert!(before.is_none(), "handle {handle} is in use");
            }
            Kind::Flow => {
                self.window_in = frame.uint(1).expect("we say it");
                if let Some(next) = frame.uint(0) {
                    self.window_in_end = next + self.window_in;
                }
                if let Some(handle) = frame.uint(4) {
                    self.links.get_mut(&handle).expect("a link of ours").we_flowed(frame);
                }
            }
            Kind::Transfer => {
                assert!(self.window_out() > 0, "the server's window is shut");
                self.next_out += 1;
                let link = self.links.get_mut(&frame.uint(0).expect("we say it")).expect("a link of ours");
                if let Some(id) = frame.uint(1) {
                    assert_eq!(id, self.next_delivery_out);
                    self.next_delivery_out += 1;
                    link.we_began(frame);
                    if !frame.flag(4) {
                        self.unsettled.insert(id);
                    }
                }
            }
            Kind::Detach => {
                let handle = frame.uint(0).expect("we say it");
                let link = self.links.get_mut(&handle).expect("a link of ours");
                if link.state == LinkState::DetachReceived {
                    self.links.remove(&handle);
                } else {
                    link.state = LinkState::DetachSent;
                }
            }
            // .NET settles nothing that was sent settled, and asks for nothing else.
            _ => unreachable!("{:?} is never written by this client", frame.kind),
        }
    }
}
