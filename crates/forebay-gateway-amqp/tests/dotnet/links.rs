//! One link as the checker keeps it: credit, deliveries, and what its messages must be (`docs/reference/amqp.md` §5, §6).

use forebay_amqp::wire::Value;

use crate::content::{self, Content};
use crate::rules::{Broken, Rule};
use crate::wire::{Frame, part};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// Our attach is on its way.
    Attaching,
    Attached,
    /// The server's attach has no terminus: its detach must follow.
    Refused,
    DetachSent,
    DetachReceived,
}

/// A delivery of which frames are to come.
#[derive(Debug)]
struct Partial {
    id: u32,
    message: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) state: LinkState,
    /// As we wrote it.
    attach: Frame,
    we_receive: bool,
    /// Deliveries sent so far, by whoever sends, and the first that the receiver's credit does not cover.
    delivery_count: u32,
    credit_end: u32,
    partial: Option<Partial>,
    /// What the server's attach allows in one message.
    pub(crate) max_message_size: u64,
    content: Content,
}

impl Link {
    pub(crate) fn new(attach: &Frame) -> Self {
        let we_receive = attach.flag(2);
        let terminus = attach.field(if we_receive { 5 } else { 6 });
        Self {
            name: attach.field(0).as_text().expect("we name it").to_owned(),
            state: LinkState::Attaching,
            attach: attach.clone(),
            we_receive,
            delivery_count: 0,
            credit_end: 0,
            partial: None,
            max_message_size: 0,
            content: Content::of(part(terminus, 0).as_text().unwrap_or_default()),
        }
    }

    pub(crate) fn has_credit(&self) -> bool {
        self.delivery_count < self.credit_end
    }

    pub(crate) fn delivery_count(&self) -> u32 {
        self.delivery_count
    }

    /// Expects the answer to a request with this message id.
    pub(crate) fn expect_reply(&mut self, message_id: &Value) {
        self.content.expect_reply(message_id);
    }

    pub(crate) fn on_attach(&mut self, frame: &Frame) -> Result<(), Broken> {
        let name = &self.name;
        Rule::LinkRole
            .holds(frame.flag(2) != self.we_receive, || format!("'{name}': {:?}", frame.field(2)))?;
        let initial = frame.uint(9);
        Rule::InitialDeliveryCount.holds(initial.is_some() || !self.we_receive, || format!("'{name}'"))?;
        let modes = [3, 4].into_iter().all(|at| match self.attach.field(at) {
            Value::Null => true,
            asked => asked == frame.field(at),
        });
        Rule::SettleModes
            .holds(modes, || format!("'{name}': {:?} and {:?}", frame.field(3), frame.field(4)))?;
        if *frame.field(5) == Value::Null && *frame.field(6) == Value::Null {
            self.state = LinkState::Refused;
            return Ok(());
        }
        self.check_echo(frame)?;
        if !self.we_receive {
            let Value::Ulong(size @ 1..) = *frame.field(10) else {
                return Err(Rule::MaxMessageSize.broken(format!("'{name}': {:?}", frame.field(10))));
            };
            self.max_message_size = size;
        }
        self.delivery_count += initial.unwrap_or(0);
        self.credit_end += initial.unwrap_or(0);
        self.state = LinkState::Attached;
        Ok(())
    }

    /// Addresses, filters and properties. Null, an absent field and an empty map are the same to everyone.
    fn check_echo(&self, frame: &Frame) -> Result<(), Broken> {
        let same = |ours: &Value, theirs: &Value| ours == theirs || is_nothing(ours) && is_nothing(theirs);
        let (source, target) = (self.attach.field(5), self.attach.field(6));
        let pairs = [
            ("source.address", part(source, 0), part(frame.field(5), 0)),
            ("source.filter", part(source, 7), part(frame.field(5), 7)),
            ("target.address", part(target, 0), part(frame.field(6), 0)),
            ("properties", self.attach.field(13), frame.field(13)),
        ];
        for (what, ours, theirs) in pairs {
            Rule::Echo.holds(same(ours, theirs), || {
                format!("{what} of '{}' is {theirs:?} in answer to {ours:?}", self.name)
            })?;
        }
        Ok(())
    }

    pub(crate) fn on_flow(&mut self, frame: &Frame) -> Result<(), Broken> {
        let (Some(count), Some(credit)) = (frame.uint(5), frame.uint(6)) else {
            return Err(Rule::LinkFlow.broken(format!("'{}': {:?}", self.name, frame.fields)));
        };
        let counted = if self.we_receive {
            // It may only pass over deliveries that it gives up.
            count == self.delivery_count
        } else {
            count <= self.delivery_count
        };
        Rule::DeliveryCount.holds(counted, || {
            format!("'{}' has had {} deliveries, not {count}", self.name, self.delivery_count)
        })?;
        if !self.we_receive {
            self.credit_end = count.saturating_add(credit);
        }
        Ok(())
    }

    /// The id of the delivery that the frame begins, if it begins one.
    pub(crate) fn on_transfer(&mut self, frame: &Frame) -> Result<Option<u32>, Broken> {
        let name = self.name.clone();
        Rule::TransferRole.holds(self.we_receive, || format!("'{name}' is ours to send on"))?;
        let begun = match &self.partial {
            None => {
                let (Some(id), Value::Binary(tag), Some(_)) = (frame.uint(1), frame.field(2), frame.uint(3))
                else {
                    return Err(Rule::FirstTransfer.broken(format!("'{name}': {:?}", &frame.fields[..4])));
                };
                Rule::FirstTransfer.holds(tag.len() <= 32, || format!("a tag of {} bytes", tag.len()))?;
                Rule::LinkCredit.holds(self.has_credit(), || format!("delivery {id} on '{name}'"))?;
                let settled = frame.flag(4) || *self.attach.field(3) != Value::Ubyte(1);
                Rule::Settled.holds(settled, || format!("delivery {id} on '{name}'"))?;
                self.delivery_count += 1;
                self.partial = Some(Partial { id, message: Vec::new() });
                Some(id)
            }
            Some(partial) => {
                let same = frame.uint(1).is_none_or(|id| id == partial.id);
                Rule::Interrupted.holds(same, || format!("{} by {:?}", partial.id, frame.uint(1)))?;
                None
            }
        };
        let partial = self.partial.as_mut().expect("begun or going on");
        partial.message.extend_from_slice(&frame.payload);
        let (size, max) = (partial.message.len() as u64, self.attach.field(10));
        let fits = !matches!(max, Value::Ulong(max @ 1..) if size > *max);
        Rule::MessageSize.holds(fits, || format!("{size} bytes on '{name}' that takes {max:?}"))?;
        if !frame.flag(5) {
            let Partial { message, .. } = self.partial.take().expect("just used");
            self.content.check(&content::decode(&message)?)?;
        }
        Ok(begun)
    }

    pub(crate) fn we_flowed(&mut self, frame: &Frame) {
        assert!(self.we_receive, "this client grants no credit as a sender");
        let (count, credit) = (frame.uint(5).expect("we say it"), frame.uint(6).expect("we say it"));
        self.credit_end = self.credit_end.max(count + credit);
    }

    pub(crate) fn we_began(&mut self, frame: &Frame) {
        assert!(self.has_credit(), "'{}' has no credit", self.name);
        assert!(matches!(frame.field(2), Value::Binary(_)), "a first transfer has a tag");
        self.delivery_count += 1;
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}
