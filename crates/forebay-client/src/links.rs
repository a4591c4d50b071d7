//! Every link of a connection and what the core's events make of it.
//!
//! ```text
//! Attaching ──Attached──▶ Open ──Detached, Ended──▶ Over(why)
//!     └───────────────────────── Detached ────────────▲
//! ```
//!
//! Each link has a session of its own, so that delivery ids of one producer have no gaps; only the two links of a
//! request pair share one, because the reply comes on the session of the request.

use std::collections::VecDeque;
use std::sync::Arc;

use forebay_amqp::connection::{Connection, Delivery, Event};
use forebay_amqp::error::Initiator;
use forebay_amqp::link::LinkId;
use forebay_amqp::session::SessionId;
use forebay_amqp::types::{self, DeliveryId, DeliveryState};

use crate::error::{Ended, Error, Reach};
use crate::inbox::Inbox;
use crate::producer::{Flights, Outcome};

/// Names a link of a client for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkIndex(pub(crate) usize);

/// Where a link stands.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    /// Our attach is on its way.
    Attaching,
    Open,
    /// It has ended, or never began.
    Over(Error),
}

/// What a link is for.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Events out.
    Producer(Flights),
    /// Events in.
    Consumer(Intake),
    /// Requests out.
    Requests,
    /// Replies in.
    Replies(VecDeque<Vec<u8>>),
}

/// Credit of a consumer: `prefetch` events are granted or waiting in the inbox, never more.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) prefetch: u32,
    /// Waiting in the inbox.
    pub(crate) waiting: u32,
    /// Handed out since credit was last stated.
    pub(crate) handed_out: u32,
    /// The caller has been told that the link is over.
    pub(crate) end_told: bool,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) session: SessionId,
    pub(crate) phase: Phase,
    pub(crate) kind: Kind,
    /// For error texts, in quotes.
    pub(crate) address: String,
    /// What the server takes in one message; `None`: no limit.
    pub(crate) message_bytes_max: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Links {
    links: Vec<Link>,
    pub(crate) inbox: Inbox,
    pub(crate) opened: bool,
    /// Why the connection is over, once it is.
    pub(crate) ended: Option<Error>,
    /// For error texts.
    server: String,
    mechanism: &'static str,
}

impl Links {
    pub(crate) fn new(server: String, mechanism: &'static str) -> Self {
        Self { links: Vec::new(), inbox: Inbox::default(), opened: false, ended: None, server, mechanism }
    }

    pub(crate) fn add(&mut self, id: LinkId, session: SessionId, kind: Kind, address: &str) -> LinkIndex {
        let address = format!("'{address}'");
        self.links.push(Link {
            id,
            session,
            phase: Phase::Attaching,
            kind,
            address,
            message_bytes_max: None,
        });
        LinkIndex(self.links.len() - 1)
    }

    /// `None` only for a handle of another client.
    pub(crate) fn get(&self, index: LinkIndex) -> Option<&Link> {
        self.links.get(index.0)
    }

    pub(crate) fn get_mut(&mut self, index: LinkIndex) -> Option<&mut Link> {
        self.links.get_mut(index.0)
    }

    pub(crate) fn consumers(&mut self) -> impl Iterator<Item = (&Phase, &mut Intake)> {
        self.links.iter_mut().filter_map(|link| match &mut link.kind {
            Kind::Consumer(intake) => Some((&link.phase, intake)),
            _ => None,
        })
    }

    /// Why a link cannot be used: it is over, or the whole connection is.
    pub(crate) fn usable(&self, index: LinkIndex) -> Result<&Link, Error> {
        let link = self.get(index).ok_or(Error::Closed)?;
        match (&link.phase, &self.ended) {
            (Phase::Over(error), _) | (_, Some(error)) => Err(error.clone()),
            _ => Ok(link),
        }
    }

    /// Marks a link that the caller has given up.
    pub(crate) fn forget(&mut self, index: LinkIndex) {
        if let Some(link) = self.get_mut(index) {
            link.phase = Phase::Over(Error::Closed);
        }
    }

    pub(crate) fn on_event(&mut self, core: &mut Connection, event: Event<'_>) {
        match event {
            Event::Delivery(delivery) => self.on_delivery(core, &delivery),
            Event::Outcome { session, first, last, state } => self.on_outcome(session, first, last, state),
            Event::Opened => self.opened = true,
            Event::Attached { link, attach } => {
                if let Some(link) = self.by_id(link)
                    && matches!(link.phase, Phase::Attaching)
                    && !is_refusal(&attach)
                {
                    link.phase = Phase::Open;
                    link.message_bytes_max = attach.max_message_size.filter(|&bytes| bytes > 0);
                }
            }
            Event::Detached { link, error, initiator, .. } => {
                if let Some(link) = self.by_id(link) {
                    end_link(link, Reach::Link, error, initiator);
                }
            }
            Event::Ended { session, error, initiator } => {
                for link in self.links.iter_mut().filter(|link| link.session == session) {
                    end_link(link, Reach::Session, error.clone(), initiator);
                }
            }
            Event::Closed { error, initiator } => self.on_closed(error, initiator),
            Event::SaslRefused { offered, .. } => {
                let offered = offered.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                self.end(Error::SaslRefused { mechanism: self.mechanism, offered });
            }
            Event::DeliveryTooLarge { link, id, settled, .. } if !settled => {
                core.settle(link, id, id, DeliveryState::Released);
            }
            // Credit and windows are asked for when they are needed; the rest is the server's business.
            _ => {}
        }
    }

    /// The first reason is the one that is told.
    pub(crate) fn end(&mut self, error: Error) {
        self.ended.get_or_insert(error);
    }

    fn on_closed(&mut self, error: Option<types::Error>, initiator: Initiator) {
        if initiator == Initiator::Application {
            return self.end(Error::Closed);
        }
        self.end(Error::Ended(Arc::new(Ended {
            reach: Reach::Connection,
            address: self.server.clone(),
            refused: !self.opened,
            by_server: initiator == Initiator::Peer,
            error: error.map(Into::into),
        })));
    }

    fn on_delivery(&mut self, core: &mut Connection, delivery: &Delivery<'_>) {
        if !delivery.settled {
            core.settle(delivery.link, delivery.id, delivery.id, DeliveryState::Accepted);
        }
        let Some(index) = self.index_of(delivery.link) else { return };
        match &mut self.links[index.0].kind {
            Kind::Consumer(intake) => {
                intake.waiting += 1;
                self.inbox.push(index, &delivery.payload);
            }
            Kind::Replies(replies) => replies.push_back(delivery.payload.to_vec()),
            Kind::Producer(_) | Kind::Requests => {}
        }
    }

    fn on_outcome(&mut self, session: SessionId, first: DeliveryId, last: DeliveryId, state: DeliveryState) {
        let outcome = Outcome::from(state);
        let producers = self.links.iter_mut().filter(|link| link.session == session);
        for link in producers {
            if let Kind::Producer(flights) = &mut link.kind {
                flights.settle(first, last, &outcome);
            }
        }
    }

    fn index_of(&self, id: LinkId) -> Option<LinkIndex> {
        self.links.iter().position(|link| link.id == id).map(LinkIndex)
    }

    fn by_id(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.id == id)
    }
}

/// The server's attach lacks the terminus that is its own: a detach with the reason follows (§2.6.3).
fn is_refusal(attach: &types::Attach) -> bool {
    match attach.role {
        types::Role::Receiver => attach.target.is_none(),
        types::Role::Sender => attach.source.is_none(),
    }
}

fn end_link(link: &mut Link, reach: Reach, error: Option<types::Error>, initiator: Initiator) {
    let refused = matches!(link.phase, Phase::Attaching);
    if matches!(link.phase, Phase::Over(_)) {
        return;
    }
    link.phase = Phase::Over(if initiator == Initiator::Application {
        Error::Closed
    } else {
        Error::Ended(Arc::new(Ended {
            reach,
            address: link.address.clone(),
            refused,
            by_server: initiator == Initiator::Peer,
            error: error.map(Into::into),
        }))
    });
}
