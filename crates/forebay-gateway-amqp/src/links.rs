//! What a link of a connection is for.

use std::collections::VecDeque;
use std::sync::Arc;

use forebay_amqp::{LinkId, SessionId};
use forebay_broker::{Hub, Partition};

use crate::reader::Reader;

/// A link, from the moment the peer attaches it.
#[derive(Debug)]
pub(crate) enum Link {
    /// Whether it may be is being found out.
    Deciding,
    /// The client sends requests to a node.
    Requests(Node),
    /// The client receives the replies of a node.
    Replies(Box<Replies>),
    /// The client publishes.
    Publisher(Box<Publisher>),
    /// The client reads a partition.
    Reader(Box<Reader>),
}

/// A request/response node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// Claims-based security: tokens.
    Cbs,
    /// Runtime information of hubs and partitions.
    Management,
}

impl Node {
    pub(crate) fn address(&self) -> &'static str {
        match self {
            Self::Cbs => "$cbs",
            Self::Management => "$management",
        }
    }
}

/// Where replies of a node go.
#[derive(Debug)]
pub(crate) struct Replies {
    pub(crate) node: Node,
    pub(crate) session: SessionId,
    /// The address of the client's target, and the link's name: clients name either in `reply-to`.
    pub(crate) target: Option<String>,
    pub(crate) name: String,
    /// Encoded replies that wait for credit.
    pub(crate) waiting: VecDeque<Vec<u8>>,
    pub(crate) next_tag: u32,
    /// In line to send.
    pub(crate) queued: bool,
}

/// A link on which the client publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) hub: Arc<Hub>,
    /// Set on a link to one partition: it decides, keys do not route.
    pub(crate) partition: Option<Arc<Partition>>,
    /// Set on a publisher's link: its name is every event's key.
    pub(crate) publisher: Option<String>,
    /// Deliveries that wait for their answer.
    pub(crate) open: u32,
}

/// Finds the link for a reply: on the session of the request, and of several there the one that `reply-to` names.
pub(crate) fn route_reply<'a>(
    links: impl Iterator<Item = (LinkId, &'a Replies)>,
    node: &Node,
    session: Option<SessionId>,
    reply_to: Option<&str>,
) -> Option<LinkId> {
    let fit = |replies: &Replies| {
        let named = reply_to.is_some_and(|to| replies.target.as_deref() == Some(to) || replies.name == to);
        (Some(replies.session) == session, named)
    };
    // Of equals the newest: an older one may be on its way out.
    links
        .filter(|(_, replies)| replies.node == *node)
        .max_by_key(|(link, replies)| (fit(replies), *link))
        .map(|(link, _)| link)
}
